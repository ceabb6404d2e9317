//! Fits in several processes: what they come to, and how they end.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use safetensors::SafeTensors;

use crate::support::{Folder, Output, Run, Running};

const DIGITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/digits");

/// `cartwheel fit mlp` on the digits, with a small network. 1293 images are learnt from.
fn fit(rest: &str) -> String {
    format!("fit mlp --data {DIGITS} --set mlp.net_arch=[24] --no-watch {rest}")
}

/// One that does not end by itself, and says little.
fn endless(rest: &str) -> String {
    fit(&format!("--epochs 100000000 --set fit.log_interval=1000000 {rest}"))
}

/// The numbers of the weights that a run came to.
fn weights(run: &Run) -> Vec<(String, Vec<f32>)> {
    let bytes = run.latest();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let floats = |bytes: &[u8]| bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let mut all: Vec<_> = file.tensors().into_iter().map(|(name, view)| (name, floats(view.data()))).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

#[track_caller]
fn are_close(a: &Run, b: &Run, most: f32) {
    for ((name, a), (other, b)) in weights(a).iter().zip(&weights(b)) {
        let worst = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(name == other && a.len() == b.len() && worst <= most, "{name}: {worst}");
    }
}

/// Starts the process `rank` of `size`, with rank 0 at `port` of this machine.
pub(crate) fn rank(folder: &Folder, rank: usize, size: usize, port: u16, line: &str) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cartwheel"));
    command.args(line.split_whitespace()).env("RANK", rank.to_string()).env("WORLD_SIZE", size.to_string());
    command.env("MASTER_ADDR", "127.0.0.1").env("MASTER_PORT", port.to_string());
    command.env("CARTWHEEL_RENDEZVOUS_TIMEOUT", "60");
    folder.start_on(&mut command, line, Stdio::null(), Stdio::piped())
}

/// A port that nobody listens at.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The processes that a process has started.
pub(crate) fn children(of: u32) -> Vec<u32> {
    let found = Command::new("pgrep").args(["-P", &of.to_string()]).output().unwrap();
    String::from_utf8(found.stdout).unwrap().lines().map(|line| line.parse().unwrap()).collect()
}

