//! The `cartwheel` command as people and scripts use it: every test runs the real binary in a folder of its own.
//!
//! Where a new test goes:
//!
//! | module | holds |
//! |---|---|
//! | `train` | what `train` promises when all goes well: flags, summary, files |
//! | `algorithms` | what holds for every algorithm: bytes, interruptions, ends of episodes, a task that it must learn |
//! | `state_dependent` | the same for exploration that depends on the state |
//! | `determinism` | the same seed gives the same bytes, whatever the number of actors |
//! | `resume` | runs that were killed, interrupted or finished, and gone on with |
//! | `pictures` | every algorithm on pictures, and extractors that do not fit |
//! | `play` | games under a pseudo terminal: keys, pictures, and the terminal put back |
//! | `config` | where settings come from, and `--print-config` |
//! | `compare`, `data`, `doctor`, `env`, `eval`, `record`, `reproduce`, `runs`, `sweep` | the other subcommands, and `--json` over all of them |
//! | `compression` | networks that are pruned or of a low rank, `compress` |
//! | `export` | files of ONNX, answered by ONNX Runtime as by us |
//! | `quantization` | the same of classifiers in f16 and int8, and what that costs them |
//! | `provenance` | what files of `compress` and `export` say that they were made from |
//! | `documentation` | the pages that people read |
//! | `fit` | supervised training: `fit`, `predict`, `model` |
//! | `fit_faults` | what goes wrong with fits and answers: weights that diverge, data that changed, disks that are full |
//! | `image_files` | pictures of every kind, and files that are none, in `fit` and `predict` |
//! | `mixed_precision` | fits in f16 with f32 masters |
//! | `parallel` | fits in several processes: what they come to, and how they end |
//! | `recommender` | recommenders: `fit recommender`, `predict --user` |
//! | `logs` | metrics for other tools: CSV, Weights & Biases |
//! | `translate` | texts through a T5: lines, batches, beams, what is no text and no model |
//! | `watch` | viewers of a run: what they see and do, and that training needs none of them |
//! | `offline` | recorded episodes as datasets, and learning from them |
//! | `masks` | environments that say which actions are valid |
//! | `wrappers` | training in wrapped environments, and wrappers that do not fit |
//! | `python` | environments that live in Python |
//! | `infos` | success rates, and numbers of infos that are asked for |
//! | `c_environments` | environments of shared libraries |
//! | `bad_input` | what was asked wrongly: the message names it and says what to do |
//! | `faults` | what breaks on the way: environments, numbers, disks, files |
//! | `support` | the folder that tests run commands in, and readers of what a run leaves |

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod algorithms;
mod bad_input;
mod c_environments;
mod compare;
mod compression;
mod config;
mod data;
mod determinism;
mod doctor;
mod documentation;
mod env;
mod eval;
mod export;
mod faults;
mod fit;
mod fit_faults;
mod fit_texts;
mod image_files;
mod infos;
mod logs;
mod masks;
mod mixed_precision;
mod offline;
mod parallel;
mod pictures;
mod pipeline;
mod play;
mod provenance;
mod python;
mod quantization;
mod recommender;
mod record;
mod reproduce;
mod resume;
mod runs;
mod state_dependent;
mod support;
mod sweep;
mod train;
mod translate;
mod vision;
mod watch;
mod wrappers;
