//! Who is let in, and what those do who do not keep to the protocol: training goes on.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use cartwheel::trainer::watch::{Connection, MAGIC, ReplayColor, ReplayQuery, Request, VERSION, WatchError, WatchFile};

use super::ENDLESS;
use super::viewer::{PATIENCE, Viewer};
use crate::support::{CART_POLE, Folder};

/// What a viewer says first.
fn greeting(file: &WatchFile, version: u32) -> Vec<u8> {
    let digits = |i: usize| u8::from_str_radix(&file.token[2 * i..2 * i + 2], 16).unwrap();
    [MAGIC.to_vec(), version.to_le_bytes().to_vec(), (0..16).map(digits).collect()].concat()
}

/// All that is answered to `words` until the connection ends.
fn say(file: &WatchFile, words: &[&[u8]]) -> Vec<u8> {
    let mut stream = TcpStream::connect(file.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    for word in words {
        // Who hung up already has heard enough.
        let _ = stream.write_all(word);
    }
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
    answer
}

#[test]
fn strangers_and_nonsense_are_refused_and_training_goes_on() {
    let folder = Folder::new();
    let mut running = folder.spawn(&format!("{CART_POLE} {ENDLESS} --name a"));
    let run = folder.run("a");
    let mut viewer = Viewer::attach(&run, &mut running);
    let file = WatchFile::load(&run.path).unwrap();

    let other = WatchFile { token: "00".repeat(16), ..file.clone() };
    let error = Connection::to(&other).unwrap_err();
    assert!(matches!(error, WatchError::WrongToken(_)), "{error}");
    let other = WatchFile { token: "é".repeat(16), ..file.clone() };
    assert!(matches!(Connection::to(&other), Err(WatchError::WrongToken(_))));

    let answer = |verdict: u8| [&MAGIC[..], &VERSION.to_le_bytes(), &[verdict]].concat();
    let hello = greeting(&file, VERSION);
    assert_eq!(say(&file, &[&greeting(&file, VERSION + 1)]), answer(2), "another version");
    assert_eq!(say(&file, &[b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"]), b"", "no greeting");
    assert_eq!(say(&file, &[b"cart"]), b"", "somebody who falls silent");
    for nonsense in [&u32::MAX.to_le_bytes()[..], &0_u32.to_le_bytes(), &[3, 0, 0, 0, 99, 99, 99]] {
        let heard = say(&file, &[&hello, nonsense]);
        assert!(heard.starts_with(&answer(0)), "{heard:?}");
    }
    let step = viewer.status.step;
    viewer.past(step + 1000);
}

/// A run would refuse it, and go on as fast as it goes.
#[test]
fn a_speed_that_no_run_takes_is_refused() {
    let folder = Folder::new();
    for speed in ["0", "nan", "inf", "-3", "fast"] {
        for line in [format!("watch --speed={speed}"), format!("watch --tui --speed={speed}")] {
            folder.refused(&line, 2, &["--speed", "vector steps a second", "0.001"]);
        }
    }
}

#[test]
fn so_many_viewers_and_no_more() {
    let folder = Folder::new();
    let mut running = folder.spawn(&format!("{CART_POLE} {ENDLESS} --name a"));
    let run = folder.run("a");
    let mut viewers: Vec<_> = (0..4).map(|_| Viewer::attach(&run, &mut running)).collect();
    let error = Connection::open(&run.path).unwrap_err();
    assert!(matches!(error, WatchError::Full) && error.to_string().contains("close one"), "{error}");
    // They see the same run.
    for (i, viewer) in viewers.iter_mut().enumerate() {
        viewer.look(20.0 * (i + 1) as f32);
        viewer.frame(i as u32, |_| true);
    }
    viewers.pop();
    let mut viewer = Viewer::attach(&run, &mut running);
    viewer.look(60.0);
    viewer.frame(0, |_| true);
}

#[test]
fn who_does_not_read_is_disconnected() {
    let folder = Folder::new();
    let mut running = folder.spawn(&format!("{CART_POLE} {ENDLESS} --name a"));
    let run = folder.run("a");
    let mut lazy = Viewer::attach(&run, &mut running);
    lazy.look(240.0);
    let mut lazy = lazy.into_connection();
    let mut viewer = Viewer::attach(&run, &mut running);
    let begin = Instant::now();
    let query = ReplayQuery { axes: (0, 1), bins: (256, 256), color: ReplayColor::Count };
    while lazy.send(&Request::ReplayMap(query.clone())).is_ok() {
        assert!(begin.elapsed() < PATIENCE, "it is still listened to");
        thread::sleep(Duration::from_millis(20));
    }
    let step = viewer.status.step;
    viewer.past(step + 1000);
}

#[test]
fn what_is_wrong_with_a_runs_address_is_told() {
    let folder = Folder::new();
    let mut running = folder.spawn(&format!("{CART_POLE} {ENDLESS} --name a"));
    let run = folder.run("a");
    drop(Viewer::attach(&run, &mut running));
    let file = WatchFile::load(&run.path).unwrap();
    let pid = running.pid();
    assert!(running.kill());

    // It left its file behind.
    let error = Connection::open(&run.path).unwrap_err();
    assert!(matches!(error, WatchError::Nobody { pid: named, .. } if named == pid), "{error}");
    assert!(error.to_string().contains(&format!("--resume {}", run.path.display())), "{error}");
    fs::write(run.file("watch.json"), "{}").unwrap();
    let error = Connection::open(&run.path).unwrap_err();
    assert!(matches!(error, WatchError::File { .. }), "{error}");
    fs::remove_file(run.file("watch.json")).unwrap();
    let error = Connection::open(&run.path).unwrap_err();
    assert!(matches!(error, WatchError::NotLive(_)), "{error}");

    // Something else listens where the run did.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let file = WatchFile { address: listener.local_addr().unwrap(), ..file };
    let of_version_9 = [&MAGIC[..], &[9, 0, 0, 0], &[2]].concat();
    let answers = [b"HTTP/1.1 400 Bad Request".to_vec(), Vec::new(), of_version_9];
    let answering = thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            stream.read_exact(&mut [0; 28]).unwrap();
            stream.write_all(&answer).unwrap();
        }
    });
    assert!(matches!(Connection::to(&file), Err(WatchError::Stranger(_))));
    assert!(matches!(Connection::to(&file), Err(WatchError::Stranger(_))));
    let error = Connection::to(&file).unwrap_err();
    assert!(matches!(error, WatchError::OtherVersion { found: 9 }), "{error}");
    assert!(error.to_string().contains("version 9") && error.to_string().contains(&format!("version {VERSION}")));
    answering.join().unwrap();
}
