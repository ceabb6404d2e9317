//! Playing a film: how the cursor moves as time goes by, and what the keys of a player do.

use std::collections::VecDeque;
use std::time::Duration;

use crate::command::Action;

/// Slow motion goes down to this share of real time.
const SLOWEST: f32 = 1.0 / 8.0;
/// Beyond so many times real time comes only as fast as it goes.
const FASTEST: f32 = 64.0;
/// As fast as it goes, a film takes at most so many seconds.
const FLAT_OUT: f32 = 3.0;
/// How far back the speed is measured.
const MEASURED: Duration = Duration::from_secs(1);

/// A player's clockwork. It is told how much time has passed, so that a test can be quick.
#[derive(Debug, Default)]
pub(crate) struct Playback {
    /// Time since it began.
    now: Duration,
    /// The part of a step that was not yet made.
    owed: f32,
    /// When it moved, and by how many steps.
    moves: VecDeque<(Duration, u32)>,
}

impl Playback {
    /// How many of the `left` steps of a film of `length` are due now that `passed` has passed, at `speed` steps a second:
    /// infinite is as fast as it goes. Call it for each picture while the film is played.
    pub(crate) fn advance(&mut self, passed: Duration, speed: f32, left: u32, length: u32) -> u32 {
        self.now += passed;
        let due = if speed.is_finite() {
            self.owed + passed.as_secs_f32() * speed.max(0.0)
        } else {
            (self.owed + passed.as_secs_f32() * length as f32 / FLAT_OUT).max(1.0)
        };
        let steps = (due as u32).min(left);
        self.owed = if steps == left { 0.0 } else { due.fract() };
        if steps > 0 {
            self.moves.push_back((self.now, steps));
        }
        while self.moves.front().is_some_and(|(at, _)| self.now - *at > MEASURED) {
            self.moves.pop_front();
        }
        steps
    }

    /// Forgets the time: for a pause, a seek or another film.
    pub(crate) fn stop(&mut self) {
        *self = Self::default();
    }

    /// Steps a second over the last second; `None` before there was anything to measure.
    pub(crate) fn measured(&self) -> Option<f32> {
        let ((first, _), (last, _)) = (self.moves.front()?, self.moves.back()?);
        let steps: u32 = self.moves.iter().skip(1).map(|(_, steps)| steps).sum();
        let seconds = (*last - *first).as_secs_f32();
        (seconds > 0.0).then(|| steps as f32 / seconds)
    }
}

/// The least and greatest speed of an environment that a person would play at `real_time` steps a second.
pub(crate) fn speeds(real_time: f32) -> (f32, f32) {
    (real_time * SLOWEST, real_time * FASTEST)
}

/// Twice as fast. `real_time` is the speed at which a person would play.
pub(crate) fn faster(speed: f32, real_time: f32) -> f32 {
    let next = speed * 2.0;
    if next > real_time * FASTEST { f32::INFINITY } else { next }
}

/// Half as fast.
pub(crate) fn slower(speed: f32, real_time: f32) -> f32 {
    if speed.is_finite() { (speed / 2.0).max(real_time * SLOWEST) } else { real_time * FASTEST }
}

/// Where something with steps is, and how it is played.
#[derive(Debug, Default)]
pub struct Reel {
    /// The step that is shown.
    pub cursor: u32,
    /// Whether it is being played.
    pub playing: bool,
    /// Steps a second; infinite is as fast as it goes.
    pub speed: f32,
    playback: Playback,
}

impl Reel {
    /// Its player, of something that ends with the step `last` and that a person would play at `real_time`.
    pub(crate) fn player(&mut self, last: u32, real_time: f32) -> Player<'_> {
        if self.speed == 0.0 {
            self.speed = real_time;
        }
        let Self { cursor, playing, speed, playback } = self;
        Player { cursor, playing, speed, playback, last, real_time }
    }
}

/// What keys and time do to whatever is played: the episode that is shown, a contest or a branch.
#[derive(Debug)]
pub(crate) struct Player<'a> {
    pub(crate) cursor: &'a mut u32,
    pub(crate) playing: &'a mut bool,
    /// Steps a second; infinite is as fast as it goes.
    pub(crate) speed: &'a mut f32,
    pub(crate) playback: &'a mut Playback,
    /// The last step.
    pub(crate) last: u32,
    /// Steps a second at which a person would play it.
    pub(crate) real_time: f32,
}

