//! What becomes of a user, or of an item.

use std::sync::Arc;

use dfdx::prelude::{Cpu, NoneTape, PutTape as _, SplitTape as _, Tape};

use crate::nn::ops::{self, Rows, Then};
use crate::nn::{DeviceError, ParameterId, Parameters, Real};

/// A table with what follows it.
#[derive(Clone, Debug)]
pub(super) struct Side {
    pub(super) table: ParameterId,
    pub(super) bias: Option<ParameterId>,
    /// Weight and bias of each layer.
    pub(super) layers: Vec<[ParameterId; 2]>,
}

/// An activation beside its tape.
type Split<E, T> = (Rows<E, NoneTape>, T);

impl Side {
    /// Its table, and that of biases.
    pub(super) fn tables(&self) -> impl Iterator<Item = ParameterId> + use<> {
        std::iter::once(self.table).chain(self.bias)
    }

    /// The vectors of `rows`; `look` is shown the name and the output of each layer.
    pub(super) fn forward<E: Real, T: Tape<E, Cpu>>(
        &self,
        parameters: &Parameters<E>,
        rows: &[u32],
        tape: T,
        look: &mut dyn FnMut(&str, &[E]),
    ) -> Result<Split<E, T>, DeviceError> {
        let table = parameters.get(self.table);
        let (mut y, mut tape) = ops::embedding(tape, table, Arc::new(rows.to_vec()))?.split_tape();
        let name = |parameter: &str| parameter.trim_end_matches(".weight").to_owned();
        look(&name(table.name()), &ops::values(&y));
        for (at, [weight, bias]) in self.layers.iter().enumerate() {
            let (weight, bias) = (parameters.get(*weight), parameters.get(*bias));
            let then = if at + 1 < self.layers.len() { Then::Relu } else { Then::Nothing };
            (y, tape) = ops::linear(y.put_tape(tape), weight, Some(bias), then)?.split_tape();
            look(&name(weight.name()), &ops::values(&y));
        }
        Ok((y, tape))
    }

    /// The biases of `rows`, if there are any.
    pub(super) fn bias<E: Real, T: Tape<E, Cpu>>(
        &self,
        parameters: &Parameters<E>,
        rows: &[u32],
        tape: T,
    ) -> Result<(Option<Rows<E, NoneTape>>, T), DeviceError> {
        let Some(bias) = self.bias else { return Ok((None, tape)) };
        let (bias, tape) = ops::embedding(tape, parameters.get(bias), Arc::new(rows.to_vec()))?.split_tape();
        Ok((Some(bias), tape))
    }
}
