//! Work that is spread over threads in parts that do not depend on how many there are.

use std::sync::{Mutex, PoisonError};

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use super::product::threads;

/// Does `work` on each of `parts` with something of the thread's own, such as a buffer, which `own` makes. What comes out
/// depends on neither the number of threads nor on which of them takes a part.
pub(crate) fn spread<P: Send, O>(
    parts: impl ExactSizeIterator<Item = P> + Send,
    own: impl Fn() -> O + Sync,
    work: impl Fn(&mut O, P) + Sync,
) {
    let workers = threads().min(parts.len());
    let waiting = Mutex::new(parts);
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let run = || {
        let mut own = own();
        while let Some(part) = next() {
            work(&mut own, part);
        }
    };
    if workers > 1 {
        (0..workers).into_par_iter().for_each(|_| run());
    } else {
        run();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_done_once() {
        let mut numbers = vec![0_u32; 1000];
        spread(numbers.chunks_mut(7).enumerate(), || 0, |_, (at, part)| part.iter_mut().for_each(|x| *x += at as u32));
        assert!(numbers.iter().enumerate().all(|(at, x)| *x == at as u32 / 7));
    }
}
