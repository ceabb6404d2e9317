//! What is in a folder of images: every file is decoded once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::image::{Pipeline, StatisticsOf, read};
use super::image_folder::ImageFolder;

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    /// For each class, images that decode.
    pub usable: Vec<usize>,
    /// Files that do not, with the path in the reason, in the order of the files.
    pub broken: Vec<(PathBuf, String)>,
    /// How many images there are of each size (width, height).
    pub sizes: BTreeMap<(usize, usize), usize>,
    /// Files of which the first frame alone is taken.
    pub animated: usize,
    /// Files that ask for being turned (EXIF), which is not done.
    pub turned: usize,
    /// The values of all pixels, from 0 to 255, after images were resized as for evaluation.
    pub values: StatisticsOf,
}

impl Survey {
    /// Adds what was found in another folder with the same classes.
    pub fn merge(&mut self, other: &Self) {
        self.usable.iter_mut().zip(&other.usable).for_each(|(sum, images)| *sum += images);
        self.broken.extend_from_slice(&other.broken);
        for (size, count) in &other.sizes {
            *self.sizes.entry(*size).or_default() += count;
        }
        self.animated += other.animated;
        self.turned += other.turned;
        self.values.merge(&other.values);
    }

    /// With what the images of each class count so that all classes count alike; none of a class without images.
    pub fn class_weights(&self) -> Vec<Option<f64>> {
        balanced(&self.usable)
    }
}

/// The weights with which classes of `counts` samples count alike, scikit-learn's "balanced": all samples / (classes × samples of
/// the class); none of a class without samples.
pub fn balanced(counts: &[usize]) -> Vec<Option<f64>> {
    let all = counts.iter().sum::<usize>() as f64;
    counts.iter().map(|count| (*count > 0).then(|| all / (counts.len() * count) as f64)).collect()
}

/// What one file adds.
type One = Result<Seen, String>;

#[derive(Clone)]
struct Seen {
    size: (usize, usize),
    animated: bool,
    turned: bool,
    values: StatisticsOf,
}

/// Decodes all images of a folder in `threads` threads. The result does not depend on their number.
pub fn survey(folder: &ImageFolder, pipeline: &Pipeline, threads: usize) -> Survey {
    let next = AtomicUsize::new(0);
    let seen: Vec<Mutex<Option<One>>> = folder.files.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(file) = folder.files.get(index) else { return };
                    let one = look(&file.path, pipeline);
                    *seen[index].lock().unwrap_or_else(PoisonError::into_inner) = Some(one);
                }
            });
        }
    });
    let mut survey = Survey {
        usable: vec![0; folder.classes.len()],
        broken: Vec::new(),
        sizes: BTreeMap::new(),
        animated: 0,
        turned: 0,
        values: StatisticsOf::default(),
    };
    // In the order of the files, so that sums are rounded alike.
    for (file, seen) in folder.files.iter().zip(seen) {
        match seen.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(Ok(seen)) => {
                survey.usable[file.label] += 1;
                *survey.sizes.entry(seen.size).or_default() += 1;
                survey.animated += usize::from(seen.animated);
                survey.turned += usize::from(seen.turned);
                survey.values.merge(&seen.values);
            }
            Some(Err(reason)) => survey.broken.push((file.path.clone(), reason)),
            None => {}
        }
    }
    survey
}

fn look(path: &std::path::Path, pipeline: &Pipeline) -> One {
    let decoded = read(path, pipeline.max_pixels()).map_err(|error| error.to_string())?;
    let mut values = StatisticsOf::default();
    values.add(pipeline.resized(&decoded.image).rgb.as_chunks().0.iter().map(|pixel| pixel.map(f64::from)));
    let size = (decoded.image.width, decoded.image.height);
    Ok(Seen { size, animated: decoded.animated, turned: decoded.turned, values })
}
