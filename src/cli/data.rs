//! `cartwheel data`

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::agents::config::{self, ConfigErrors};
use crate::trainer::TrainError;
use crate::trainer::data::image::{AugmentConfig, ImagesConfig, Pipeline};
use crate::trainer::data::image_folder::{FolderError, ImageFolder, ImageSamples};
use crate::trainer::data::image_parts::ImageParts;
use crate::trainer::data::loader::{OnBroken, shuffled};
use crate::trainer::data::mnist::Mnist;
use crate::trainer::data::sheet::{Row, contact_sheet};
use crate::trainer::data::survey::{Survey, survey};
use crate::trainer::supervised::{FitSettings, is_fit};
use serde_json::json;

use super::Result;
use super::output::{FAILURE, Failure, Output, counted, table};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Say what is in a folder of images: classes, sizes, mean and deviation, broken files.
    #[command(after_help = "The exit code is 1 where there are broken files or classes without an image.")]
    Stats(Stats),
    /// Draw what training makes of some images, epoch by epoch.
    Preview(Preview),
}

#[derive(clap::Args)]
struct Settings {
    /// A TOML file with the sections images and augment, or that of a fit, such as a run's config.toml.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Any setting, such as augment.rotation_range=20; repeatable.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print the settings with a comment on each key, and stop.
    #[arg(long)]
    print_config: bool,
}

#[derive(clap::Args)]
pub(crate) struct Stats {
    /// A folder with a folder of images for each class, or with such folders in train, val and test.
    #[arg(value_name = "DIR", required_unless_present = "print_config")]
    folder: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

#[derive(clap::Args)]
pub(crate) struct Preview {
    /// A folder with a folder of images for each class, or with such folders in train, val and test.
    #[arg(value_name = "DIR", required_unless_present = "print_config")]
    folder: Option<PathBuf>,
    /// Where the image goes.
    #[arg(long, value_name = "FILE.png", required_unless_present = "print_config")]
    out: Option<PathBuf>,
    /// Images to be shown, a row each.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=100))]
    images: u32,
    /// Epochs to be shown of each.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=20))]
    epochs: u32,
    /// What is random follows from it.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    settings: Settings,
}

pub(crate) fn run(command: &Command, output: Output) -> Result {
    let settings = match command {
        Command::Stats(args) => &args.settings,
        Command::Preview(args) => &args.settings,
    };
    let (images, augment) = settings.read()?;
    if settings.print_config {
        let toml = config::render(&[&images, &augment], true);
        output.print(&json!({"config": toml}), || toml.clone());
        return Ok(ExitCode::SUCCESS);
    }
    match command {
        Command::Stats(Stats { folder: Some(folder), .. }) => stats(folder, images, augment, output),
        Command::Preview(args @ Preview { folder: Some(folder), out: Some(out), .. }) => {
            preview(args, folder, out, images, augment, output)
        }
        _ => Err(Failure::usage("which folder, and for a preview which --out FILE.png?")),
    }
}

impl Settings {
    fn read(&self) -> std::result::Result<(ImagesConfig, AugmentConfig), Failure> {
        let (mut images, mut augment) = (ImagesConfig::default(), AugmentConfig::default());
        let wrong = |error: ConfigErrors| Failure::usage(error.to_string());
        if let Some(file) = self.config.as_ref().filter(|file| is_fit(file)) {
            // As that fit has them, its model's recipe included.
            let fit = FitSettings::from_file(file)?;
            (images, augment) = (fit.images, fit.augment);
            images.validation_split = fit.data.validation_split;
        } else if let Some(file) = &self.config {
            let text = fs::read_to_string(file)
                .map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())))?;
            config::load(&mut [&mut images, &mut augment], &text, &file.display().to_string()).map_err(wrong)?;
        }
        for assignment in &self.set {
            config::set(&mut [&mut images, &mut augment], assignment).map_err(wrong)?;
        }
        Ok((images, augment))
    }
}

