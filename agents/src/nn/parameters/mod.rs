//! A model's parameters: named tensors of any shape, and their gradients.
//!
//! | file | holds |
//! |---|---|
//! | `parameter` | one of them |
//! | `real` | number types |
//! | `numbers` | where numbers are: here or on a device |
//! | `gradients`, `touched` | what parameters follow, and which rows of tables that is for |
//! | `tensors_differ` | what is told of files that do not fit |

pub(crate) mod gradients;
pub(crate) mod numbers;
pub(crate) mod parameter;
pub(crate) mod real;
pub(crate) mod tensors_differ;
pub(crate) mod touched;

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use dfdx::prelude::Cpu;
use safetensors::tensor::TensorView;

use crate::nn::DeviceError;
use crate::nn::mlp::weights::WeightsError;
use crate::nn::on_device::{Accelerator, Compute, uploaded};
use crate::nn::tensor_files::{TensorFiles, Wanted};
use numbers::{Numbers, chosen, row_of, spread};
pub(crate) use parameter::Group;
use parameter::Kind;
pub use parameter::Parameter;
use real::Real;

/// The parameters and buffers of a model, in an order of their own.
#[derive(Clone, Debug)]
pub struct Parameters<E: Real = f32> {
    all: Vec<Parameter<E>>,
    device: Cpu,
}

impl<E: Real> Default for Parameters<E> {
    fn default() -> Self {
        Self { all: Vec::new(), device: Cpu::default() }
    }
}

/// The place of a parameter in its collection: what a layer keeps of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterId(usize);

impl ParameterId {
    /// Its number in the order of [`Parameters::iter`].
    pub(crate) fn place(self) -> usize {
        self.0
    }
}

impl<E: Real> Parameters<E> {
    /// Adds a tensor that is learnt.
    ///
    /// # Panics
    /// If there are not as many numbers as the shape says.
    pub fn add(&mut self, name: impl Into<String>, shape: &[usize], values: Vec<E>) -> ParameterId {
        self.push(name.into(), shape, values, Kind::Learnt)
    }

    /// Adds a table that is learnt, of which a pass reads few rows: it stays on the host, and devices are given those.
    ///
    /// # Panics
    /// If there are not as many numbers as the shape says.
    pub fn add_table(&mut self, name: impl Into<String>, shape: &[usize], values: Vec<E>) -> ParameterId {
        self.push(name.into(), shape, values, Kind::Table)
    }

    /// Adds a tensor that is kept with the others but not learnt.
    ///
    /// # Panics
    /// If there are not as many numbers as the shape says.
    pub fn add_buffer(&mut self, name: impl Into<String>, shape: &[usize], values: Vec<E>) -> ParameterId {
        self.push(name.into(), shape, values, Kind::Buffer)
    }

    /// Adds a whole number that counts something, from 0, such as a batch norm's `num_batches_tracked`: files hold it in 64 bits.
    pub fn add_counter(&mut self, name: impl Into<String>) -> ParameterId {
        self.push(name.into(), &[], vec![E::zero()], Kind::Counter)
    }

    fn push(&mut self, name: String, shape: &[usize], values: Vec<E>, kind: Kind) -> ParameterId {
        assert_eq!(values.len(), shape.iter().product::<usize>(), "{name} has another number of values than its shape");
        let key = dfdx::prelude::TensorFromVec::tensor_from_vec(&self.device, Vec::new(), (0,));
        let (name, shape, numbers) = (name.into(), shape.into(), Numbers::here(values));
        self.all.push(Parameter { name, shape, kind, half: false, elsewhere: false, numbers, key });
        ParameterId(self.all.len() - 1)
    }

