//! The same model on a device that has no kernels of ours, such as a GPU.

use super::towers::Side;
use super::{Goal, Pass, Recommender};
use crate::nn::on_device::{self, Accelerator, Compute, Mirror, Rows, Tape};
use crate::nn::ops::{self, Then};
use crate::nn::{DeviceError, Gradients, Real};

impl<E: Real> Recommender<E> {
    /// [`learn`](Self::learn) on a device. The tables stay here: only the rows that are read, and the gradients by them, are
    /// moved.
    ///
    /// # Errors
    /// If the device fails, such as when it has no room.
    ///
    /// # Panics
    /// If there is no such user or item, or the sizes do not fit.
    pub fn learn_on<D: Compute<E>>(
        &mut self,
        accelerator: &Accelerator<D>,
        users: &[u32],
        items: &[u32],
        goal: Goal<'_, E>,
        divisor: f64,
        gradients: &mut Gradients<E>,
    ) -> Result<Pass<E>, DeviceError> {
        self.touch(users, items, gradients);
        self.parameters.send_to(accelerator)?;
        let mut mirror = Mirror::new(self.parameters.clone(), accelerator)?;
        let (scores, tape) = self.scores_on(&mut mirror, users, items, goal).map_err(DeviceError::new)?;
        let values = scores.as_vec();
        let shape = (users.len(), values.len() / users.len().max(1));
        let (loss, grad) = ops::grad_of(values.clone(), shape, |scores| self.loss(scores, items, goal, divisor))?;
        let grad = mirror.rows(grad, shape).map_err(DeviceError::new)?;
        mirror.backward(&scores, tape, grad, gradients)?;
        Ok(Pass { loss, logits: self.shown(goal, values) })
    }

    /// The scores without the mean.
    fn scores_on<D: Compute<E>>(
        &self,
        mirror: &mut Mirror<E, D>,
        users: &[u32],
        items: &[u32],
        goal: Goal<'_, E>,
    ) -> Result<Scored<E, D>, D::Err> {
        let (of_users, by_user) = self.user.read(mirror, users)?;
        let (of_items, by_item) = self.item.read(mirror, items)?;
        let mut tape = mirror.tape();
        let of_users = self.user.layers_on(mirror, of_users, &mut tape)?;
        let of_items = self.item.layers_on(mirror, of_items, &mut tape)?;
        let biases = by_user.as_ref().zip(by_item.as_ref()).map(|(user, item)| [user, item]);
        let scores = on_device::scores(&of_users, &of_items, biases, goal.pairs(), &mut tape)?;
        Ok((scores, tape))
    }
}

impl Side {
    /// Rows of the table, and their biases if there are any.
    fn read<E: Real, D: Compute<E>>(&self, mirror: &mut Mirror<E, D>, rows: &[u32]) -> Result<ReadRows<E, D>, D::Err> {
        Ok((mirror.read(self.table, rows)?, self.bias.map(|bias| mirror.read(bias, rows)).transpose()?))
    }

    /// What follows the table.
    fn layers_on<E: Real, D: Compute<E>>(
        &self,
        mirror: &Mirror<E, D>,
        mut y: Rows<E, D>,
        tape: &mut Tape<E, D>,
    ) -> Result<Rows<E, D>, D::Err> {
        for (at, [weight, bias]) in self.layers.iter().enumerate() {
            let then = if at + 1 < self.layers.len() { Then::Relu } else { Then::Nothing };
            y = on_device::linear(mirror, &y, *weight, Some(*bias), then, tape)?;
        }
        Ok(y)
    }
}

/// Scores, and how to go back from them.
type Scored<E, D> = (Rows<E, D>, Tape<E, D>);

/// Vectors and biases.
type ReadRows<E, D> = (Rows<E, D>, Option<Rows<E, D>>);
