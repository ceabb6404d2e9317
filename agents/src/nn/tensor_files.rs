//! Safetensors files, whose headers are in memory and whose numbers are read tensor by tensor.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use super::mlp::weights::WeightsError;
use super::parameters::tensors_differ::TensorsDiffer;

/// What PyTorch puts before the names of all tensors where a model is in another: `DistributedDataParallel`, `torch.compile`.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];

/// The tensors of a file, or of several.
#[derive(Default)]
pub(crate) struct TensorFiles {
    /// Each file, and where its numbers begin.
    open: Vec<(PathBuf, File, u64)>,
    /// By name: the number of its file, and what its header says.
    tensors: BTreeMap<String, (usize, TensorInfo)>,
    metadata: HashMap<String, String>,
}

/// A tensor that a model has.
pub(crate) struct Wanted<'a> {
    pub(crate) name: &'a str,
    pub(crate) shape: &'a [usize],
    /// What its numbers may be.
    pub(crate) dtypes: &'static [Dtype],
}

impl TensorFiles {
    /// All tensors of the file at `path`, by their names without PyTorch's wrappers.
    ///
    /// # Errors
    /// If it cannot be read or is cut off.
    pub(crate) fn open(path: &Path) -> Result<Self, WeightsError> {
        let mut files = Self::default();
        files.add(path, |_| true)?;
        let wrapper = |files: &Self| {
            let of_all = |wrapper: &&&str| {
                !files.tensors.is_empty() && files.tensors.keys().all(|name| name.starts_with(**wrapper))
            };
            WRAPPERS.iter().find(of_all).map(|wrapper| wrapper.len())
        };
        while let Some(length) = wrapper(&files) {
            let tensors = std::mem::take(&mut files.tensors).into_iter();
            files.tensors = tensors.map(|(name, tensor)| (name[length..].to_owned(), tensor)).collect();
        }
        Ok(files)
    }

    /// Adds the tensors of the file at `path` whose names are `wanted`.
    ///
    /// # Errors
    /// If it cannot be read or is cut off.
    pub(crate) fn add(&mut self, path: &Path, wanted: impl Fn(&str) -> bool) -> Result<(), WeightsError> {
        let read = |source| WeightsError::Read { file: path.into(), source };
        let cut = |reason: &dyn Display| WeightsError::Malformed { file: path.into(), reason: reason.to_string() };
        let mut file = File::open(path).map_err(read)?;
        let length = file.metadata().map_err(read)?.len();
        let mut size = [0; 8];
        file.read_exact(&mut size).map_err(|error| cut(&error))?;
        let start = size;
        let size = u64::from_le_bytes(size);
        // A zip archive, or a pickle of one of the protocols that hold bytes.
        let is_pickle = start[0] == 0x80 && (2..=5).contains(&start[1]) && size > length;
        if is_pickle || start.starts_with(b"PK\x03\x04") {
            return Err(WeightsError::Pickle { file: path.into() });
        }
        if size > length {
            return Err(cut(&"its header is longer than the file"));
        }
        let mut header = Vec::new();
        (&mut file).take(size).read_to_end(&mut header).map_err(read)?;
        let metadata: Metadata = serde_json::from_slice(&header).map_err(|error| cut(&error))?;
        let (found, expected) = (length - 8 - size.min(length - 8), metadata.data_len() as u64);
        if found != expected {
            return Err(cut(&format!("{found} bytes of numbers where its header says {expected}")));
        }
        for (name, info) in metadata.tensors().into_iter().collect::<BTreeMap<_, _>>() {
            if wanted(&name) {
                self.tensors.insert(name, (self.open.len(), info.clone()));
            }
        }
        self.metadata.extend(metadata.metadata().clone().unwrap_or_default());
        self.open.push((path.into(), file, 8 + size));
        Ok(())
    }

    /// What is said of the tensor `name`.
    pub(crate) fn get(&self, name: &str) -> Option<&TensorInfo> {
        self.tensors.get(name).map(|(_, info)| info)
    }

    /// All of them, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &TensorInfo)> {
        self.tensors.iter().map(|(name, (_, info))| (name.as_str(), info))
    }

    /// What headers say beside the tensors.
    pub(crate) fn metadata(&self) -> &HashMap<String, String> {
        &self.metadata
    }

    /// How they differ from those of a model.
    pub(crate) fn compare(&self, model: &[Wanted<'_>]) -> TensorsDiffer {
        let mut differ = TensorsDiffer::default();
        for Wanted { name, shape, dtypes } in model {
            match self.get(name) {
                None => differ.missing.push(((*name).to_owned(), shape.to_vec())),
                Some(info) if info.shape != *shape || !dtypes.contains(&info.dtype) => {
                    let dtypes: Vec<_> = dtypes.iter().map(|dtype| format!("{dtype:?}")).collect();
                    let wanted = format!("{shape:?} of {}", dtypes.join(" or "));
                    differ.other.push(((*name).to_owned(), wanted, format!("{:?} of {:?}", info.shape, info.dtype)));
                }
                Some(_) => {}
            }
        }
        let known: BTreeSet<&str> = model.iter().map(|wanted| wanted.name).collect();
        let unexpected = self.iter().filter(|(name, _)| !known.contains(name));
        differ.unexpected = unexpected.map(|(name, info)| (name.to_owned(), info.shape.clone())).collect();
        differ
    }

    /// The file of the tensor `name`, and the bytes of its numbers.
    ///
    /// # Errors
    /// If the file cannot be read, or no header has the name.
    pub(crate) fn read(&mut self, name: &str) -> Result<(&Path, Vec<u8>), WeightsError> {
        let (path, file, length) = self.begin(name)?;
        let mut bytes = vec![0; length];
        file.read_exact(&mut bytes).map_err(|source| WeightsError::Read { file: path.into(), source })?;
        Ok((path, bytes))
    }

    /// The same for what needs no more than `at_once` bytes at a time: `see` is shown so many again and again, and at last what is
    /// left.
    ///
    /// # Errors
    /// As [`read`](Self::read), or what `see` finds wrong in the file that it is told.
    pub(crate) fn read_in_pieces<E: From<WeightsError>>(
        &mut self,
        name: &str,
        at_once: usize,
        mut see: impl FnMut(&Path, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (path, file, mut left) = self.begin(name)?;
        let mut bytes = vec![0; left.min(at_once)];
        while left > 0 {
            bytes.truncate(left);
            file.read_exact(&mut bytes).map_err(|source| WeightsError::Read { file: path.into(), source })?;
            see(path, &bytes)?;
            left -= bytes.len();
        }
        Ok(())
    }

    /// The file of the tensor `name`, its bytes to be read, and how many there are.
    fn begin(&mut self, name: &str) -> Result<(&Path, &mut File, usize), WeightsError> {
        let Some((number, info)) = self.tensors.get(name) else {
            let missing = vec![(name.to_owned(), Vec::new())];
            let tensors = TensorsDiffer { missing, ..TensorsDiffer::default() };
            let file = self.open.first().map(|(path, ..)| path.clone()).unwrap_or_default();
            return Err(WeightsError::Differ { file, tensors });
        };
        let (path, file, start) = &mut self.open[*number];
        file.seek(SeekFrom::Start(*start + info.data_offsets.0 as u64))
            .map_err(|source| WeightsError::Read { file: path.clone(), source })?;
        Ok((path, file, info.data_offsets.1 - info.data_offsets.0))
    }
}
