use cartwheel_agents::config;

use super::FitSettings;
use crate::data::image::{AugmentConfig, Shift};
use crate::reference_tests::check_reference;
use crate::supervised::classification::class_weight::ClassWeight;
use crate::supervised::config::{LrSchedule, ModelName};

#[test]
fn what_cannot_be_is_refused_with_the_reason() {
    let told = |assignments: &[&str]| {
        let mut settings = FitSettings::default();
        for assignment in assignments {
            if let Err(errors) = settings.set(assignment) {
                return errors.to_string();
            }
        }
        settings.check().expect_err("refused").to_string()
    };
    assert!(told(&["fit.precision=f16"]).contains("f16-o2 keeps weights and moments in f32"));
    assert!(told(&["fit.precision=autocast"]).contains("O1"));
    for (model, reason) in [("t5", "65504"), ("recommender", "tables")] {
        let told = told(&[&format!("fit.model={model}"), "fit.precision=f16-o2"]);
        assert!(told.contains(reason) && told.contains("mlp"), "{told}");
    }
    for model in ["t5", "recommender"] {
        let told = told(&[&format!("fit.model={model}"), "fit.class_weight=balanced"]);
        assert!(told.contains(&format!("{model} has no classes")), "{told}");
    }
    assert!(told(&["fit.class_weight={ 3 = 0.0 }"]).contains("above 0"));
    assert!(told(&["fit.precision=bf16"]).contains("no bf16"));
    assert!(told(&["fit.precision=tf32"]).contains("TF32"));
    assert!(told(&["fit.nesterov=true"]).contains("fit.momentum"));
    assert!(told(&["fit.model=recommender", "fit.label_smoothing=0.1"]).contains("has neither"));
    assert!(told(&["fit.momentum=0.9"]).contains("fit.momentum is of \"sgd\" and \"rmsprop\""));
    assert!(told(&["mlp.net_arch=[1000000000000]"]).contains("from 1 to 16384"));
    assert!(told(&["fit.model=recommender", "recommender.layers=[1000000000000]"]).contains("from 1 to 16384"));
    assert!(told(&["fit.warmup=10", "fit.lr_schedule=one_cycle"]).contains("leave fit.warmup out"));
    assert!(told(&["fit.eps_convention=keras", "fit.optimizer=lamb"]).contains("\"rmsprop\""));
    for weightless in ["fit.beta1=1", "fit.beta2=1.0", "fit.ema_decay=1"] {
        assert!(told(&[weightless]).contains("from 0 to below 1"), "{weightless}");
    }
    let unused = told(&["fit.model=resnet8", "augment.featurewise_center=true"]);
    assert!(unused.contains("images.normalize = \"keras\""), "{unused}");
    assert!(told(&["fit.learning_rat=1"]).contains("fit.learning_rate"));
    #[cfg(not(feature = "cuda"))]
    assert!(told(&["fit.device=cuda:1"]).contains("cuda:1"));
}

#[test]
fn validation_is_asked_for_where_it_is_needed() {
    let settings = |model, keys: &[&str]| {
        let mut settings = FitSettings::of(model);
        keys.iter().for_each(|key| settings.set(key).expect("a setting"));
        settings
    };
    for key in ["fit.early_stopping=3", "fit.monitor=val_accuracy"] {
        // A folder or a file of their own may have them whatever the split is.
        let settings = settings(ModelName::Mlp, &["data.validation_split=0", key]);
        settings.check().expect("seen when the data is");
        settings.check_validation(1).expect("there is one");
        let told = settings.check_validation(0).expect_err("refused").to_string();
        assert!(told.contains("data.validation_split") && told.contains("data has none"), "{told}");
    }
    settings(ModelName::Recommender, &[]).check_validation(0).expect("the newest weights are kept");
    let told = settings(ModelName::Recommender, &["fit.early_stopping=3"]).check_validation(0);
    assert!(told.expect_err("refused").to_string().contains("no user has three items"));
}