fn open(folder: &Path, images: &ImagesConfig) -> std::result::Result<ImageParts, Failure> {
    ImageParts::open(folder, images.follow_links).map_err(|error| match error {
        FolderError::NoClasses { .. } if Mnist::is_in(folder) => Failure::usage(format!(
            "{} holds MNIST's files, and this looks at folders of images: `cartwheel fit resnet8 --data {0}` learns from them",
            folder.display()
        )),
        FolderError::Unreadable { ref error, .. } if error.kind() == ErrorKind::NotFound => {
            Failure::usage(format!("{}: there is no such folder", folder.display()))
        }
        error => TrainError::from(error).into(),
    })
}

/// A pipeline for images: what normalizes has no part in them.
fn pipeline(images: &ImagesConfig, mut augment: AugmentConfig) -> std::result::Result<Pipeline, Failure> {
    (augment.featurewise_center, augment.featurewise_std_normalization) = (false, false);
    Pipeline::new(images.clone(), augment, None).map_err(Failure::usage)
}

fn stats(folder: &Path, images: ImagesConfig, augment: AugmentConfig, output: Output) -> Result {
    let parts = open(folder, &images)?;
    let pipeline = pipeline(&images, augment)?;
    // What to normalize with comes from the images that are learnt from; the other parts are looked through for broken files.
    let learnt = survey(&parts.train, &pipeline, images.workers());
    let mut all = learnt.clone();
    parts.iter().skip(1).for_each(|(_, part)| all.merge(&survey(part, &pipeline, images.workers())));
    let Survey { usable, broken, sizes, animated, turned, .. } = &all;
    let (training, kept) = parts.train.split(if parts.validation.is_some() { 0.0 } else { images.validation_split });
    let (training, validation) = (training.counts(), parts.validation.as_ref().unwrap_or(&kept).counts());
    let test = parts.test.as_ref().map(ImageFolder::counts);
    let classes = &parts.train.classes;
    let mut counts = vec![0_usize; classes.len()];
    parts.iter().flat_map(|(_, part)| &part.files).for_each(|file| counts[file.label] += 1);
    // A part is named where there are several.
    let several = parts.iter().count() > 1;
    let empty: Vec<String> = parts
        .iter()
        .flat_map(|(name, part)| {
            let of = if several { format!(" in {name}") } else { String::new() };
            let counts = part.counts().into_iter().zip(classes).filter(|(count, _)| *count == 0);
            counts.map(move |(_, class)| format!("{class}{of}")).collect::<Vec<_>>()
        })
        .collect();
    let normalize = learnt.values.finish(1.0 / 255.0);
    let weights = learnt.class_weights();
    let each = classes.iter().enumerate().map(|(label, name)| {
        json!({
            "label": label, "name": name, "images": counts[label], "usable": usable[label],
            "training": training[label], "validation": validation[label],
            "test": test.as_ref().map(|test| test[label]), "class_weight": weights[label],
        })
    });
    let value = json!({
        "folder": folder.display().to_string(), "images": counts.iter().sum::<usize>(), "classes": each.collect::<Vec<_>>(), "empty_classes": empty,
        "sizes": sizes.iter().map(|((width, height), count)| {
            json!({"width": width, "height": height, "images": count})
        }).collect::<Vec<_>>(),
        "mean": normalize.map(|normalize| normalize.mean), "std": normalize.map(|normalize| normalize.std),
        "animated": animated, "turned": turned,
        "broken": broken.iter().map(|(path, reason)| {
            json!({"path": path.display().to_string(), "reason": reason})
        }).collect::<Vec<_>>(),
    });
    output.print(&value, || {
        let rows = classes.iter().enumerate().map(|(label, name)| {
            let weight = weights[label].map_or("-".to_owned(), |weight| format!("{weight:.3}"));
            let numbers = [counts[label], counts[label] - usable[label], training[label], validation[label]];
            let numbers =
                numbers.into_iter().chain(test.as_ref().map(|test| test[label])).map(|number| number.to_string());
            [label.to_string(), name.clone()].into_iter().chain(numbers).chain([weight]).collect()
        });
        let head = ["LABEL", "CLASS", "IMAGES", "BROKEN", "TRAINING", "VALIDATION"].into_iter();
        let head: Vec<&str> = head.chain(test.as_ref().map(|_| "TEST")).chain(["WEIGHT"]).collect();
        let found: Vec<String> = parts
            .iter()
            .map(|(name, part)| if several { format!("{name}: {part}") } else { part.to_string() })
            .collect();
        let mut text = format!("{}\n\n{}\n\n{}", found.join("\n"), table(&head, rows), spread(sizes));
        if weights.iter().flatten().any(|weight| *weight != 1.0) {
            text += "\nclasses that count alike, by these weights: `cartwheel fit --set fit.class_weight=balanced`";
        }
        if let Some(normalize) = normalize {
            let list = |numbers: [f32; 3]| numbers.map(|number| format!("{number:.4}")).join(", ");
            text += &format!("\nmean = [{}]\nstd = [{}]", list(normalize.mean), list(normalize.std));
        }
        for (count, what) in [
            (*animated, "animated: the first frame is taken"),
            (*turned, "to be turned by their EXIF orientation, which is not applied"),
        ] {
            if count > 0 {
                text += &format!("\n{count} of them are {what}");
            }
        }
        for name in &empty {
            text += &format!("\nno images of {name}");
        }
        for (_, reason) in broken {
            text += &format!("\nbroken: {reason}");
        }
        text
    });
    Ok(if broken.is_empty() && empty.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILURE) })
}

