//! `cartwheel fit t5`: texts are learnt, used and refused.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use cartwheel::trainer::supervised::{Given, Samples};
use serde_json::Value;

use crate::support::Folder;

const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/// A number below a million in English.
fn words(number: usize) -> String {
    let join = |head: String, rest: usize| if rest == 0 { head } else { format!("{head} {}", words(rest)) };
    match number {
        0..20 => SMALL[number].into(),
        20..100 => join(TENS[number / 10].into(), number % 10),
        100..1000 => join(format!("{} hundred", SMALL[number / 100]), number % 100),
        _ => join(format!("{} thousand", words(number / 1000)), number % 1000),
    }
}

/// `count` different numbers below 10000 that follow from `seed`, each digit by digit and in words, a pair a line.
fn numerals(count: usize, seed: u64) -> Vec<String> {
    let (mut state, mut seen, mut lines) = (seed, BTreeSet::new(), Vec::new());
    while lines.len() < count {
        // Knuth's linear congruential generator.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let number = (state >> 33) as usize % 10_000;
        if seen.insert(number) {
            let digits: Vec<String> = number.to_string().chars().map(String::from).collect();
            lines.push(format!("{}\t{}\n", digits.join(" "), words(number)));
        }
    }
    lines
}

/// A folder `data` with `train.tsv`, and `test.tsv` of other numbers.
fn data(folder: &Folder, train: usize, test: usize) {
    let lines = numerals(train + test, 7);
    fs::create_dir(folder.path("data")).unwrap();
    folder.write("data/train.tsv", &lines[..train].concat());
    folder.write("data/test.tsv", &lines[train..].concat());
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A model that is quick to train and learns little.
const TINY: &str = "--set t5.d_model=16 --set t5.d_kv=8 --set t5.d_ff=32 --set t5.num_heads=2 --set t5.num_layers=1";

#[test]
fn numerals_are_learnt_and_translated() {
    let folder = Folder::new();
    data(&folder, 3000, 300);
    let line = "fit t5 --data data --name numerals --epochs 12 --batch-size 32 --set fit.learning_rate=0.003 --set fit.lr_schedule=one_cycle --set t5.vocab_size=100 --set t5.d_model=64 --set t5.d_kv=16 --set t5.d_ff=128 --set t5.dropout_rate=0 --json";
    let output = folder.ok(line);
    let summary = json(&output.stdout);
    let report = &summary["report"];
    assert_eq!(
        (&report["kind"], &report["part"], &report["texts"]),
        (&"translation".into(), &"test".into(), &300.into())
    );
    let exact = report["exact_match"].as_f64().unwrap();
    assert!(exact >= 0.99, "{exact}: {report}");
    assert!(report["bleu"].as_f64().unwrap() > 98.0 && report["chrf"].as_f64().unwrap() > 98.0, "{report}");
    assert_eq!(report["samples"].as_array().unwrap().len(), 8);
    let run = folder.run("numerals");
    // What people are shown: at first hardly anything is right, at last nearly everything.
    let samples = Samples::read(&run.file("samples.bin")).unwrap().unwrap();
    let right: Vec<usize> = samples.looks.iter().map(|look| look.right(&samples.samples)).collect();
    assert!(samples.samples.len() == 8 && right[0] < 4 && right[11] >= 7, "{right:?}");
    for (sample, answers) in samples.samples.iter().zip(&samples.looks[11].answers) {
        let Given::Text(digits) = &sample.given else { panic!("a text") };
        assert_eq!(sample.expected, words(digits.replace(' ', "").parse().unwrap()));
        assert_eq!((answers.len(), answers[0].score), (1, None));
    }
    let rows = run.rows();
    let of_epochs = rows.iter().filter(|row| row["metrics"].get("val/exact_match").is_some());
    assert_eq!(of_epochs.count(), 12);
    assert!(run.file("learning_curve.svg").is_file() && run.file("exact_match_curve.svg").is_file());
    folder.refused("predict runs/numerals x.png", 2, &["is a T5", "cartwheel translate runs/numerals"]);
    for model in ["runs/numerals", "runs/numerals/model"] {
        let cost = folder.ok(&format!("model summary {model} --sequence-length 16 --json")).json;
        assert_eq!((&cost["parameters"], &cost["batch_size"]), (&171_264.into(), &64.into()), "{model}");
    }
    // Judged on the texts that it was tested on, it comes to the same.
    let judged = folder.ok("eval runs/numerals --data data/test.tsv --json").json;
    assert_eq!(judged["report"]["part"], "data/test.tsv");
    for key in ["texts", "exact_match", "bleu", "samples"] {
        assert_eq!(judged["report"][key], summary["report"][key], "{key}");
    }
    // A run is begun with as it is.
    folder.write("few.tsv", &numerals(20, 7).concat());
    let still = "--epochs 1 --set fit.learning_rate=1e-30 --set data.validation_split=0.5";
    let again =
        folder.ok(&format!("fit t5 --data few.tsv --set t5.init=runs/numerals {still} --name again --json")).json;
    assert!(again["report"]["exact_match"].as_f64().unwrap() > 0.8, "{}", again["report"]);
    // Weights of int8 write as well.
    let pairs = fs::read_to_string(folder.path("data/test.tsv")).unwrap();
    let (digits, expected): (Vec<&str>, Vec<&str>) = pairs.lines().filter_map(|line| line.split_once('\t')).unzip();
    folder.write("digits.txt", &digits.join("\n"));
    for precision in ["f32", "int8"] {
        let text = folder.ok(&format!("translate runs/numerals --file digits.txt --precision {precision}")).stdout;
        let right = text.lines().zip(&expected).filter(|(got, expected)| got == *expected).count();
        assert!(right >= 297, "{precision}: {right} of {}", expected.len());
    }
    folder.refused("translate runs/numerals 1 --precision int4", 2, &["int4", "f32, int8"]);
    folder.write("numbers.txt", "3 0 4\n9 1 1 7\n");
    for model in ["runs/numerals", "runs/numerals/model"] {
        let text = folder.ok(&format!("translate {model} --file numbers.txt")).stdout;
        assert_eq!(text.lines().collect::<Vec<_>>(), [words(304), words(9117)], "{model}");
    }
}

#[test]
fn a_stopped_fit_of_texts_goes_on_bit_for_bit() {
    let folder = Folder::new();
    data(&folder, 400, 20);
    let line = format!(
        "fit t5 --data data --epochs 40 --batch-size 8 {TINY} --set fit.optimizer=adafactor --set fit.ema_decay=0.9 --set fit.gradient_accumulation=2 --set fit.label_smoothing=0.1 --set fit.log_interval=7 --set t5.feed_forward_proj=gated-gelu --set t5.bleu_every=10"
    );
    let (whole, run) = folder.whole_and_resumed(&format!("{line} --set fit.threads=1"), &line);
    for file in
        ["checkpoints/latest.safetensors", "model/model.safetensors", "model/tokenizer.json", "model/config.json"]
    {
        assert!(run.bytes(file) == whole.bytes(file), "{file} differs");
    }
    assert!(run.rows().iter().any(|row| row["metrics"].get("val/chrf").is_some()));
    assert!(run.bytes("model/model.safetensors") == run.best());
}

#[test]
fn texts_that_changed_are_not_gone_on_with() {
    let folder = Folder::new();
    let pairs = |last: &str| folder.write("a.tsv", &format!("{}one\t{last}\n", "two\tdeux\n".repeat(19))).to_owned();
    let run = folder.stopped(&format!("fit t5 --data {} {TINY}", pairs("un")));
    let before = run.snapshot();
    pairs("deux");
    folder.refused("fit --resume runs/stopped", 2, &["a.tsv", "is not what it was", "runs/stopped"]);
    assert!(run.states().iter().all(|state| before.contains_key(state)) && !run.states().is_empty());
}

/// The recorded model of transformers goes on learning, with its own tokenizer and configuration.
#[test]
fn a_model_that_is_there_is_learnt_on() {
    let folder = Folder::new();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/t5/gated");
    folder.write("pairs.jsonl", "{\"source\": \"the cat sat\", \"target\": \"on the mat\"}\n".repeat(40).as_str());
    let line = format!(
        "fit t5 --data pairs.jsonl --set t5.init={} --epochs 12 --batch-size 4 --set fit.learning_rate=0.01 --set t5.prefix=say: --name tuned --json",
        from.display()
    );
    let summary = json(&folder.ok(&line).stdout);
    assert_eq!(summary["report"]["exact_match"], 1.0, "{summary}");
    assert_eq!(summary["report"]["part"], "validation");
    let run = folder.run("tuned");
    assert!(run.bytes("model/tokenizer.json") == fs::read(from.join("tokenizer.json")).unwrap());
    // The prefix that it was trained with goes before every text.
    folder.write("text.txt", "the cat sat\n");
    let value = folder.ok("translate runs/tuned --file text.txt --json").json;
    assert_eq!((&value["prefix"], &value["translations"][0]["text"]), (&"say:".into(), &"on the mat".into()));
}

#[test]
fn what_is_no_parallel_text_is_told() {
    let folder = Folder::new();
    let refused = |file: &str, bytes: &[u8], rest: &str, words: &[&str]| {
        fs::write(folder.path(file), bytes).unwrap();
        folder.refused(&format!("fit t5 --data {file} {rest}"), 1, words);
        assert!(!folder.path("runs").exists(), "nothing is written");
    };
    refused("a.tsv", b"one\tun\ntwo deux\n", "", &["a.tsv, line 2", "no tab"]);
    refused("a.tsv", b"one\tun\ntw\xffo\tdeux\n", "", &["a.tsv, line 2", "not UTF-8 (byte 3)"]);
    refused("a.tsv", b"", "", &["a.tsv", "empty"]);
    refused("a.jsonl", b"{\"source\": \"one\"}\n", "", &["a.jsonl, line 1", "target"]);
    refused("a.jsonl", b"{\"source\": \"one\", \"target\": \"un\"}\n{no\n", "", &["line 2", "(column 2)"]);
    let long = format!("one\tun\n{}\tdeux\n", "two ".repeat(30));
    refused(
        "a.tsv",
        long.as_bytes(),
        "--set t5.max_source_tokens=20",
        &["a.tsv, line 2", "t5.max_source_tokens is 20"],
    );
    folder.refused("fit t5 --data nowhere.tsv", 2, &["nowhere.tsv", ".jsonl"]);
    folder.write("b.tsv", "one\tun\n");
    folder.refused("fit t5 --data b.tsv", 2, &["1 pairs", "data.validation_split"]);
    folder.refused("fit t5 --data b.tsv --set t5.init=nowhere", 2, &["nowhere", "config.json"]);
    folder.refused("fit t5 --data b.tsv --set t5.vocab=3", 2, &["t5.vocab_size"]);
    folder.refused("fit t5 --data b.tsv --set data.validation_split=0 --set t5.d_model=0", 2, &["t5.d_model"]);
    // A model that lacks a tensor.
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/t5/relu");
    fs::create_dir(folder.path("broken")).unwrap();
    for file in ["config.json", "spiece.model"] {
        fs::copy(from.join(file), folder.path("broken").join(file)).unwrap();
    }
    let bytes = fs::read(from.join("model.safetensors")).unwrap();
    let name = b"encoder.final_layer_norm.weight";
    let at = bytes.windows(name.len()).position(|window| window == name).unwrap();
    let mut renamed = bytes;
    renamed[at + name.len() - 1] = b'x';
    fs::write(folder.path("broken/model.safetensors"), renamed).unwrap();
    folder.refused(
        "fit t5 --data b.tsv --set data.validation_split=0 --set t5.init=broken",
        1,
        &["missing: `encoder.final_layer_norm.weight` [32], the file has `encoder.final_layer_norm.weighx`"],
    );
}
