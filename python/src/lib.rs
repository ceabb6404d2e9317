//! The compiled half of the Python package `cartwheel`: environments, batches of them and trained policies.
//!
//! The other half, `package/cartwheel`, makes Gymnasium's classes of them. What is here is private to it, but for
//! `Policy` and `load_policy`.
//!
//! | file | holds |
//! |---|---|
//! | `env` | one environment |
//! | `vector` | a batch of environments |
//! | `infos` | what a batch's steps give beside arrays |
//! | `policy` | trained policies |
//! | `spaces` | spaces as Gymnasium's |
//! | `observations`, `actions` | rows of numbers as Gymnasium's observations and the reverse |
//! | `values` | JSON as Python values, frames as arrays |
//! | `error` | errors as Gymnasium's exceptions |

mod actions;
mod env;
mod error;
mod infos;
mod memory;
mod observations;
mod policy;
mod spaces;
mod values;
mod vector;

use pyo3::prelude::*;

#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::env::NativeEnv;
    #[pymodule_export]
    use crate::env::restore_env;
    #[pymodule_export]
    use crate::env::specs;
    #[pymodule_export]
    use crate::policy::Policy;
    #[pymodule_export]
    use crate::policy::load_policy;
    #[pymodule_export]
    use crate::policy::restore_policy;
    #[pymodule_export]
    use crate::vector::NativeVectorEnv;
}
