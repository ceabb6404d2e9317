//! Classifying images: MNIST's files, or folders of images.
//!
//! | file | holds |
//! |---|---|
//! | `pictures`, `grey` | where images come from: folders, or MNIST's files |
//! | `class_weight` | classes of unequal size that count alike |
//! | `confusion` | what was taken for what |
//! | `transfer` | the weights of another model that a classifier begins with |

pub(crate) mod class_weight;
pub(crate) mod confusion;
pub(crate) mod grey;
pub(crate) mod pictures;
pub(crate) mod transfer;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use cartwheel_agents::models::mlp::{Init, MlpClassifier};
use cartwheel_agents::models::resnet::{ResNet, ResNetConfig};
use cartwheel_agents::models::{Classifier, Cost, Piece, Ranks};
use cartwheel_agents::nn::ops::softmax;
use cartwheel_agents::nn::{Gradients, Parameters};
use cartwheel_envs::Generator;

use crate::data::image::one_hot;
use crate::supervised::config::{MixConfig, MlpInit, ModelName, Precision};
use crate::supervised::loaded::saved::Header;
use crate::supervised::memory::check_memory;
use crate::supervised::parallel::Group;
use crate::supervised::profile::timed;
use crate::supervised::report::Report;
use crate::supervised::samples::{Answer, Given, Sample, spread};
use crate::supervised::settings::FitSettings;
use crate::supervised::staged::{Answers, Lesson, Loss, Staged};
use crate::supervised::task::{Part, Purpose, Tally, Task};
use crate::{Provenance, TrainError};
use confusion::{Counts, likeliest, loss};
use pictures::{About, Pictures, mix};
use transfer::OtherModel;

/// The purpose of the stream that weights are drawn from, in the key of its generator.
pub(crate) const WEIGHTS: u64 = 0x7765_6967;

/// Images that are shown, and how many of the likeliest classes of each.
const SHOWN: usize = 16;
const LIKELIEST: usize = 3;

/// A classifier with its images.
pub(crate) struct Classification {
    model: Staged,
    header: Header,
    label_smoothing: f64,
    /// How much each class counts in training, if not all alike.
    class_weight: Option<Vec<f32>>,
    mix: MixConfig,
    seed: u64,
    pictures: Pictures,
    /// Files that gave no image, and why.
    skipped: BTreeSet<String>,
    /// What it began with, in words, if not with weights of its own.
    begun: Option<String>,
}

impl Classification {
    /// The model and the data that `settings` say; of the model's layers some are products of two.
    ///
    /// # Errors
    /// If the data cannot be read, or is too little to be split.
    pub(crate) fn new(settings: &FitSettings, ranks: Ranks, purpose: Purpose) -> Result<Self, TrainError> {
        let (pictures, About { size, channels, labels, preprocessing }) = Pictures::open(settings)?;
        let class_weight = match &settings.fit.class_weight {
            Some(weight) => {
                let mut counts = vec![0; labels.len()];
                (0..pictures.len(Part::Train)).for_each(|index| counts[pictures.class(index)] += 1);
                Some(weight.weights(&labels, &counts)?)
            }
            None => None,
        };
        let (mut rng, name) = (Generator::from_entropy(&[settings.fit.seed, WEIGHTS]), settings.fit.model.to_string());
        let is_mlp = settings.fit.model == ModelName::Mlp;
        let room = |cost| check_memory(settings, purpose, &cost, pictures.len(Part::Train));
        let mut model: Box<dyn Classifier> = match ResNetConfig::named(&name, channels, labels.len()) {
            Some(config) => {
                let model = ResNet::new(ResNetConfig { ranks: ranks.clone(), ..config }, size, &mut rng);
                room(model.layers_cost())?;
                Box::new(model)
            }
            None => {
                let (inputs, hidden) = (size[0] * size[1] * channels, &settings.mlp.net_arch);
                room(MlpClassifier::cost_of(inputs, hidden, labels.len(), &ranks))?;
                // Weights that training begins with take the place of those that are drawn.
                let init = if let MlpInit::Drawn(init) = settings.mlp.init { init } else { Init::Torch };
                Box::new(MlpClassifier::new(inputs, hidden, labels.len(), &ranks, init, &mut rng))
            }
        };
        if settings.fit.precision == Precision::F16O2 {
            model.learn_in_half();
        }
        model.move_to(settings.fit.device.open()?);
        let net_arch = if is_mlp { settings.mlp.net_arch.clone() } else { Vec::new() };
        Ok(Self {
            model: Staged::whole(model),
            header: Header {
                model: name,
                size,
                net_arch,
                ranks,
                labels,
                preprocessing,
                provenance: Provenance::default(),
            },
            label_smoothing: settings.fit.label_smoothing,
            class_weight,
            mix: settings.mix.clone(),
            seed: settings.fit.seed,
            pictures,
            skipped: BTreeSet::new(),
            begun: None,
        })
    }

