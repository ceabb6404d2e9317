//! Threads that make batches ahead of who needs them.
//!
//! A [`Source`] makes a sample from its epoch and index alone, and batches come in the order that was asked for. So the
//! batches are the same whatever the number of threads. As in PyTorch's `DataLoader`, the threads take batches in turn, and
//! each is a bounded number of them ahead.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use cartwheel_envs::Generator;
use crossbeam::channel::{Receiver, Sender, bounded};

/// Where samples come from.
pub trait Source: Send + Sync + 'static {
    /// Why there is no sample; says which one.
    type Error: Error + Send + 'static;

    /// Samples.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Numbers in a sample.
    fn sample_len(&self) -> usize;

    /// Writes the sample `index` of an epoch to `into`, which has its length, and answers its label. What is random depends
    /// on nothing but `epoch` and `index`.
    ///
    /// # Errors
    /// A sample that cannot be had.
    fn load(&self, epoch: u64, index: usize, into: &mut [f32]) -> Result<usize, Self::Error>;
}

cartwheel_agents::config_enum! {
    /// What to do about a sample that cannot be had.
    pub enum OnBroken {
        /// Stop with the reason.
        Fail = "fail",
        /// Go on without it; its batch is shorter.
        Skip = "skip",
    }
}

/// How batches are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoaderOptions {
    /// Samples in a batch, 1 or more; the last one of an epoch may be shorter.
    pub batch_size: usize,
    /// Threads, 1 or more.
    pub num_workers: usize,
    /// Batches that each thread may be ahead, 1 or more.
    pub prefetch_factor: usize,
    /// What to do about a sample that cannot be had.
    pub on_broken: OnBroken,
}

/// Samples beside each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch<E> {
    /// Samples × numbers.
    pub inputs: Vec<f32>,
    /// A label for each sample.
    pub labels: Vec<usize>,
    /// The index of each sample in its source.
    pub indices: Vec<usize>,
    /// Those that were skipped, and why.
    pub broken: Vec<(usize, E)>,
}

/// Why there is no next batch.
#[derive(Debug, thiserror::Error)]
pub enum LoadError<E: Error> {
    /// A sample cannot be had.
    #[error("{0}")]
    Sample(E),
    /// A thread that makes batches is gone.
    #[error("a thread that loads data broke down; please report this as a bug")]
    Lost,
}

type Made<E> = Result<Batch<E>, E>;

/// The batches of an epoch, in order. Threads stop when it is dropped.
#[derive(Debug)]
pub struct Batches<E> {
    /// The batches of each thread, which has every `threads`th one.
    made: Vec<Receiver<Made<E>>>,
    threads: Vec<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    next: usize,
    count: usize,
}

/// Starts to make the batches of an epoch: the samples in this `order`.
pub fn batches<S: Source>(source: &Arc<S>, epoch: u64, order: Vec<usize>, options: LoaderOptions) -> Batches<S::Error> {
    let batch_size = options.batch_size.max(1);
    let count = order.len().div_ceil(batch_size);
    let workers = options.num_workers.clamp(1, count.max(1));
    let stop = Arc::new(AtomicBool::new(false));
    let order = Arc::new(order);
    let (mut made, mut threads) = (Vec::new(), Vec::new());
    for worker in 0..workers {
        // One more waits in the thread itself.
        let (sender, receiver) = bounded(options.prefetch_factor.max(1) - 1);
        let work = Worker { source: source.clone(), epoch, order: order.clone(), options, stop: stop.clone() };
        made.push(receiver);
        threads.push(std::thread::spawn(move || work.run((worker..count).step_by(workers), &sender)));
    }
    Batches { made, threads, stop, next: 0, count }
}

/// Every sample once, shuffled by the seed and the epoch alone.
pub fn shuffled(samples: usize, seed: u64, epoch: u64) -> Vec<usize> {
    /// The purpose of the stream, in the key of the generator.
    const ORDER: u64 = 0x6f72_6465;
    let mut random = Generator::from_entropy(&[seed, epoch, ORDER]);
    let mut order: Vec<usize> = (0..samples).collect();
    for last in (1..samples).rev() {
        order.swap(last, random.below(last as u64 + 1) as usize);
    }
    order
}

struct Worker<S> {
    source: Arc<S>,
    epoch: u64,
    order: Arc<Vec<usize>>,
    options: LoaderOptions,
    stop: Arc<AtomicBool>,
}

impl<S: Source> Worker<S> {
    fn run(&self, numbers: impl Iterator<Item = usize>, to: &Sender<Made<S::Error>>) {
        for number in numbers {
            let Some(made) = self.make(number) else { return };
            let failed = made.is_err();
            // Nobody listens any more, or need not.
            if to.send(made).is_err() || failed {
                return;
            }
        }
    }

    /// A batch; nothing when told to stop.
    fn make(&self, number: usize) -> Option<Made<S::Error>> {
        let start = number * self.options.batch_size.max(1);
        let end = (start + self.options.batch_size.max(1)).min(self.order.len());
        let length = self.source.sample_len();
        let mut batch = Batch {
            inputs: vec![0.0; (end - start) * length],
            labels: Vec::with_capacity(end - start),
            indices: Vec::with_capacity(end - start),
            broken: Vec::new(),
        };
        for index in &self.order[start..end] {
            if self.stop.load(Ordering::Relaxed) {
                return None;
            }
            let at = batch.labels.len() * length;
            match self.source.load(self.epoch, *index, &mut batch.inputs[at..at + length]) {
                Ok(label) => {
                    batch.labels.push(label);
                    batch.indices.push(*index);
                }
                Err(error) if self.options.on_broken == OnBroken::Fail => return Some(Err(error)),
                Err(error) => batch.broken.push((*index, error)),
            }
        }
        batch.inputs.truncate(batch.labels.len() * length);
        Some(Ok(batch))
    }
}