/// Fails unless all of these end soon.
#[track_caller]
fn end_soon(processes: &[u32]) {
    let begun = Instant::now();
    let runs = |process: &u32| Command::new("kill").args(["-0", &process.to_string()]).stderr(Stdio::null()).status();
    while processes.iter().any(|process| runs(process).unwrap().success()) {
        assert!(begun.elapsed() < Duration::from_secs(20), "{processes:?} still run");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whatever makes samples count differently, gradients are those of all samples of a step.
#[test]
fn two_processes_learn_as_one_with_twice_the_batch() {
    let folder = Folder::new();
    let settings = "--epochs 3 --set fit.optimizer=sgd --set fit.learning_rate=0.1 --set fit.momentum=0.9 \
        --set data.validation_split=0.13 --set fit.max_grad_norm=1 --set fit.ema_decay=0.9 --set fit.class_weight={3=5.0} --set fit.lr_schedule=cosine";
    folder.ok(&fit(&format!("{settings} --batch-size 20 --name one")));
    let two = "--nproc 2 --set fit.gradient_accumulation=2 --json";
    let output = folder.ok(&fit(&format!("{settings} --batch-size 5 {two} --name two")));
    let (one, two) = (folder.run("one"), folder.run("two"));
    are_close(&one, &two, 1e-5);
    for (row, other) in one.timeless_rows().iter().zip(&two.timeless_rows()) {
        for (metric, value) in row["metrics"].as_object().unwrap() {
            let (value, other) = (value.as_f64().unwrap(), other["metrics"][metric].as_f64().unwrap());
            assert!((value - other).abs() < 1e-4, "{metric}: {value} {other}");
        }
    }
    assert_eq!(one.timeless_rows().len(), two.timeless_rows().len());
    let summary = &output.json;
    assert_eq!((&summary["processes"], &summary["samples"], &summary["steps"]), (&2.into(), &3750.into(), &189.into()));
}

#[test]
fn the_same_seed_gives_the_same_bits_however_they_were_started() {
    let folder = Folder::new();
    let line = |name: &str| fit(&format!("--epochs 2 --batch-size 7 --name {name}"));
    let output = folder.ok(&format!("{} --nproc 4", line("a")));
    assert!(output.stdout.contains(", 4 processes"), "{}", output.stdout);
    let port = free_port();
    let others: Vec<Running> = [3, 1, 2].map(|number| rank(&folder, number, 4, port, &line("b"))).into();
    let first = rank(&folder, 0, 4, port, &format!("{} --json", line("b")));
    let output = first.wait();
    assert_eq!(output.code, 0, "{}", output.stderr);
    // 1293 samples are filled up to 1296.
    assert_eq!((&output.json["samples"], &output.json["epochs"]), (&(2 * 1296).into(), &2.into()));
    for other in others {
        let Output { code, stdout, stderr, .. } = other.wait();
        assert_eq!((code, stdout.as_str(), stderr.as_str()), (0, "", ""));
    }
    let (a, b) = (folder.run("a"), folder.run("b"));
    assert!(a.latest() == b.latest() && a.best() == b.best(), "weights differ");
    assert_eq!(a.timeless_rows(), b.timeless_rows());
}

#[test]
fn an_interrupted_run_goes_on_bit_for_bit_in_as_many_processes() {
    let folder = Folder::new();
    let settings = fit("--epochs 40 --batch-size 6 --set fit.ema_decay=0.99 --set fit.lr_schedule=one_cycle --nproc 2");
    let (whole, run) = folder.whole_and_resumed_by(&settings, &settings, "--nproc 2");
    for file in ["checkpoints/latest.safetensors", "checkpoints/best.safetensors"] {
        assert!(run.bytes(file) == whole.bytes(file), "{file} differs");
    }
}

#[test]
fn a_run_goes_on_in_another_number_of_processes() {
    let folder = Folder::new();
    let mut running = folder.spawn(&endless("--nproc 4 --batch-size 4 --name stopped --set fit.lr_schedule=cosine"));
    let run = folder.run("stopped");
    assert!(running.until(|| run.states().len() > 1), "no checkpoint");
    let others = children(running.pid());
    running.signal("TERM");
    assert_eq!(running.wait().code, 143);
    end_soon(&others);
    let done = run.timeless_rows().iter().filter(|row| row["metrics"]["val/loss"].is_number()).count();
    let config = String::from_utf8(run.bytes("config.toml")).unwrap();
    fs::write(run.file("config.toml"), config.replace("epochs = 100000000", &format!("epochs = {}", done + 3)))
        .unwrap();
    let output = folder.ok("fit --resume runs/stopped --nproc 2 --json");
    assert_eq!((&output.json["epochs"], &output.json["processes"]), (&(done + 3).into(), &2.into()));
    // The schedule is of epochs, whoever takes the steps: at its end it is at 0.
    let rows = run.rows();
    let rate = rows.iter().rev().find_map(|row| row["metrics"]["train/learning_rate"].as_f64()).unwrap();
    assert!(rate < 1e-5, "{rate}");
}

#[test]
fn a_process_that_is_killed_ends_all_and_is_named() {
    let folder = Folder::new();
    let mut running = folder.spawn(&endless("--nproc 3 --name a"));
    let run = folder.run("a");
    assert!(running.until(|| !run.states().is_empty()), "no checkpoint");
    let others = children(running.pid());
    assert_eq!(others.len(), 2);
    assert!(Command::new("kill").args(["-KILL", &others[1].to_string()]).status().unwrap().success());
    let output = running.wait();
    output.failed("fit", 1, &["error: rank 2 is gone", "signal 9"]);
    end_soon(&others);
    let manifest = String::from_utf8(run.bytes("run.json")).unwrap();
    assert!(manifest.contains("failed") && manifest.contains("rank 2 is gone"), "{manifest}");
}

#[test]
fn nobody_is_left_when_rank_0_is_killed() {
    let folder = Folder::new();
    let mut running = folder.spawn(&endless("--nproc 3 --name a"));
    let run = folder.run("a");
    assert!(running.until(|| !run.states().is_empty()), "no checkpoint");
    let others = children(running.pid());
    assert!(others.len() == 2 && running.kill());
    end_soon(&others);
}

/// Where processes are on several machines, each says what has ended it.
#[test]
fn processes_that_were_started_by_hand_name_who_is_gone() {
    let folder = Folder::new();
    let port = free_port();
    let mut all: Vec<Running> = (0..3).map(|number| rank(&folder, number, 3, port, &endless("--name a"))).collect();
    let run = folder.run("a");
    assert!(all[0].until(|| !run.states().is_empty()), "no checkpoint");
    assert!(all.remove(1).kill());
    for process in all {
        process.wait().failed("fit", 1, &["rank 1 is gone: its connection was closed"]);
    }
    assert!(!run.states().is_empty());
}

#[test]
fn a_loss_that_is_no_number_ends_all_with_one_error() {
    let folder = Folder::new();
    let line = fit("--nproc 2 --epochs 2 --set fit.optimizer=sgd --set fit.learning_rate=1e38 --name off");
    let output = folder.refused(&line, 1, &["layer `", "epoch 1", "fit.learning_rate"]);
    assert_eq!(output.stderr.matches("error: ").count(), 1, "{}", output.stderr);
    assert!(folder.run("off").states().is_empty());
}

/// Ten pictures of each of two classes.
pub(crate) fn pets(folder: &Folder) {
    for (class, red) in [("ants", 200), ("bees", 20)] {
        fs::create_dir_all(folder.path("pets").join(class)).unwrap();
        for number in 0..10 {
            let picture =
                image::RgbImage::from_fn(8, 8, |x, y| image::Rgb([red, (9 * number + x) as u8, (9 * y) as u8]));
            picture.save(folder.path("pets").join(class).join(format!("{number}.png"))).unwrap();
        }
    }
}

/// A picture that one process cannot read is told by all, and gone on without if settings say so.
#[test]
fn what_a_process_cannot_read_is_told() {
    let folder = Folder::new();
    pets(&folder);
    // All but the last layer stays as it is, with the statistics of its batch norms: so that a step is as one of both.
    let line = |rest: &str| {
        format!(
            "fit resnet8 --data pets --epochs 3 --set images.width=8 --set images.height=8 --set images.shorter_side=8 \
             --set data.validation_split=0.2 --set fit.freeze=[\"conv1\",\"bn1\",\"layer1\",\"layer2\",\"layer3\"] --no-watch {rest}"
        )
    };
    folder.ok(&line("--batch-size 6 --name one"));
    folder.ok(&line("--batch-size 3 --nproc 2 --name two"));
    are_close(&folder.run("one"), &folder.run("two"), 1e-5);

    fs::write(folder.path("pets/ants/7.png"), "no picture").unwrap();
    let output = folder.refused(&line("--batch-size 3 --nproc 2 --name three"), 1, &["7.png", "images.on_broken"]);
    assert_eq!(output.stderr.matches("error: ").count(), 1, "{}", output.stderr);
    let skip = "--set images.on_broken=skip --json";
    folder.ok(&line(&format!("--batch-size 6 {skip} --name four")));
    let output = folder.ok(&line(&format!("--batch-size 3 --nproc 2 {skip} --name five")));
    are_close(&folder.run("four"), &folder.run("five"), 1e-5);
    assert!(output.json["skipped"][0].as_str().unwrap().contains("7.png"), "{}", output.stdout);
}

#[test]
fn what_was_asked_wrongly_is_told_before_anything_is_written() {
    let folder = Folder::new();
    folder.refused(&fit("--nproc 0"), 2, &["--nproc", "0"]);
    folder.refused(&fit("--nproc two"), 2, &["--nproc", "two"]);
    folder.refused(&fit("--nproc 2000"), 2, &["1293 samples", "2000 processes"]);
    folder.refused(&fit("--nproc 2000000"), 2, &["in each of 2000000 processes", "this machine has"]);
    let with = |variables: &[(&str, &str)], line: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cartwheel"));
        command.args(line.split_whitespace()).envs(variables.iter().copied());
        folder.start_on(&mut command, line, Stdio::null(), Stdio::piped()).wait()
    };
    let line = fit("");
    with(&[("WORLD_SIZE", "2")], &line).failed(&line, 2, &["WORLD_SIZE is 2", "RANK"]);
    with(&[("RANK", "2"), ("WORLD_SIZE", "2")], &line).failed(&line, 2, &["RANK is 2", "from 0 to 1"]);
    let both = fit("--nproc 2");
    with(&[("RANK", "0"), ("WORLD_SIZE", "1")], &both).failed(&both, 2, &["--nproc", "WORLD_SIZE"]);
    let port = free_port().to_string();
    let place = |rank| {
        let variables = [("RANK", rank), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "127.0.0.1")];
        [&variables[..], &[("MASTER_PORT", port.as_str()), ("CARTWHEEL_RENDEZVOUS_TIMEOUT", "1")]].concat()
    };
    let address = format!("127.0.0.1:{port}");
    with(&place("1"), &line).failed(&line, 1, &["rank 0 did not answer", &address, "within 1 s"]);
    with(&place("0"), &line).failed(&line, 1, &["rank 1 did not come", &address, "within 1 s"]);
    let taken = TcpListener::bind(&address).unwrap();
    with(&place("0"), &line).failed(&line, 2, &[&format!("port {port}"), "MASTER_PORT"]);
    drop(taken);
    assert!(!folder.path("runs").exists(), "something was written");
}

