//! Two tiny models beside what transformers makes of them, and folders that are not as they should be.

use std::path::{Path, PathBuf};

use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

use super::matrix::Matrix;
use super::weights::{self, INDEX, WHOLE};
use super::*;
use crate::nn::Parameter;

const KINDS: [&str; 2] = ["relu", "gated"];

fn folder(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/t5").join(kind)
}

fn recorded(kind: &str) -> Value {
    let text = std::fs::read_to_string(folder(kind).join("expected.json")).expect("a recording");
    serde_json::from_str(&text).expect("JSON")
}

fn numbers<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).expect("numbers")
}

/// The recorded batch without its padding.
fn sources(recorded: &Value) -> Vec<Vec<u32>> {
    let ids: Vec<Vec<u32>> = numbers(&recorded["input_ids"]);
    let mask: Vec<Vec<u32>> = numbers(&recorded["attention_mask"]);
    let unpadded =
        |(ids, mask): (Vec<u32>, Vec<u32>)| ids.into_iter().zip(mask).filter(|(_, m)| *m == 1).map(|(i, _)| i);
    ids.into_iter().zip(mask).map(|row| unpadded(row).collect()).collect()
}

fn slices(texts: &[Vec<u32>]) -> Vec<&[u32]> {
    texts.iter().map(Vec::as_slice).collect()
}

/// Logits of `decoder_input_ids`, row after row, fed token by token.
fn logits(model: &T5, recorded: &Value) -> Vec<f32> {
    let (sources, inputs) = (sources(recorded), numbers::<Vec<Vec<u32>>>(&recorded["decoder_input_ids"]));
    let encoded = model.encode(&slices(&sources)).expect("known tokens");
    let mut decoding = model.decode(&encoded, (0..inputs.len()).collect());
    let vocab = model.config().vocab_size;
    let mut rows = vec![Vec::new(); inputs.len()];
    for at in 0..inputs[0].len() {
        let tokens: Vec<u32> = inputs.iter().map(|row| row[at]).collect();
        let logits = model.step(&mut decoding, &tokens).expect("known tokens");
        rows.iter_mut().zip(logits.chunks_exact(vocab)).for_each(|(row, logits)| row.extend_from_slice(logits));
    }
    rows.concat()
}

/// The largest difference, as a share of the largest number expected.
fn difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    found.iter().zip(expected).fold(0.0f32, |worst, (a, b)| worst.max((a - b).abs())) / largest
}

/// What transformers wrote: without the start, up to and with the end.
fn written(row: &[u32]) -> Vec<u32> {
    let end = row.iter().position(|token| *token == 1).map_or(row.len(), |at| at + 1);
    row[1..end].to_vec()
}

#[test]
fn logits_are_those_of_transformers() {
    for kind in KINDS {
        let (model, recorded) = (T5::load(&folder(kind), Precision::F32).expect("a model"), recorded(kind));
        let (sources, d) = (sources(&recorded), model.config().d_model);
        let encoded = model.encode(&slices(&sources)).expect("known tokens");
        let padded: Vec<f32> = numbers(&recorded["encoder"]);
        let longest = padded.len() / d / sources.len();
        let of_text =
            |(text, source): (usize, &Vec<u32>)| &padded[text * longest * d..(text * longest + source.len()) * d];
        let expected: Vec<f32> = sources.iter().enumerate().flat_map(of_text).copied().collect();
        let (encoder, decoder) = (
            difference(&encoded.hidden, &expected),
            difference(&logits(&model, &recorded), &numbers::<Vec<f32>>(&recorded["logits"])),
        );
        assert!(encoder < 1e-5 && decoder < 1e-5, "{kind}: encoder {encoder:e}, logits {decoder:e}");
    }
}

/// What int8 weights make is what the numbers make that they stand for.
#[test]
fn logits_of_int8_are_those_of_rounded_weights() {
    for kind in KINDS {
        let recorded = recorded(kind);
        let exact = T5::load(&folder(kind), Precision::F32).expect("a model");
        let int8 = T5::load(&folder(kind), Precision::Int8).expect("a model");
        let mut parameters = weights::load(&folder(kind), exact.config()).expect("weights");
        let is_matrix = |p: &&mut Parameter| p.shape().len() == 2 && !p.name().contains("relative_attention_bias");
        for parameter in parameters.iter_mut().filter(is_matrix) {
            let [rows, k] = [parameter.shape()[0], parameter.shape()[1]];
            let (mut matrix, mut wide) = (Matrix::with_room(Precision::Int8, rows * k), Vec::new());
            matrix.push(parameter.values(), k);
            (0..rows).for_each(|row| matrix.row(row, k, &mut wide));
            parameter.values_mut().copy_from_slice(&wide);
        }
        let rounded = T5::new(exact.config().clone(), parameters).expect("a model");
        let [exact, int8, rounded] = [exact, int8, rounded].map(|model| logits(&model, &recorded));
        let [off, changed] = [difference(&int8, &rounded), difference(&int8, &exact)];
        assert!(off < 1e-4 && changed > 1e-3, "{kind}: {off}, {changed}");
    }
}