    /// Begins with the weights of another model of its kind.
    ///
    /// # Errors
    /// If they do not fit it; nothing is changed then.
    pub(crate) fn begin_with(&mut self, other: &OtherModel) -> Result<(), TrainError> {
        self.begun = Some(other.load_into(self.model.network.as_mut(), &self.header)?);
        Ok(())
    }

    /// What the sum of the losses of training samples of these classes is divided by for their mean: see [`ClassWeight`].
    ///
    /// [`ClassWeight`]: crate::supervised::ClassWeight
    fn counted(&self, classes: impl ExactSizeIterator<Item = usize>) -> f64 {
        match &self.class_weight {
            Some(weights) if !self.mix.mixes() => classes.map(|class| f64::from(weights[class])).sum(),
            _ => classes.len() as f64,
        }
    }

    /// What is known of the weights of classes, in words.
    fn weighs(&self) -> Option<String> {
        let weights = self.class_weight.as_ref()?.iter().zip(&self.header.labels);
        let [least, most] =
            [weights.clone().min_by(|a, b| a.0.total_cmp(b.0))?, weights.max_by(|a, b| a.0.total_cmp(b.0))?];
        let told = |(weight, label): (&f32, &String)| format!("{weight:.3} ({label})");
        Some(format!("classes count from {} to {} in training, and alike in validation", told(least), told(most)))
    }

    /// Shows the class and the logits of each sample of a part, at the first stage.
    fn look(&mut self, part: Part, see: &mut dyn FnMut(usize, &[f32])) -> Result<(), TrainError> {
        if !self.model.is_first() {
            return self.model.serve();
        }
        let (model, classes, skipped) = (&self.model, self.model.network.classes(), &mut self.skipped);
        self.pictures.each(part, &mut |batch| {
            tell_of_new(skipped, batch.skipped);
            let logits = model.logits(batch.x)?;
            for (class, logits) in batch.classes.iter().zip(logits.chunks_exact(classes)) {
                see(*class as usize, logits);
            }
            Ok(())
        })?;
        self.model.asked()
    }
}

/// Warns of each file once, and not in each epoch.
fn tell_of_new(known: &mut BTreeSet<String>, skipped: Vec<String>) {
    for file in skipped {
        if !known.contains(&file) {
            tracing::warn!("skipped: {file}");
            known.insert(file);
        }
    }
}

/// The likeliest classes with their probabilities.
fn answers(logits: &[f32], labels: &[String]) -> Vec<Answer> {
    let mut probabilities = logits.to_vec();
    softmax(&mut probabilities);
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|a, b| probabilities[*b].total_cmp(&probabilities[*a]));
    let answer = |class: usize| Answer { text: labels[class].clone(), score: Some(probabilities[class]) };
    order.into_iter().take(LIKELIEST).map(answer).collect()
}

impl Task for Classification {
    fn parameters(&self) -> &Parameters {
        self.model.network.parameters()
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        self.model.network.parameters_mut()
    }

    fn notices(&self) -> Vec<String> {
        let ignored = self.header.model != "mlp" && self.header.preprocessing.is_none();
        let notice = "images of MNIST's format keep their size, and are mirrored or moved where [augment] is told to alone: [images] is for \
            folders of pictures";
        ignored.then(|| notice.to_owned()).into_iter().chain(self.begun.clone()).chain(self.weighs()).collect()
    }

    fn samples(&self, part: Part) -> usize {
        self.pictures.len(part)
    }

    fn identify(&self, see: &mut dyn FnMut(&[u8])) {
        self.header.labels.iter().for_each(|label| see(label.as_bytes()));
        self.pictures.identify(see);
    }

    fn divisor(&self, indices: &[usize]) -> f64 {
        self.counted(indices.iter().map(|index| self.pictures.class(*index)))
    }

