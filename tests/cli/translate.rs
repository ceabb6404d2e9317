//! `cartwheel translate`: tiny random models, whose translations transformers recorded.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use safetensors::SafeTensors;
use serde_json::Value;

use crate::support::Folder;

/// The recorded model of this kind in the folder of a test.
fn model(folder: &Folder, kind: &str) -> Value {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/t5").join(kind);
    fs::create_dir(folder.path(kind)).unwrap();
    for file in fs::read_dir(&from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), folder.path(kind).join(file.file_name())).unwrap();
    }
    serde_json::from_slice(&fs::read(from.join("expected.json")).unwrap()).unwrap()
}

fn strings(value: &Value) -> Vec<String> {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn a_file_is_translated_line_by_line_as_by_transformers() {
    for kind in ["relu", "gated"] {
        let folder = Folder::new();
        let expected = model(&folder, kind);
        let (texts, translations) = (strings(&expected["texts"]), strings(&expected["translations"]));
        // An empty line stays one, and ends of lines are those of Windows too.
        folder.write("texts.txt", &format!("{}\r\n\n{}\n{}", texts[0], texts[1], texts[2]));
        let line = format!("translate {kind} --file texts.txt --max-new-tokens 24");
        let output = folder.ok(&line);
        let wanted = [&translations[0], "", &translations[1], &translations[2]].map(str::to_string);
        assert_eq!(output.stdout, wanted.join("\n") + "\n", "{kind}");
        assert!(output.stderr.contains("tokens/s"), "{}", output.stderr);
        let json = folder.ok(&format!("{line} --json --batch-size 1 --threads 1")).json;
        let found: Vec<String> =
            json["translations"].as_array().unwrap().iter().map(|t| t["text"].as_str().unwrap().into()).collect();
        assert_eq!(found, wanted, "{kind}");
        assert_eq!(json["translations"][0]["source"], texts[0].as_str());
        let sum: u64 =
            json["translations"].as_array().unwrap().iter().map(|t| t["output_tokens"].as_u64().unwrap()).sum();
        assert_eq!(json["tokens"], sum);
        assert!(json["tokens_per_second"].as_f64().unwrap() > 0.0 && json["threads"] == 1);
        // What transformers wrote is what was hoped for; empty lines say nothing.
        folder.write("hoped.txt", &(wanted.join("\n") + "\n"));
        let output = folder.ok(&format!("{line} --json --reference hoped.txt"));
        assert!((output.json["bleu"].as_f64().unwrap() - 100.0).abs() < 1e-9, "{}", output.stdout);
        assert!((output.json["chrf"].as_f64().unwrap() - 100.0).abs() < 1e-9 && output.stderr.contains("BLEU 100.00"));
        // Beams give transformers' score.
        let json = folder.ok(&format!("{line} --json --beams 4")).json;
        let score = json["translations"][0]["score"].as_f64().unwrap();
        let recorded = expected["beams"][0]["scores"][0].as_f64().unwrap();
        assert!((score - recorded).abs() < 1e-4, "{score} for {recorded}");
    }
}

#[test]
fn stdin_prefixes_and_drawn_tokens() {
    let folder = Folder::new();
    model(&folder, "gated");
    let feed = |line: &str, text: &[u8]| {
        folder.write("in.txt", "");
        fs::File::create(folder.path("in.txt")).unwrap().write_all(text).unwrap();
        let input = fs::File::open(folder.path("in.txt")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_cartwheel"));
        folder.start_on(command.args(line.split_whitespace()), line, input, Stdio::piped()).wait()
    };
    // The prefix is a part of the text.
    let short = "translate gated --max-new-tokens 8 --json";
    let by_languages = feed(&format!("{short} --from en --to French"), b"The house\n").json;
    assert_eq!(by_languages["prefix"], "translate English to French: ");
    let spelt_out = feed(short, b"translate English to French: The house").json;
    assert_eq!(by_languages["translations"][0]["text"], spelt_out["translations"][0]["text"]);
    let without = feed(short, b"The house").json;
    assert_ne!(by_languages["translations"][0]["input_tokens"], without["translations"][0]["input_tokens"]);
    assert_eq!(feed(short, b"").json["translations"].as_array().unwrap().len(), 0);
    // A seed draws the same text, and another one another.
    let text = |more: &str| folder.ok(&format!("translate gated cat --max-new-tokens 12 {more}")).stdout;
    let drawn = text("--temperature 1.5 --seed 3");
    assert_eq!(drawn, text("--temperature 1.5 --seed 3"));
    assert_ne!(drawn, text("--temperature 1.5 --seed 4"));
    assert_eq!(text("--top-k 1 --seed 3"), text(""));
    // A special token's name is text unless asked for.
    let tokens =
        |more: &str| folder.ok(&format!("{short} {more} a</s>b")).json["translations"][0]["input_tokens"].clone();
    assert!(tokens("").as_u64() > tokens("--parse-special").as_u64());
    let output = feed(short, b"fine\nbr\xffken\n");
    output.failed("stdin", 1, &["stdin: line 2 is not UTF-8 (byte 3)"]);
}

#[test]
fn what_cannot_be_translated_is_told() {
    let folder = Folder::new();
    model(&folder, "relu");
    folder.refused(
        "translate nowhere text",
        2,
        &["nowhere", "config.json", "model.safetensors", "tokenizer.json or spiece.model"],
    );
    folder.refused("translate relu --file nowhere.txt", 2, &["nowhere.txt"]);
    folder.refused("translate relu a --file b", 2, &["--file"]);
    folder.refused("translate relu a --reference nowhere.txt", 2, &["nowhere.txt"]);
    folder.write("two.txt", "one\ntwo\n");
    let told = folder.refused("translate relu a --reference two.txt", 2, &["1 texts", "references are 2"]);
    assert_eq!(told.stdout, "", "before anything is translated");
    folder.refused("translate relu a --from en", 2, &["--to"]);
    for (flag, number) in [("beams", 0), ("beams", 1025), ("threads", 1025)] {
        folder.refused(&format!("translate relu a --{flag} {number}"), 2, &[&format!("--{flag}"), "1024"]);
    }
    // Who asks it for classes is told what it is.
    folder.refused("predict relu a.png", 2, &["relu is a T5", "cartwheel translate relu TEXT"]);
    folder.refused("translate relu a --beams 2 --temperature 0.5", 2, &["beams", "drawn"]);
    folder.refused("translate relu a --temperature 0", 2, &["temperature"]);
    folder.refused("translate relu a --top-p 1.5", 2, &["top_p"]);
    folder.write("long.txt", &"word ".repeat(300));
    folder.refused(
        "translate relu --file long.txt --json",
        2,
        &["tokens, and the model takes 512", "--max-input-tokens"],
    );
    folder.ok("translate relu --file long.txt --max-input-tokens 5000 --max-new-tokens 2");
    let weights = fs::read(folder.path("relu/model.safetensors")).unwrap();
    fs::write(folder.path("relu/model.safetensors"), &weights[..weights.len() / 2]).unwrap();
    folder.refused("translate relu a", 1, &["model.safetensors", "cut off"]);
    fs::remove_file(folder.path("relu/model.safetensors")).unwrap();
    folder.refused("translate relu a", 2, &["lacks model.safetensors or model.safetensors.index.json"]);
}

/// The model of a test with much wider feed-forward layers, whose weights, all 0, take no room on the disk. Answers their bytes.
fn wide(folder: &Folder) -> u64 {
    model(folder, "relu");
    const D_FF: usize = 1 << 18;
    let config = fs::read_to_string(folder.path("relu/config.json")).unwrap();
    let mut config: Value = serde_json::from_str(&config).unwrap();
    let old = config["d_ff"].as_u64().unwrap() as usize;
    config["d_ff"] = D_FF.into();
    folder.write("relu/config.json", &config.to_string());
    let weights = fs::read(folder.path("relu/model.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&weights).unwrap();
    let (mut header, mut end) = (serde_json::Map::new(), 0);
    for (name, tensor) in tensors.tensors() {
        let of_feed_forward = name.contains("DenseReluDense");
        let shape: Vec<usize> =
            tensor.shape().iter().map(|side| if of_feed_forward && *side == old { D_FF } else { *side }).collect();
        let begin = end;
        end += 4 * shape.iter().product::<usize>();
        header.insert(name, serde_json::json!({"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}));
    }
    let header = Value::Object(header).to_string();
    let mut file = fs::File::create(folder.path("relu/model.safetensors")).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(header.as_bytes()).unwrap();
    file.set_len(8 + header.len() as u64 + end as u64).unwrap();
    end as u64
}

/// Weights are rounded as they are read: all of them in f32 are never in memory.
#[cfg(target_os = "linux")]
#[test]
fn int8_takes_a_quarter_of_the_memory_from_the_beginning() {
    let folder = Folder::new();
    let bytes = wide(&folder);
    let peak = |precision: &str| {
        let line = format!("translate relu a --max-new-tokens 1 --threads 1 --precision {precision}");
        let mut running = folder.spawn(&line);
        let (status, mut peak) = (format!("/proc/{}/status", running.pid()), 0);
        running.until(|| {
            let status = fs::read_to_string(&status).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
            peak = peak.max(1024 * kib.unwrap_or(0));
            false
        });
        assert_eq!(running.wait().code, 0, "{line}");
        peak
    };
    let [f32, int8] = ["f32", "int8"].map(peak);
    assert!(f32 > bytes && f32 < bytes * 3 / 2 && int8 > bytes / 4 && int8 < bytes / 2, "{f32} and {int8} of {bytes}");
}

/// What no text has in it.
const END: &[u8] = b"\0";

/// On a terminal a text is written as it comes: told token by token, it is the same as told at once.
#[test]
fn a_terminal_sees_the_same_texts() {
    let folder = Folder::new();
    let expected = model(&folder, "relu");
    let (texts, translations) = (strings(&expected["texts"]), strings(&expected["translations"]));
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let terminal = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, rustix::fs::Mode::empty()).unwrap();
    // While somebody holds the terminal, what the command wrote last can be read after its end.
    let mut held = fs::File::from(terminal.try_clone().unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_cartwheel"));
    command.args(["translate", "relu", "--max-new-tokens", "24"]).args(&texts).current_dir(folder.path(""));
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::null()).stdout(terminal).spawn().unwrap();
    let ended = thread::spawn(move || {
        let status = child.wait().unwrap();
        held.write_all(END).unwrap();
        status
    });
    let mut seen = Vec::new();
    let (mut reader, mut bytes) = (fs::File::from(master), [0; 4096]);
    while !seen.ends_with(END) {
        let n = reader.read(&mut bytes).unwrap();
        seen.extend_from_slice(&bytes[..n]);
    }
    assert!(ended.join().unwrap().success());
    seen.truncate(seen.len() - END.len());
    let seen = String::from_utf8(seen).unwrap();
    assert_eq!(seen.lines().collect::<Vec<_>>(), translations);
}
