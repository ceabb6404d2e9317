//! The thread that reads what environments told of episodes in their last infos.

use std::io;
use std::path::PathBuf;

use cartwheel_trainer::EpisodeInfo;
use cartwheel_trainer::run::Episodes;
use crossbeam::channel::Sender;

use super::latest::latest;
use crate::model::{RunId, Update};

/// Some of a run's episodes, by their places among its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InfosOf {
    pub(crate) run: RunId,
    pub(crate) folder: PathBuf,
    pub(crate) episodes: Vec<usize>,
}

/// Starts the thread; it tells the infos of the episodes that were asked for last. One that cannot be read has none.
///
/// # Errors
/// If the operating system has no more threads.
pub(crate) fn start(tell: impl Fn(Update) + Send + 'static) -> io::Result<Sender<InfosOf>> {
    let mut reader = Reader::default();
    latest("episode-infos", move |wanted: InfosOf, _| tell(Update::Infos(wanted.run, reader.read(&wanted))))
}

/// The run that was read last: its index is read again only for episodes that ended since.
#[derive(Default)]
struct Reader {
    last: Option<(PathBuf, Episodes)>,
}

impl Reader {
    fn read(&mut self, wanted: &InfosOf) -> Vec<(usize, EpisodeInfo)> {
        let newest = wanted.episodes.iter().max().copied().unwrap_or_default();
        let known =
            |(folder, episodes): &(PathBuf, Episodes)| *folder == wanted.folder && newest < episodes.index().len();
        if !self.last.as_ref().is_some_and(known) {
            self.last = Episodes::open(&wanted.folder).ok().map(|episodes| (wanted.folder.clone(), episodes));
        }
        let episodes = self.last.as_ref().map(|(_, episodes)| episodes);
        let info = |number: &usize| {
            let record = episodes.and_then(|episodes| episodes.read(*number).ok());
            (*number, record.map(|record| record.info).unwrap_or_default())
        };
        wanted.episodes.iter().map(info).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cartwheel_trainer::run::{ActionLog, EpisodeLog, EpisodeRecord};

    fn end(log: &mut EpisodeLog, score: f64) {
        let record = EpisodeRecord {
            env: 0,
            episode: 0,
            start_step: 0,
            generator: [0; 4],
            policy_version: 0,
            return_: score,
            terminated: true,
            truncated: false,
            actions: ActionLog::for_space(&cartwheel_envs::Space::discrete(2)),
            info: [("score".to_owned(), score)].into(),
        };
        log.append(&record).unwrap();
        log.flush().unwrap();
    }

    #[test]
    fn infos_are_read_of_episodes_that_ended_since_too() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = EpisodeLog::open(folder.path(), None).unwrap();
        let mut reader = Reader::default();
        let mut read = |episodes: &[usize]| {
            let wanted = InfosOf { run: 0, folder: folder.path().to_owned(), episodes: episodes.to_vec() };
            let infos = reader.read(&wanted);
            infos.into_iter().map(|(number, info)| (number, info.get("score").copied())).collect::<Vec<_>>()
        };
        assert_eq!(read(&[0]), [(0, None)], "none ended yet");
        end(&mut log, 1.0);
        end(&mut log, 2.0);
        assert_eq!(read(&[1, 0]), [(1, Some(2.0)), (0, Some(1.0))]);
        end(&mut log, 3.0);
        assert_eq!(read(&[2]), [(2, Some(3.0))]);
    }
}