    fn expect(&mut self, epoch: u64, order: Vec<usize>) {
        if self.model.is_first() {
            self.pictures.expect(epoch, order);
        }
    }

    fn learn(
        &mut self,
        epoch: u64,
        batches: &[Vec<usize>],
        divisor: f64,
        gradients: &mut Gradients,
    ) -> Result<Tally, TrainError> {
        let classes = self.model.network.classes();
        let weighs_classes = self.class_weight.is_some();
        let (pictures, skipped) = (&mut self.pictures, &mut self.skipped);
        let mut of_batches = Vec::with_capacity(batches.len());
        let next = |at: usize| {
            let _timed = timed("samples");
            let indices = &batches[at];
            let mut batch = pictures.train(epoch, indices)?;
            tell_of_new(skipped, std::mem::take(&mut batch.skipped));
            of_batches.push(batch.classes.clone());
            if batch.classes.is_empty() {
                return Ok(None);
            }
            let key = [self.seed, epoch, indices[0] as u64];
            let mut shares = mix(&self.mix, &mut batch, classes, self.header.size, key);
            if weighs_classes {
                let own = || batch.classes.iter().map(|class| *class as usize).collect::<Vec<_>>();
                shares.get_or_insert_with(|| one_hot(&own(), classes));
            }
            Ok(Some(Lesson { x: batch.x, answers: Answers { classes: batch.classes, shares } }))
        };
        let loss = Loss { class_weight: self.class_weight.as_deref(), label_smoothing: self.label_smoothing, divisor };
        let passes = self.model.learn(batches.len(), next, &loss, gradients)?;
        let mut tally = Tally::default();
        for (pass, of_batch) in passes.into_iter().zip(of_batches) {
            let Some(pass) = pass else { continue };
            let rows = pass.logits.chunks_exact(classes);
            let correct = rows.zip(&of_batch).filter(|(row, class)| likeliest(row) == **class as usize).count();
            tally.add(Tally {
                samples: of_batch.len() as u64,
                weight: self.counted(of_batch.iter().map(|class| *class as usize)),
                loss: f64::from(pass.loss) * divisor,
                correct: correct as f64,
            });
        }
        Ok(tally)
    }

    fn skipped(&self) -> Vec<String> {
        self.skipped.iter().cloned().collect()
    }

    fn evaluate(&mut self, part: Part) -> Result<Tally, TrainError> {
        let mut tally = Tally::default();
        self.look(part, &mut |class, logits| {
            let correct = f64::from(u8::from(likeliest(logits) == class));
            tally.add(Tally::one(loss(logits, class), correct));
        })?;
        match (tally.samples, self.skipped.first()) {
            (0, Some(first)) if self.model.is_first() => Err(TrainError::Input(format!(
                "none of the {} images to validate can be read, such as {first}: mend the files",
                self.samples(part)
            ))),
            _ => self.model.share(tally),
        }
    }

    fn show(&mut self, part: Part) -> Result<Vec<(Sample, Vec<Answer>)>, TrainError> {
        if !self.model.is_first() {
            return self.model.serve().map(|()| Vec::new());
        }
        let (pictures, batch) = self.pictures.some(part, &spread(self.pictures.len(part), SHOWN));
        if pictures.is_empty() {
            return self.model.asked().map(|()| Vec::new());
        }
        let logits = self.model.logits(batch.x)?;
        self.model.asked()?;
        let labels = &self.header.labels;
        let shown = pictures.into_iter().zip(batch.classes).zip(logits.chunks_exact(self.model.network.classes()));
        let shown = shown.map(|((picture, class), logits)| {
            let sample = Sample { given: Given::Picture(picture), expected: labels[class as usize].clone() };
            (sample, answers(logits, labels))
        });
        Ok(shown.collect())
    }

    fn report(&mut self, part: Part) -> Result<Report, TrainError> {
        let mut counts = Counts::new(self.model.network.classes());
        self.look(part, &mut |class, logits| counts.see(class, logits))?;
        Ok(Report::Classification(counts.report(part.name().into(), &self.header.labels)))
    }

    fn not_finite(&self, epoch: u64, indices: &[usize]) -> Result<Option<String>, TrainError> {
        if !self.model.is_first() {
            return self.model.not_finite(None);
        }
        let batch = self.pictures.again(epoch, indices)?;
        self.model.not_finite(Some(batch.x).filter(|x| !x.is_empty()))
    }

