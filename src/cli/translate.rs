//! `cartwheel translate`

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal as _, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::agents::models::t5::{self, Generation, Sampling, SpecialTokens, Translation, Translator};
use crate::trainer::supervised::{FitSettings, model_folder};
use crate::trainer::translation::{bleu, chrf};
use serde_json::{Value, json};

use super::Result;
use super::output::{self, Failure, Output};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A run of `cartwheel fit t5`, or the folder of a T5: config.json, model.safetensors (or several with their index),
    /// tokenizer.json or spiece.model.
    model: PathBuf,
    /// The texts; without any, the lines of --file or of stdin.
    #[arg(conflicts_with = "file")]
    text: Vec<String>,
    /// A file with a text a line.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A file with the translations that are hoped for, a line each: tells BLEU and chrF at the end.
    #[arg(long, value_name = "FILE")]
    reference: Option<PathBuf>,
    /// What each text begins with, as "translate English to French: ": the task that the model was trained on. Of a run that is
    /// t5.prefix unless given.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["from", "to"])]
    prefix: Option<String>,
    /// The language of the texts, by its English name or as en, de, fr or ro; with --to it makes the prefix.
    #[arg(long, value_name = "LANGUAGE", requires = "to")]
    from: Option<String>,
    /// The language to translate to.
    #[arg(long, value_name = "LANGUAGE", requires = "from")]
    to: Option<String>,
    /// Beams that are followed; 1 takes the most likely token each time.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    beams: u16,
    /// Of beams: above 0 prefers long texts, below 0 short ones.
    #[arg(long, default_value_t = 1.0, value_name = "X", allow_negative_numbers = true)]
    length_penalty: f32,
    /// Draws tokens; below 1 likely ones become more likely. This, --top-k or --top-p turns drawing on.
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    temperature: Option<f32>,
    /// Draws from the K most likely tokens; 0 for all, 50 if tokens are drawn.
    #[arg(long, value_name = "K")]
    top_k: Option<usize>,
    /// Draws from the most likely tokens that together have this probability.
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    top_p: Option<f32>,
    /// The same seed draws the same texts.
    #[arg(long, default_value_t = 0, value_name = "S")]
    seed: u64,
    /// The most tokens of a translation.
    #[arg(long, default_value_t = 256, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_new_tokens: u32,
    /// The most tokens of a text; without, as many as the model was trained on.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_input_tokens: Option<u32>,
    /// Texts that are translated at once.
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    batch_size: u16,
    /// Numbers of the weights: f32 as they were learnt, or int8, which is quicker.
    #[arg(long, default_value = "f32", value_name = "f32|int8")]
    precision: Precision,
    /// Threads; 0 for one a core. Their number changes no translation.
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u16).range(..=1024))]
    threads: u16,
    /// Takes names such as <extra_id_0> and </s> in texts for the special tokens, and not as text.
    #[arg(long)]
    parse_special: bool,
}

/// The numbers of the weights.
#[derive(Clone, Copy, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum Precision {
    F32,
    Int8,
}

/// What a session came to.
#[derive(Default)]
struct Tally {
    translations: Vec<Value>,
    texts: Vec<String>,
    tokens: usize,
    time: Duration,
}

