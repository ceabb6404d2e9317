//! What strips show: numbers step by step, of an episode that is shown again or of what was just seen.

use cartwheel_agents::Returns;
use cartwheel_envs::{OwnedAction, Space};
use cartwheel_trainer::watch::{ChosenBy, EnvFrame};

use crate::source::{Film, best};
use crate::spaces::Spaces;
use crate::text;

/// Who chose what was done in a step.
pub(super) type Choosers = Vec<Option<ChosenBy>>;

/// Numbers step by step; nothing where there is none.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Strip {
    /// What they are.
    pub(super) name: &'static str,
    /// One a step.
    pub(super) values: Vec<Option<f32>>,
    /// How they are drawn.
    pub(super) kind: Kind,
}

impl Strip {
    /// Whether there is no number in it.
    pub(super) fn is_empty(&self) -> bool {
        self.values.iter().all(Option::is_none)
    }
}

/// How numbers are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// As a line.
    Line,
    /// As bars from zero.
    Bars,
    /// As marks in the color of who chose.
    Marks,
}

/// See the module's documentation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Track {
    /// Value, reward, action and TD error; those that are never known are left out.
    pub(super) strips: Vec<Strip>,
    /// One a step.
    pub(super) choosers: Choosers,
}

impl Track {
    /// Of an episode that is shown again.
    pub(super) fn of_film(film: &Film) -> Self {
        let each = |number: &dyn Fn(usize) -> Option<f32>| (0..film.moments.len()).map(number).collect();
        let moments = &film.moments;
        Self::new(
            [
                each(&|step| moments[step].value),
                each(&|step| (step > 0).then(|| moments[step].reward)),
                each(&|step| moments[step].action.as_ref().and_then(number)),
                each(&|step| moments[step].td_error),
            ],
            moments.iter().map(|moment| moment.action.as_ref().map(|_| moment.chosen_by)).collect(),
            false,
        )
    }

    /// Of what was just seen of a run whose returns are summed as `returns` says and whose first action has this number.
    pub(super) fn of_frames(frames: &[&EnvFrame], returns: Option<Returns>, first_action: i32) -> Self {
        let each = |number: &dyn Fn(&EnvFrame) -> Option<f32>| frames.iter().map(|frame| number(frame)).collect();
        Self::new(
            [
                each(&value),
                each(&|frame| (frame.episode_step > 0 || frame.episode > 0).then_some(frame.reward)),
                each(&|frame| frame.action.as_ref().and_then(number)),
                (0..frames.len()).map(|i| td_error(frames[i], frames.get(i + 1)?, returns?, first_action)).collect(),
            ],
            frames.iter().map(|frame| frame.action.as_ref().map(|_| frame.chosen_by)).collect(),
            // It is known of steps that follow each other. One that came and went would move the others about.
            returns.is_some() && frames.iter().any(|frame| own_value(frame, first_action).is_some()),
        )
    }

    /// `errs`: there is a TD error to be known, though of no step here.
    fn new(values: [Vec<Option<f32>>; 4], choosers: Choosers, errs: bool) -> Self {
        let names = [text::VALUE, text::REWARD, text::ACTION, text::TD_ERROR];
        let kinds = [Kind::Line, Kind::Bars, Kind::Marks, Kind::Bars];
        let strips = names.into_iter().zip(kinds).zip(values);
        let strips = strips.map(|((name, kind), values)| Strip { name, values, kind });
        let known = |strip: &Strip| errs && strip.name == text::TD_ERROR || !strip.is_empty();
        Self { strips: strips.filter(known).collect(), choosers }
    }

    /// Steps.
    pub(super) fn len(&self) -> usize {
        self.choosers.len()
    }
}

/// The one-step TD error of what was done in a frame, r + γ max Q(s', ·) − Q(s, a), if the next frame is the step after it
/// (others may not have been sent) and the policy has values; by a critic, r + γ V(s') − V(s). The reward is the one that values
/// are learnt of.
fn td_error(frame: &EnvFrame, next: &EnvFrame, returns: Returns, first_action: i32) -> Option<f32> {
    let follows = next.episode == frame.episode && next.episode_step == frame.episode_step + 1;
    let own = own_value(frame, first_action)?;
    let future = value(next).filter(|_| follows)?;
    Some(returns.reward_scale * next.learnt_reward + returns.gamma * future - own)
}

/// What was done in a frame is worth: Q(s, a), or by a critic V(s).
fn own_value(frame: &EnvFrame, first_action: i32) -> Option<f32> {
    match (frame.judgement.values(), &frame.action) {
        (Some(values), Some(OwnedAction::Discrete(action))) => {
            values.get(usize::try_from(action.checked_sub(first_action)?).ok()?).copied()
        }
        (Some(_), _) => None,
        (None, _) => frame.value,
    }
}

/// What a state is worth: the value of the best action, or what the critic says.
fn value(frame: &EnvFrame) -> Option<f32> {
    best(&frame.judgement).or(frame.value)
}

/// An action as a height. Of several numbers, the first.
fn number(action: &OwnedAction) -> Option<f32> {
    match action {
        OwnedAction::Discrete(action) => Some(*action as f32),
        OwnedAction::Multi(values) => values.first().map(|value| *value as f32),
        OwnedAction::Continuous(values) => values.first().copied(),
    }
}

/// The action that has this height, in words. Of several numbers, the first.
pub(super) fn action_at(height: f32, spaces: &Spaces) -> String {
    match spaces.action {
        Space::Discrete { .. } => spaces.describe(&OwnedAction::Discrete(height as i32)),
        _ => spaces.describe(&OwnedAction::Continuous(vec![height])),
    }
}

