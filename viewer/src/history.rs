//! What was just seen of a live run, to be stepped back through.

use std::collections::{BTreeMap, VecDeque};

use cartwheel_trainer::watch::{EnvFrame, Observation};

use crate::memory::HISTORY;
use crate::source::scene_bytes;

/// Frames kept of each environment: eight seconds at 60 a second.
const FRAMES: usize = 512;

/// The last frames of each environment. Looking back stays where it is while more frames come.
#[derive(Debug)]
pub struct History {
    frames: BTreeMap<u32, VecDeque<EnvFrame>>,
    bytes: usize,
    budget: usize,
    /// The run's environment steps that are looked at; `None` is now.
    at: Option<u64>,
}

impl Default for History {
    fn default() -> Self {
        Self { frames: BTreeMap::new(), bytes: 0, budget: HISTORY, at: None }
    }
}

impl History {
    /// Keeps a frame, and forgets the oldest ones for it. A frame that is sent again replaces the first.
    pub fn push(&mut self, frame: EnvFrame) {
        let frames = self.frames.entry(frame.env).or_default();
        // A run that was resumed has not made the steps that were seen.
        while frames.back().is_some_and(|last| last.step >= frame.step) {
            self.bytes -= frames.pop_back().map_or(0, |last| bytes_of(&last));
        }
        self.bytes += bytes_of(&frame);
        frames.push_back(frame);
        if frames.len() > FRAMES {
            self.bytes -= frames.pop_front().map_or(0, |first| bytes_of(&first));
        }
        while self.bytes > self.budget && self.forget_one() {}
    }

    /// Forgets the first frame of the environment with most frames; false if each has only one left.
    fn forget_one(&mut self) -> bool {
        let longest = self.frames.values_mut().max_by_key(|frames| frames.len());
        let Some(frames) = longest.filter(|frames| frames.len() > 1) else { return false };
        self.bytes -= frames.pop_front().map_or(0, |first| bytes_of(&first));
        true
    }

    /// The frame of `env` that is looked at; if all that is left came later, the first of those.
    pub fn shown(&self, env: u32) -> Option<&EnvFrame> {
        let frames = self.frames.get(&env)?;
        match self.at {
            None => frames.back(),
            Some(at) => frames.iter().rfind(|frame| frame.step <= at).or_else(|| frames.front()),
        }
    }

    /// The frames of `env`, the oldest first.
    pub fn frames(&self, env: u32) -> impl DoubleEndedIterator<Item = &EnvFrame> {
        self.frames.get(&env).into_iter().flatten()
    }

    /// The run's environment steps that are looked at; `None` is now.
    pub fn at(&self) -> Option<u64> {
        self.at
    }

    /// Looks at the frames of this step of the run; the newest ones are now.
    pub fn seek(&mut self, step: u64) {
        let newest = self.frames.values().filter_map(|frames| frames.back()).map(|frame| frame.step).max();
        // Before the first frame there is nothing: that one is looked at, and the next is the one after it.
        let oldest = self.frames.values().filter_map(|frames| frames.front()).map(|frame| frame.step).min();
        self.at = Some(oldest.map_or(step, |oldest| step.max(oldest))).filter(|step| Some(*step) < newest);
    }

    /// Looks at the frame before the one that is looked at, of `env` or of whichever comes first. False if there is none.
    pub fn back(&mut self, env: Option<u32>) -> bool {
        let before = match self.at {
            Some(at) => self.steps(env).rfind(|step| *step < at),
            None => self.steps(env).rev().nth(1),
        };
        self.at = before.or(self.at);
        before.is_some()
    }

    /// Looks at the frame after; false if that is now already.
    pub fn forward(&mut self, env: Option<u32>) -> bool {
        let Some(at) = self.at else { return false };
        let after = self.steps(env).find(|step| *step > at);
        match after {
            Some(after) => self.seek(after),
            None => self.at = None,
        }
        true
    }

