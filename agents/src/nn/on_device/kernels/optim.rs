//! Steps of optimizers.

use dfdx::prelude::HasShape as _;
use dfdx::tensor_ops::Device;

use super::{ACROSS, Argument, At, Count, Launch, Nowhere, Number, launch};
use crate::nn::Real;
use crate::nn::on_device::Vector;

/// Parameters, and their velocity.
type BySgd<E, D> = (Vector<E, D>, Option<Vector<E, D>>);

/// The parameters `w`, and their velocity if there is one, after a step of [`Rule::Sgd`](crate::nn::optim::Rule).
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If lengths differ.
pub(crate) fn sgd<E: Real, D: Device<E> + Launch>(
    w: &Vector<E, D>,
    v: Option<&Vector<E, D>>,
    g: &Vector<E, D>,
    [learning_rate, momentum, l2, kept]: [E; 4],
    nesterov: bool,
) -> Result<BySgd<E, D>, D::Err> {
    let count = w.shape().0;
    assert!([Some(g), v].into_iter().flatten().all(|each| each.shape().0 == count), "a number a parameter");
    let to_w: Vector<E, D> = w.device().try_zeros_like(&(count,))?;
    let to_v = v.map(|_| w.device().try_zeros_like(&(count,))).transpose()?;
    let [learning_rate, momentum, l2, kept] = [learning_rate, momentum, l2, kept].map(number);
    launch::<D>(
        "sgd",
        [count.div_ceil(ACROSS), ACROSS],
        &[
            At(w),
            v.map_or(Nowhere, |v| At(v)),
            At(g),
            Count(count),
            learning_rate,
            momentum,
            Count(nesterov.into()),
            l2,
            kept,
            At(&to_w),
            to_v.as_ref().map_or(Nowhere, |to_v: &Vector<E, D>| At(to_v)),
        ],
    )?;
    Ok((to_w, to_v))
}

/// The parameters `w`, and their moments, after a step of [`Rule::Adam`](crate::nn::optim::Rule) with these settings, in the kernel's
/// order.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If lengths differ.
pub(crate) fn adam<E: Real, D: Device<E> + Launch>(
    w: &Vector<E, D>,
    [m, v]: [&Vector<E, D>; 2],
    g: &Vector<E, D>,
    settings: [E; 9],
) -> Result<[Vector<E, D>; 3], D::Err> {
    let count = w.shape().0;
    assert!([m, v, g].iter().all(|each| each.shape().0 == count), "a number a parameter");
    let to: [Result<Vector<E, D>, D::Err>; 3] = [(); 3].map(|()| w.device().try_zeros_like(&(count,)));
    let [to_w, to_m, to_v] = to;
    let (to_w, to_m, to_v) = (to_w?, to_m?, to_v?);
    let mut arguments = vec![At(w), At(m), At(v), At(g), Count(count)];
    arguments.extend(settings.map(number));
    arguments.extend([At(&to_w), At(&to_m), At(&to_v)]);
    launch::<D>("adam", [count.div_ceil(ACROSS), ACROSS], &arguments)?;
    Ok([to_w, to_m, to_v])
}

/// A setting, as a kernel takes it.
fn number<E: Real>(setting: E) -> Argument<'static> {
    Number(setting.wide() as f32)
}
