//! The settings of supervised training.

use cartwheel_agents::config::checks::layers;
use cartwheel_agents::config::{Value, toml_edit};
use cartwheel_agents::models::mlp::Init;
use cartwheel_agents::nn::Device;
use cartwheel_agents::{config, config_enum};

use super::classification::class_weight::ClassWeight;

config_enum! {
    /// A model that can be fitted.
    pub enum ModelName {
        /// A multilayer perceptron that classifies images of MNIST's format.
        Mlp = "mlp",
        /// A residual network of 8 layers for small pictures.
        ResNet8 = "resnet8",
        /// One of 20 layers.
        ResNet20 = "resnet20",
        /// torchvision's residual network of 18 layers.
        ResNet18 = "resnet18",
        /// Of 34 layers.
        ResNet34 = "resnet34",
        /// Of 50 layers.
        ResNet50 = "resnet50",
        /// Of 101 layers.
        ResNet101 = "resnet101",
        /// A T5 that writes texts.
        T5 = "t5",
        /// A recommender of items for users, from what they chose or rated.
        Recommender = "recommender",
    }
}

/// What kind of model a [`ModelName`] is: models of one kind have the same settings, data and task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Classifies small images as vectors.
    Mlp,
    /// Classifies images.
    ResNet,
    /// Writes texts.
    T5,
    /// Ranks items.
    Recommender,
}

impl ModelName {
    /// What kind of model it is.
    pub(crate) fn family(self) -> Family {
        match self {
            Self::Mlp => Family::Mlp,
            Self::ResNet8 | Self::ResNet20 | Self::ResNet18 | Self::ResNet34 | Self::ResNet50 | Self::ResNet101 => {
                Family::ResNet
            }
            Self::T5 => Family::T5,
            Self::Recommender => Family::Recommender,
        }
    }

    /// Whether it is a residual network for small images.
    pub fn is_small_resnet(self) -> bool {
        matches!(self, Self::ResNet8 | Self::ResNet20)
    }
}

config_enum! {
    /// How parameters follow a gradient.
    pub enum OptimizerName {
        /// Stochastic gradient descent, with momentum if it is set.
        Sgd = "sgd",
        /// Adam; weight decay goes through it (L2).
        Adam = "adam",
        /// Adam with decoupled weight decay.
        AdamW = "adamw",
        /// RMSprop.
        RmsProp = "rmsprop",
        /// Adafactor as Hugging Face's.
        Adafactor = "adafactor",
        /// LAMB, for large batches.
        Lamb = "lamb",
    }
}

config_enum! {
    /// Where Adam's and RMSprop's eps is added.
    pub enum EpsConvention {
        /// To the root of the second moment, as PyTorch does.
        Torch = "torch",
        /// As Keras does: Adam's before it is made up for that the moment began at 0, RMSprop's inside the root.
        Keras = "keras",
    }
}

config_enum! {
    /// How the learning rate goes on.
    pub enum LrSchedule {
        /// As it is.
        Constant = "constant",
        /// Times lr_gamma after every lr_step_size epochs.
        Step = "step",
        /// Down to 0 along half a cosine.
        Cosine = "cosine",
        /// Up and down once (OneCycleLR with cycle_momentum=False).
        OneCycle = "one_cycle",
    }
}

config_enum! {
    /// What says which weights are the best, and when to stop early.
    pub enum Monitor {
        /// The loss on the validation samples: the lower the better.
        ValLoss = "val_loss",
        /// The share of validation samples that come out right, of a recommender HR@10: the higher the better.
        ValAccuracy = "val_accuracy",
    }
}

config_enum! {
    /// What is between the two matrices of a T5's feed-forward layers.
    pub enum Projection {
        /// A rectifier, as in v1.0.
        Relu = "relu",
        /// A gated GELU, as in v1.1.
        GatedGelu = "gated-gelu",
    }
}

/// In which numbers a model is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats throughout.
    F32,
    /// Weights, activations and gradients of 16 bits; weights to learn, moments, batch norms and the loss of 32 (apex's O2).
    F16O2,
}

