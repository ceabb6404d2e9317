//! Weights on disk: safetensors with PyTorch's names and layout, readable from Python as they are.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError, SafeTensors};

use super::layer::{NamedTensor, TensorMismatch};
use crate::nn::parameters::tensors_differ::TensorsDiffer;
use crate::nn::tensor_files::TensorFiles;

/// What can be wrong with a weights file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// It could not be read.
    #[error("cannot read the weights {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no whole safetensors file.
    #[error("{} is no whole safetensors file ({reason}): it was cut off or is something else", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What the reader said.
        reason: String,
    },
    /// It is what `torch.save` writes.
    #[error(
        "{} is a pickle of PyTorch's, which may run anything when it is read: make it a safetensors file with \
         `python -c 'import sys, torch, safetensors.torch as st; st.save_file(torch.load(sys.argv[1], \"cpu\", weights_only=True), \
         sys.argv[2])' {:?} {:?}`",
        file.display(), file, file.with_extension("safetensors")
    )]
    Pickle {
        /// The file.
        file: PathBuf,
    },
    /// A tensor does not fit the network.
    #[error("{}: {source}", file.display())]
    Mismatch {
        /// The file.
        file: PathBuf,
        /// Which tensor and how.
        source: TensorMismatch,
    },
    /// Its tensors are not the model's.
    #[error("{} does not hold this model's weights ({tensors}): choose the model that it was saved from", file.display())]
    Differ {
        /// The file.
        file: PathBuf,
        /// Which, and how.
        tensors: TensorsDiffer,
    },
}

/// A safetensors file with `tensors` as f32 and `metadata` in its header.
pub fn weights_bytes(tensors: &[NamedTensor], metadata: HashMap<String, String>) -> Vec<u8> {
    let views = tensors.iter().map(|t| {
        let bytes = bytemuck::cast_slice(&t.values);
        let view = TensorView::new(Dtype::F32, t.shape.clone(), bytes);
        (t.name.as_str(), view.expect("a shape's product is the number of its values"))
    });
    safetensors::serialize(views, Some(metadata)).expect("serializing to memory does not fail")
}

/// The f32 tensors and the header's metadata of the safetensors file at `path`.
///
/// # Errors
/// If the file cannot be read or is cut off.
pub fn read_weights(path: &Path) -> Result<(Vec<NamedTensor>, HashMap<String, String>), WeightsError> {
    let mut files = TensorFiles::open(path)?;
    let named = files.iter().filter(|(_, info)| info.dtype == Dtype::F32);
    let named: Vec<_> = named.map(|(name, info)| (name.to_owned(), info.shape.clone())).collect();
    let mut tensors = Vec::with_capacity(named.len());
    for (name, shape) in named {
        let (_, bytes) = files.read(&name)?;
        let values = bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect();
        tensors.push(NamedTensor { name, shape, values });
    }
    Ok((tensors, files.metadata().clone()))
}

/// The same of a safetensors file's bytes, which are called `name` in errors.
///
/// # Errors
/// If they are no whole file.
pub fn weights_of(bytes: &[u8], name: &Path) -> Result<(Vec<NamedTensor>, HashMap<String, String>), WeightsError> {
    let cut = |error: SafeTensorError| WeightsError::Malformed { file: name.into(), reason: error.to_string() };
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(cut)?;
    let views = SafeTensors::deserialize(bytes).map_err(cut)?;
    let named = views.iter().filter(|(_, view)| view.dtype() == Dtype::F32);
    let tensors = named.map(|(name, view)| NamedTensor {
        name: name.to_owned(),
        shape: view.shape().to_vec(),
        values: view.data().as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect(),
    });
    Ok((tensors.collect(), header.metadata().clone().unwrap_or_default()))
}

/// What the header of a safetensors file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WeightsHeader {
    /// The metadata.
    pub metadata: HashMap<String, String>,
    /// The shape of each tensor, by its name.
    pub shapes: HashMap<String, Vec<usize>>,
}

/// Reads the header of the safetensors file at `path`.
///
/// # Errors
/// If the file cannot be read or is cut off.
pub fn read_header(path: &Path) -> Result<WeightsHeader, WeightsError> {
    let files = TensorFiles::open(path)?;
    let shapes = files.iter().map(|(name, info)| (name.to_owned(), info.shape.clone())).collect();
    Ok(WeightsHeader { metadata: files.metadata().clone(), shapes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pickles_are_told_as_such() {
        let path = std::env::temp_dir().join(format!("cartwheel-weights-{}.pt", std::process::id()));
        // A zip archive, and what torch.save wrote before 1.6.
        for start in [&b"PK\x03\x04\0\0\x08\x08\0\0"[..], b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."] {
            std::fs::write(&path, start).expect("a temporary file");
            let told = read_header(&path).expect_err("no safetensors").to_string();
            assert!(told.contains("is a pickle") && told.contains(".safetensors\"`"), "{told}");
        }
        std::fs::remove_file(&path).expect("a temporary file");
    }

    /// `DistributedDataParallel` and `torch.compile` put a module into another one.
    #[test]
    fn what_wraps_a_model_is_no_part_of_names() {
        let path = std::env::temp_dir().join(format!("cartwheel-wrapped-{}.safetensors", std::process::id()));
        let names = |all: [&str; 2]| {
            let tensor = |name: &&str| NamedTensor { name: (*name).into(), shape: vec![1], values: vec![1.5] };
            let bytes = weights_bytes(&all.iter().map(tensor).collect::<Vec<_>>(), HashMap::new());
            std::fs::write(&path, bytes).expect("a temporary file");
            let mut names: Vec<_> =
                read_weights(&path).expect("whole").0.into_iter().map(|tensor| tensor.name).collect();
            names.sort();
            names
        };
        assert_eq!(names(["module.fc.bias", "module.fc.weight"]), ["fc.bias", "fc.weight"]);
        assert_eq!(names(["module._orig_mod.0.bias", "module._orig_mod.0.weight"]), ["0.bias", "0.weight"]);
        assert_eq!(names(["module.fc.bias", "other"]), ["module.fc.bias", "other"]);
        std::fs::remove_file(&path).expect("a temporary file");
    }

    #[test]
    fn a_file_cut_off_anywhere_is_refused() {
        let tensors = vec![NamedTensor { name: "0.weight".into(), shape: vec![2, 3], values: vec![1.5; 6] }];
        let metadata = HashMap::from([("policy".to_string(), "{}".to_string())]);
        let bytes = weights_bytes(&tensors, metadata.clone());
        let path = std::env::temp_dir().join(format!("cartwheel-weights-{}.safetensors", std::process::id()));
        for cut in 0..bytes.len() {
            std::fs::write(&path, &bytes[..cut]).expect("a temporary file");
            let error = read_weights(&path).expect_err("cut off");
            assert!(matches!(error, WeightsError::Malformed { .. }), "{cut}: {error}");
        }
        std::fs::write(&path, &bytes).expect("a temporary file");
        assert_eq!(read_weights(&path).expect("a whole file"), (tensors, metadata));
        std::fs::remove_file(&path).expect("a temporary file");
    }
}