    fn metadata(&self) -> HashMap<String, String> {
        self.header.to_metadata()
    }

    fn cost(&self) -> Cost {
        self.model.network.cost()
    }

    fn pieces(&self) -> Vec<Piece> {
        self.model.network.pieces()
    }

    fn enter(&mut self, stages: Arc<Group>) {
        self.model.enter(stages);
    }
}

#[cfg(test)]
mod tests {
    use cartwheel_agents::nn::optim::{Decay, Rule, Solver};

    use super::*;
    use crate::supervised::ClassWeight;

    fn digits(net_arch: Vec<usize>, label_smoothing: f64) -> Classification {
        let mut settings = FitSettings::default();
        settings.data.dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/digits").into();
        settings.data.validation_split = 0.0;
        settings.mlp.net_arch = net_arch;
        settings.fit.label_smoothing = label_smoothing;
        Classification::new(&settings, Ranks::new(), Purpose::LEARNING).expect("the digits are there")
    }

    /// Fifty steps of momentum from the same weights on the same batches: tests/data/digits/digits.py.
    #[test]
    fn fifty_steps_are_pytorchs() {
        let text = include_str!("../../../../tests/data/digits/digits.json");
        let recorded: serde_json::Value = serde_json::from_str(text).expect("JSON");
        let numbers = |value: &serde_json::Value| -> Vec<f64> {
            value.as_array().expect("a list").iter().filter_map(serde_json::Value::as_f64).collect()
        };
        for case in recorded["cases"].as_array().expect("a list") {
            let number = |name: &str| case[name].as_f64().expect("a number");
            let mut task = digits(vec![24, 16], number("smoothing"));
            let class_weight = case["class_weight"].is_array().then(|| numbers(&case["class_weight"]));
            task.class_weight = class_weight.map(|weights| weights.into_iter().map(|weight| weight as f32).collect());
            for (at, parameter) in task.parameters_mut().iter_mut().enumerate() {
                let (layer, kind) = ((at / 2) as f64, (at % 2) as f64);
                let fan_in = [64.0_f64, 24.0, 16.0][at / 2];
                for (i, value) in parameter.values_mut().iter_mut().enumerate() {
                    *value = ((i as f64 * 12.9898 + layer * 78.233 + kind * 37.719).sin() / fan_in.sqrt()) as f32;
                }
            }
            let rule = Rule::Sgd { momentum: number("momentum"), nesterov: false };
            let mut solver = Solver::new(rule, Decay::L2, number("weight_decay"), true, task.parameters());
            let mut gradients = Gradients::new(task.parameters());
            let (losses, norms) = (numbers(&case["losses"]), numbers(&case["norms"]));
            for step in 0..50 {
                let rows: Vec<usize> = (0..29).map(|i| (step * 29 + i) % 1437).collect();
                gradients.zero(task.parameters()).expect("memory");
                // Two batches of unequal size add up to one, of unequal weights too.
                let (divisor, mut loss) = (task.divisor(&rows), 0.0);
                for part in [&rows[..20], &rows[20..]] {
                    let tally = task.learn(0, &[part.to_vec()], divisor, &mut gradients).expect("the processor works");
                    loss += tally.mean_loss() * task.divisor(part) / divisor;
                }
                let norm = gradients.norm(task.parameters()).expect("memory");
                gradients.clip(task.parameters(), norm, number("clip")).expect("memory");
                solver.step(task.parameters_mut(), &mut gradients, 0.1).expect("memory");
                let expected = losses[step];
                assert!((loss - expected).abs() < 1e-5, "{step}: {loss} {expected}");
                assert!((norm - norms[step]).abs() < 1e-4 * norms[step].max(1.0), "{step}: {norm} {}", norms[step]);
            }
            for (name, expected) in [("4.bias", &case["bias"]), ("4.weight", &case["weight"])] {
                let got = task.parameters().named(name).expect("it is there").values();
                for (got, expected) in got.iter().zip(numbers(expected)) {
                    assert!((f64::from(*got) - expected).abs() < 1e-5, "{name}: {got} {expected}");
                }
            }
        }
    }