/// The least and greatest of the numbers that fall into each of `count` equal parts, so that none is lost where there are
/// more steps than pixels. Nothing in a part without numbers.
pub(super) fn parts(values: &[Option<f32>], count: usize) -> Vec<Option<[f32; 2]>> {
    let part = |i: usize| {
        let (from, to) = (i * values.len() / count, (i + 1) * values.len() / count);
        let finite = values[from..to].iter().flatten().copied().filter(|x| x.is_finite());
        finite.fold(None, |hull: Option<[f32; 2]>, x| {
            let [least, most] = hull.unwrap_or([x; 2]);
            Some([least.min(x), most.max(x)])
        })
    };
    (0..count).map(part).collect()
}

/// What a strip's height spans: all numbers, with zero for bars.
pub(super) fn span(values: &[Option<f32>], kind: Kind) -> [f32; 2] {
    let numbers = values.iter().flatten().copied().filter(|x| x.is_finite());
    let zero = if kind == Kind::Bars { Some(0.0) } else { None };
    let [low, high] =
        numbers.chain(zero).fold([f32::INFINITY, f32::NEG_INFINITY], |[low, high], x| [low.min(x), high.max(x)]);
    if low > high {
        return [0.0, 1.0];
    }
    if low == high { [low - 0.5, high + 0.5] } else { [low, high] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::fixture;
    use cartwheel_trainer::watch::Judgement;
    use cartwheel_trainer::{Algo, Settings};

    #[test]
    fn parts_lose_no_spike() {
        let mut values = vec![Some(1.0); 1000];
        values[537] = Some(90.0);
        values[100] = Some(f32::NAN);
        let parts = parts(&values, 10);
        assert_eq!(parts[5], Some([1.0, 90.0]));
        assert!(parts.iter().enumerate().all(|(i, part)| i == 5 || *part == Some([1.0; 2])));
        assert_eq!(super::parts(&[None, Some(2.0)], 2), [None, Some([2.0; 2])]);
    }

    #[test]
    fn spans_hold_all_there_is() {
        assert_eq!(span(&[Some(3.0), None, Some(5.0)], Kind::Line), [3.0, 5.0]);
        assert_eq!(span(&[Some(3.0)], Kind::Bars), [0.0, 3.0]);
        assert_eq!(span(&[Some(3.0)], Kind::Line), [2.5, 3.5]);
        assert_eq!(span(&[None, Some(f32::NAN)], Kind::Line), [0.0, 1.0]);
    }

    #[test]
    fn films_and_frames_have_four_strips() {
        let track = Track::of_film(&fixture::film(8));
        let names: Vec<_> = track.strips.iter().map(|strip| strip.name).collect();
        assert_eq!(names, [text::VALUE, text::REWARD, text::ACTION, text::TD_ERROR]);
        assert_eq!(track.len(), 9);
        assert_eq!(track.strips[1].values[..2], [None, Some(1.0)]);
        assert_eq!(track.strips[2].values[7..], [Some(0.0), None]);
        assert_eq!(track.choosers[7..], [Some(ChosenBy::Exploration), None]);

        let frame = |step| EnvFrame {
            episode_step: step,
            reward: 7.0,
            learnt_reward: 2.0,
            action: Some(1.into()),
            judgement: Judgement::QValues(vec![step as f32, 0.5]),
            ..EnvFrame::default()
        };
        // The action before the last is the second; a step was not sent; another episode began.
        let frames = [frame(0), frame(1), frame(3), EnvFrame { episode: 1, ..frame(4) }];
        let returns = Returns { n_steps: 1, gamma: 0.5, reward_scale: 0.1 };
        let seen = frames.iter().collect::<Vec<_>>();
        let track = Track::of_frames(&seen, Some(returns), 0);
        assert_eq!(track.strips.len(), 4);
        assert_eq!(track.strips[0].values, [Some(0.5), Some(1.0), Some(3.0), Some(4.0)]);
        assert_eq!(track.strips[3].values, [Some(0.2 + 0.5 * 1.0 - 0.5), None, None, None]);
        assert_eq!(Track::of_frames(&seen, None, 0).strips.len(), 3, "how rewards count is not known");
        let apart = Track::of_frames(&[&frames[0], &frames[2]], Some(returns), 0);
        assert!(apart.strips[3].is_empty(), "one that came and went would move the others about");

        // What ended an episode is told by the next: of Blackjack, nothing else is ever paid.
        let begun = EnvFrame { episode: 1, episode_step: 0, ..frames[0].clone() };
        let track = Track::of_frames(&[&frames[0], &begun], Some(returns), 0);
        assert_eq!(track.strips[1].values, [None, Some(7.0)]);

        let judged = |step, value| EnvFrame { judgement: Judgement::Probabilities(vec![0.5; 2]), value, ..frame(step) };
        let frames = [judged(0, Some(4.0)), judged(1, Some(6.0)), judged(2, None)];
        let track = Track::of_frames(&frames.iter().collect::<Vec<_>>(), Some(returns), 0);
        assert_eq!(track.strips[0].values, [Some(4.0), Some(6.0), None], "what the critic says");
        assert_eq!(track.strips[3].values, [Some(0.2 + 0.5 * 6.0 - 4.0), None, None]);
    }

    #[test]
    fn an_action_is_called_by_its_name() {
        let of = |id| Spaces::of(&Settings::shipped(Algo::Dqn, id).expect("known")).expect("made");
        assert_eq!(action_at(1.0, &of("CartPole-v1")), "push right");
        assert_eq!(action_at(0.0, &of("MinAtar/Breakout-v1")), "no-op");
        assert_eq!(action_at(-2.0, &of("Pendulum-v1")), "torque -2");
    }
}