#[test]
fn a_recipe_is_of_photographs_and_what_is_set_counts() {
    let augment = |keys: &[&str], digits: bool| {
        let mut settings = FitSettings::of(ModelName::ResNet8);
        if digits {
            settings.data.dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/digits").into();
        }
        keys.iter().for_each(|key| settings.set(key).expect("a setting"));
        settings.settle();
        settings.settle();
        let AugmentConfig { horizontal_flip, width_shift_range, height_shift_range, .. } = settings.augment;
        (horizontal_flip, width_shift_range, height_shift_range)
    };
    let (shift, none) = (|| Shift::Pixels(5), || AugmentConfig::default().width_shift_range);
    assert_eq!(augment(&[], false), (true, shift(), shift()));
    assert_eq!(augment(&[], true), (false, none(), none()));
    assert_eq!(augment(&["augment.horizontal_flip=true"], true), (true, none(), none()));
    assert_eq!(augment(&["augment.width_shift_range = 5"], true), (false, shift(), none()));
    // What a file says counts, too: so a run goes on as it began.
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.toml");
    let digits = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/digits");
    let text = format!("[fit]\nmodel = \"resnet8\"\n[data]\ndir = \"{digits}\"\n[augment]\nhorizontal_flip = true\n");
    std::fs::write(&file, text).expect("written");
    let mut settings = FitSettings::from_file(&file).expect("it reads");
    settings.settle();
    assert!(settings.augment.horizontal_flip && settings.augment.width_shift_range == none());
}

#[test]
fn residual_networks_begin_with_the_recipes_of_their_papers() {
    let large = FitSettings::of(ModelName::ResNet50);
    assert_eq!((large.fit.learning_rate, large.fit.momentum, large.fit.weight_decay), (0.1, 0.9, 1e-4));
    assert_eq!((large.fit.epochs, large.fit.lr_schedule, large.images.width), (90, LrSchedule::Step, 224));
    let small = FitSettings::of(ModelName::ResNet8);
    assert_eq!((small.fit.lr_schedule, small.images.width), (LrSchedule::Cosine, 32));
    for settings in [large, small] {
        assert!(settings.check().is_ok());
        let mut read = FitSettings::of(settings.fit.model);
        config::load(&mut read.sections(), &settings.to_toml(true), "config.toml").expect("it reads");
        assert_eq!(read, settings);
        let mut wrong = settings;
        wrong.images.validation_split = 0.2;
        assert!(wrong.check().expect_err("refused").to_string().contains("data.validation_split"));
    }
}

#[test]
fn a_momentum_that_does_nothing_is_told_and_a_recipes_own_left_out() {
    let mut settings = FitSettings::of(ModelName::ResNet8);
    settings.set("fit.optimizer=adam").expect("a setting");
    settings.check().expect("a recipe's own");
    let mut told = settings.clone();
    told.set("fit.momentum=0.9").expect("a setting");
    told.settle();
    assert!(told.check().expect_err("refused").to_string().contains("fit.momentum is of \"sgd\" and \"rmsprop\""));
    // What is written of the run is no setting that somebody made.
    settings.settle();
    assert_eq!(settings.fit.momentum, 0.0);
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), settings.to_toml(true)).expect("written");
    let mut read = FitSettings::from_file(file.path()).expect("it reads");
    read.settle();
    read.check().expect("as it was");
}

#[test]
fn what_is_written_reads_back() {
    let mut settings = FitSettings::default();
    settings.fit.eps = Some(1e-7);
    settings.fit.class_weight = Some(ClassWeight::Of([("a b".to_owned(), 2.0), ("3".to_owned(), 0.5)].into()));
    settings.mlp.net_arch = vec![32];
    let mut read = FitSettings::default();
    config::load(&mut read.sections(), &settings.to_toml(true), "config.toml").expect("it reads");
    assert_eq!(read, settings);
}

/// docs/supervised.md is made from the settings; `UPDATE_DOCS=1 cargo test` writes it anew.
#[test]
fn the_reference_in_the_docs_is_up_to_date() {
    check_reference("supervised.md", &FitSettings::default().reference());
}