    #[test]
    fn weights_of_one_change_no_bit() {
        let learnt = |class_weight: Option<Vec<f32>>, mixes: bool| {
            let mut task = digits(vec![24], 0.1);
            task.class_weight = class_weight;
            task.mix.mixup_alpha = if mixes { 0.5 } else { 0.0 };
            let (mut gradients, rows) = (Gradients::new(task.parameters()), (0..29).collect::<Vec<usize>>());
            let divisor = task.divisor(&rows);
            let tallies: Vec<_> = rows
                .chunks(20)
                .map(|part| task.learn(0, &[part.to_vec()], divisor, &mut gradients).expect("works"))
                .collect();
            let of = |parameter| gradients.of(parameter).expect("memory").to_vec();
            let grads = task.parameters().iter().flat_map(of).collect::<Vec<f32>>();
            (divisor, tallies, grads)
        };
        for mixes in [false, true] {
            let plain = learnt(None, mixes);
            assert_eq!(learnt(Some(vec![1.0; 10]), mixes), plain);
            // Of mixed images PyTorch's mean is over their number, so that weights of 2 count twice there.
            let twice = learnt(Some(vec![2.0; 10]), mixes);
            let (divisor, times) = if mixes { (29.0, 2.0) } else { (58.0, 1.0) };
            assert_eq!(twice.0, divisor);
            let worst =
                twice.2.iter().zip(&plain.2).map(|(got, plain)| (got - times * plain).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-6, "{worst}");
        }
    }

    #[test]
    fn classes_are_balanced_by_the_samples_to_learn_from() {
        let mut settings = FitSettings::default();
        settings.data.dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/digits").into();
        settings.fit.class_weight = Some(ClassWeight::Balanced);
        let task = Classification::new(&settings, Ranks::new(), Purpose::LEARNING).expect("the digits are there");
        let samples = task.samples(Part::Train);
        // Each class counts a tenth of all.
        assert!((task.divisor(&(0..samples).collect::<Vec<_>>()) - samples as f64).abs() < 1e-3);
        let of = |class| (0..samples).filter(|index| task.pictures.class(*index) == class).collect::<Vec<_>>();
        for class in 0..10 {
            assert!((task.divisor(&of(class)) - samples as f64 / 10.0).abs() < 1e-3);
        }
        assert!(
            task.notices().iter().any(|notice| notice.starts_with("classes count from 0.898 (3) to 1.096 (2)")),
            "{:?}",
            task.notices()
        );
    }

    #[test]
    fn looking_counts_every_sample_once() {
        let mut task = digits(vec![8], 0.0);
        let Report::Classification(report) = task.report(Part::Test).expect("the processor works") else {
            panic!("the report of another kind of model")
        };
        assert_eq!(report.confusion.iter().flatten().sum::<u64>(), 360);
        let tally = task.evaluate(Part::Test).expect("the processor works");
        assert_eq!((tally.samples, tally.mean_loss(), tally.accuracy()), (360, report.loss, report.accuracy));
        assert_eq!(task.samples(Part::Validation), 0);
    }

    /// What is shown of them is what the model sees, and what it makes of all of them.
    #[test]
    fn pictures_are_shown_with_their_likeliest_classes() {
        let mut task = digits(vec![8], 0.0);
        let shown = task.show(Part::Test).expect("the processor works");
        assert_eq!(shown.len(), SHOWN);
        let mut all = Vec::new();
        task.look(Part::Test, &mut |class, logits| all.push((class, likeliest(logits)))).expect("the processor works");
        let batch = task.pictures.some(Part::Test, &spread(360, SHOWN)).1;
        for (i, (sample, answers)) in shown.iter().enumerate() {
            let (class, taken) = all[spread(360, SHOWN)[i]];
            assert_eq!((&sample.expected, &answers[0].text), (&class.to_string(), &taken.to_string()));
            let scores: Vec<f32> = answers.iter().filter_map(|answer| answer.score).collect();
            assert!(scores.len() == LIKELIEST && scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
            let Given::Picture(picture) = &sample.given else { panic!("an image") };
            assert_eq!((picture.width, picture.channels, picture.pixels.len()), (8, 1, 64));
            let seen = &batch.x[64 * i..64 * (i + 1)];
            assert!(picture.pixels.iter().zip(seen).all(|(byte, x)| f32::from(*byte) / 255.0 == *x));
        }
        assert_eq!(task.show(Part::Validation).expect("the processor works"), []);
    }
}