    /// Keeps all tensors of the layer called `layer` as they are from now on, those of layers within it too: they are no longer
    /// learnt. Answers how many tensors there are of it, buffers too; none if there is no such layer.
    pub fn freeze(&mut self, layer: &str) -> usize {
        let of_layer =
            |name: &str| name.strip_prefix(layer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        let mut frozen = 0;
        for parameter in self.all.iter_mut().filter(|parameter| of_layer(parameter.name())) {
            parameter.kind = match parameter.kind {
                Kind::Learnt => Kind::Frozen,
                // It stays on the host.
                Kind::Table => Kind::Buffer,
                kind => kind,
            };
            frozen += 1;
        }
        frozen
    }

    /// Leaves all but those at `places` in the order of [`iter`](Self::iter) to other processes: their numbers are none from now on,
    /// and nothing of them is learnt here.
    pub fn keep(&mut self, places: &Range<usize>) {
        for (_, parameter) in self.all.iter_mut().enumerate().filter(|(place, _)| !places.contains(place)) {
            (parameter.elsewhere, parameter.numbers) = (true, Numbers::here(Vec::new()));
        }
    }

    /// Takes over the numbers of those that were elsewhere from a collection of the same, where they are here; false, and nothing
    /// changed, if it is of others.
    pub fn join(&mut self, numbers: Vec<Vec<E>>) -> bool {
        let fits = |(own, numbers): (&Parameter<E>, &Vec<E>)| numbers.is_empty() || numbers.len() == own.len();
        if numbers.len() != self.all.len() || !self.all.iter().zip(&numbers).all(fits) {
            return false;
        }
        for (own, numbers) in self.all.iter_mut().zip(numbers).filter(|(_, numbers)| !numbers.is_empty()) {
            (own.elsewhere, own.numbers) = (false, Numbers::here(numbers));
        }
        true
    }

    /// Of each its numbers, none of those elsewhere: what [`join`](Self::join) takes.
    pub fn parts(&self) -> Vec<Vec<E>> {
        self.all.iter().map(|parameter| parameter.values().to_vec()).collect()
    }

    /// A copy for one pass, of which those that `which` says are f16: their numbers are rounded to it, and layers round what
    /// comes out of them. Gradients by the copy are by the original, which stays as exact as it is: the master of mixed
    /// precision (Micikevicius et al. 2018).
    #[must_use]
    pub fn to_half(&self, which: impl Fn(&Parameter<E>) -> bool) -> Self {
        let mut copy = self.to_half_there(which);
        for parameter in copy.all.iter_mut().filter(|parameter| parameter.half) {
            E::round_to_half(parameter.values_mut());
        }
        copy
    }

    /// The same for a pass on a device, which rounds them itself.
    #[must_use]
    pub(crate) fn to_half_there(&self, which: impl Fn(&Parameter<E>) -> bool) -> Self {
        let mut copy = self.clone();
        copy.all.iter_mut().filter(|parameter| which(parameter)).for_each(|parameter| parameter.half = true);
        copy
    }

    /// Puts what passes on `accelerator` read, and what is learnt there, on it. What is there already stays as it is.
    ///
    /// # Errors
    /// If the device fails, such as when it has no room.
    pub fn send_to<D: Compute<E>>(&mut self, accelerator: &Accelerator<D>) -> Result<(), DeviceError> {
        for group in Group::ALL {
            let places = self.places(group);
            if places.is_empty() || row_of(self.numbers(&places)).is_some() {
                continue;
            }
            let row = uploaded(self.numbers(&places), accelerator)?;
            spread(&row, self.numbers_mut(&places));
        }
        Ok(())
    }

    /// Which parameters are in `group`, in order.
    pub(crate) fn places(&self, group: Group) -> Vec<usize> {
        let all = self.all.iter().enumerate();
        all.filter(|(_, parameter)| parameter.group() == Some(group)).map(|(place, _)| place).collect()
    }

    /// The numbers of the parameters at `places`.
    pub(crate) fn numbers<'p>(&'p self, places: &'p [usize]) -> impl Iterator<Item = &'p Numbers<E>> + Clone {
        places.iter().map(|place| &self.all[*place].numbers)
    }

    /// The same, to be changed; `places` are in order.
    pub(crate) fn numbers_mut<'p>(&'p mut self, places: &'p [usize]) -> impl Iterator<Item = &'p mut Numbers<E>> {
        chosen(&mut self.all, places).map(|parameter| &mut parameter.numbers)
    }

    /// The parameter that `add` or `add_buffer` answered `id` for.
    pub fn get(&self, id: ParameterId) -> &Parameter<E> {
        &self.all[id.0]
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, id: ParameterId) -> &mut Parameter<E> {
        &mut self.all[id.0]
    }

    /// The one at a place in the order of [`iter`](Self::iter).
    pub(crate) fn at(&self, place: usize) -> &Parameter<E> {
        &self.all[place]
    }

    /// The places of all of them.
    pub fn ids(&self) -> impl Iterator<Item = ParameterId> + use<E> {
        (0..self.all.len()).map(ParameterId)
    }

    /// All of them, buffers too.
    pub fn iter(&self) -> std::slice::Iter<'_, Parameter<E>> {
        self.all.iter()
    }