impl Value for Precision {
    fn from_toml(value: &toml_edit::Value) -> Result<Self, String> {
        let reason = match value.as_str() {
            Some("f32") => return Ok(Self::F32),
            Some("f16-o2") => return Ok(Self::F16O2),
            Some("bf16") => " (the tensors beneath have no bf16 numbers)",
            Some("tf32") => " (TF32 is a mode of NVIDIA's GPUs that the tensors beneath cannot switch on)",
            Some("f16-o1" | "o1" | "amp" | "autocast") => {
                " (a tape has numbers of one type: casts before each operation, as of O1, would have to be operations of \
                their own; O2 holds the same products in f16)"
            }
            Some("f16" | "f16-o3" | "o3") => {
                " (in f16 alone small steps are rounded away: f16-o2 keeps weights and moments in f32)"
            }
            _ => "",
        };
        Err(format!("\"f32\" or \"f16-o2\"{reason}"))
    }

    fn to_toml(&self) -> toml_edit::Value {
        match self {
            Self::F32 => "f32".into(),
            Self::F16O2 => "f16-o2".into(),
        }
    }

    fn choices() -> Vec<&'static str> {
        vec!["f32", "f16-o2"]
    }
}

config! {
    /// How a model is fitted to samples.
    pub struct FitConfig in "fit" {
        /// The model.
        model: ModelName = ModelName::Mlp;
        /// Times that every sample is learnt from.
        epochs: u64 = 10, at_least(1);
        /// Samples of a batch, of each process; the last one of an epoch may have fewer.
        batch_size: usize = 64, at_least(1);
        /// Batches whose gradients are added up for a step, which is as one of a batch of all of them.
        gradient_accumulation: usize = 1, at_least(1);
        /// How parameters follow a gradient.
        optimizer: OptimizerName = OptimizerName::Adam;
        /// The step size, at its highest.
        learning_rate: f64 = 0.001, positive;
        /// How the learning rate goes on after the warm-up.
        lr_schedule: LrSchedule = LrSchedule::Constant;
        /// Of lr_schedule = "step": epochs between two falls.
        lr_step_size: u64 = 30, at_least(1);
        /// Of lr_schedule = "step": what a fall leaves.
        lr_gamma: f64 = 0.1, within(0.0, 1.0);
        /// Steps of the optimizer on which the learning rate rises in a line from 0; "one_cycle" has its own.
        warmup: u64 = 0;
        /// Of "sgd" and "rmsprop": share of the last step's direction that is kept.
        momentum: f64 = 0.0, within(0.0, 1.0);
        /// Of "sgd" with momentum: whether the gradient counts as if the momentum had been followed already.
        nesterov: bool = false;
        /// Of "adam", "adamw" and "lamb": what the mean of gradients keeps.
        beta1: f64 = 0.9, share;
        /// Of "adam", "adamw" and "lamb": what the mean of their squares keeps.
        beta2: f64 = 0.999, share;
        /// Of "rmsprop": what the mean of squares keeps.
        alpha: f64 = 0.99, within(0.0, 1.0);
        /// Of "adam", "adamw", "rmsprop" and "lamb": keeps divisors from 0. "none" for 1e-8, or with Keras' convention 1e-7.
        eps: Option<f64> = None, if_some(positive);
        /// Of "adam", "adamw" and "rmsprop": where eps is added.
        eps_convention: EpsConvention = EpsConvention::Torch;
        /// How strongly weights are kept small.
        weight_decay: f64 = 0.0, non_negative;
        /// Whether that holds for biases and the scales of norms too, as in PyTorch unless told otherwise.
        decay_bias_and_norm: bool = false;
        /// Share of each target that is spread evenly over all classes.
        label_smoothing: f64 = 0.0, within(0.0, 1.0);
        /// Of "mlp" and residual networks: how much each class counts in the loss that is learnt from, such as { cat = 2.0 } where
        /// the others count 1; or "balanced", so that classes of unequal size count alike (samples / (classes × samples of the
        /// class), as in scikit-learn); "none" for every sample alike. As in PyTorch a step's losses are divided by the sum of the
        /// weights. The validation loss counts every sample alike.
        class_weight: Option<ClassWeight> = None;
        /// The gradient is scaled down to this norm; "none" for as it is.
        max_grad_norm: Option<f64> = None, if_some(positive);
        /// Every number of the gradient is brought to within this, before its norm is looked at; "none" for as it is.
        max_grad_value: Option<f64> = None, if_some(positive);
        /// Evaluate and keep an exponential moving average of the weights, of which each step keeps this share; "none" for the
        /// weights themselves.
        ema_decay: Option<f64> = None, if_some(share);
        /// Layers that stay as they are, each with all that is in it, such as ["conv1", "bn1", "layer1"]: what a batch norm among
        /// them knows of its channels, too.
        freeze: Vec<String> = Vec::new(), each(non_empty);
        /// Says which weights are the best.
        monitor: Monitor = Monitor::ValLoss;
        /// Stop after so many epochs in a row that were not better; "none" to go on to the end.
        early_stopping: Option<u64> = None, if_some(at_least(1));
        /// Everything random follows from it: weights and the order of samples.
        seed: u64 = 1;
        /// In which numbers the model learns: "f16-o2" is mixed precision, of "mlp" and residual networks.
        precision: Precision = Precision::F32;
        /// Where: "auto", "cpu", "cuda" or "cuda:N"; "auto" is the processor.
        device: Device = Device::Auto;
        /// Threads for matrix products; "none" for one a core, shared out among the processes of a machine. Results do not depend
        /// on it.
        threads: Option<usize> = None, if_some(within(1, 1024));
        /// Steps of the optimizer between rows of metrics.
        log_interval: u64 = 100, at_least(1);
        /// Steps whose timeline is written to profile.json in the run's folder, which ui.perfetto.dev shows, from the fourth step on: what
        /// each process reads, computes, waits for and sums up; 0 for none.
        profile_steps: u64 = 0;
    }
}