#[test]
fn greedy_texts_are_those_of_transformers() {
    for kind in KINDS {
        let (model, recorded) = (T5::load(&folder(kind), Precision::F32).expect("a model"), recorded(kind));
        let sources = sources(&recorded);
        let settings = Generation { max_new_tokens: 24, ..Generation::default() };
        let mut streamed = vec![Vec::new(); sources.len()];
        let found = model.generate(&slices(&sources), &settings, &mut |text, token| streamed[text].push(token));
        let found: Vec<_> = found.expect("known tokens").into_iter().map(|text| text.tokens).collect();
        let expected: Vec<_> = numbers::<Vec<Vec<u32>>>(&recorded["greedy"]).iter().map(|row| written(row)).collect();
        assert_eq!(found, expected, "{kind}");
        assert_eq!(streamed, expected, "{kind}");
        assert!(expected.iter().any(|text| text.len() < 24), "{kind}: none ended early");
        // Alone, and with any number of threads, a text comes out the same.
        for (source, expected) in sources.iter().zip(&expected) {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("threads");
            let alone = pool.install(|| model.generate(&[source], &settings, &mut |_, _| {})).expect("known tokens");
            assert_eq!(alone[0].tokens, *expected, "{kind}");
        }
    }
}

#[test]
fn beams_are_those_of_transformers() {
    for kind in KINDS {
        let (model, recorded) = (T5::load(&folder(kind), Precision::F32).expect("a model"), recorded(kind));
        let sources = sources(&recorded);
        let cases = recorded["beams"].as_array().expect("cases");
        for case in cases {
            let settings = Generation {
                max_new_tokens: numbers(&case["max_new_tokens"]),
                num_beams: numbers(&case["num_beams"]),
                length_penalty: numbers(&case["length_penalty"]),
                sampling: None,
            };
            let found = model.generate(&slices(&sources), &settings, &mut |_, _| {}).expect("known tokens");
            let (ids, scores): (Vec<Vec<u32>>, Vec<f32>) = (numbers(&case["ids"]), numbers(&case["scores"]));
            for ((found, ids), score) in found.iter().zip(ids).zip(scores) {
                assert_eq!(found.tokens, written(&ids), "{kind} {settings:?}");
                let found = found.score.expect("a score");
                assert!(
                    (found - score).abs() <= 2e-5 * score.abs().max(1.0),
                    "{kind} {settings:?}: {found} for {score}"
                );
            }
        }
        assert_eq!(cases.len(), 7);
    }
}

#[test]
fn a_seed_draws_the_same_text_whatever_is_beside_it() {
    let (model, recorded) = (T5::load(&folder("gated"), Precision::F32).expect("a model"), recorded("gated"));
    let sources = sources(&recorded);
    let write = |sources: &[Vec<u32>], seed| {
        let sampling = Some(Sampling { seed, temperature: 1.5, ..Sampling::default() });
        let settings = Generation { max_new_tokens: 12, sampling, ..Generation::default() };
        model.generate(&slices(sources), &settings, &mut |_, _| {}).expect("known tokens")
    };
    let texts = write(&sources, 7);
    assert_eq!(texts, write(&sources, 7));
    assert_eq!(texts[2..], write(&sources[2..], 7));
    assert_ne!(texts, write(&sources, 8));
    // The only token that may be drawn is the most likely one.
    let sampling = Some(Sampling { top_k: 1, ..Sampling::default() });
    let drawn = Generation { max_new_tokens: 12, sampling, ..Generation::default() };
    let likely = Generation { sampling: None, ..drawn.clone() };
    let [drawn, likely] = [drawn, likely].map(|settings| model.generate(&slices(&sources), &settings, &mut |_, _| {}));
    assert_eq!(drawn.expect("known tokens"), likely.expect("known tokens"));
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    let sampling = |sampling| Generation { sampling: Some(sampling), ..Generation::default() };
    for (settings, word) in [
        (Generation { max_new_tokens: 0, ..Generation::default() }, "max_new_tokens"),
        (Generation { num_beams: 0, ..Generation::default() }, "num_beams"),
        (Generation { length_penalty: f32::NAN, ..Generation::default() }, "length_penalty"),
        (Generation { num_beams: 2, ..sampling(Sampling::default()) }, "beams"),
        (sampling(Sampling { temperature: 0.0, ..Sampling::default() }), "temperature"),
        (sampling(Sampling { top_p: 0.0, ..Sampling::default() }), "top_p"),
        (sampling(Sampling { top_p: 1.5, ..Sampling::default() }), "top_p"),
    ] {
        let error = settings.check().expect_err(word).to_string();
        assert!(error.contains(word), "{error}");
    }
    let model = T5::load(&folder("relu"), Precision::F32).expect("a model");
    let error = model.generate(&[&[5, 9999, 1]], &Generation::default(), &mut |_, _| {}).expect_err("no such token");
    assert!(error.to_string().contains("9999"), "{error}");
}

