//! Fitting a T5 to pairs of texts.

use std::collections::HashMap;
use std::path::Path;

use cartwheel_agents::models::Cost;
use cartwheel_agents::models::t5::{
    Generation, Judged, Lesson, SpecialTokens, T5, T5Config, T5Error, T5Network, TokenPair, Tokenizer, learn_tokenizer,
};
use cartwheel_agents::nn::{DeviceError, Gradients, Parameters, Place, ops};
use cartwheel_envs::Generator;

use super::config::T5FitConfig;
use super::export::t5_folder;
use super::memory::check_memory;
use super::profile::timed;
use super::report::{Report, TranslationReport, TranslationSample};
use super::samples::{Answer, Given, Sample as Shown, spread};
use super::settings::FitSettings;
use super::task::{ExtraFile, Part, Purpose, Tally, Task};
use crate::TrainError;
use crate::data::parallel_text::{ParallelText, TextError, TextFile, TextPair};
use crate::translation::{bleu, chrf};

/// Texts that are written at once.
const AT_ONCE: usize = 32;
/// The most texts that are written for BLEU and chrF.
const WRITTEN: usize = 1000;
/// Of those, how many are shown.
const SHOWN: usize = 8;
/// The purposes of streams of random numbers, in the keys of their generators.
const WEIGHTS: u64 = 0x7435_7765;
const DROPOUT: u64 = 0x7435_6472;
/// Files of a model's folder beside its weights and its configuration.
const TOKENIZER_FILES: [&str; 4] =
    ["tokenizer.json", "spiece.model", "tokenizer_config.json", "special_tokens_map.json"];

/// A pair, as text and as tokens.
#[derive(Clone, Debug)]
struct Sample {
    text: TextPair,
    tokens: TokenPair,
}

/// A T5 with its texts.
pub(crate) struct Texts {
    network: T5Network,
    place: Place,
    tokenizer: Tokenizer,
    extra_files: Vec<ExtraFile>,
    label_smoothing: f64,
    /// Pairs of a batch that is only looked at.
    looked_at: usize,
    dropout: f64,
    seed: u64,
    most_written: usize,
    bleu_every: u64,
    train: Vec<Sample>,
    validation: Vec<Sample>,
    test: Vec<Sample>,
    /// Tokens of the longest source and target.
    longest: [usize; 2],
}

impl Texts {
    /// The model and the data that `settings` say. `before` is where an earlier part of the run left model and tokenizer.
    ///
    /// # Errors
    /// If texts or model cannot be read, do not fit each other, or are too few to be split, or if the model has no room.
    pub(crate) fn new(settings: &FitSettings, before: Option<&Path>, purpose: Purpose) -> Result<Self, TrainError> {
        let t5 = &settings.t5;
        let text = ParallelText::read(Path::new(&settings.data.dir))?;
        // A model of the run itself is as it was when the run began, wherever it came from.
        let from = before.map(Path::to_path_buf).filter(|folder| folder.join("model.safetensors").exists());
        let init = || t5.init.as_ref().map(|init| t5_folder(Path::new(init)));
        let (there, config, tokenizer, extra_files) = match from.or_else(init) {
            Some(folder) => {
                let (network, tokenizer, extra_files) = load(&folder)?;
                let config = network.config().clone();
                if before.is_none() {
                    check_sizes(t5, &config, &folder)?;
                }
                (Some(network), config, tokenizer, extra_files)
            }
            None => {
                let (config, tokenizer, extra_files) = begin(t5, &text.train.pairs)?;
                (None, config, tokenizer, extra_files)
            }
        };
        let mut longest = [0; 2];
        let mut samples = |file: &TextFile| encode(file, t5, &tokenizer, &config, &mut longest);
        let mut train = samples(&text.train)?;
        let validation = match &text.validation {
            Some(file) => samples(file)?,
            None => {
                let kept = (train.len() as f64 * settings.data.validation_split) as usize;
                settings.check_split("pairs", train.len() - kept, kept)?;
                train.split_off(train.len() - kept)
            }
        };
        let test = text.test.as_ref().map(samples).transpose()?.unwrap_or_default();
        check_memory(settings, purpose, &config.cost("t5", longest[0], longest[1]), train.len())?;
        let mut rng = Generator::from_entropy(&[settings.fit.seed, WEIGHTS]);
        let network = there.map_or_else(|| T5Network::new(config, &mut rng).map_err(unfit), Ok)?;
        Ok(Self {
            label_smoothing: settings.fit.label_smoothing,
            looked_at: settings.fit.looked_at(),
            dropout: t5.dropout_rate.unwrap_or(network.config().dropout_rate),
            seed: settings.fit.seed,
            most_written: t5.max_target_tokens,
            bleu_every: t5.bleu_every,
            network,
            place: purpose.place(settings)?,
            tokenizer,
            extra_files,
            train,
            validation,
            test,
            longest,
        })
    }