/// Samples of a batch that is only looked at, at most.
pub(super) const LOOKED_AT: usize = 256;

impl FitConfig {
    /// Samples of a batch that is only looked at: no more than are learnt from at once, so that there is room for it where there is
    /// for those.
    pub(super) fn looked_at(&self) -> usize {
        self.batch_size.min(LOOKED_AT)
    }
}

config! {
    /// The samples.
    pub struct DataConfig in "data" {
        /// Their folder: train-images-idx3-ubyte, train-labels-idx1-ubyte and, to test, t10k-images-idx3-ubyte and
        /// t10k-labels-idx1-ubyte, each of them plain or with .gz; or for residual networks a folder of images for each class, or
        /// such folders in train, val and test. Of "t5" a file of pairs of texts, .tsv or .jsonl, or a folder with train, and
        /// perhaps validation and test, of one of these endings.
        dir: String = "data".into(), non_empty;
        /// The last share of the training samples, or of folders the first images of each class (Keras' rule): by them weights are
        /// chosen, and they are not learnt from. A folder val takes their place.
        validation_split: f64 = 0.1, within(0.0, 0.9);
    }
}

/// What the weights of a multilayer perceptron begin as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MlpInit {
    /// Drawn.
    Drawn(Init),
    /// Those of a run or a file.
    Weights(String),
}

impl Value for MlpInit {
    fn from_toml(value: &toml_edit::Value) -> Result<Self, String> {
        let word = value.as_str().filter(|word| !word.is_empty());
        let word = word.ok_or_else(|| "\"torch\", \"kaiming\", a run or a safetensors file".to_owned())?;
        Ok(word.parse().map_or_else(|_| Self::Weights(word.to_owned()), Self::Drawn))
    }

    fn to_toml(&self) -> toml_edit::Value {
        match self {
            Self::Drawn(init) => init.to_toml(),
            Self::Weights(path) => path.into(),
        }
    }
}