    /// All of them, to be changed.
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, Parameter<E>> {
        self.all.iter_mut()
    }

    /// The one of this name.
    pub fn named(&self, name: &str) -> Option<&Parameter<E>> {
        self.all.iter().find(|parameter| parameter.name() == name)
    }

    /// How many numbers are learnt, here or elsewhere.
    pub fn count(&self) -> usize {
        let learnt = self.all.iter().filter(|parameter| matches!(parameter.kind, Kind::Learnt | Kind::Table));
        learnt.map(Parameter::len).sum()
    }

    /// The device that activations are made on.
    pub fn device(&self) -> &Cpu {
        &self.device
    }

    /// All numbers that are here one after the other, buffers too.
    pub fn to_flat(&self) -> Vec<E> {
        self.all.iter().flat_map(|parameter| parameter.values().iter().copied()).collect()
    }

    /// Takes over what [`to_flat`](Self::to_flat) of a whole model gave, as far as numbers are here. False, and nothing changed, if it is of
    /// another length.
    pub fn set_flat(&mut self, flat: &[E]) -> bool {
        if flat.len() != self.all.iter().map(Parameter::len).sum::<usize>() {
            return false;
        }
        let mut rest = flat;
        for parameter in &mut self.all {
            let (own, after) = rest.split_at(parameter.len());
            if !parameter.elsewhere {
                parameter.values_mut().copy_from_slice(own);
            }
            rest = after;
        }
        true
    }

    /// A safetensors file of them with `metadata` in its header.
    pub fn to_safetensors(&self, metadata: HashMap<String, String>) -> Vec<u8> {
        let bytes: Vec<Vec<u8>> = self
            .all
            .iter()
            .map(|parameter| {
                if parameter.kind == Kind::Counter {
                    return parameter.values().iter().flat_map(|value| (value.wide() as i64).to_le_bytes()).collect();
                }
                let mut bytes = Vec::with_capacity(parameter.len() * size_of::<E>());
                parameter.values().iter().for_each(|value| value.write_le(&mut bytes));
                bytes
            })
            .collect();
        let views = self.all.iter().zip(&bytes).map(|(parameter, bytes)| {
            let view = TensorView::new(parameter.dtype(), parameter.shape.to_vec(), bytes);
            (parameter.name(), view.expect("a shape's product is the number of its values"))
        });
        safetensors::serialize(views, Some(metadata)).expect("serializing to memory does not fail")
    }

    /// Takes over the tensors of the safetensors file at `path`, and answers the metadata of its header. Nothing is changed
    /// unless every tensor is there, of the right shape, and no other is. Numbers of f16, bf16, f32 and f64 become the nearest
    /// of the model's. Counters alone may be missing, as in files of before PyTorch 0.4.1: they stay as they are, which is what
    /// PyTorch does.
    ///
    /// # Errors
    /// If the file cannot be read or is cut off, or which tensors are missing, unexpected or of another shape.
    pub fn load_safetensors(&mut self, path: &Path) -> Result<HashMap<String, String>, WeightsError> {
        self.load_safetensors_but(path, &[])
    }