    fn part(&self, part: Part) -> &[Sample] {
        match part {
            Part::Train => &self.train,
            Part::Validation => &self.validation,
            Part::Test => &self.test,
        }
    }

    /// What is written for the first texts of a part.
    fn written(&self, part: Part) -> Result<Vec<String>, DeviceError> {
        self.write(&self.part(part).iter().take(WRITTEN).collect::<Vec<_>>())
    }

    /// What is written for these.
    fn write(&self, samples: &[&Sample]) -> Result<Vec<String>, DeviceError> {
        let failed = |error: T5Error| DeviceError::of(&error);
        let model = T5::new(self.network.config().clone(), self.network.parameters().clone());
        let model = model.map_err(|reason| failed(T5Error::Settings(reason)))?;
        let settings = Generation { max_new_tokens: self.most_written, ..Generation::default() };
        let mut texts = Vec::new();
        for batch in samples.chunks(AT_ONCE) {
            let sources: Vec<&[u32]> = batch.iter().map(|sample| sample.tokens.source.as_slice()).collect();
            for written in model.generate(&sources, &settings, &mut |_, _| {}).map_err(failed)? {
                texts.push(self.tokenizer.decode(&written.tokens).map_err(failed)?);
            }
        }
        Ok(texts)
    }
}

/// The model in `folder` with its tokenizer, and what of it stays as it is.
fn load(folder: &Path) -> Result<(T5Network, Tokenizer, Vec<ExtraFile>), TrainError> {
    if !folder.join("config.json").exists() {
        let missing = vec!["config.json".to_owned()];
        return Err(T5Error::MissingFiles { folder: folder.into(), missing, hint: "" }.into());
    }
    let network = T5Network::load(folder)?;
    let tokenizer = Tokenizer::load(folder, SpecialTokens::AsText)?;
    let read = |name: &str| {
        let file = folder.join(name);
        std::fs::read(&file).map_err(|source| T5Error::Read { file, source })
    };
    let config = String::from_utf8_lossy(&read("config.json")?).into_owned();
    let mut extra_files = vec![ExtraFile { name: "config.json", bytes: in_f32(&config).into_bytes() }];
    for name in TOKENIZER_FILES {
        if folder.join(name).exists() {
            extra_files.push(ExtraFile { name, bytes: read(name)? });
        }
    }
    Ok((network, tokenizer, extra_files))
}

/// The same `config.json`, of weights that are f32.
fn in_f32(config: &str) -> String {
    let Ok(mut json) = serde_json::from_str::<serde_json::Value>(config) else { return config.into() };
    for name in ["dtype", "torch_dtype"] {
        if json.get(name).is_some() {
            json[name] = "float32".into();
        }
    }
    serde_json::to_string_pretty(&json).unwrap_or_else(|_| config.into())
}

impl T5FitConfig {
    /// A new model of these sizes, with a tokenizer of `vocab_size` tokens.
    pub fn new_model(&self, vocab_size: usize) -> T5Config {
        T5Config {
            vocab_size,
            d_model: self.d_model,
            d_kv: self.d_kv,
            d_ff: self.d_ff,
            num_layers: self.num_layers,
            num_heads: self.num_heads,
            feed_forward_proj: self.feed_forward_proj.to_string(),
            tie_word_embeddings: Some(true),
            dropout_rate: self.dropout_rate.unwrap_or(0.1),
            n_positions: Some(self.max_source_tokens),
            ..T5Config::default()
        }
    }
}