/// The spread of sizes (width, height), and the commonest.
fn spread(sizes: &BTreeMap<(usize, usize), usize>) -> String {
    let range = |side: fn(&(usize, usize)) -> usize| {
        let sides = sizes.keys().map(side);
        (sides.clone().min().unwrap_or(0), sides.max().unwrap_or(0))
    };
    let ((narrow, wide), (low, high)) = (range(|size| size.0), range(|size| size.1));
    let mut common: Vec<_> = sizes.iter().collect();
    common.sort_by_key(|(size, count)| (std::cmp::Reverse(**count), **size));
    let common = common.iter().take(3).map(|((width, height), count)| format!("{width} x {height} ({count})"));
    let common: Vec<_> = common.collect();
    format!("widths {narrow} to {wide}, heights {low} to {high}; most are {}", common.join(", "))
}

fn preview(
    args: &Preview,
    folder: &Path,
    out: &Path,
    images: ImagesConfig,
    augment: AugmentConfig,
    output: Output,
) -> Result {
    if out.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("png")) {
        return Err(Failure::usage(format!("--out {}: a preview is a PNG; name it FILE.png", out.display())));
    }
    let found = open(folder, &images)?.train;
    let samples = ImageSamples { files: found.files, pipeline: pipeline(&images, augment)?, seed: Some(args.seed) };
    let (mut rows, mut broken) = (Vec::new(), Vec::new());
    for index in shuffled(samples.files.len(), args.seed, 0) {
        if rows.len() == args.images as usize {
            break;
        }
        let image = match samples.image(index) {
            Ok(image) => image,
            Err(error) if images.on_broken == OnBroken::Skip => {
                eprintln!("skipped: {error}");
                broken.push(error.to_string());
                continue;
            }
            Err(error) => {
                return Err(Failure::failed(format!(
                    "{error}; to go on without such files: --set images.on_broken=skip"
                )));
            }
        };
        let file = &samples.files[index];
        let name = file.path.strip_prefix(folder).unwrap_or(&file.path);
        let epochs =
            (0..u64::from(args.epochs)).map(|epoch| samples.pipeline.preview(&image, [args.seed, epoch, index as u64]));
        rows.push(Row {
            title: format!("{}: {}", found.classes[file.label], name.display()),
            pictures: std::iter::once(samples.pipeline.resized(&image)).chain(epochs).collect(),
        });
    }
    if rows.is_empty() {
        return Err(Failure::failed(format!("{}: no image to show", folder.display())));
    }
    let heads: Vec<String> = std::iter::once("validation".to_owned())
        .chain((1..=args.epochs).map(|epoch| format!("epoch {epoch}")))
        .collect();
    let sheet = contact_sheet(&heads, &rows).map_err(Failure::failed)?;
    sheet.write_png(out).map_err(Failure::failed)?;
    let titles: Vec<_> = rows.iter().map(|row| &row.title).collect();
    output.print(&json!({"picture": out.display().to_string(), "rows": titles, "skipped": broken}), || {
        let (images, epochs) = (counted(rows.len() as u64, "image"), counted(args.epochs.into(), "epoch"));
        format!("{images}, {epochs} each, in {}", out.display())
    });
    Ok(ExitCode::SUCCESS)
}
