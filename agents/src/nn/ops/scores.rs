//! How well rows of one kind go with rows of another: their products, with a bias of each.

use dfdx::prelude::{Cpu, CpuError, HasShape as _, NoneTape, PutTape as _, Tape, TensorFromVec as _};

use super::{Rows, take_gradient, values};
use crate::nn::kernels::matmul::vectorized;
use crate::nn::kernels::product::{Matrix, product};
use crate::nn::{DeviceError, Isa, Real};

/// Which rows meet which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairs {
    /// Row i of the first with as many rows of the second for each, of its own: c·i to c·i + c - 1.
    Own,
    /// Every row of the first with every row of the second.
    All,
}

/// The products of rows of `a` and `b`, which are as wide, a row for each of `a`; with `biases`, of one column each, of both added.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the sizes do not fit.
pub fn scores<E: Real, T: Tape<E, Cpu>>(
    a: Rows<E, NoneTape>,
    b: Rows<E, NoneTape>,
    biases: Option<[Rows<E, NoneTape>; 2]>,
    pairs: Pairs,
    mut tape: T,
) -> Result<Rows<E, T>, DeviceError> {
    let ((rows, width), (others, same)) = (*a.shape(), *b.shape());
    assert_eq!(width, same, "rows of one width");
    let columns = match pairs {
        Pairs::Own => others / rows.max(1),
        Pairs::All => others,
    };
    assert!(pairs == Pairs::All || columns * rows == others, "as many rows for each");
    let (x, z, isa) = (values(&a), values(&b), Isa::detect());
    let mut y = vec![E::zero(); rows * columns];
    if let Some([of_a, of_b]) = &biases {
        let (of_a, of_b) = (values(of_a), values(of_b));
        assert!(of_a.len() == rows && of_b.len() == others, "a bias a row");
        for (at, (row, by_a)) in y.chunks_exact_mut(columns.max(1)).zip(&of_a).enumerate() {
            let of_b = if pairs == Pairs::Own { &of_b[at * columns..][..columns] } else { &of_b };
            row.iter_mut().zip(of_b).for_each(|(y, by_b)| *y = *by_a + *by_b);
        }
    }
    match pairs {
        Pairs::All => product(Matrix::new(&x, rows, width), Matrix::new(&z, others, width).transposed(), &mut y, true),
        Pairs::Own => dots(isa, &x, &z, &mut y, width, columns),
    }
    let y = a.device().tensor_from_vec(y, (rows, columns));
    if T::OWNS_TAPE {
        let out = y.clone();
        tape.add_backward_op(move |gradients| {
            let grad = take_gradient(gradients, &out)?;
            if let Some([of_a, of_b]) = &biases {
                let by_a = gradients.get_or_alloc_mut(of_a)?;
                by_a.iter_mut().zip(grad.chunks_exact(columns.max(1))).for_each(|(by, row)| {
                    *by += row.iter().copied().sum::<E>();
                });
                let by_b = gradients.get_or_alloc_mut(of_b)?;
                let of_b = by_b.len().max(1);
                grad.chunks_exact(of_b).for_each(|row| by_b.iter_mut().zip(row).for_each(|(by, s)| *by += *s));
            }
            if pairs == Pairs::All {
                let by = Matrix::new(&grad, rows, columns);
                product(by, Matrix::new(&z, others, width), gradients.get_or_alloc_mut(&a)?, true);
                product(by.transposed(), Matrix::new(&x, rows, width), gradients.get_or_alloc_mut(&b)?, true);
            } else {
                spread(isa, &grad, &z, gradients.get_or_alloc_mut(&a)?, width, columns);
                hand_out(isa, &grad, &x, gradients.get_or_alloc_mut(&b)?, width, columns);
            }
            Ok::<_, CpuError>(())
        });
    }
    Ok(y.put_tape(tape))
}

vectorized! {
    /// Adds the products of each row of `a` with its `columns` rows of `b`.
    fn dots<E: Real>(a: &[E], b: &[E], to: &mut [E], width: usize, columns: usize) {
        for (at, to) in to.iter_mut().enumerate() {
            let (a, b) = (&a[at / columns * width..][..width], &b[at * width..][..width]);
            let mut sums = [E::zero(); 16];
            let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
            for (a, b) in a.iter().zip(b) {
                for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
                    *sum += *a * *b;
                }
            }
            let rest = a_rest.iter().zip(b_rest).map(|(a, b)| *a * *b).sum::<E>();
            *to += sums.into_iter().sum::<E>() + rest;
        }
    }
}

vectorized! {
    /// Adds to each row of `to` its `columns` rows of `b`, each times its gradient.
    fn spread<E: Real>(grad: &[E], b: &[E], to: &mut [E], width: usize, columns: usize) {
        for (at, grad) in grad.iter().enumerate() {
            let (to, b) = (&mut to[at / columns * width..][..width], &b[at * width..][..width]);
            for (to, b) in to.iter_mut().zip(b) {
                *to += *grad * *b;
            }
        }
    }
}

vectorized! {
    /// Adds to each row of `to` the row of `a` that it belongs to, times its gradient.
    fn hand_out<E: Real>(grad: &[E], a: &[E], to: &mut [E], width: usize, columns: usize) {
        for (at, grad) in grad.iter().enumerate() {
            let (to, a) = (&mut to[at * width..][..width], &a[at / columns * width..][..width]);
            for (to, a) in to.iter_mut().zip(a) {
                *to += *grad * *a;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use cartwheel_envs::Generator;
    use dfdx::prelude::SplitTape as _;

    use super::*;
    use crate::nn::Parameters;
    use crate::nn::ops::{Targets, embedding, softmax_cross_entropy, testing};

    #[test]
    fn gradients_are_those_of_differences() {
        let mut rng = Generator::new(1);
        // Wider than the kernel's sums, and not a multiple of them.
        for (pairs, width) in [(Pairs::Own, 19), (Pairs::All, 3)] {
            let mut parameters = Parameters::default();
            for (name, rows, width) in [("a", 2, width), ("b", 6, width), ("c", 2, 1), ("d", 6, 1)] {
                parameters.add(name, &[rows, width], testing::random(&mut rng, rows * width));
            }
            testing::check_gradients(&mut parameters, &[0.0; 2], (1, 2), &|parameters, x| {
                let read = |name, rows: &[u32], tape| {
                    embedding(tape, parameters.named(name).expect("it is"), Arc::new(rows.to_vec()))
                        .expect("works")
                        .split_tape()
                };
                let (all, tape) = ([0, 1, 2, 3, 4, 5], x.split_tape().1);
                let (a, tape) = read("a", &[0, 1], tape);
                let (b, tape) = read("b", &all, tape);
                let (c, tape) = read("c", &[0, 1], tape);
                let (d, tape) = read("d", &all, tape);
                let scores = scores(a, b, Some([c, d]), pairs, tape).expect("works");
                softmax_cross_entropy(scores, Targets::Classes(&[1, 2]), 0.0, 2.0).expect("works")
            });
        }
    }
}