    /// The same, but for the tensors called `left`: they stay as they are, whatever the file has in their place.
    ///
    /// # Errors
    /// As [`load_safetensors`](Self::load_safetensors).
    pub fn load_safetensors_but(
        &mut self,
        path: &Path,
        left: &[&str],
    ) -> Result<HashMap<String, String>, WeightsError> {
        let mut files = TensorFiles::open(path)?;
        let taken = |own: &&mut Parameter<E>| {
            !left.contains(&own.name()) && (own.kind != Kind::Counter || files.get(own.name()).is_some())
        };
        let mut own: Vec<_> = self.all.iter_mut().filter(taken).collect();
        let wanted = own.iter().map(|own| Wanted { name: &own.name, shape: &own.shape, dtypes: own.dtypes() });
        let mut differ = files.compare(&wanted.collect::<Vec<_>>());
        differ.unexpected.retain(|(name, _)| !left.contains(&name.as_str()));
        if !differ.is_empty() {
            return Err(WeightsError::Differ { file: path.into(), tensors: differ });
        }
        let mut read = Vec::with_capacity(own.len());
        for parameter in &own {
            let dtype = files.get(parameter.name()).map_or(E::DTYPE, |info| info.dtype);
            read.push((dtype, files.read(parameter.name())?.1));
        }
        for (parameter, (dtype, bytes)) in own.iter_mut().zip(read) {
            parameter.numbers = Numbers::here(match parameter.kind == Kind::Counter {
                true => {
                    let counts = bytes.as_chunks::<8>().0.iter();
                    counts.map(|bytes| E::of(i64::from_le_bytes(*bytes) as f64)).collect()
                }
                false => real::of_file(dtype, &bytes),
            });
        }
        Ok(files.metadata().clone())
    }
}

#[cfg(test)]
mod tests {
    use safetensors::Dtype;

    use super::*;
    use crate::nn::Cpu;

    #[test]
    fn numbers_of_other_types_become_the_models_own() {
        let values = [0.1, -65504.0, 0.0];
        let of = |dtype: Dtype, bytes: Vec<u8>| {
            let path = std::env::temp_dir().join(format!("cartwheel-{dtype:?}-{}.safetensors", std::process::id()));
            let view = TensorView::new(dtype, vec![3], &bytes).expect("three numbers");
            std::fs::write(&path, safetensors::serialize([("a", view)], None).expect("a file"))
                .expect("a temporary file");
            let mut parameters = Parameters::<f32>::default();
            parameters.add("a", &[3], vec![7.0; 3]);
            parameters.load_safetensors(&path).expect("numbers");
            std::fs::remove_file(&path).expect("a temporary file");
            parameters.named("a").expect("it is there").values().to_vec()
        };
        let bytes = |of: fn(f64) -> Vec<u8>| values.iter().flat_map(|value| of(*value)).collect::<Vec<u8>>();
        let exact = [0.1_f32, -65504.0, 0.0];
        assert_eq!(of(Dtype::F64, bytes(|value| value.to_le_bytes().to_vec())), exact);
        assert_eq!(of(Dtype::F32, bytes(|value| (value as f32).to_le_bytes().to_vec())), exact);
        let half = of(Dtype::F16, bytes(|value| half::f16::from_f64(value).to_le_bytes().to_vec()));
        assert_eq!(half, [0.099_975_586, -65504.0, 0.0]);
        let bf16 = of(Dtype::BF16, bytes(|value| half::bf16::from_f64(value).to_le_bytes().to_vec()));
        assert_eq!(bf16, [0.100_097_656, -65536.0, 0.0]);
    }

    #[test]
    fn a_table_stays_on_the_host_whether_it_is_learnt_or_not() {
        let mut parameters = Parameters::<f64>::default();
        parameters.add_table("user.table", &[2, 1], vec![1.0, 2.0]);
        parameters.add("user.weight", &[1, 1], vec![3.0]);
        let accelerator = Accelerator::new(Cpu::default());
        let are_there = |parameters: &Parameters<f64>| [0, 1].map(|at| row_of(parameters.numbers(&[at])).is_some());
        for frozen in [false, true] {
            let mut parameters = parameters.clone();
            if frozen {
                assert_eq!(parameters.freeze("user"), 2);
            }
            parameters.send_to(&accelerator).expect("memory");
            assert_eq!(are_there(&parameters), [false, true], "frozen: {frozen}");
            assert!(parameters.iter().all(|parameter| parameter.is_trained() != frozen));
        }
    }
}
