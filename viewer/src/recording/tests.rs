use super::*;

fn frame(width: u32, height: u32, shade: u8) -> Frame {
    Frame { width, height, rgb: vec![shade; 3 * (width * height) as usize] }
}

fn names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn frames_of_gif(path: &Path) -> usize {
    let mut decoder = gif::DecodeOptions::new().read_info(fs::File::open(path).unwrap()).unwrap();
    let mut count = 0;
    while decoder.read_next_frame().unwrap().is_some() {
        count += 1;
    }
    count
}

#[test]
fn a_gif_is_whole_when_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.gif");
    let mut recording = Recording::begin(&path, 20).unwrap();
    (0..5).for_each(|shade| recording.add(frame(8, 6, 40 * shade)));
    recording.add(frame(20, 3, 9));
    assert!(!path.exists());
    let recorded = recording.finish().unwrap();
    assert_eq!(recorded, Recorded { path: path.clone(), frames: 6, dropped: 0, note: None });
    assert_eq!(frames_of_gif(&path), 6);
    assert_eq!(names(folder.path()), ["film.gif"]);
}

#[test]
fn a_recording_that_is_given_up_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut recording = Recording::begin(&folder.path().join("film.gif"), 20).unwrap();
    recording.add(frame(8, 6, 1));
    let Recording { frames, encoder, .. } = recording;
    drop(frames);
    assert_eq!(encoder.join().unwrap().unwrap_err().kind(), ErrorKind::Interrupted);
    assert_eq!(names(folder.path()), Vec::<String>::new());
    let empty = Recording::begin(&folder.path().join("film.gif"), 20).unwrap().finish().unwrap_err();
    assert!(empty.contains("film.gif") && empty.contains("no picture"), "{empty}");
    let nowhere = Recording::begin(&folder.path().join("no/film.gif"), 20).unwrap();
    let Recording { frames, encoder, .. } = nowhere;
    frames.send(Some((frame(8, 6, 1), 1))).unwrap();
    assert_eq!(encoder.join().unwrap().unwrap_err().kind(), ErrorKind::NotFound);
    assert!(Recording::begin(&folder.path().join("film.avi"), 20).unwrap_err().contains("film.avi"));
}

/// A recording whose encoder does not take anything, and its inbox.
fn stuck(folder: &Path, room: usize) -> (Recording, Receiver<Option<Shown>>) {
    let (frames, inbox) = bounded(room);
    let recording = Recording::begin(&folder.join("film.gif"), 10).unwrap();
    (Recording { frames, ..recording }, inbox)
}

#[test]
fn the_pace_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.gif");
    let mut recording = Recording::begin(&path, 10).unwrap();
    let ms = Duration::from_millis;
    recording.add_at(ms(0), frame(4, 4, 0));
    recording.add_at(ms(30), frame(4, 4, 1));
    assert_eq!(recording.count, 1, "too early for another");
    recording.add_at(ms(420), frame(4, 4, 2));
    assert_eq!(recording.count, 5, "held for as long as it was seen");
    let recorded = recording.finish().unwrap();
    assert_eq!((recorded.frames, recorded.dropped, frames_of_gif(&path)), (5, 0, 5));
}

/// One that was dropped is told, and the film does not become shorter by it.
#[test]
fn what_the_encoder_has_no_room_for_is_filled_by_what_comes_next() {
    let folder = tempfile::tempdir().unwrap();
    let (mut recording, inbox) = stuck(folder.path(), 1);
    for (tenth, shade) in [(0, 1), (1, 2), (2, 3)] {
        recording.add_at(Duration::from_millis(100 * tenth), frame(4, 4, shade));
    }
    assert_eq!((recording.count, recording.dropped), (1, 2));
    assert_eq!(inbox.try_recv().unwrap(), Some((frame(4, 4, 1), 1)));
    recording.add_at(Duration::from_millis(300), frame(4, 4, 4));
    assert_eq!((recording.count, recording.dropped), (4, 2));
    assert_eq!(inbox.try_recv().unwrap(), Some((frame(4, 4, 4), 3)), "for those that were dropped, too");
}

/// As of a computer that slept.
#[test]
fn a_long_standstill_is_cut_short() {
    let folder = tempfile::tempdir().unwrap();
    let (mut recording, inbox) = stuck(folder.path(), 9);
    let hour = Duration::from_secs(3600);
    for (at, times) in [(Duration::ZERO, 1), (hour, 10 * STANDSTILL), (hour + Duration::from_millis(100), 1)] {
        recording.add_at(at, frame(4, 4, 7));
        assert_eq!(inbox.try_recv().unwrap(), Some((frame(4, 4, 7), times)), "at {at:?}");
    }
}

#[test]
fn without_ffmpeg_an_mp4_is_motion_jpeg() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mp4");
    let mut recording = Recording::begin_with(&path, 20, "no-such-program").unwrap();
    recording.add(frame(8, 6, 1));
    let recorded = recording.finish().unwrap();
    assert_eq!((&recorded.path, recorded.frames), (&path, 1));
    assert!(recorded.note.unwrap().contains("ffmpeg"));
    assert_eq!(&fs::read(&path).unwrap()[4..8], b"ftyp");
    assert_eq!(names(folder.path()), ["film.mp4"]);
    let mut recording = Recording::begin_with(&folder.path().join("other.mp4"), 20, "no-such-program").unwrap();
    recording.add(frame(8, 6, 1));
    recording.give_up();
    assert_eq!(names(folder.path()), ["film.mp4"]);
}

#[test]
fn an_encoder_that_fails_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // `true` takes any arguments, reads nothing and writes nothing.
    let mut recording = Recording::begin_with(&folder.path().join("film.mp4"), 20, "true").unwrap();
    recording.add(frame(8, 6, 1));
    recording.finish().unwrap_err();
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[test]
fn ffmpeg_writes_an_mp4_if_it_is_there() {
    if !runs(FFMPEG) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mp4");
    let mut recording = Recording::begin(&path, 20).unwrap();
    (0..10).for_each(|shade| recording.add(frame(33, 21, 20 * shade)));
    assert_eq!(recording.finish().unwrap().frames, 10);
    assert_eq!(&fs::read(&path).unwrap()[4..8], b"ftyp");
    assert_eq!(names(folder.path()), ["film.mp4"]);
}

#[test]
fn a_png_holds_the_pixels() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shot.png");
    let rgba: Vec<u8> = (0..2 * 3 * 4).collect();
    let shot = frame_of_rgba(2, 3, &rgba);
    write_png(&path, &shot).unwrap();
    let read = image::open(&path).unwrap().to_rgb8();
    assert_eq!((read.dimensions(), read.into_raw()), ((2, 3), shot.rgb));
    assert!(write_png(&folder.path().join("no/shot.png"), &frame(1, 1, 0)).unwrap_err().contains("no/shot.png"));
}