config! {
    /// The multilayer perceptron.
    pub struct MlpConfig in "mlp" {
        /// Units of every hidden layer.
        net_arch: Vec<usize> = vec![512, 256], layers;
        /// What weights begin as: drawn as "torch" or "kaiming" draws them, or those of a run of the same layers, or of its safetensors
        /// file; the last layer begins anew then unless it is for the same classes.
        init: MlpInit = MlpInit::Drawn(Init::Torch);
    }
}

config! {
    /// A residual network.
    pub struct ResNetFitConfig in "resnet" {
        /// Weights that training begins with: a run of a network of the same name, or a safetensors file, such as torchvision's;
        /// its last layer begins anew unless it is for the same classes. "none" to begin with Kaiming's.
        init: Option<String> = None;
    }
}

config! {
    /// How the pictures of a batch are mixed while training, as torchvision's reference recipes have it. With both, each batch
    /// is mixed in one of the two ways.
    pub struct MixConfig in "mix" {
        /// MixUp (Zhang et al. 2018): of Beta(α, α) the share of one picture; 0 for none.
        mixup_alpha: f64 = 0.0, non_negative;
        /// CutMix (Yun et al. 2019): of Beta(α, α) the share of a picture that is left; 0 for none.
        cutmix_alpha: f64 = 0.0, non_negative;
    }
}

impl MixConfig {
    /// Whether they are mixed at all.
    pub fn mixes(&self) -> bool {
        self.mixup_alpha > 0.0 || self.cutmix_alpha > 0.0
    }
}

config! {
    /// The T5.
    pub struct T5FitConfig in "t5" {
        /// A T5 that training begins with, its tokenizer included: a run, or a folder of Hugging Face's files; "none" for a new one
        /// of the sizes below.
        init: Option<String> = None;
        /// Put before each text that is read, such as "translate English to German: ".
        prefix: String = String::new();
        /// The most tokens of a text that is read, its end included; a longer one is refused.
        max_source_tokens: usize = 128, at_least(1);
        /// The most tokens of a text that is written, its end included; a longer one is refused.
        max_target_tokens: usize = 128, at_least(1);
        /// Share of numbers that is dropped in training; "none" for what the model's config.json says, 0.1 of a new one.
        dropout_rate: Option<f64> = None, if_some(within(0.0, 0.9));
        /// Epochs between looks at BLEU and chrF of the validation texts, for which they are written; 0 for at the end only.
        bleu_every: u64 = 0;
        /// Of a new one: tokens of its tokenizer at most, but all characters of the texts are among them; 0 for these alone.
        vocab_size: usize = 1000, at_most(1000000);
        /// Of a new one: width of what layers hand to each other.
        d_model: usize = 128, within(1, 65_536);
        /// Of a new one: width of a head of attention.
        d_kv: usize = 32, within(1, 16_384);
        /// Of a new one: width inside a feed-forward layer.
        d_ff: usize = 256, within(1, 1_048_576);
        /// Of a new one: blocks of the encoder, and as many of the decoder.
        num_layers: usize = 2, within(1, 4_096);
        /// Of a new one: heads of an attention.
        num_heads: usize = 4, within(1, 16_384);
        /// Of a new one: what is between the two matrices of a feed-forward layer.
        feed_forward_proj: Projection = Projection::Relu;
    }
}

config! {
    /// What is kept on disk.
    pub struct FitRunConfig in "run" {
        /// Folder of all runs.
        dir: String = "runs".into(), non_empty;
        /// Name of this run's folder in it; "none" for one made of data, model, seed and time.
        name: Option<String> = None;
        /// Epochs between checkpoints; 0 for one at the end only.
        checkpoint_every: u64 = 1;
        /// Checkpoints that are kept, newest first.
        keep_checkpoints: usize = 2, at_least(1);
        /// Whether metrics are also written to progress.csv, one column a metric.
        csv: bool = false;
        /// Whether metrics are also written as an offline run of Weights & Biases, for `wandb sync`.
        wandb: bool = false;
        /// The project of that run.
        wandb_project: String = "cartwheel".into(), non_empty;
        /// Whether the run can be watched while it trains from elsewhere, by this user.
        watch: bool = true;
    }
}