/// Refuses what was set of a new model beside `config`, that of the one in `folder` which training begins with.
fn check_sizes(t5: &T5FitConfig, config: &T5Config, folder: &Path) -> Result<(), TrainError> {
    let usual = T5FitConfig::default();
    let sizes = [
        ("vocab_size", t5.vocab_size, usual.vocab_size, config.vocab_size),
        ("d_model", t5.d_model, usual.d_model, config.d_model),
        ("d_kv", t5.d_kv, usual.d_kv, config.d_kv),
        ("d_ff", t5.d_ff, usual.d_ff, config.d_ff),
        ("num_layers", t5.num_layers, usual.num_layers, config.num_layers),
        ("num_heads", t5.num_heads, usual.num_heads, config.num_heads),
    ];
    let refused = |key: &str, set: &str, own: &str| {
        let folder = folder.display();
        Err(TrainError::Unfit(format!(
            "t5.{key} = {set} is of a new model, and t5.init: {folder} is one of {own}: leave t5.{key} out"
        )))
    };
    if let Some((key, set, _, own)) = sizes.into_iter().find(|(_, set, usual, own)| set != usual && set != own) {
        return refused(key, &set.to_string(), &own.to_string());
    }
    let (set, own) = (t5.feed_forward_proj, &config.feed_forward_proj);
    match set != usual.feed_forward_proj && set.to_string() != *own {
        true => refused("feed_forward_proj", &format!("\"{set}\""), &format!("\"{own}\"")),
        false => Ok(()),
    }
}

/// A new model that cannot be as it is set.
fn unfit(reason: String) -> TrainError {
    TrainError::Unfit(format!("the new T5: {reason}"))
}

/// What a new model of the sizes that are set is, with a tokenizer of the texts to learn from.
fn begin(t5: &T5FitConfig, pairs: &[TextPair]) -> Result<(T5Config, Tokenizer, Vec<ExtraFile>), TrainError> {
    let texts = pairs.iter().flat_map(|pair| [pair.source.as_str(), pair.target.as_str()]).chain([t5.prefix.as_str()]);
    let bytes = learn_tokenizer(texts, t5.vocab_size);
    let tokenizer = Tokenizer::from_json(&bytes, SpecialTokens::AsText).map_err(unfit)?;
    let config = T5Config::parse(&t5.new_model(tokenizer.vocab_size()).to_json()).map_err(unfit)?;
    let of_tokenizer = serde_json::json!({
        "tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>",
        "model_max_length": t5.max_source_tokens, "clean_up_tokenization_spaces": false,
    });
    let extra_files = vec![
        ExtraFile { name: "config.json", bytes: config.to_json().into_bytes() },
        ExtraFile { name: "tokenizer.json", bytes },
        ExtraFile { name: "tokenizer_config.json", bytes: of_tokenizer.to_string().into_bytes() },
    ];
    Ok((config, tokenizer, extra_files))
}

/// The tokens of a file's pairs.
fn encode(
    file: &TextFile,
    t5: &T5FitConfig,
    tokenizer: &Tokenizer,
    config: &T5Config,
    longest: &mut [usize; 2],
) -> Result<Vec<Sample>, TrainError> {
    let sample = |pair: &TextPair| -> Result<Sample, TrainError> {
        let source = tokenizer.encode(&format!("{}{}", t5.prefix, pair.source))?;
        let target = tokenizer.encode(&pair.target)?;
        let limits = [("source", t5.max_source_tokens), ("target", t5.max_target_tokens)];
        for (((name, limit), tokens), longest) in limits.into_iter().zip([&source, &target]).zip(longest.iter_mut()) {
            if tokens.len() > limit {
                return Err(TrainError::Texts(TextError::Line {
                    file: file.file.clone(),
                    line: pair.line,
                    problem: format!(
                        "its {name} has {} tokens, and t5.max_{name}_tokens is {limit}: shorten it, or raise the limit",
                        tokens.len()
                    ),
                }));
            }
            if let Some(token) = tokens.iter().copied().find(|token| *token as usize >= config.vocab_size) {
                return Err(T5Error::Token { token, vocab_size: config.vocab_size }.into());
            }
            *longest = (*longest).max(tokens.len());
        }
        Ok(Sample { text: pair.clone(), tokens: TokenPair { source, target } })
    };
    file.pairs.iter().map(sample).collect()
}

/// A text with a space wherever there is white space.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The pairs at `indices`.
fn chosen<'s>(samples: &'s [Sample], indices: &[usize]) -> Vec<&'s TokenPair> {
    indices.iter().map(|index| &samples[*index].tokens).collect()
}

impl Task for Texts {
    fn parameters(&self) -> &Parameters {
        self.network.parameters()
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        self.network.parameters_mut()
    }