impl Player<'_> {
    /// Lets time pass.
    pub(crate) fn pass(&mut self, time: Duration) {
        if *self.playing {
            let left = self.last.saturating_sub(*self.cursor);
            *self.cursor += self.playback.advance(time, *self.speed, left, self.last);
            *self.playing = *self.cursor < self.last;
        }
    }

    /// Goes to a step.
    pub(crate) fn seek(&mut self, step: u32) {
        *self.cursor = step.min(self.last);
        self.playback.stop();
    }

    /// Plays, from the beginning if it is at its end; or stops.
    pub(crate) fn play(&mut self, playing: bool) {
        if playing && *self.cursor >= self.last {
            *self.cursor = 0;
        }
        *self.playing = playing;
        self.playback.stop();
    }

    /// Does what a key of a player asks for; other actions do nothing here.
    pub(crate) fn act(&mut self, action: Action) {
        match action {
            Action::PlayPause => self.play(!*self.playing),
            Action::StepForward | Action::StepBack => {
                self.play(false);
                let forward = action == Action::StepForward;
                self.seek(if forward { self.cursor.saturating_add(1) } else { self.cursor.saturating_sub(1) });
            }
            Action::ToStart => self.seek(0),
            Action::ToEnd => self.seek(u32::MAX),
            Action::Faster => *self.speed = faster(*self.speed, self.real_time),
            Action::Slower => *self.speed = slower(*self.speed, self.real_time),
            Action::FlatOut => *self.speed = f32::INFINITY,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn steps_come_by_the_clock() {
        let mut playback = Playback::default();
        let mut advance = |passed, speed| playback.advance(ms(passed), speed, 1000, 1000);
        assert_eq!([advance(90, 10.0), advance(20, 10.0), advance(80, 10.0), advance(11, 10.0)], [0, 1, 0, 1]);
        assert_eq!(advance(800, 10.0), 8, "a late picture makes up for it");
        let steps: u32 = (0..40).map(|_| advance(16, 50.0)).sum();
        assert_eq!(steps, 32, "640 ms at 50 a second");
    }

    #[test]
    fn it_stops_at_the_end() {
        let mut playback = Playback::default();
        assert_eq!(playback.advance(ms(1000), 100.0, 7, 100), 7);
        assert_eq!(playback.advance(ms(1000), 100.0, 0, 100), 0);
    }

    #[test]
    fn what_was_owed_is_forgotten_in_a_pause() {
        let mut playback = Playback::default();
        playback.advance(ms(90), 10.0, 99, 99);
        playback.stop();
        assert_eq!([playback.advance(ms(90), 10.0, 99, 99), playback.advance(ms(20), 10.0, 99, 99)], [0, 1]);
    }

    #[test]
    fn flat_out_shows_each_step_of_a_short_film_and_skips_in_a_long_one() {
        let mut playback = Playback::default();
        let steps: Vec<_> = (0..4).map(|_| playback.advance(ms(16), f32::INFINITY, 60, 60)).collect();
        assert_eq!(steps, [1, 1, 1, 1]);
        let mut playback = Playback::default();
        let steps: u32 = (0..188).map(|_| playback.advance(ms(16), f32::INFINITY, 90_000, 90_000)).sum();
        assert!((88_000..=92_000).contains(&steps), "{steps} in three seconds");
    }

    #[test]
    fn the_speed_is_measured() {
        let mut playback = Playback::default();
        assert_eq!(playback.measured(), None);
        for _ in 0..200 {
            playback.advance(ms(20), 25.0, 1000, 1000);
        }
        assert!((playback.measured().unwrap_or_default() - 25.0).abs() < 0.5, "{:?}", playback.measured());
    }

    #[test]
    fn speeds_are_a_ladder_with_two_ends() {
        let mut speed = 50.0;
        for _ in 0..6 {
            speed = faster(speed, 50.0);
        }
        assert_eq!((speed, faster(speed, 50.0)), (3200.0, f32::INFINITY));
        assert_eq!(faster(f32::INFINITY, 50.0), f32::INFINITY);
        assert_eq!([slower(f32::INFINITY, 50.0), slower(3200.0, 50.0)], [3200.0, 1600.0]);
        assert_eq!([slower(7.0, 50.0), slower(6.25, 50.0)], [6.25, 6.25], "an eighth of real time");
    }
}
