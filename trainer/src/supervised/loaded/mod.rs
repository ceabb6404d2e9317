//! Models that are there: asked about files, judged on samples, and made smaller.
//!
//! | file | holds |
//! |---|---|
//! | `saved`, `input`, `answers` | a model's file, and models made from one, which are asked about files |
//! | `evaluate`, `labelled` | how a model does on other samples, and where these come from |
//! | `calibration` | samples that show what layers make of images |
//! | `quantize`, `half` | a model in integers of 8 bits, and what that costs it; whether it fits f16 |
//! | `compress`, `sensitivity` | weights that become 0 at once, and layers of a lower rank; what each layer loses by them |

pub(crate) mod answers;
pub(crate) mod calibration;
pub(crate) mod compress;
pub(crate) mod evaluate;
pub(crate) mod half;
pub(crate) mod input;
pub(crate) mod labelled;
pub(crate) mod quantize;
pub(crate) mod saved;
pub(crate) mod sensitivity;
