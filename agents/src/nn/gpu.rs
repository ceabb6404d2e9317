//! NVIDIA GPUs.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ffi::{CString, c_void};
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

use cudarc::driver::sys::CUmodule;
use cudarc::driver::{CudaDevice, DriverError, result};
use cudarc::nvrtc::compile_ptx;
use dfdx::tensor::{Cuda, CudaError};

use super::on_device::{ACROSS, Launch, ROWS};
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

/// The kernels on a GPU, compiled for it.
struct Kernels {
    /// dfdx's stream, too: the one that devices begin with.
    device: Arc<CudaDevice>,
    /// The driver's [`CUmodule`], which stays loaded. As an address, since threads may share it.
    module: usize,
}

/// By the number of the GPU.
static KERNELS: Mutex<BTreeMap<usize, Kernels>> = Mutex::new(BTreeMap::new());

#[expect(unsafe_code, reason = "kernels are loaded and launched through the driver")]
impl Launch for Cuda {
    const LAUNCHES: bool = true;

    unsafe fn launch(
        kernel: &'static str,
        number: usize,
        [across, chunks]: [usize; 2],
        arguments: &[u64],
    ) -> Result<(), CudaError> {
        let mut all = KERNELS.lock().unwrap_or_else(PoisonError::into_inner);
        let Kernels { device, module } = match all.entry(number) {
            Entry::Vacant(none) => none.insert(Kernels::load(number)?),
            Entry::Occupied(loaded) => loaded.into_mut(),
        };
        device.bind_to_thread()?;
        // The driver reads as much of each as the kernel declares.
        let mut arguments: Vec<*mut c_void> =
            arguments.iter().map(|argument| ptr::from_ref(argument).cast_mut().cast()).collect();
        let blocks = (across as u32, chunks as u32, 1);
        let threads = (ACROSS as u32, ROWS as u32, 1);
        let name = CString::new(kernel).expect("a name");
        // SAFETY: the module is loaded, and the caller answers for the arguments.
        unsafe {
            let function = result::module::get_function(*module as CUmodule, name)?;
            result::launch_kernel(function, blocks, threads, 0, *device.cu_stream(), &mut arguments)?;
        }
        Ok(())
    }
}

#[expect(unsafe_code, reason = "kernels are loaded through the driver")]
impl Kernels {
    /// # Panics
    /// If they do not compile.
    fn load(number: usize) -> Result<Self, DriverError> {
        let device = CudaDevice::new(number)?;
        device.bind_to_thread()?;
        // What NVRTC compiles for if it is not told is older than any GPU that dfdx's kernels run on.
        let compiled = compile_ptx(include_str!("on_device/kernels/kernels.cu"));
        let ptx = CString::new(compiled.expect("kernels.cu compiles").to_src()).expect("a text");
        // SAFETY: it is one, with a zero behind.
        let module = unsafe { result::module::load_data(ptx.as_ptr().cast())? };
        Ok(Self { device, module: module as usize })
    }
}