/// A tensor as it is in a file: name, type, shape, bytes.
type Stored = (String, Dtype, Vec<usize>, Vec<u8>);

/// The recorded v1.0 model with its tensors changed.
fn changed(change: impl FnOnce(&mut Vec<Stored>)) -> tempfile::TempDir {
    let there = tempfile::tempdir().expect("a folder");
    for file in ["config.json", "spiece.model"] {
        std::fs::copy(folder("relu").join(file), there.path().join(file)).expect("a copy");
    }
    let bytes = std::fs::read(folder("relu").join(WHOLE)).expect("weights");
    let file = SafeTensors::deserialize(&bytes).expect("weights");
    let stored =
        |(name, view): (String, TensorView<'_>)| (name, view.dtype(), view.shape().to_vec(), view.data().to_vec());
    let mut tensors: Vec<Stored> = file.tensors().into_iter().map(stored).collect();
    change(&mut tensors);
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        (name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).expect("a shape that fits"))
    });
    let bytes = safetensors::serialize(views, None).expect("weights");
    std::fs::write(there.path().join(WHOLE), bytes).expect("a file");
    there
}

fn find<'t>(tensors: &'t mut [Stored], name: &str) -> &'t mut Stored {
    tensors.iter_mut().find(|tensor| tensor.0 == name).expect("a tensor of this name")
}

fn refused(folder: &Path, words: &[&str]) {
    let error = Translator::load(folder, SpecialTokens::AsText, Precision::F32, 2).err().expect("refused").to_string();
    for word in words {
        assert!(error.contains(word), "{word:?} is not in: {error}");
    }
}

#[test]
fn tensors_that_do_not_fit_are_listed_with_the_nearest_names() {
    let there = changed(|tensors| {
        find(tensors, "encoder.block.1.layer.0.SelfAttention.q.weight").0 =
            "encoder.block.1.layer.0.SelfAttention.query.weight".into();
        find(tensors, "decoder.final_layer_norm.weight").0 = "ln_f".into();
        let wo = find(tensors, "decoder.block.0.layer.2.DenseReluDense.wo.weight");
        wo.2.reverse();
        let norm = find(tensors, "encoder.final_layer_norm.weight");
        (norm.1, norm.2) = (Dtype::F64, vec![16]);
    });
    refused(
        there.path(),
        &[
            "`encoder.block.1.layer.0.SelfAttention.q.weight` [32, 32], the file has `encoder.block.1.layer.0.SelfAttention.query.weight`",
            "`decoder.final_layer_norm.weight` [32]",
            "`decoder.block.0.layer.2.DenseReluDense.wo.weight` is [64, 32] of F32 and should be [32, 64] of F32 or F16 or BF16",
            "`encoder.final_layer_norm.weight` is [16] of F64 and should be [32]",
            "unexpected: `encoder.block.1.layer.0.SelfAttention.query.weight` [32, 32]",
            "`ln_f` [32]",
        ],
    );
    let there = changed(|tensors| {
        let norm = find(tensors, "encoder.final_layer_norm.weight");
        (norm.1, norm.3) = (Dtype::I32, norm.3.clone());
    });
    refused(there.path(), &["`encoder.final_layer_norm.weight` is [32] of I32 and should be [32] of F32"]);
    let there = changed(|tensors| find(tensors, "shared.weight").3[..4].copy_from_slice(&f32::NAN.to_le_bytes()));
    refused(there.path(), &["shared.weight holds NaN"]);
}

#[test]
fn copies_of_the_embedding_are_ignored() {
    let there = changed(|tensors| {
        for copy in ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"] {
            let shared = find(tensors, "shared.weight").clone();
            tensors.push((copy.into(), shared.1, shared.2, shared.3));
        }
    });
    let recorded = recorded("relu");
    let model = T5::load(there.path(), Precision::F32).expect("a model");
    assert!(difference(&logits(&model, &recorded), &numbers::<Vec<f32>>(&recorded["logits"])) < 1e-5);
    let [with, without] =
        [there.path(), &folder("relu")].map(|folder| T5::load(folder, Precision::Int8).expect("a model"));
    assert_eq!(logits(&with, &recorded), logits(&without, &recorded));
}

