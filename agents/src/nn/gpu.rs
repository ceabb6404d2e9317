//! NVIDIA GPUs.

use cudarc::driver::{DriverError, result};
use dfdx::tensor::Cuda;

use super::{DeviceError, NnError};

/// Whether there is a GPU of this number: dfdx panics where there is none at all.
pub(super) fn check(number: usize) -> Result<(), NnError> {
    let count = result::init().and_then(|()| result::device::get_count());
    let count =
        count.map_err(|DriverError(code)| NnError::NoGpu { number, reason: format!("the driver says {code:?}") })?;
    match usize::try_from(count) {
        Ok(count) if number < count => Ok(()),
        _ => Err(NnError::NoGpu { number, reason: format!("GPUs here: {count}, counted from 0") }),
    }
}

/// The GPU of this number.
pub(super) fn open(number: usize) -> Result<Cuda, NnError> {
    check(number)?;
    Ok(Cuda::try_build(number, 0).map_err(DeviceError::new)?)
}