pub(crate) fn run(args: &Args, output: Output) -> Result {
    let settings = settings(args);
    settings.check()?;
    let names = if args.parse_special { SpecialTokens::Parsed } else { SpecialTokens::AsText };
    let (model, usual) = model(&args.model);
    let precision = match args.precision {
        Precision::F32 => t5::Precision::F32,
        Precision::Int8 => t5::Precision::Int8,
    };
    let mut translator = Translator::load(&model, names, precision, args.threads.into())?;
    if let Some(tokens) = args.max_input_tokens {
        translator.set_max_input_tokens(tokens as usize);
    }
    // People read along, so a text comes at once and token by token.
    let stream = !output.json && io::stdout().is_terminal();
    let batch_size = if stream { 1 } else { usize::from(args.batch_size) };
    let references = args.reference.as_deref().map(references).transpose()?;
    let (prefix, mut texts, mut tally) = (prefix(args, usual), texts(args)?, Tally::default());
    if let Some(references) = &references {
        // Told before hours are spent.
        texts = as_many(texts, references)?;
    }
    loop {
        let batch: Vec<String> = texts.by_ref().take(batch_size).collect::<std::result::Result<_, _>>()?;
        if batch.is_empty() {
            break;
        }
        if translate(&translator, &prefix, &batch, &settings, stream, output, &mut tally)?.is_break() {
            break;
        }
    }
    let seconds = tally.time.as_secs_f64();
    let rate = tally.tokens as f64 / seconds.max(1e-9);
    let threads = translator.threads();
    let _ = writeln!(
        io::stderr(),
        "{} tokens in {seconds:.2} s, {rate:.0} tokens/s with {threads} thread{}",
        tally.tokens,
        if threads == 1 { "" } else { "s" }
    );
    // A reader that went away has not seen all of them.
    let references = references.filter(|references| references.len() == tally.texts.len());
    let scores = references.map(|references| (bleu(&tally.texts, &references), chrf(&tally.texts, &references)));
    if let Some((bleu, chrf)) = &scores {
        let [one, two, three, four] = bleu.precisions;
        let _ = writeln!(
            io::stderr(),
            "BLEU {:.2} ({one:.1}/{two:.1}/{three:.1}/{four:.1}, brevity {:.3}), chrF2 {chrf:.2}",
            bleu.score,
            bleu.brevity_penalty
        );
    }
    if output.json {
        let mut value = json!({
            "model": args.model.display().to_string(), "prefix": prefix, "translations": tally.translations, "tokens": tally.tokens,
            "seconds": seconds, "tokens_per_second": rate, "threads": threads, "precision": args.precision,
        });
        if let Some((bleu, chrf)) = scores {
            value["bleu"] = json!(bleu.score);
            value["chrf"] = json!(chrf);
        }
        output.print(&value, String::new);
    }
    Ok(ExitCode::SUCCESS)
}

/// The lines of the file of references.
fn references(file: &Path) -> std::result::Result<Vec<String>, Failure> {
    open(file)?.collect()
}

/// The texts, all of them read, if they are as many as the references.
fn as_many<'a>(texts: Texts<'a>, references: &[String]) -> std::result::Result<Texts<'a>, Failure> {
    let texts: Vec<String> = texts.collect::<std::result::Result<_, _>>()?;
    if texts.len() != references.len() {
        return Err(Failure::usage(format!(
            "there are {} texts, and the references are {} lines: give a line for each text",
            texts.len(),
            references.len()
        )));
    }
    Ok(Box::new(texts.into_iter().map(Ok)))
}

