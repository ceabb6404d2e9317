//! Kernels of our own for GPUs, which `kernels.cu` has: each reads what it is given once, where operations made of dfdx's go over it
//! several times.
//!
//! They are of f32: everything else, and every other device, keeps to dfdx's operations.

mod batch_norm;
mod optim;
mod pool;
mod rows;

pub(super) use batch_norm::Normalization;
pub(crate) use optim::{adam, sgd};
pub(super) use pool::{by_highest, highest};
pub(super) use rows::{cut, gathered, joined};

use std::any::TypeId;
use std::fmt::{self, Debug, Write as _};

use dfdx::prelude::HasErr;

use crate::nn::Cpu;

/// Channels of a block of threads, `ACROSS` in `kernels.cu`.
pub(crate) const ACROSS: usize = 32;
/// Rows that a block has threads for at a time, `ROWS` there.
pub(crate) const ROWS: usize = 16;
/// So many of its rows each thread goes over, if that leaves enough blocks.
const DEPTH: usize = 8;
/// Blocks that fill the largest GPUs.
const BLOCKS: usize = 1024;

/// A device that may run the kernels.
pub trait Launch: HasErr {
    /// Whether it does.
    const LAUNCHES: bool;

    /// Runs the kernel of this name with `arguments`, which are as `kernels.cu` has them in order, on the device of this number: on blocks
    /// across × chunks of `ACROSS` × `ROWS` threads.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Safety
    /// Each argument has to be what the kernel takes it for, of the size that it is told, on that device.
    #[expect(unsafe_code, reason = "who launches a kernel answers for what it reads and writes")]
    unsafe fn launch(
        kernel: &'static str,
        number: usize,
        blocks: [usize; 2],
        arguments: &[u64],
    ) -> Result<(), Self::Err>;
}

#[expect(unsafe_code, reason = "the trait's function is unsafe")]
impl Launch for Cpu {
    const LAUNCHES: bool = false;

    unsafe fn launch(kernel: &'static str, _: usize, _: [usize; 2], _: &[u64]) -> Result<(), Self::Err> {
        unreachable!("{kernel} is for GPUs")
    }
}

/// Whether the kernels compute with numbers of type `E` on `D`.
pub(crate) fn compute<E: 'static, D: Launch>() -> bool {
    D::LAUNCHES && TypeId::of::<E>() == TypeId::of::<f32>()
}

/// What a kernel is given.
enum Argument<'a> {
    /// Where a tensor's numbers are.
    At(&'a dyn Debug),
    /// Nowhere.
    Nowhere,
    Count(usize),
    Number(f32),
}
use Argument::{At, Count, Nowhere, Number};

/// Runs a kernel over so many rows and channels.
///
/// # Panics
/// If no argument is a tensor on a GPU.
fn launch<D: Launch>(
    kernel: &'static str,
    [rows, channels]: [usize; 2],
    arguments: &[Argument<'_>],
) -> Result<(), D::Err> {
    let mut number = None;
    let arguments = arguments.iter().map(|argument| match argument {
        At(tensor) => {
            let place = Place::of(tensor);
            number = Some(place.number);
            place.address
        }
        Nowhere => 0,
        Count(count) => *count as u64,
        Number(number) => number.to_bits().into(),
    });
    let arguments: Vec<u64> = arguments.collect();
    let number = number.expect("a tensor among the arguments");
    let blocks = [channels.div_ceil(ACROSS), chunks(rows, channels)];
    #[expect(unsafe_code, reason = "the functions below answer for their arguments")]
    // SAFETY: each of them checks the sizes of what it is given, and makes what is written; both are there until this returns, and what is
    // freed thereafter is freed behind the kernel.
    unsafe {
        D::launch(kernel, number, blocks, &arguments)
    }
}

/// In how many chunks blocks go over so many rows.
fn chunks(rows: usize, channels: usize) -> usize {
    rows.div_ceil(ROWS * DEPTH).clamp(1, (BLOCKS / channels.div_ceil(ACROSS)).max(1))
}

/// Where something is on a GPU, and on which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    address: u64,
    number: usize,
}

impl Place {
    /// That of a tensor. dfdx lends it to nobody; but it prints it, with the number of the GPU right behind. What it would print after
    /// these is not waited for.
    ///
    /// # Panics
    /// If nothing is printed that is on a GPU.
    fn of(tensor: &dyn Debug) -> Self {
        let mut printed = Printed(String::new());
        // It fails once enough has been printed.
        let _ = write!(printed, "{tensor:?}");
        printed.place().expect("tensors on a GPU print where they are")
    }
}

/// What has been printed of a tensor.
struct Printed(String);

impl Printed {
    fn place(&self) -> Option<Place> {
        let number = |name: &str| Some(self.0.split_once(name)?.1.split_once(',')?.0);
        Some(Place {
            address: number(" cu_device_ptr: ")?.parse().ok()?,
            number: number(" cu_device: ")?.parse().ok()?,
        })
    }
}

impl fmt::Write for Printed {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.0.push_str(part);
        if self.place().is_some() { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_on_a_gpu_says_where_it_is() {
        // As `#[derive(Debug)]` prints those of dfdx 0.13.0 and cudarc 0.9.15.
        let tensor = "Tensor { id: UniqueId(7), data: CachableCudaSlice { data: CudaSlice { cu_device_ptr: 140012345678848, len: 12, \
                      device: CudaDevice { cu_device: 1, cu_primary_ctx: 0x10, stream: 0x0";
        let mut printed = Printed(String::new());
        assert!(tensor.split_inclusive(' ').any(|part| printed.write_str(part).is_err()), "it prints no more");
        assert_eq!(printed.place(), Some(Place { address: 140_012_345_678_848, number: 1 }));
        assert!(printed.0.ends_with(" cu_device: 1, "), "{}", printed.0);
    }
}