#[test]
fn processes_that_do_not_fit_together_are_refused() {
    let folder = Folder::new();
    fs::create_dir(folder.path("other")).unwrap();
    for name in ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"] {
        fs::copy(format!("{DIGITS}/{name}"), folder.path("other").join(name)).unwrap();
    }
    for (line, words) in [
        (fit("--set fit.seed=7"), &["fit.seed is 7 at rank 1, and 1 at rank 0"][..]),
        ("fit mlp --data other --set mlp.net_arch=[24]".to_owned(), &["the data of rank 1"]),
        (format!("fit resnet8 --data {DIGITS}"), &["rank 1", "the same settings"]),
    ] {
        let port = free_port();
        let other = rank(&folder, 1, 2, port, &line);
        rank(&folder, 0, 2, port, &fit("")).wait().failed(&line, 2, words);
        other.wait().failed(&line, 2, words);
    }
    let port = free_port();
    let others = [rank(&folder, 1, 3, port, &fit("")), rank(&folder, 1, 3, port, &fit(""))];
    rank(&folder, 0, 3, port, &fit("")).wait().failed("fit", 2, &["two processes are rank 1"]);
    others.into_iter().for_each(|other| assert_ne!(other.wait().code, 0));
    assert!(!folder.path("runs").exists(), "something was written");
}

