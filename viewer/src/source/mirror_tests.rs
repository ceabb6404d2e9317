use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::JoinHandle;

use cartwheel_trainer::run::{Manifest, Outcome};
use cartwheel_trainer::watch::Interest;
use cartwheel_trainer::{Experiment, Settings};
use crossbeam::channel::{Receiver, unbounded};

use super::*;
use crate::model::Update;
use crate::source::live::{self, Message};

/// How long a test waits for what should come at once, on a machine that is busy.
const LONGEST: Duration = Duration::from_secs(60);

/// A run of this process that is held before its first step, in a folder of its own.
struct Held {
    folder: TempDir,
    run: RunDir,
    file: WatchFile,
    viewer: Connection,
    training: JoinHandle<()>,
}

fn until(mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < LONGEST, "waited too long");
        std::thread::yield_now();
    }
}

impl Held {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.env.id = "CartPole-v1".into();
        settings.dqn.net_arch = vec![8];
        (settings.train.total_timesteps, settings.train.log_interval) = (600, 100);
        settings.eval.n_eval_episodes = 1;
        settings.run.name = Some("a".into());
        settings.run.dir = folder.path().display().to_string();
        let train = move || drop(Experiment::new(settings).wait_for_viewer(LONGEST).run().unwrap());
        let training = std::thread::spawn(train);
        let path = folder.path().join("a");
        let mut viewer = None;
        until(|| {
            viewer = Connection::open(&path).ok();
            viewer.is_some()
        });
        let (run, file) = (RunDir::open(&path).unwrap(), WatchFile::load(&path).unwrap());
        Self { folder, run, file, viewer: viewer.unwrap(), training }
    }

    /// A copy of it in `folder`, of which nothing is there yet.
    fn copy(&self, folder: &Path) -> Copy {
        fs::create_dir(folder.join("checkpoints")).unwrap();
        Copy::new(self.file.clone(), Connection::to(&self.file).unwrap(), folder.to_owned())
    }

    /// Lets it train to its end. Its folder is there as long as what this answers.
    fn go_on(mut self) -> TempDir {
        let interest = Interest { envs: 0..1, hz: 1.0, ..Interest::default() };
        self.viewer.send(&Request::Watch(interest)).unwrap();
        self.training.join().unwrap();
        self.folder
    }
}

#[test]
fn a_runs_name_leads_nowhere_else() {
    assert_eq!(plain("CartPole-v1-dqn-s1"), "CartPole-v1-dqn-s1");
    assert_eq!(plain("../../etc/passwd"), "etcpasswd");
    assert_eq!(plain(".."), "run");
}

#[test]
fn logs_grow_and_are_copied_anew_where_they_were_cut() {
    let (held, folder) = (Held::new(), tempfile::tempdir().unwrap());
    let mut copy = held.copy(folder.path());
    let long = format!("one\ntwo\n{}three\n", "x".repeat(PART as usize));
    for (log, rounds) in [("one\n", 1), ("one\ntwo\n", 1), (&*long, 2), ("one\n", 2)] {
        fs::write(held.run.metrics(), log).unwrap();
        for round in 1..=rounds {
            assert_eq!(copy.append_all().unwrap(), round < rounds, "round {round} of {log:.20}");
        }
        assert!(fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap() == log, "not {log:.20}");
    }
    drop(copy);
    held.go_on();
}

#[test]
fn files_are_copied_when_they_change_and_only_then() {
    let (held, folder) = (Held::new(), tempfile::tempdir().unwrap());
    let mut copy = held.copy(folder.path());
    copy.replace_all().unwrap();
    let here = folder.path().join("config.toml");
    assert_eq!(fs::read(&here).unwrap(), fs::read(held.run.config()).unwrap());
    assert!(!folder.path().join(name(RunFile::BestWeights)).exists(), "there are none yet");
    fs::remove_file(&here).unwrap();
    copy.replace_all().unwrap();
    assert!(!here.exists(), "what is known is not asked for again");
    // One of the same length is told from the other, and both are longer than a part.
    let weights = held.run.latest_weights();
    for (byte, second) in [("#", 1), ("%", 2)] {
        fs::write(&weights, byte.repeat(PART as usize + 7)).unwrap();
        let file = fs::File::options().write(true).open(&weights).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(second)).unwrap();
        copy.replace_all().unwrap();
        let copied = fs::read(folder.path().join(name(RunFile::LatestWeights))).unwrap();
        assert!(copied == fs::read(&weights).unwrap(), "not {byte}");
    }
    fs::remove_file(&weights).unwrap();
    drop(copy);
    held.go_on();
}

/// A tunnel to `address`: where it begins, and the connections through it, to be cut.
fn tunnel(address: SocketAddr) -> (SocketAddr, Receiver<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (begin, (tell, connections)) = (listener.local_addr().unwrap(), unbounded());
    std::thread::spawn(move || {
        for here in listener.incoming().map_while(Result::ok) {
            // Nobody listens any more, or nobody cuts.
            let Ok(there) = TcpStream::connect(address) else { return };
            for (mut from, mut to) in
                [(&here, &there), (&there, &here)].map(|(a, b)| (a.try_clone().unwrap(), b.try_clone().unwrap()))
            {
                std::thread::spawn(move || {
                    let _ = io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Both);
                });
            }
            let _ = tell.send(here);
        }
    });
    (begin, connections)
}

#[test]
fn a_copy_goes_on_after_the_tunnel_was_down() {
    let held = Held::new();
    let (address, connections) = tunnel(held.file.address);
    let mirror = Mirror::start(address, &held.file.token).unwrap();
    let copy = RunDir::open(mirror.path()).unwrap();
    until(|| copy.is_locked());
    connections.recv_timeout(LONGEST).unwrap().shutdown(Shutdown::Both).unwrap();
    // Another one, and the window is told of the run again.
    let _second = connections.recv_timeout(LONGEST).unwrap();
    until(|| copy.watch().exists() && copy.is_locked());
    let _kept = held.go_on();
    until(|| Manifest::load(&copy.manifest()).is_ok_and(|manifest| manifest.outcome == Outcome::Finished));
    until(|| !copy.is_locked() && !copy.watch().exists());
}

/// What it wrote last and what it came to are there, and nobody takes it for killed.
#[test]
fn a_run_that_ends_well_is_copied_whole() {
    let held = Held::new();
    let mirror = Mirror::start(held.file.address, &held.file.token).unwrap();
    let copy = RunDir::open(mirror.path()).unwrap();
    assert!(copy.watch().exists());
    let (tell, inbox) = unbounded();
    let (told, updates) = unbounded();
    let attached = std::thread::spawn(move || live::stay_attached(&inbox, &told));
    tell.send(Message::Attach(0, mirror.path())).unwrap();
    until(|| matches!(updates.recv_timeout(LONGEST).unwrap(), Update::Reply(Reply::Welcome(_))));
    let run = held.run.clone();
    let _kept = held.go_on();
    until(|| !copy.watch().exists());
    for file in LOGS.into_iter().chain(WHOLE) {
        let (there, here) = (fs::read(run.path().join(name(file))), fs::read(copy.path().join(name(file))));
        assert!(there.unwrap() == here.unwrap(), "{file:?} is another");
    }
    assert_eq!(Manifest::load(&copy.manifest()).unwrap().outcome, Outcome::Finished);
    until(|| !copy.is_locked());
    drop(tell);
    attached.join().unwrap();
    let reason = |update| if let Update::Detached(reason) = update { Some(reason) } else { None };
    assert_eq!(updates.try_iter().filter_map(reason).collect::<Vec<_>>(), [""], "it said farewell");
}