impl<E: Error> Iterator for Batches<E> {
    type Item = Result<Batch<E>, LoadError<E>>;

    /// The next batch, waiting for it; after an error nothing more comes.
    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.count {
            return None;
        }
        let made = self.made[self.next % self.made.len()].recv();
        self.next += 1;
        let result = match made {
            Ok(made) => made.map_err(LoadError::Sample),
            Err(_) => Err(LoadError::Lost),
        };
        if result.is_err() {
            self.next = self.count;
            self.stop.store(true, Ordering::Relaxed);
        }
        Some(result)
    }
}

impl<E> Drop for Batches<E> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Threads that wait for room see that nobody takes any more.
        self.made.clear();
        for thread in self.threads.drain(..) {
            // A panic was told of when it came.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    /// Samples of two numbers: their index and their epoch. Some cannot be had.
    #[derive(Default)]
    struct Numbers {
        broken: Vec<usize>,
        panics: Option<usize>,
        loaded: AtomicUsize,
    }

    #[derive(Debug, PartialEq, thiserror::Error)]
    #[error("sample {0} is broken")]
    struct Broken(usize);

    impl Source for Numbers {
        type Error = Broken;

        fn len(&self) -> usize {
            23
        }

        fn sample_len(&self) -> usize {
            2
        }

        fn load(&self, epoch: u64, index: usize, into: &mut [f32]) -> Result<usize, Broken> {
            self.loaded.fetch_add(1, Ordering::Relaxed);
            assert_ne!(self.panics, Some(index), "a source that panics");
            if self.broken.contains(&index) {
                return Err(Broken(index));
            }
            into.copy_from_slice(&[index as f32, epoch as f32]);
            Ok(index % 3)
        }
    }

    fn options(num_workers: usize, prefetch_factor: usize, on_broken: OnBroken) -> LoaderOptions {
        LoaderOptions { batch_size: 4, num_workers, prefetch_factor, on_broken }
    }

    fn all(source: &Arc<Numbers>, options: LoaderOptions) -> Vec<Batch<Broken>> {
        batches(source, 5, shuffled(23, 1, 5), options).map(Result::unwrap).collect()
    }

    #[test]
    fn batches_are_the_same_whatever_the_number_of_threads() {
        let source = Arc::new(Numbers { broken: vec![3, 4, 17], ..Numbers::default() });
        let one = all(&source, options(1, 1, OnBroken::Skip));
        assert_eq!(one.len(), 6);
        assert_eq!(one.iter().map(|batch| batch.labels.len()).sum::<usize>(), 20);
        assert_eq!(one.iter().map(|batch| batch.broken.len()).sum::<usize>(), 3);
        for batch in &one {
            assert_eq!(batch.inputs.len(), batch.labels.len() * 2);
            for (i, index) in batch.indices.iter().enumerate() {
                assert_eq!(batch.inputs[2 * i..2 * i + 2], [*index as f32, 5.0]);
                assert_eq!(batch.labels[i], index % 3);
            }
        }
        for (workers, prefetch) in [(2, 1), (3, 2), (7, 1), (20, 3)] {
            assert_eq!(all(&source, options(workers, prefetch, OnBroken::Skip)), one);
        }
    }

    #[test]
    fn every_sample_comes_once_an_epoch_and_orders_differ() {
        let mut sorted = shuffled(100, 1, 2);
        assert_ne!(sorted, shuffled(100, 1, 3));
        assert_ne!(sorted, shuffled(100, 2, 2));
        assert_eq!(sorted, shuffled(100, 1, 2));
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
        assert_eq!(shuffled(0, 1, 1), Vec::<usize>::new());
    }

    #[test]
    fn a_broken_sample_ends_the_epoch_where_it_must_not_be() {
        let source = Arc::new(Numbers { broken: vec![9], ..Numbers::default() });
        for workers in [1, 3] {
            let mut made = batches(&source, 0, (0..23).collect(), options(workers, 2, OnBroken::Fail));
            assert!(made.next().unwrap().is_ok() && made.next().unwrap().is_ok());
            let error = made.next().unwrap().unwrap_err();
            assert_eq!(error.to_string(), "sample 9 is broken");
            assert!(made.next().is_none());
        }
    }

    #[test]
    fn threads_stop_when_nobody_listens_and_are_not_far_ahead() {
        let source = Arc::new(Numbers::default());
        let mut made = batches(&source, 0, (0..23).collect(), options(2, 1, OnBroken::Fail));
        made.next().unwrap().unwrap();
        drop(made);
        // The first, and one or two ahead of each thread.
        assert!(source.loaded.load(Ordering::Relaxed) <= 20);
        assert_eq!(Arc::strong_count(&source), 1);
    }

    #[test]
    fn a_thread_that_breaks_down_is_told_of() {
        let source = Arc::new(Numbers { panics: Some(6), ..Numbers::default() });
        let results: Vec<_> = batches(&source, 0, (0..23).collect(), options(2, 1, OnBroken::Fail)).collect();
        assert!(matches!(results[..], [Ok(_), Err(LoadError::Lost)]), "{} results", results.len());
    }

    #[test]
    fn an_empty_epoch_has_no_batches() {
        assert_eq!(batches(&Arc::new(Numbers::default()), 0, Vec::new(), options(2, 1, OnBroken::Fail)).count(), 0);
    }
}
