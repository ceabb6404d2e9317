//! Pictures of the window: stills and films, written into the folder that the program was started in.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, unbounded};
use eframe::egui::{ColorImage, Context, Rect, ScreenshotCallback, ViewportCommand};

use crate::recording::{Recorded, Recording, frame_of_rgba, write_png};
use crate::text;

/// Frames a second of a film.
const FPS: u32 = 20;

/// See the module's documentation.
pub(super) struct Camera {
    film: Option<Film>,
    /// Those that write films that have ended.
    writing: Vec<JoinHandle<()>>,
    /// Where files are written.
    folder: PathBuf,
    /// Files that were named already: they may not be there yet.
    named: BTreeSet<PathBuf>,
    /// What happened since the last look.
    news: Receiver<News>,
    tell: Sender<News>,
}

/// A film under way.
struct Film {
    recording: Recording,
    begin: Instant,
    /// When the last frame was asked for.
    asked: Option<Instant>,
}

enum News {
    /// A picture, for a file of its own.
    Still(Arc<ColorImage>, PathBuf),
    /// The next frame of the film.
    Frame(Arc<ColorImage>),
    /// A film is written, or not.
    Written(Result<Recorded, String>),
}

impl Default for Camera {
    fn default() -> Self {
        let (tell, news) = unbounded();
        Self { film: None, writing: Vec::new(), folder: PathBuf::new(), named: BTreeSet::new(), news, tell }
    }
}

impl Camera {
    /// Takes a picture of what is painted next, or of a `part` of it in points. Its name begins with `about`.
    pub(super) fn shoot(&mut self, ctx: &Context, about: &str, part: Option<Rect>) {
        let path = self.free_name(about, "png");
        let density = ctx.pixels_per_point();
        self.ask(ctx, move |image| match part {
            Some(part) => News::Still(Arc::new(image.region(&part, Some(density))), path),
            None => News::Still(image, path),
        });
    }

    /// Begins a film, or ends the one under way. What to tell about it.
    pub(super) fn record(&mut self, about: &str) -> Option<String> {
        if self.film.is_some() {
            self.end_film();
            return None;
        }
        match Recording::begin(&self.free_name(about, "mp4"), FPS) {
            Ok(recording) => {
                self.film = Some(Film { recording, begin: Instant::now(), asked: None });
                Some(text::RECORDING_NOW.to_owned())
            }
            Err(problem) => Some(problem),
        }
    }

    /// Ends the film under way and waits until all are written: nobody would once the process is gone. What to tell about them.
    pub(super) fn finish(&mut self) -> Vec<String> {
        self.end_film();
        for film in self.writing.drain(..) {
            // What became of it is among the news.
            let _ = film.join();
        }
        let news: Vec<_> = self.news.try_iter().collect();
        news.into_iter().filter_map(|news| self.take(news)).collect()
    }

    /// The encoder may be behind: it is waited for elsewhere.
    fn end_film(&mut self) {
        if let Some(film) = self.film.take() {
            let tell = self.tell.clone();
            self.writing.push(std::thread::spawn(move || drop(tell.send(News::Written(film.recording.finish())))));
        }
    }

    pub(super) fn is_recording(&self) -> bool {
        self.film.is_some()
    }

    /// Deals with the pictures that have come, and asks for the film's next. What to tell about them.
    pub(super) fn develop(&mut self, ctx: &Context) -> Option<String> {
        let news: Vec<_> = self.news.try_iter().collect();
        let told = news.into_iter().filter_map(|news| self.take(news)).last();
        self.writing.retain(|film| !film.is_finished());
        let due = |asked: Option<Instant>| asked.is_none_or(|asked| asked.elapsed() >= Duration::from_secs(1) / FPS);
        if self.film.as_ref().is_some_and(|film| due(film.asked)) {
            self.ask(ctx, News::Frame);
            if let Some(film) = &mut self.film {
                film.asked = Some(Instant::now());
            }
        }
        told
    }

    /// Deals with one of the news. What to tell about it.
    fn take(&mut self, news: News) -> Option<String> {
        match news {
            News::Still(image, path) => {
                Some(write_png(&path, &frame(&image)).map_or_else(|problem| problem, |()| text::saved(&path)))
            }
            News::Frame(image) => {
                if let Some(film) = &mut self.film {
                    film.recording.add_at(film.begin.elapsed(), frame(&image));
                }
                None
            }
            News::Written(Ok(Recorded { path, dropped, note, .. })) => {
                let told = note.unwrap_or_else(|| text::saved(&path));
                Some(if dropped > 0 { text::with_dropped(&told, dropped) } else { told })
            }
            News::Written(Err(problem)) => Some(problem),
        }
    }

    /// The first of `about-1`, `about-2`, ... that no file here has, or is about to have.
    pub(super) fn free_name(&mut self, about: &str, extension: &str) -> PathBuf {
        let name = |number: u64| self.folder.join(format!("{about}-{number}.{extension}"));
        let free = |path: &PathBuf| !path.exists() && !self.named.contains(path);
        let path = (1..).map(name).find(free).unwrap_or_else(|| name(0));
        self.named.insert(path.clone());
        path
    }

    fn ask(&self, ctx: &Context, news: impl FnOnce(Arc<ColorImage>) -> News + Send + 'static) {
        let (tell, again) = (self.tell.clone(), ctx.clone());
        let taken = ScreenshotCallback::new(move |image| {
            let _ = tell.send(news(image));
            again.request_repaint();
        });
        ctx.send_viewport_cmd(ViewportCommand::Screenshot(taken));
    }
}

fn frame(image: &ColorImage) -> cartwheel_envs::Frame {
    frame_of_rgba(image.size[0] as u32, image.size[1] as u32, image.as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;
    use eframe::egui::Color32;

    /// One that is being written when the next begins has its name, and one that is under way when the window is closed is whole.
    #[test]
    fn films_are_whole_and_have_names_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let mut camera = Camera { folder: folder.path().to_owned(), ..Camera::default() };
        let picture = Arc::new(ColorImage::filled([16, 8], Color32::RED));
        for film in 1..=2 {
            assert_eq!(camera.record("a").as_deref(), Some(text::RECORDING_NOW));
            camera.take(News::Frame(picture.clone()));
            if film == 1 {
                assert_eq!(camera.record("a"), None);
            }
        }
        let told = camera.finish();
        for name in ["a-1.mp4", "a-2.mp4"] {
            let path = folder.path().join(name);
            assert!(path.is_file() && told.iter().any(|told| told.contains(name)), "{name}: {told:?}");
        }
        assert!(!camera.is_recording() && camera.finish().is_empty());
        let stills = [0, 1].map(|_| camera.free_name("a", "png"));
        assert_ne!(stills[0], stills[1], "neither is written yet");
    }

    #[test]
    fn pictures_that_are_missing_are_told() {
        let recorded = |dropped| Recorded { path: "a.mp4".into(), frames: 9, dropped, note: None };
        let told = [0, 3].map(|dropped| Camera::default().take(News::Written(Ok(recorded(dropped)))).unwrap());
        assert_eq!(told[0], text::saved("a.mp4".as_ref()));
        assert!(told[1].starts_with(&told[0]) && told[1].contains(" 3 "), "{}", told[1]);
    }
}
