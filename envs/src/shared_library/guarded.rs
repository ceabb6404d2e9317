//! Room to write to, with more behind it: what was written there, and should not have been, is seen before it does harm.

use bytemuck::Pod;

/// The least and the most bytes behind the room.
const GUARD: [usize; 2] = [1 << 10, 1 << 24];
const UNTOUCHED: u8 = 0xa5;

/// Room for numbers of one type, and a guard behind it.
pub(super) struct Guarded<T> {
    numbers: Vec<T>,
    len: usize,
}

impl<T: Pod> Guarded<T> {
    pub(super) fn new(len: usize) -> Self {
        // Three times the room: floats in the place of bytes, four channels in the place of one.
        let guard = (3 * len * size_of::<T>()).clamp(GUARD[0], GUARD[1]);
        let mut numbers = vec![T::zeroed(); len + guard / size_of::<T>()];
        bytemuck::cast_slice_mut(&mut numbers[len..]).fill(UNTOUCHED);
        Self { numbers, len }
    }

    /// How many numbers there is room for.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Lets `write` write, and answers what it wrote; or how many numbers, where those are more than there is room for.
    pub(super) fn written<E>(
        &mut self,
        write: impl FnOnce(&mut [T]) -> Result<(), E>,
    ) -> Result<Result<&[T], usize>, E> {
        write(&mut self.numbers)?;
        let guard: &mut [u8] = bytemuck::cast_slice_mut(&mut self.numbers[self.len..]);
        // Without branches, so that it vectorises.
        if guard.iter().fold(true, |all, byte| all & (*byte == UNTOUCHED)) {
            return Ok(Ok(&self.numbers[..self.len]));
        }
        let last = guard.iter().rposition(|byte| *byte != UNTOUCHED).unwrap_or_default();
        guard.fill(UNTOUCHED);
        Ok(Err(self.len + last / size_of::<T>() + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_counted() {
        let mut room = Guarded::<f32>::new(3);
        let write = |count: usize| {
            move |numbers: &mut [f32]| -> Result<(), ()> {
                numbers[..count].fill(1.0);
                Ok(())
            }
        };
        assert_eq!(room.written(write(3)).unwrap(), Ok(&[1.0; 3][..]));
        assert_eq!(room.written(write(5)).unwrap(), Err(5));
        assert_eq!(room.written(write(3)).unwrap(), Ok(&[1.0; 3][..]));
        let mut picture = Guarded::<u8>::new(5000);
        let four_channels = |bytes: &mut [u8]| -> Result<(), ()> {
            bytes[..20_000].fill(1);
            Ok(())
        };
        assert_eq!(picture.written(four_channels).unwrap(), Err(20_000));
    }
}
