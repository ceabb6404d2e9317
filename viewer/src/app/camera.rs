//! Pictures of the window: stills and films, written into the folder that the program was started in.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, unbounded};
use eframe::egui::{ColorImage, Context, ScreenshotCallback, ViewportCommand};

use crate::recording::{Recorded, Recording, frame_of_rgba, write_png};
use crate::text;

/// Frames a second of a film.
const FPS: u32 = 20;

/// See the module's documentation.
pub(super) struct Camera {
    film: Option<Film>,
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
        Self { film: None, news, tell }
    }
}

impl Camera {
    /// Takes a picture of what is painted next. Its name begins with `about`.
    pub(super) fn shoot(&self, ctx: &Context, about: &str) {
        let path = free_name(about, "png");
        self.ask(ctx, move |image| News::Still(image, path));
    }

    /// Begins a film, or ends the one under way. What to tell about it.
    pub(super) fn record(&mut self, about: &str) -> Option<String> {
        if let Some(film) = self.film.take() {
            let tell = self.tell.clone();
            // The encoder may be behind.
            std::thread::spawn(move || drop(tell.send(News::Written(film.recording.finish()))));
            return None;
        }
        match Recording::begin(&free_name(about, "mp4"), FPS) {
            Ok(recording) => {
                self.film = Some(Film { recording, begin: Instant::now(), asked: None });
                Some(text::RECORDING_NOW.to_owned())
            }
            Err(problem) => Some(problem),
        }
    }

    pub(super) fn is_recording(&self) -> bool {
        self.film.is_some()
    }

    /// Deals with the pictures that have come, and asks for the film's next. What to tell about them.
    pub(super) fn develop(&mut self, ctx: &Context) -> Option<String> {
        let mut told = None;
        for news in self.news.try_iter() {
            match news {
                News::Still(image, path) => {
                    told =
                        Some(write_png(&path, &frame(&image)).map_or_else(|problem| problem, |()| text::saved(&path)));
                }
                News::Frame(image) => {
                    if let Some(film) = &mut self.film {
                        film.recording.add_at(film.begin.elapsed(), &frame(&image));
                    }
                }
                News::Written(Ok(recorded)) => {
                    told = Some(recorded.note.unwrap_or_else(|| text::saved(&recorded.path)));
                }
                News::Written(Err(problem)) => told = Some(problem),
            }
        }
        let due = |asked: Option<Instant>| asked.is_none_or(|asked| asked.elapsed() >= Duration::from_secs(1) / FPS);
        if self.film.as_ref().is_some_and(|film| due(film.asked)) {
            self.ask(ctx, News::Frame);
            if let Some(film) = &mut self.film {
                film.asked = Some(Instant::now());
            }
        }
        told
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

/// The first of `about-1`, `about-2`, ... that no file here has.
fn free_name(about: &str, extension: &str) -> PathBuf {
    let name = |number: u64| PathBuf::from(format!("{about}-{number}.{extension}"));
    (1..).map(name).find(|path| !path.exists()).unwrap_or_else(|| name(0))
}
