//! Where a network is trained.

use std::fmt;
use std::str::FromStr;

use super::NnError;
use super::fused::Fused;
use super::mlp::Mlp;
use super::network::{Network, TrainingState};
#[cfg(feature = "cuda")]
use super::on_device::Accelerator;
use crate::config::{Value, toml_edit};

/// A device by name: `auto`, `cpu`, `cuda` or `cuda:N`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// The processor, until it was measured from which size of network and batch on a GPU is faster.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// The NVIDIA GPU of this number.
    Cuda(usize),
}

/// What [`Device::resolve`] decided and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Placement {
    /// The device, never [`Device::Auto`].
    pub device: Device,
    /// The reason, for people.
    pub reason: String,
}

impl Device {
    /// Decides where to train a network of `parameters` numbers on batches of `batch_size`.
    ///
    /// A gradient step on a GPU is a few dozen kernel launches whatever the size, so small networks are
    /// faster on the processor. Where the curves cross was not measured on a GPU yet (docs/benchmarks.md),
    /// so `auto` stays on the processor.
    ///
    /// # Errors
    /// If a GPU is asked for that is not there.
    pub fn resolve(self, parameters: usize, batch_size: usize) -> Result<Placement, NnError> {
        match self {
            Device::Cpu => Ok(Placement { device: self, reason: "asked for".into() }),
            #[cfg(feature = "cuda")]
            Device::Cuda(number) => {
                super::gpu::check(number)?;
                Ok(Placement { device: self, reason: "asked for".into() })
            }
            #[cfg(not(feature = "cuda"))]
            Device::Cuda(number) => Err(NnError::NoCuda { number }),
            Device::Auto => Ok(Placement {
                device: Device::Cpu,
                reason: format!(
                    "the crossover to a GPU is not measured yet ({parameters} parameters, batch {batch_size}); small networks are faster here"
                ),
            }),
        }
    }

    /// Builds a network on this device.
    ///
    /// # Errors
    /// If the device is not there or the state does not fit the network.
    pub fn build(self, mlp: Mlp, state: &TrainingState) -> Result<Box<dyn Network>, NnError> {
        match self {
            Device::Auto | Device::Cpu => Ok(Box::new(Fused::new(mlp, state)?)),
            #[cfg(feature = "cuda")]
            Device::Cuda(number) => Ok(Box::new(super::stock::Stock::new(mlp, super::gpu::open(number)?, state)?)),
            #[cfg(not(feature = "cuda"))]
            Device::Cuda(number) => Err(NnError::NoCuda { number }),
        }
    }
}

/// A device that a supervised model computes on.
#[derive(Clone, Debug, Default)]
pub enum Place {
    /// The processor, with our kernels.
    #[default]
    Processor,
    /// A GPU, with dfdx's.
    #[cfg(feature = "cuda")]
    Gpu(Accelerator<dfdx::tensor::Cuda>),
    /// The processor, with dfdx's: what stands for a GPU in tests.
    #[cfg(test)]
    Dfdx(super::on_device::Accelerator<super::Cpu>),
}

impl Device {
    /// Opens the device for a supervised model. `auto` is the processor: how much faster a GPU is was not measured yet.
    ///
    /// # Errors
    /// If it is not there, or this build has no CUDA.
    pub fn open(self) -> Result<Place, NnError> {
        match self {
            Device::Auto | Device::Cpu => Ok(Place::Processor),
            #[cfg(feature = "cuda")]
            Device::Cuda(number) => Ok(Place::Gpu(Accelerator::new(super::gpu::open(number)?))),
            #[cfg(not(feature = "cuda"))]
            Device::Cuda(number) => Err(NnError::NoCuda { number }),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Auto => f.write_str("auto"),
            Device::Cpu => f.write_str("cpu"),
            Device::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

impl FromStr for Device {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("cuda:").map(str::parse)) {
            ("auto", _) => Ok(Device::Auto),
            ("cpu", _) => Ok(Device::Cpu),
            ("cuda", _) => Ok(Device::Cuda(0)),
            (_, Some(Ok(number))) => Ok(Device::Cuda(number)),
            _ => Err("one of \"auto\", \"cpu\", \"cuda\", \"cuda:0\", \"cuda:1\", ...".into()),
        }
    }
}

impl Value for Device {
    fn from_toml(value: &toml_edit::Value) -> Result<Self, String> {
        String::from_toml(value)?.parse()
    }
    fn to_toml(&self) -> toml_edit::Value {
        self.to_string().into()
    }
}

/// Prepares the calling thread for training or acting. Call it once on each such thread.
///
/// Denormal numbers are flushed to zero: the moments of units that died decay into them, and they made real
/// training take 2.1 times as long. Every thread that steps environments or runs a network does the same, so
/// that results do not depend on the thread. dfdx's products are kept on the calling thread: at these sizes
/// its thread pool costs more than it gives.
pub fn prepare_thread() {
    dfdx::flush_denormals_to_zero();
    gemm_common::gemm::set_threading_threshold(usize::MAX);
}
