//! What images cost on their way to a batch, in CPU seconds of one thread: one round over a folder for each of
//! decoding alone, evaluation, training with random crops, and training with a random affine map.
//!
//! `cargo run --release -p cartwheel-trainer --example image_speed -- FOLDER`; `bench/peers/data_pipeline.py` runs it in
//! turns with torchvision.

use std::error::Error;
use std::path::Path;

use cartwheel_agents::config;
use cartwheel_trainer::data::image::{AugmentConfig, ImagesConfig, MAX_PIXELS, Pipeline, read};
use cartwheel_trainer::data::image_folder::{ImageFolder, ImageSamples};
use cartwheel_trainer::data::loader::Source as _;
use cartwheel_trainer::thread_cpu_time;

const CROPS: &str = "[images]\nresize = \"random-resized-crop\"\n[augment]\nhorizontal_flip = true";
const AFFINE: &str = "[augment]\nrotation_range = 15\nwidth_shift_range = 0.1\nheight_shift_range = 0.1\n\
    zoom_range = 0.1\nhorizontal_flip = true";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("which folder of images?")?;
    let files = ImageFolder::open(Path::new(&folder), false)?.files;
    let count = files.len() as f64;
    let samples = |settings: &str, seed| -> Result<ImageSamples, Box<dyn Error>> {
        let (mut images, mut augment) = (ImagesConfig::default(), AugmentConfig::default());
        config::load(&mut [&mut images, &mut augment], settings, "built in")?;
        Ok(ImageSamples { files: files.clone(), pipeline: Pipeline::new(images, augment, None)?, seed })
    };
    let start = thread_cpu_time();
    for file in &files {
        read(&file.path, MAX_PIXELS)?;
    }
    let decode = (thread_cpu_time() - start) / count;
    let mut figures = vec![("decode", decode)];
    for (name, settings, seed) in [("evaluate", "", None), ("crops", CROPS, Some(1)), ("affine", AFFINE, Some(1))] {
        let samples = samples(settings, seed)?;
        let mut values = vec![0.0; samples.sample_len()];
        let start = thread_cpu_time();
        for index in 0..samples.len() {
            samples.load(0, index, &mut values)?;
        }
        figures.push((name, (thread_cpu_time() - start) / count));
    }
    let figures: Vec<_> = figures.iter().map(|(name, seconds)| format!("\"{name}\": {seconds}")).collect();
    println!("{{{}}}", figures.join(", "));
    Ok(())
}
