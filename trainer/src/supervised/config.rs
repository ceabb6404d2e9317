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
        /// A residual network of 8 layers for small images.
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
        /// As Keras does: Adam's before the bias correction of the second moment, RMSprop's inside the root.
        Keras = "keras",
    }
}

config_enum! {
    /// How the learning rate changes.
    pub enum LrSchedule {
        /// Constant.
        Constant = "constant",
        /// Multiplied by lr_gamma every lr_step_size epochs (StepLR).
        Step = "step",
        /// Decays to 0 along half a cosine (CosineAnnealingLR).
        Cosine = "cosine",
        /// Up and down once (OneCycleLR with cycle_momentum=False).
        OneCycle = "one_cycle",
    }
}

config_enum! {
    /// The metric that selects the best weights and decides early stopping.
    pub enum Monitor {
        /// The validation loss; lower is better.
        ValLoss = "val_loss",
        /// The validation accuracy, for a recommender HR@10; higher is better.
        ValAccuracy = "val_accuracy",
    }
}

config_enum! {
    /// The activation between the two matrices of a T5's feed-forward layers.
    pub enum Projection {
        /// ReLU, as in v1.0.
        Relu = "relu",
        /// A gated GELU, as in v1.1.
        GatedGelu = "gated-gelu",
    }
}

/// The number format that a model is trained in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats throughout.
    F32,
    /// Weights, activations and gradients in 16 bits; master weights, moments, batch norm and the loss in 32 (apex's O2).
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
    /// How a model is trained.
    pub struct FitConfig in "fit" {
        /// The model.
        model: ModelName = ModelName::Mlp;
        /// Passes over the training samples.
        epochs: u64 = 10, at_least(1);
        /// Samples per batch and process; the last batch of an epoch may have fewer.
        batch_size: usize = 64, at_least(1);
        /// Batches whose gradients are accumulated before an optimizer step, which equals a step on one batch of all of them.
        gradient_accumulation: usize = 1, at_least(1);
        /// The optimizer.
        optimizer: OptimizerName = OptimizerName::Adam;
        /// The peak learning rate.
        learning_rate: f64 = 0.001, positive;
        /// The learning rate schedule after the warm-up.
        lr_schedule: LrSchedule = LrSchedule::Constant;
        /// For lr_schedule = "step": epochs between decays.
        lr_step_size: u64 = 30, at_least(1);
        /// For lr_schedule = "step": the factor of each decay.
        lr_gamma: f64 = 0.1, within(0.0, 1.0);
        /// Optimizer steps over which the learning rate rises linearly from 0; "one_cycle" has a warm-up of its own.
        warmup: u64 = 0;
        /// For "sgd" and "rmsprop": the momentum factor.
        momentum: f64 = 0.0, within(0.0, 1.0);
        /// For "sgd" with momentum: whether to use Nesterov momentum.
        nesterov: bool = false;
        /// For "adam", "adamw" and "lamb": the decay rate of the first moment.
        beta1: f64 = 0.9, share;
        /// For "adam", "adamw" and "lamb": the decay rate of the second moment.
        beta2: f64 = 0.999, share;
        /// For "rmsprop": the smoothing constant of the squared gradients.
        alpha: f64 = 0.99, within(0.0, 1.0);
        /// For "adam", "adamw", "rmsprop" and "lamb": added to the denominator. "none" for 1e-8, or 1e-7 with Keras' convention.
        eps: Option<f64> = None, if_some(positive);
        /// For "adam", "adamw" and "rmsprop": where eps is added.
        eps_convention: EpsConvention = EpsConvention::Torch;
        /// Weight decay: an L2 penalty for "sgd", "adam" and "rmsprop"; decoupled for the others.
        weight_decay: f64 = 0.0, non_negative;
        /// Whether weight decay applies to biases and normalization layers too, as PyTorch's does by default.
        decay_bias_and_norm: bool = false;
        /// Label smoothing: the share of each target that is spread uniformly over all classes.
        label_smoothing: f64 = 0.0, within(0.0, 1.0);
        /// For "mlp" and residual networks: the weight of each class in the training loss, such as { cat = 2.0 }, where the others
        /// have 1; or "balanced", inversely proportional to class frequencies (samples / (classes × samples of the class), as in
        /// scikit-learn); "none" to weight all samples equally. As in PyTorch a step's losses are divided by the sum of the
        /// weights. The validation loss is not weighted.
        class_weight: Option<ClassWeight> = None;
        /// Clips the norm of the gradient to this; "none" for no clipping.
        max_grad_norm: Option<f64> = None, if_some(positive);
        /// Clips every element of the gradient to ± this, before its norm is clipped; "none" for no clipping.
        max_grad_value: Option<f64> = None, if_some(positive);
        /// Evaluates and saves an exponential moving average of the weights with this decay; "none" for the weights themselves.
        ema_decay: Option<f64> = None, if_some(share);
        /// Layers to freeze, each with all that is in it, such as ["conv1", "bn1", "layer1"]; running statistics of frozen batch
        /// norms stay fixed too.
        freeze: Vec<String> = Vec::new(), each(non_empty);
        /// The metric that selects the best weights.
        monitor: Monitor = Monitor::ValLoss;
        /// Stops after this many epochs in a row without improvement (patience); "none" to train to the end.
        early_stopping: Option<u64> = None, if_some(at_least(1));
        /// The seed of everything random: initial weights, the order of samples, augmentation, dropout.
        seed: u64 = 1;
        /// The number format: "f16-o2" is mixed precision, for "mlp" and residual networks.
        precision: Precision = Precision::F32;
        /// Where to train: "auto", "cpu", "cuda" or "cuda:N"; "auto" is the CPU.
        device: Device = Device::Auto;
        /// Threads for matrix products; "none" for one per core, divided among the processes of a machine. Results do not depend
        /// on it.
        threads: Option<usize> = None, if_some(within(1, 1024));
        /// Optimizer steps between rows of metrics.
        log_interval: u64 = 100, at_least(1);
        /// Steps to profile, from the fourth one on: a timeline of what each process reads, computes, waits for and reduces is
        /// written to profile.json in the run's folder, for ui.perfetto.dev; 0 for none.
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
    /// The data set.
    pub struct DataConfig in "data" {
        /// Their folder: train-images-idx3-ubyte, train-labels-idx1-ubyte and, to test, t10k-images-idx3-ubyte and
        /// t10k-labels-idx1-ubyte, each of them plain or with .gz; or for residual networks a folder of images for each class, or
        /// such folders in train, val and test. Of "t5" a file of pairs of texts, .tsv or .jsonl, or a folder with train, and
        /// perhaps validation and test, of one of these endings.
        dir: String = "data".into(), non_empty;
        /// The share of training samples that is held out for validation: the last ones, or in folders the first images of each
        /// class (Keras' rule). Not used where there is a folder val.
        validation_split: f64 = 0.1, within(0.0, 0.9);
    }
}

