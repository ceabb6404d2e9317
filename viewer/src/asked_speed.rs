//! The speed limit that the user set for a live run, which holds after a lost connection too.

use crate::model::RunId;

/// A run forgets a viewer's limit when the connection ends: it is told of it again at every welcome.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct AskedSpeed {
    /// The run it is for; none yet of one that is for the first live run.
    run: Option<RunId>,
    /// Vector steps a second, or no limit.
    limit: Option<f32>,
}

impl AskedSpeed {
    /// A limit for whichever run is live first.
    pub(crate) fn of_first(limit: Option<f32>) -> Self {
        Self { run: None, limit }
    }

    /// The user sets a run's limit, or lifts it.
    pub(crate) fn ask(&mut self, run: RunId, limit: Option<f32>) {
        *self = Self { run: Some(run), limit };
    }

    /// The limit that a run is told of at its welcome, if there is one.
    pub(crate) fn of(&mut self, run: RunId) -> Option<f32> {
        self.limit.filter(|_| *self.run.get_or_insert(run) == run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_one_runs_and_holds_until_another_is_set() {
        let mut speed = AskedSpeed::of_first(Some(7.0));
        assert_eq!([speed.of(3), speed.of(3), speed.of(4)], [Some(7.0), Some(7.0), None]);
        speed.ask(4, Some(2.0));
        assert_eq!([speed.of(3), speed.of(4)], [None, Some(2.0)]);
        speed.ask(4, None);
        assert_eq!(speed.of(4), None);
        assert_eq!(AskedSpeed::of_first(None).of(0), None);
    }
}
