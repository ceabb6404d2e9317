//! Viewers of a run: what they see and do, and that training needs none of them.

mod control;
mod fits;
mod strangers;
mod viewer;
mod views;

/// Far longer than a test takes.
const ENDLESS: &str = "--n-envs 4 --actors 2 --steps 400000000 --checkpoint-every 0 --set eval.eval_freq=0";