/// The initial weights of a multilayer perceptron.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MlpInit {
    /// Random.
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
        /// Initial weights: "torch" or "kaiming" initialization, or the weights of a run with the same layers or of its safetensors
        /// file; the last layer is initialized again unless the classes are the same.
        init: MlpInit = MlpInit::Drawn(Init::Torch);
    }
}

config! {
    /// A residual network.
    pub struct ResNetFitConfig in "resnet" {
        /// Initial weights: a run of the same model, or a safetensors file, such as torchvision's; the last layer is initialized
        /// again unless the classes are the same. "none" for Kaiming initialization.
        init: Option<String> = None;
    }
}

config! {
    /// How the images of a batch are mixed in training, as in torchvision's reference recipes. With both, one of the two is chosen
    /// for each batch.
    pub struct MixConfig in "mix" {
        /// MixUp (Zhang et al. 2018): the weight of an image is sampled from Beta(α, α); 0 for no MixUp.
        mixup_alpha: f64 = 0.0, non_negative;
        /// CutMix (Yun et al. 2019): the share of an image that is kept is sampled from Beta(α, α); 0 for no CutMix.
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
        /// A T5 to fine-tune, with its tokenizer: a run, or a folder of Hugging Face's files; "none" for a new one of the sizes
        /// below.
        init: Option<String> = None;
        /// Prepended to each source text, such as "translate English to German: ".
        prefix: String = String::new();
        /// The maximum length of a source text in tokens, </s> included; longer ones are refused.
        max_source_tokens: usize = 128, at_least(1);
        /// The maximum length of a target text in tokens, </s> included; longer ones are refused.
        max_target_tokens: usize = 128, at_least(1);
        /// Dropout in training; "none" for that of the model's config.json, 0.1 for a new model.
        dropout_rate: Option<f64> = None, if_some(within(0.0, 0.9));
        /// Epochs between measurements of BLEU and chrF on the validation texts, which are decoded for it; 0 for at the end only.
        bleu_every: u64 = 0;
        /// For a new model: the vocabulary size of its tokenizer, which has all characters of the texts whatever this is; 0 for
        /// these alone.
        vocab_size: usize = 1000, at_most(1000000);
        /// For a new model: the hidden size.
        d_model: usize = 128, within(1, 65_536);
        /// For a new model: the size of keys and values per head.
        d_kv: usize = 32, within(1, 16_384);
        /// For a new model: the size of feed-forward layers.
        d_ff: usize = 256, within(1, 1_048_576);
        /// For a new model: the layers of the encoder, and of the decoder.
        num_layers: usize = 2, within(1, 4_096);
        /// For a new model: attention heads per layer.
        num_heads: usize = 4, within(1, 16_384);
        /// For a new model: the activation of feed-forward layers.
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
