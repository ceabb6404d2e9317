//! What a policy makes of a state, painted over its picture. One file a kind of [`Judgement`]: a new kind is a file here
//! and a line in [`paint`], in [`values`] and in [`room`].

mod gaussian;
mod q_bars;
mod returns;

use cartwheel_envs::OwnedAction;
use cartwheel_trainer::watch::{ChosenBy, Judgement};
use eframe::egui::{Color32, Painter, Rect};

use self::returns::Histograms;
use crate::theme::Theme;

/// A judgement, and what was done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict<'a> {
    /// What the policy makes of the actions.
    pub judgement: &'a Judgement,
    /// The action that was taken, counted from 0, where actions are counted.
    pub action: Option<usize>,
    /// The action as the environment took it.
    pub taken: Option<&'a OwnedAction>,
    /// Who chose it.
    pub chosen_by: ChosenBy,
}

impl<'a> Verdict<'a> {
    /// The verdict on an action as the environment counts it, from `first_action` on.
    pub fn new(
        judgement: &'a Judgement,
        action: Option<&'a OwnedAction>,
        chosen_by: ChosenBy,
        first_action: i32,
    ) -> Self {
        let counted = |action: &OwnedAction| match action {
            OwnedAction::Discrete(action) => usize::try_from(i64::from(*action) - i64::from(first_action)).ok(),
            _ => None,
        };
        Self { judgement, action: action.and_then(counted), taken: action, chosen_by }
    }

    /// The color of the action that was taken: by whom.
    pub fn color(&self, theme: &Theme) -> Color32 {
        match self.chosen_by {
            ChosenBy::Greedy => theme.chosen,
            ChosenBy::Exploration => theme.explored,
            ChosenBy::Person => theme.person,
        }
    }
}

/// The values that a judgement gives to actions.
pub fn values(judgement: &Judgement) -> &[f32] {
    match judgement {
        Judgement::None => &[],
        Judgement::QValues(values) | Judgement::Probabilities(values) => values,
        Judgement::Returns { values, .. } | Judgement::Quantiles { values, .. } => values,
        Judgement::Gaussian { mean, .. } => mean,
    }
}

/// Paints a verdict over the picture in `rect`; where it is not looked at `alone`, one that is read at a glance.
pub fn paint(painter: &Painter, rect: Rect, verdict: Verdict<'_>, scale: Scale, alone: bool, theme: &Theme) {
    match verdict.judgement {
        Judgement::None => {}
        Judgement::Returns { values, chances, support } if alone => {
            let range = [support.v_min, support.v_max];
            returns::paint(painter, rect, Histograms { values, chances, range }, verdict, theme);
        }
        Judgement::Quantiles { values, quantiles } if alone => {
            let range = [scale.low, scale.high];
            let chances = returns::chances_of_quantiles(quantiles, values.len(), range);
            returns::paint(painter, rect, Histograms { values, chances: &chances, range }, verdict, theme);
        }
        Judgement::QValues(values) | Judgement::Returns { values, .. } | Judgement::Quantiles { values, .. } => {
            q_bars::paint(painter, rect, values, verdict, scale, theme);
        }
        Judgement::Probabilities(values) => {
            // What has no chance at all is as good as not valid.
            let values: Vec<_> = values.iter().map(|chance| if *chance > 0.0 { *chance } else { f32::NAN }).collect();
            q_bars::paint(painter, rect, &values, verdict, Scale::CHANCES, theme);
        }
        Judgement::Gaussian { mean, std } => gaussian::paint(painter, rect, (mean, std), verdict, scale, theme),
    }
}

/// The room beside a picture, as wide as it is or narrower, in which an overlay covers nothing of it.
pub fn room(judgement: &Judgement, width: f32) -> f32 {
    match judgement {
        Judgement::None | Judgement::Gaussian { .. } => 0.0,
        Judgement::Returns { .. } | Judgement::Quantiles { .. } => returns::width(width),
        Judgement::QValues(values) | Judgement::Probabilities(values) => q_bars::width(values.len(), width),
    }
}

/// The range of values that pictures beside one another are drawn to, so that they compare: always with 0 in it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scale {
    /// The least value, at most 0.
    pub low: f32,
    /// The greatest value, at least 0.
    pub high: f32,
}

impl Scale {
    /// Of chances: from 0 to 1.
    const CHANCES: Self = Self { low: 0.0, high: 1.0 };

    /// How far it shrinks at a picture towards what there is: slowly, so that bars do not jump.
    const SHRINK: f32 = 0.02;

    /// Takes in the values that are seen now: it grows at once and shrinks slowly.
    pub fn follow<'a>(&mut self, judgements: impl Iterator<Item = &'a Judgement>) {
        let (mut low, mut high) = (0.0_f32, 0.0_f32);
        let seen = |judgement: &'a Judgement| match judgement {
            Judgement::Quantiles { quantiles, .. } => quantiles,
            others => values(others),
        };
        for value in judgements.flat_map(seen).filter(|value| value.is_finite()) {
            (low, high) = (low.min(*value), high.max(*value));
        }
        self.low = low.min(self.low + Self::SHRINK * (low - self.low));
        self.high = high.max(self.high + Self::SHRINK * (high - self.high));
    }

    /// Where a value is between the least (0) and the greatest (1).
    pub fn share(&self, value: f32) -> f32 {
        let range = self.high - self.low;
        if range > 0.0 { ((value - self.low) / range).clamp(0.0, 1.0) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_grows_at_once_and_shrinks_slowly() {
        let mut scale = Scale::default();
        assert_eq!(scale.share(1.0), 0.0);
        scale.follow([Judgement::QValues(vec![4.0, -1.0, f32::NAN]), Judgement::None].iter());
        assert_eq!(scale, Scale { low: -1.0, high: 4.0 });
        assert_eq!(scale.share(0.0), 0.2);
        scale.follow([Judgement::QValues(vec![2.0])].iter());
        assert!(scale.high < 4.0 && scale.high > 3.9, "{scale:?}");
        (0..1000).for_each(|_| scale.follow([Judgement::QValues(vec![2.0])].iter()));
        assert!(scale.low > -0.01 && scale.high < 2.01, "{scale:?}");
    }

    #[test]
    fn actions_are_counted_from_the_first() {
        let judgement = Judgement::None;
        let verdict = |action: OwnedAction| Verdict::new(&judgement, Some(&action), ChosenBy::Greedy, 2).action;
        assert_eq!(verdict(3.into()), Some(1));
        assert_eq!(verdict(1.into()), None);
        assert_eq!(verdict(vec![0.5].into()), None);
    }
}