#[test]
fn processes_that_wait_for_others_end_when_they_are_asked_to() {
    let folder = Folder::new();
    let port = free_port();
    // Rank 0 waits for rank 2, and rank 1 for what rank 0 will say.
    let mut waiting = [0, 1].map(|number| rank(&folder, number, 3, port, &fit("")));
    assert!(waiting[0].until(|| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()), "nobody listens");
    std::thread::sleep(std::time::Duration::from_millis(500));
    for (process, (signal, code)) in waiting.into_iter().rev().zip([("TERM", 143), ("INT", 130)]) {
        process.signal(signal);
        process.wait().failed("fit", code, &["stopped before all processes had met"]);
    }
    assert!(!folder.path("runs").exists(), "something was written");
}

#[test]
fn every_model_is_fitted_by_several() {
    let folder = Folder::new();
    // So that there are 6514 rows to learn from.
    let ratings = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/ratings/ratings.csv")).unwrap();
    folder.write("ratings.csv", ratings.trim_end().rsplit_once('\n').unwrap().0);
    let pairs: String = (0..40).map(|number| format!("{number}\t{number} {number}\n")).collect();
    folder.write("pairs.tsv", &pairs);
    // Of T5 each token counts as much as any other, and of recommenders a row of a table that any process read.
    let half = fit("--epochs 2 --set data.validation_split=0.13 --set fit.precision=f16-o2");
    for (name, line, most) in [
        ("recommender", "fit recommender --data ratings.csv --epochs 2 --set recommender.loss=mse", 1e-5),
        ("t5", "fit t5 --data pairs.tsv --epochs 2 --set t5.d_model=16 --set t5.d_ff=16", 1e-5),
        // Sums of gradients are rounded to 16 bits in each process.
        ("half", &half, 0.02),
    ] {
        let line = format!("{line} --set fit.optimizer=sgd --set fit.learning_rate=0.1");
        folder.ok(&format!("{line} --batch-size 6 --name {name}-one"));
        folder.ok(&format!("{line} --batch-size 3 --nproc 2 --name {name}-two"));
        are_close(&folder.run(&format!("{name}-one")), &folder.run(&format!("{name}-two")), most);
    }
}