/// Translates a batch and tells of it, or breaks where nobody reads on. A text of nothing but white space stays empty, so that lines stay beside each other.
fn translate(
    translator: &Translator,
    prefix: &str,
    batch: &[String],
    settings: &Generation,
    stream: bool,
    output: Output,
    tally: &mut Tally,
) -> std::result::Result<ControlFlow<()>, Failure> {
    let written: Vec<&String> = batch.iter().filter(|text| !text.trim().is_empty()).collect();
    let tokens = written.iter().map(|text| translator.tokens(&format!("{prefix}{text}")));
    let tokens: Vec<_> = tokens.collect::<std::result::Result<_, _>>()?;
    let start = Instant::now();
    let mut told = false;
    let found = translator.translate(&tokens, settings, &mut |_, grown| {
        if stream {
            told = true;
            let _ = write!(io::stdout(), "{grown}").and_then(|()| io::stdout().flush());
        }
    })?;
    tally.time += start.elapsed();
    let mut found = found.into_iter();
    for source in batch {
        let translation = if source.trim().is_empty() { None } else { found.next() };
        let text = translation.as_ref().map_or("", |translation| &translation.text);
        tally.tokens += translation.as_ref().map_or(0, |translation| translation.generated.tokens.len());
        tally.texts.push(text.to_string());
        if output.json {
            tally.translations.push(document(source, translation.as_ref()));
        } else if output::line(if told { "" } else { text }).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn document(source: &str, translation: Option<&Translation>) -> Value {
    let count = |count: Option<usize>| count.unwrap_or(0);
    json!({
        "source": source,
        "text": translation.map_or("", |translation| &translation.text),
        "input_tokens": count(translation.map(|translation| translation.input.len())),
        "input_ids": translation.map_or(&[][..], |translation| &translation.input),
        "output_tokens": count(translation.map(|translation| translation.generated.tokens.len())),
        "tokens": translation.map_or(&[][..], |translation| &translation.generated.tokens),
        "score": translation.and_then(|translation| translation.generated.score),
    })
}

fn settings(args: &Args) -> Generation {
    let drawn = args.temperature.is_some() || args.top_k.is_some() || args.top_p.is_some();
    let usual = Sampling::default();
    let sampling = drawn.then(|| Sampling {
        temperature: args.temperature.unwrap_or(usual.temperature),
        top_k: args.top_k.unwrap_or(usual.top_k),
        top_p: args.top_p.unwrap_or(usual.top_p),
        seed: args.seed,
    });
    Generation {
        max_new_tokens: args.max_new_tokens as usize,
        num_beams: usize::from(args.beams),
        length_penalty: args.length_penalty,
        sampling,
    }
}

/// The folder of the model that was asked for, and what its texts begin with unless told otherwise: of a run of `cartwheel fit`
/// what it was trained with.
fn model(path: &Path) -> (PathBuf, String) {
    let folder = model_folder(path);
    if path.join("config.json").exists() || !folder.join("config.json").exists() {
        return (path.to_path_buf(), String::new());
    }
    let prefix = FitSettings::from_file(&path.join("config.toml")).map_or(String::new(), |settings| settings.t5.prefix);
    (folder, prefix)
}

/// What each text begins with, `usual` if nothing is said of it.
fn prefix(args: &Args, usual: String) -> String {
    match (&args.from, &args.to) {
        (Some(from), Some(to)) => format!("translate {} to {}: ", language(from), language(to)),
        _ => args.prefix.clone().unwrap_or(usual),
    }
}

/// A language as T5's prefixes have it.
fn language(name: &str) -> &str {
    match name {
        "en" => "English",
        "de" => "German",
        "fr" => "French",
        "ro" => "Romanian",
        other => other,
    }
}

type Texts<'a> = Box<dyn Iterator<Item = std::result::Result<String, Failure>> + 'a>;

/// The texts one after the other, read as they are needed.
fn texts(args: &Args) -> std::result::Result<Texts<'_>, Failure> {
    if !args.text.is_empty() {
        return Ok(Box::new(args.text.iter().cloned().map(Ok)));
    }
    match &args.file {
        Some(file) => open(file),
        None => Ok(Box::new(lines(io::stdin().lock(), Path::new("stdin").to_path_buf()))),
    }
}

/// The lines of a file.
fn open<'a>(file: &Path) -> std::result::Result<Texts<'a>, Failure> {
    let open = File::open(file).map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())))?;
    Ok(Box::new(lines(BufReader::new(open), file.to_path_buf())))
}

/// The lines of `reader`, which is called `name`.
fn lines(mut reader: impl BufRead, name: PathBuf) -> impl Iterator<Item = std::result::Result<String, Failure>> {
    let mut number = 0;
    std::iter::from_fn(move || {
        let mut line = Vec::new();
        number += 1;
        match reader.read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => {
                while line.last().is_some_and(|byte| b"\r\n".contains(byte)) {
                    line.pop();
                }
                Some(String::from_utf8(line).map_err(|error| {
                    let at = error.utf8_error().valid_up_to() + 1;
                    Failure::failed(format!(
                        "{}: line {number} is not UTF-8 (byte {at}): convert it, for example with iconv",
                        name.display()
                    ))
                }))
            }
            Err(error) => Some(Err(Failure::failed(format!("cannot read {}: {error}", name.display())))),
        }
    })
}
