//! Where windows over images find what they look at.

use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use dfdx::prelude::{HasErr, Storage, Tensor, TensorFromVec};

use crate::nn::DeviceError;

/// For each row of one matrix, which rows of another belong to it; the one after the last stands for what lies beside the image.
#[derive(Clone, Debug)]
pub(super) struct Places<D: Storage<usize>> {
    /// Row after row. Of places in rows and columns dfdx's GPUs would number what they read by both, in 32 bits.
    pub(super) all: Tensor<(usize,), usize, D>,
    /// As many belong to each row.
    pub(super) taps: usize,
}

/// A window that goes over a batch of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Glide {
    /// Images, rows and columns.
    pub(super) input: [usize; 3],
    /// Rows, and columns, of the window.
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
}

/// Of each window what it looks at (true), and what looks at it.
type Kept<D> = HashMap<(Glide, bool), Places<D>>;

/// A device, with what is kept on it from one pass to the next: the places that convolutions and pooling read, which depend on
/// the sizes of images alone. A clone shares them.
#[derive(Clone, Debug)]
pub struct Accelerator<D: Storage<usize>> {
    pub(crate) device: D,
    places: Arc<Mutex<Kept<D>>>,
}

impl<D: Storage<usize>> Accelerator<D> {
    /// `device`, on which nothing is kept yet.
    pub fn new(device: D) -> Self {
        Self { device, places: Arc::default() }
    }

    /// A pass on the device, whose panics are told as its failures.
    ///
    /// # Errors
    /// What `pass` fails with.
    pub fn attempt<R>(&self, pass: impl FnOnce() -> Result<R, DeviceError>) -> Result<R, DeviceError> {
        attempt(pass)
    }
}

/// Something that is done on a device. Where dfdx has no other way to fail it panics, as for a copy for which there is no room: this
/// is told as the device's failure, too.
///
/// # Errors
/// What `work` fails with.
pub(super) fn attempt<R>(work: impl FnOnce() -> Result<R, DeviceError>) -> Result<R, DeviceError> {
    let words = |panic: Box<dyn Any + Send>| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
    };
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(DeviceError::panicked(&words(panic))))
}

impl<D: Storage<usize> + TensorFromVec<usize>> Accelerator<D> {
    /// For each pixel that comes out of `glide`, the pixels that go into it.
    pub(super) fn looked_at(&self, glide: Glide) -> Result<Places<D>, <D as HasErr>::Err> {
        self.places((glide, true), || {
            let [images, height, width] = glide.input;
            let [rows, columns] = glide.output();
            let none = images * height * width;
            glide.places(images * rows * columns, |pixel, [i, j]| {
                let (image, row, column) = (pixel / columns / rows, pixel / columns % rows, pixel % columns);
                let y = (row * glide.stride + i).checked_sub(glide.padding).filter(|y| *y < height);
                let x = (column * glide.stride + j).checked_sub(glide.padding).filter(|x| *x < width);
                y.zip(x).map_or(none, |(y, x)| (image * height + y) * width + x)
            })
        })
    }

    /// For each pixel that goes into `glide`, the pixels that it went into.
    pub(super) fn looked_at_by(&self, glide: Glide) -> Result<Places<D>, <D as HasErr>::Err> {
        self.places((glide, false), || {
            let [images, height, width] = glide.input;
            let [rows, columns] = glide.output();
            let none = images * rows * columns;
            // The place whose window, `tap` pixels on, is at this pixel.
            let place = |pixel: usize, tap: usize, count: usize| {
                let begin = (pixel + glide.padding).checked_sub(tap)?;
                let at = begin / glide.stride;
                (begin.is_multiple_of(glide.stride) && at < count).then_some(at)
            };
            glide.places(images * height * width, |pixel, [i, j]| {
                let (image, y, x) = (pixel / width / height, pixel / width % height, pixel % width);
                place(y, i, rows).zip(place(x, j, columns)).map_or(none, |(y, x)| (image * rows + y) * columns + x)
            })
        })
    }

    fn places(&self, key: (Glide, bool), make: impl FnOnce() -> Vec<usize>) -> Result<Places<D>, <D as HasErr>::Err> {
        let mut kept = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = kept.get(&key) {
            return Ok(places.clone());
        }
        let places = make();
        let count = places.len();
        let all = self.device.try_tensor_from_vec(places, (count,))?;
        let places = Places { all, taps: key.0.kernel * key.0.kernel };
        kept.insert(key, places.clone());
        Ok(places)
    }
}

impl Glide {
    /// Rows and columns of what comes out.
    ///
    /// # Panics
    /// If the window is larger than the padded image.
    pub(super) fn output(&self) -> [usize; 2] {
        let side = |size: usize| {
            let room = (size + 2 * self.padding).checked_sub(self.kernel);
            room.expect("images are at least as large as the kernel") / self.stride + 1
        };
        [side(self.input[1]), side(self.input[2])]
    }

    fn places(&self, pixels: usize, place: impl Fn(usize, [usize; 2]) -> usize) -> Vec<usize> {
        let taps = self.kernel * self.kernel;
        let tap = |at: usize| [at / self.kernel, at % self.kernel];
        (0..pixels * taps).map(|at| place(at / taps, tap(at % taps))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Cpu;

    #[test]
    fn a_panic_of_dfdx_is_a_failure_of_the_device() {
        let accelerator = Accelerator::new(Cpu::default());
        let no_room =
            "called `Result::unwrap()` on an `Err` value: DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")";
        let failed: Result<(), _> = accelerator.attempt(|| panic!("{no_room}"));
        let error = failed.expect_err("it panicked");
        assert!(error.is_out_of_memory() && error.to_string().contains("out of memory"), "{error}");
        assert_eq!(accelerator.attempt(|| Ok(3)).expect("it did not"), 3);
    }
}