    /// Looks at what is now.
    pub fn go_live(&mut self) {
        self.at = None;
    }

    /// The steps of the frames of `env`, or else of the environment that was seen most.
    fn steps(&self, env: Option<u32>) -> impl DoubleEndedIterator<Item = u64> {
        let frames = match env {
            Some(env) => self.frames.get(&env),
            None => self.frames.values().max_by_key(|frames| frames.len()),
        };
        frames.into_iter().flatten().map(|frame| frame.step)
    }
}

fn bytes_of(frame: &EnvFrame) -> usize {
    let observation = match &frame.observation {
        Some(Observation::F32(numbers)) => size_of_val(numbers.as_slice()),
        Some(Observation::I32(numbers)) => size_of_val(numbers.as_slice()),
        Some(Observation::U8(bytes)) => bytes.len(),
        None => 0,
    };
    size_of::<EnvFrame>() + scene_bytes(&frame.scene) + frame.judgement.bytes() + observation
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(env: u32, step: u64) -> EnvFrame {
        EnvFrame { env, step, ..EnvFrame::default() }
    }

    fn shown(history: &History, env: u32) -> Option<u64> {
        history.shown(env).map(|frame| frame.step)
    }

    #[test]
    fn back_and_forward_through_what_was_seen() {
        let mut history = History::default();
        assert!(!history.back(None));
        for step in [10, 20, 30] {
            history.push(frame(0, step));
            history.push(frame(1, step));
        }
        assert_eq!((history.at(), shown(&history, 0)), (None, Some(30)));
        assert!(history.back(Some(0)) && history.back(Some(0)));
        assert_eq!((shown(&history, 0), shown(&history, 1)), (Some(10), Some(10)));
        assert!(!history.back(Some(0)), "there is nothing before");
        assert_eq!(shown(&history, 0), Some(10));
        history.push(frame(0, 40));
        assert_eq!(shown(&history, 0), Some(10), "more frames do not move it");
        assert!(history.forward(Some(0)) && history.forward(Some(0)));
        assert_eq!(shown(&history, 0), Some(30));
        assert!(history.forward(Some(0)));
        assert_eq!((history.at(), shown(&history, 0)), (None, Some(40)), "the last step is now");
        assert!(!history.forward(Some(0)));
        history.seek(25);
        assert_eq!(shown(&history, 1), Some(20));
        history.go_live();
        assert_eq!(shown(&history, 1), Some(30));
    }

    #[test]
    fn it_is_bounded() {
        let mut history = History::default();
        (0..2 * FRAMES as u64).for_each(|step| history.push(frame(0, step)));
        assert_eq!(history.frames(0).count(), FRAMES);
        assert_eq!(history.frames(0).next().map(|frame| frame.step), Some(FRAMES as u64));
        history.seek(3);
        assert_eq!(shown(&history, 0), Some(FRAMES as u64), "what is gone is not shown");

        let mut history = History { budget: 10 * bytes_of(&frame(0, 0)), ..History::default() };
        for step in 0..100 {
            (0..4).for_each(|env| history.push(frame(env, step)));
        }
        let kept: Vec<_> = (0..4).map(|env| history.frames(env).count()).collect();
        assert_eq!(kept.iter().sum::<usize>(), 10);
        assert!(kept.iter().all(|kept| *kept >= 2), "{kept:?}");
        history.budget = 0;
        history.push(frame(0, 100));
        assert_eq!((0..4).map(|env| history.frames(env).count()).sum::<usize>(), 4, "one each is always kept");
    }

    #[test]
    fn a_frame_that_is_sent_again_replaces_the_first() {
        let mut history = History::default();
        [10, 20, 30, 20].into_iter().for_each(|step| history.push(frame(0, step)));
        assert_eq!(history.frames(0).map(|frame| frame.step).collect::<Vec<_>>(), [10, 20]);
    }
}