/// Halves are widened: the logits are those of weights that were rounded.
#[test]
fn half_precision_is_widened() {
    let recorded = recorded("relu");
    let rounded = |dtype, narrow: &dyn Fn(f32) -> ([u8; 2], f32)| {
        let of = |half: bool| {
            changed(|tensors| {
                for (_, stored, _, bytes) in tensors {
                    let floats = bytes.as_chunks::<4>().0.iter().map(|b| narrow(f32::from_le_bytes(*b)));
                    let floats: Vec<_> = floats.collect();
                    if half {
                        (*stored, *bytes) = (dtype, floats.iter().flat_map(|x| x.0).collect());
                    } else {
                        *bytes = floats.iter().flat_map(|x| x.1.to_le_bytes()).collect();
                    }
                }
            })
        };
        let [half, whole] =
            [true, false].map(|half| logits(&T5::load(of(half).path(), Precision::F32).expect("a model"), &recorded));
        assert_eq!(half, whole, "{dtype:?}");
        assert!(difference(&half, &numbers::<Vec<f32>>(&recorded["logits"])) > 1e-5, "{dtype:?} rounds");
    };
    rounded(Dtype::F16, &|x| (f16::from_f32(x).to_le_bytes(), f16::from_f32(x).to_f32()));
    rounded(Dtype::BF16, &|x| (bf16::from_f32(x).to_le_bytes(), bf16::from_f32(x).to_f32()));
}

#[test]
fn missing_and_broken_files_are_named() {
    let there = tempfile::tempdir().expect("a folder");
    let copy = |kind: &str, file: &str| {
        std::fs::copy(folder(kind).join(file), there.path().join(file)).expect("a copy");
    };
    let write = |file: &str, bytes: &[u8]| std::fs::write(there.path().join(file), bytes).expect("a file");
    refused(
        there.path(),
        &["config.json", "model.safetensors or model.safetensors.index.json", "tokenizer.json or spiece.model"],
    );
    write("pytorch_model.bin", b"pickle");
    refused(there.path(), &["pickle"]);
    copy("gated", "config.json");
    copy("gated", "tokenizer.json");
    copy("gated", INDEX);
    refused(there.path(), &["model-00001-of-00002.safetensors, which model.safetensors.index.json names"]);
    copy("gated", "model-00001-of-00002.safetensors");
    copy("gated", "model-00002-of-00002.safetensors");
    Translator::load(there.path(), SpecialTokens::AsText, Precision::F32, 2).expect("a whole folder");
    let whole = std::fs::read(folder("gated").join("model-00002-of-00002.safetensors")).expect("weights");
    for cut in [0, 5, 8, 100, whole.len() / 2, whole.len() - 1] {
        write("model-00002-of-00002.safetensors", &whole[..cut]);
        refused(there.path(), &["model-00002-of-00002.safetensors", "cut off"]);
    }
    write("model-00002-of-00002.safetensors", &[&whole[..], &[0]].concat());
    refused(there.path(), &["model-00002-of-00002.safetensors"]);
    write(INDEX, br#"{"weight_map":{"shared.weight":"../elsewhere.safetensors"}}"#);
    refused(there.path(), &["../elsewhere.safetensors"]);
    write(INDEX, b"{");
    refused(there.path(), &[INDEX]);
    write("config.json", br#"{"model_type":"bart"}"#);
    refused(there.path(), &["config.json", "bart"]);
}

#[test]
fn texts_are_translated_as_by_transformers() {
    for kind in KINDS {
        let recorded = recorded(kind);
        let mut translator =
            Translator::load(&folder(kind), SpecialTokens::AsText, Precision::F32, 2).expect("a model");
        let texts: Vec<String> = numbers(&recorded["texts"]);
        let tokens: Vec<_> = texts.iter().map(|text| translator.tokens(text).expect("a short text")).collect();
        assert_eq!(tokens, sources(&recorded), "{kind}");
        let settings = Generation { max_new_tokens: 24, ..Generation::default() };
        let mut streamed = vec![String::new(); texts.len()];
        let found = translator.translate(&tokens, &settings, &mut |text, grown| streamed[text].push_str(grown));
        let found: Vec<String> = found.expect("known tokens").into_iter().map(|found| found.text).collect();
        assert_eq!(found, numbers::<Vec<String>>(&recorded["translations"]), "{kind}");
        assert_eq!(streamed, found, "{kind}");
        assert_eq!(translator.max_input_tokens(), 512);
        translator.set_max_input_tokens(3);
        let error = translator.tokens(&texts[0]).expect_err("too long").to_string();
        assert!(error.contains(&tokens[0].len().to_string()) && error.contains("takes 3"), "{error}");
    }
}
