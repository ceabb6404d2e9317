//! Images of MNIST's files, which are kept in memory.

use std::path::Path;

use super::pictures::{About, Batch};
use crate::TrainError;
use crate::data::image::{CHANNELS, Image, ImagesConfig, Pipeline, Resizing};
use crate::data::mnist::{LabelledImages, Mnist};
use crate::supervised::settings::FitSettings;
use crate::supervised::task::Part;

/// Images of one channel.
pub(crate) struct Grey {
    parts: [Option<LabelledImages>; 3],
    /// What is changed at random while training, if anything is.
    changes: Option<Pipeline>,
    seed: u64,
    /// Samples of a batch that is only looked at.
    pub(crate) looked_at: usize,
}

impl Grey {
    /// The images that `settings` say.
    pub(crate) fn open(settings: &FitSettings) -> Result<(Self, About), TrainError> {
        let data = Mnist::read(Path::new(&settings.data.dir))?;
        let (classes, size) = (data.classes(), data.train.size);
        let (train, validation) = data.train.split(settings.data.validation_split);
        settings.check_split("samples", train.len(), validation.len())?;
        let labels = (0..classes).map(|class| class.to_string()).collect();
        let about = About { size, channels: 1, labels, preprocessing: None };
        let changes = changes(settings, size)?;
        let (parts, fit) = ([Some(train), Some(validation), data.test], &settings.fit);
        Ok((Self { parts, changes, seed: fit.seed, looked_at: fit.looked_at() }, about))
    }

    /// Those of a part.
    pub(crate) fn part(&self, part: Part) -> Option<&LabelledImages> {
        self.parts[part as usize].as_ref()
    }

    /// Training samples as the epoch sees them: changed as those of folders are.
    pub(crate) fn train(&self, epoch: u64, indices: &[usize]) -> Batch {
        let Some(images) = self.part(Part::Train) else { return Batch::default() };
        let Some(pipeline) = &self.changes else { return batch(images, indices) };
        let [height, width] = images.size;
        let mut x = Vec::with_capacity(indices.len() * width * height);
        let mut numbers = vec![0.0; pipeline.sample_len()];
        for index in indices {
            let pixels = &images.images[index * width * height..][..width * height];
            let rgb = pixels.iter().flat_map(|pixel| [*pixel; CHANNELS]).collect();
            pipeline.train(&Image { width, height, rgb }, [self.seed, epoch, *index as u64], &mut numbers);
            x.extend(numbers.iter().step_by(CHANNELS));
        }
        Batch::new(x, indices.iter().map(|index| images.labels[*index].into()).collect())
    }
}

/// Samples as they are.
pub(crate) fn batch(images: &LabelledImages, indices: &[usize]) -> Batch {
    let (x, classes) = images.batch(indices);
    Batch::new(x, classes)
}

/// The pipeline of random changes to images of `size` rows and columns, from 0 to 1.
fn changes(settings: &FitSettings, [height, width]: [usize; 2]) -> Result<Option<Pipeline>, TrainError> {
    let augment = settings.augment.clone();
    if augment.standardizes() {
        return Err(TrainError::Unfit(
            "augment.rescale, samplewise_* and featurewise_* are for folders of images: images of MNIST's format are \
            divided by 255 and no more, so leave them out"
                .into(),
        ));
    }
    if augment.leaves_alone() {
        return Ok(None);
    }
    // Of a size already, and divided by 255 alone.
    let (mean, std) = (vec![0.0; CHANNELS], vec![1.0; CHANNELS]);
    let images = ImagesConfig { width, height, resize: Resizing::Stretch, mean, std, ..ImagesConfig::default() };
    Pipeline::new(images, augment, None).map(Some).map_err(TrainError::Unfit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::image::{AugmentConfig, CHANNELS, Image};
    use crate::supervised::classification::pictures::Pictures;
    use crate::supervised::config::ModelName;

    fn settings(settings: &[&str]) -> FitSettings {
        let mut fit = FitSettings::of(ModelName::ResNet8);
        fit.data.dir = format!("{}/../tests/data/digits", env!("CARGO_MANIFEST_DIR"));
        for setting in settings {
            fit.set(setting).unwrap();
        }
        fit.settle();
        fit
    }

    fn open(keys: &[&str]) -> Grey {
        Grey::open(&settings(keys)).unwrap().0
    }

    #[test]
    fn what_is_not_done_to_them_is_refused() {
        for key in ["rescale=0.5", "samplewise_center=true", "featurewise_std_normalization=true"] {
            let told = Grey::open(&settings(&[&format!("augment.{key}")])).err().unwrap().to_string();
            assert!(told.contains("augment.rescale") && told.contains("MNIST"), "{told}");
        }
    }

    /// So that there is room for them where there is for those that are learnt from.
    #[test]
    fn as_many_are_looked_at_as_are_learnt_from() {
        for (batch_size, expected) in [("5", 5), ("1000", 256)] {
            let pictures = Pictures::open(&settings(&[&format!("fit.batch_size={batch_size}")])).unwrap().0;
            let mut sizes = Vec::new();
            let seen = pictures.each(Part::Test, &mut |batch| {
                sizes.push(batch.classes.len());
                Ok(())
            });
            seen.unwrap();
            assert_eq!((sizes.iter().max(), sizes.iter().sum::<usize>()), (Some(&expected), 360));
        }
    }

    #[test]
    fn digits_are_changed_as_pictures_of_folders_are() {
        let plain = open(&[]);
        let images = plain.part(Part::Train).unwrap().clone();
        assert_eq!(plain.train(1, &[3, 5]).x, images.batch(&[3, 5]).0, "the recipe's changes are for photographs");
        let turned = open(&["augment.rotation_range=20", "augment.zoom_range=[0.9, 1.1]"]);
        let batch = turned.train(2, &[3, 5]);
        assert_eq!(batch.classes, images.batch(&[3, 5]).1);
        assert_ne!(batch.x, images.batch(&[3, 5]).0);
        assert_eq!(batch.x, turned.train(2, &[3, 5]).x);
        assert_eq!(batch.x[64..], turned.train(2, &[5]).x, "by its index alone");
        assert_ne!(batch.x, turned.train(3, &[3, 5]).x);
        // The same as PNGs in a folder.
        let (mut config, mut augment) = (ImagesConfig::default(), AugmentConfig::default());
        let folder = "[images]\nwidth = 8\nheight = 8\nshorter_side = 8\nmean = [0.0, 0.0, 0.0]\nstd = [1.0, 1.0, 1.0]\n\
            [augment]\nrotation_range = 20\nzoom_range = [0.9, 1.1]\nfill_mode = \"constant\"";
        cartwheel_agents::config::load(&mut [&mut config, &mut augment], folder, "test.toml").unwrap();
        let pipeline = Pipeline::new(config, augment, None).unwrap();
        let rgb = images.images[3 * 64..4 * 64].iter().flat_map(|pixel| [*pixel; CHANNELS]).collect();
        let mut numbers = vec![0.0; 8 * 8 * CHANNELS];
        pipeline.train(&Image { width: 8, height: 8, rgb }, [turned.seed, 2, 3], &mut numbers);
        assert_eq!(batch.x[..64], numbers.iter().step_by(CHANNELS).copied().collect::<Vec<_>>());
        // What is asked for counts, what the recipe has for photographs too.
        for key in ["augment.vertical_flip=true", "augment.horizontal_flip=true", "augment.width_shift_range=5"] {
            let changed = open(&[key]);
            assert!((0..20).any(|epoch| changed.train(epoch, &[3]).x != images.batch(&[3]).0), "{key}");
        }
    }
}