    fn score(&self) -> &'static str {
        "exact_match"
    }

    fn samples(&self, part: Part) -> usize {
        self.part(part).len()
    }

    fn divisor(&self, indices: &[usize]) -> f64 {
        chosen(&self.train, indices).iter().map(|pair| pair.counted()).sum::<usize>() as f64
    }

    fn identify(&self, see: &mut dyn FnMut(&[u8])) {
        for part in [&self.train, &self.validation, &self.test] {
            see(&part.len().to_le_bytes());
            for TextPair { source, target, .. } in part.iter().map(|sample| &sample.text) {
                [source, target].iter().for_each(|text| see(text.as_bytes()));
                see(b"\n");
            }
        }
    }

    fn learn(
        &mut self,
        epoch: u64,
        batches: &[Vec<usize>],
        divisor: f64,
        gradients: &mut Gradients,
    ) -> Result<Tally, TrainError> {
        let mut tally = Tally::default();
        for indices in batches {
            let keys = indices.iter().map(|index| ops::key(&[self.seed, DROPOUT, epoch, *index as u64])).collect();
            let lesson = Lesson { label_smoothing: self.label_smoothing, divisor, dropout: Some((self.dropout, keys)) };
            let pairs = chosen(&self.train, indices);
            let _timed = timed("forward and backward");
            let learnt = match &self.place {
                Place::Processor => self.network.learn(&pairs, &lesson, gradients)?,
                #[cfg(feature = "cuda")]
                Place::Gpu(gpu) => gpu.attempt(|| self.network.learn_on(gpu, &pairs, &lesson, gradients))?,
            };
            let (samples, weight) = (indices.len() as u64, learnt.tokens as f64);
            tally.add(Tally { samples, weight, loss: learnt.loss, correct: learnt.exact as f64 });
        }
        Ok(tally)
    }

    fn evaluate(&mut self, part: Part) -> Result<Tally, TrainError> {
        let mut tally = Tally::default();
        for batch in self.part(part).chunks(self.looked_at) {
            let pairs: Vec<&TokenPair> = batch.iter().map(|sample| &sample.tokens).collect();
            let judged = match &self.place {
                Place::Processor => self.network.judge(&pairs)?,
                #[cfg(feature = "cuda")]
                Place::Gpu(gpu) => gpu.attempt(|| self.network.judge_on(gpu, &pairs))?,
            };
            for Judged { loss, tokens, exact } in judged {
                tally.add(Tally { samples: 1, weight: tokens as f64, loss, correct: f64::from(u8::from(exact)) });
            }
        }
        Ok(tally)
    }

    fn measure(&mut self, epoch: u64) -> Result<Vec<(&'static str, f64)>, TrainError> {
        if self.bleu_every == 0 || !epoch.is_multiple_of(self.bleu_every) {
            return Ok(Vec::new());
        }
        let written = self.written(Part::Validation)?;
        let references: Vec<&str> = self.validation.iter().map(|sample| sample.text.target.as_str()).collect();
        Ok(vec![("val/bleu", bleu(&written, &references).score), ("val/chrf", chrf(&written, &references))])
    }

    fn show(&mut self, part: Part) -> Result<Vec<(Shown, Vec<Answer>)>, TrainError> {
        let of = self.part(part);
        let samples: Vec<&Sample> = spread(of.len(), SHOWN).into_iter().map(|at| &of[at]).collect();
        let written = self.write(&samples)?;
        let shown = samples.iter().zip(written).map(|(Sample { text, .. }, written)| {
            let sample = Shown { given: Given::Text(text.source.clone()), expected: text.target.clone() };
            (sample, vec![Answer { text: written, score: None }])
        });
        Ok(shown.collect())
    }

    fn report(&mut self, part: Part) -> Result<Report, TrainError> {
        let tally = self.evaluate(part)?;
        let written = self.written(part)?;
        let samples = &self.part(part)[..written.len()];
        let references: Vec<&str> = samples.iter().map(|sample| sample.text.target.as_str()).collect();
        let right = written.iter().zip(&references).filter(|(written, target)| words(written) == words(target)).count();
        let shown = written.iter().zip(samples).take(SHOWN).map(|(written, sample)| TranslationSample {
            source: sample.text.source.clone(),
            reference: sample.text.target.clone(),
            translation: written.clone(),
        });
        Ok(Report::Translation(TranslationReport {
            part: part.name().into(),
            loss: tally.mean_loss(),
            texts: written.len() as u64,
            exact_match: right as f64 / written.len().max(1) as f64,
            bleu: bleu(&written, &references).score,
            chrf: chrf(&written, &references),
            samples: shown.collect(),
        }))
    }

    fn not_finite(&self, _epoch: u64, indices: &[usize]) -> Result<Option<String>, TrainError> {
        Ok(self.network.not_finite(&chosen(&self.train, indices))?)
    }

    fn metadata(&self) -> HashMap<String, String> {
        // What transformers asks of a file.
        HashMap::from([("format".to_owned(), "pt".to_owned())])
    }

    fn extra_files(&self) -> &[ExtraFile] {
        &self.extra_files
    }

    fn cost(&self) -> Cost {
        let [source, target] = self.longest;
        self.network.config().cost("t5", source, target)
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::ModelName;
    use super::*;

    /// Texts of a new model, to learn and to validate the same ones.
    fn texts(purpose: Purpose, settings: &[&str]) -> Result<Texts, TrainError> {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["train.tsv", "validation.tsv"] {
            std::fs::write(folder.path().join(name), "a b\tb\nc d\td c b a d c b a d c\n").expect("written");
        }
        let mut fit = FitSettings::of(ModelName::T5);
        fit.data.dir = folder.path().display().to_string();
        for setting in ["t5.d_model=8", "t5.d_kv=4", "t5.d_ff=8", "t5.num_layers=1", "t5.num_heads=2"] {
            fit.set(setting).expect("a setting");
        }
        settings.iter().for_each(|setting| fit.set(setting).expect("a setting"));
        Texts::new(&fit, None, purpose)
    }

    /// Each token counts as much as any other, in training too, whatever the batches are.
    #[test]
    fn losses_are_means_over_tokens() {
        let mut texts = texts(Purpose::LEARNING, &["t5.dropout_rate=0.0"]).expect("they are sound");
        let (mut tally, mut gradients) = (Tally::default(), Gradients::new(texts.parameters()));
        for index in [0, 1] {
            tally.add(texts.learn(0, &[vec![index]], 1.0, &mut gradients).expect("works"));
        }
        let expected = texts.evaluate(Part::Validation).expect("works");
        assert_eq!((tally.samples, tally.weight), (expected.samples, expected.weight));
        assert!((tally.mean_loss() - expected.mean_loss()).abs() < 1e-5, "{tally:?} {expected:?}");
        assert!(tally.weight > 4.0, "{tally:?}");
    }

    #[test]
    fn sizes_of_a_new_model_beside_another_are_refused() {
        let mut settings = FitSettings::of(ModelName::T5);
        let own = T5Config::named("t5-small").expect("it is known");
        let mut told = |setting: &str| {
            settings.t5 = T5FitConfig::default();
            settings.set(setting).expect("a setting");
            check_sizes(&settings.t5, &own, Path::new("t5-small")).map_err(|error| error.to_string())
        };
        assert_eq!(told("t5.max_source_tokens=64"), Ok(()));
        // Its own.
        assert_eq!(told("t5.d_model=512"), Ok(()));
        let refused = told("t5.d_model=64").expect_err("it has 512");
        assert!(
            refused.contains("t5.d_model = 64") && refused.contains("one of 512: leave t5.d_model out"),
            "{refused}"
        );
        let refused = told("t5.feed_forward_proj=gated-gelu").expect_err("it has relu");
        assert!(refused.contains("\"gated-gelu\"") && refused.contains("\"relu\""), "{refused}");
    }

    #[test]
    fn a_model_without_room_is_told_before_it_is_made() {
        let huge = ["t5.d_model=65536", "t5.d_ff=1048576", "t5.num_layers=4096", "t5.num_heads=16384"];
        let told = texts(Purpose::LEARNING, &huge).err().expect("refused").to_string();
        assert!(told.contains("training t5 takes") && told.contains("too large"), "{told}");
    }

    /// A run's device is no matter to those who judge it elsewhere.
    #[cfg(not(feature = "cuda"))]
    #[test]
    fn what_learnt_on_a_gpu_is_judged_without() {
        assert!(texts(Purpose::LEARNING, &["fit.device=cuda"]).is_err());
        let mut texts = texts(Purpose::Judging, &["fit.device=cuda"]).expect("the processor is there");
        assert!(texts.report(Part::Validation).is_ok());
    }
}
