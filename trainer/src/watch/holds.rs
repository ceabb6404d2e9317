//! Which viewer holds the run, and how: what one decided ends when it leaves.

use super::protocol::Command;

/// For each way to hold a run, the viewer that does.
#[derive(Debug, Default)]
pub(super) struct Holds {
    pause: Option<u32>,
    speed: Option<u32>,
    epsilon: Option<u32>,
}

/// What a viewer held until it left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) pause: bool,
    pub(super) speed: bool,
    pub(super) epsilon: bool,
}

impl Holds {
    /// A viewer gave a command, and it was carried out. Environments that it takes over are noted elsewhere.
    pub(super) fn note(&mut self, viewer: u32, command: &Command) {
        let (hold, holds) = match command {
            Command::Pause | Command::Step(_) => (&mut self.pause, true),
            Command::Resume => (&mut self.pause, false),
            Command::Speed(limit) => (&mut self.speed, limit.is_some()),
            Command::Epsilon(epsilon) => (&mut self.epsilon, epsilon.is_some()),
            Command::TakeOver { .. } | Command::Stop => return,
        };
        *hold = holds.then_some(viewer);
    }

    /// A viewer left: what it held is nobody's any more.
    pub(super) fn release(&mut self, viewer: u32) -> Held {
        let release = |hold: &mut Option<u32>| hold.take_if(|by| *by == viewer).is_some();
        Held { pause: release(&mut self.pause), speed: release(&mut self.speed), epsilon: release(&mut self.epsilon) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_decided_last_holds() {
        let mut holds = Holds::default();
        holds.note(1, &Command::Pause);
        holds.note(1, &Command::Speed(Some(9.0)));
        holds.note(2, &Command::Speed(Some(3.0)));
        holds.note(2, &Command::Epsilon(Some(0.5)));
        holds.note(1, &Command::Epsilon(None));
        assert_eq!(holds.release(3), Held::default());
        assert_eq!(holds.release(1), Held { pause: true, ..Held::default() });
        assert_eq!(holds.release(1), Held::default());
        holds.note(2, &Command::Step(1));
        holds.note(1, &Command::Resume);
        assert_eq!(holds.release(2), Held { speed: true, ..Held::default() });
    }
}
