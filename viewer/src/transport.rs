//! The keys of a player, for episodes that are shown again and for the live run alike.

use cartwheel_trainer::watch;

use crate::command::{Action, Command, Commands};
use crate::model::{Driven, Live, Model};
use crate::state::State;
use crate::text;
use crate::watch_command::watch_command;

/// Vector steps a second of the slowest live run. Beyond the other end comes only as fast as it goes.
pub(crate) const LIVE_SPEEDS: (f32, f32) = (0.5, 16_384.0);

/// Does what `action` asks of the view that the keys drive: two policies, a branch, the episode that is shown, or else the
/// live run; and answers what is to be done beside.
/// Other actions do nothing here.
pub(crate) fn act(model: &mut Model, state: &State, action: Action) -> Commands {
    match action {
        Action::NextEpisode => neighbor(model, state, true, false).into_iter().collect(),
        Action::PreviousEpisode => neighbor(model, state, false, false).into_iter().collect(),
        Action::GoLive => {
            model.drive(Driven::Main);
            model.close_film();
            Commands::new()
        }
        action if model.player(model.driven()).is_some() => {
            if let Some(mut player) = model.player(model.driven()) {
                player.act(action);
            }
            Commands::new()
        }
        action => {
            model.live.as_mut().and_then(|live| run(live, state.env, action)).map(Command::Run).into_iter().collect()
        }
    }
}

fn run(live: &mut Live, env: Option<u32>, action: Action) -> Option<watch::Command> {
    let (paused, speed) = (live.status.paused, live.status.speed);
    match action {
        // Going on means going on from now.
        Action::PlayPause if live.history.at().is_some() => {
            live.look(|history| history.go_live());
            paused.then_some(watch::Command::Resume)
        }
        Action::PlayPause if paused => Some(watch::Command::Resume),
        Action::PlayPause => Some(watch::Command::Pause),
        Action::StepForward if live.look(|history| history.forward(env)) => None,
        Action::StepForward => Some(watch::Command::Step(1)),
        Action::StepBack => {
            live.look(|history| history.back(env));
            // What is looked back at should not run away.
            (!paused).then_some(watch::Command::Pause)
        }
        Action::ToStart => {
            live.look(|history| history.seek(0));
            (!paused).then_some(watch::Command::Pause)
        }
        Action::ToEnd => {
            live.look(|history| history.go_live());
            None
        }
        Action::Faster | Action::Slower | Action::FlatOut if live.history.at().is_some() => {
            // A speed is of what is now: what was looked back at would stay in sight while the run goes on.
            live.look(|history| history.go_live());
            run(live, env, action)
        }
        Action::Faster => speed.map(|speed| watch::Command::Speed(live_speed(speed * 2.0))),
        Action::Slower => Some(watch::Command::Speed(live_speed(speed.unwrap_or(live.status.measured_speed) / 2.0))),
        Action::FlatOut => Some(watch::Command::Speed(None)),
        _ => None,
    }
}

/// Why an action would do nothing now, in words for the user.
pub(crate) fn why_not(model: &Model, state: &State, action: Action) -> Option<&'static str> {
    let (film, live) = (model.film.is_some(), model.live.as_ref());
    let plays = matches!(
        action,
        Action::PlayPause
            | Action::StepForward
            | Action::StepBack
            | Action::Faster
            | Action::Slower
            | Action::FlatOut
            | Action::ToStart
            | Action::ToEnd
    );
    if plays && model.driven() != Driven::Main {
        return None;
    }
    let flat_out =
        if film { model.playback_speed.is_infinite() } else { live.is_some_and(|l| l.status.speed.is_none()) };
    match action {
        _ if plays && !film && live.is_none() => Some(text::NOTHING_MOVES),
        Action::Faster | Action::FlatOut if flat_out => Some(text::IS_FLAT_OUT),
        Action::ToEnd if !film && live.is_some_and(|live| live.history.at().is_none()) => Some(text::IS_LIVE_ALREADY),
        Action::NextEpisode if !film => Some(text::NEEDS_EPISODE),
        Action::NextEpisode if neighbor(model, state, true, false).is_none() => Some(text::NO_LATER_EPISODE),
        Action::PreviousEpisode if neighbor(model, state, false, false).is_none() => Some(text::NO_EARLIER_EPISODE),
        Action::GoLive if !film && !model.awaits_film() => match live {
            None => Some(text::RUN_NOT_LIVE),
            Some(live) if live.history.at().is_none() => Some(text::IS_LIVE_ALREADY),
            Some(_) => None,
        },
        Action::Grid if film || live.is_none() && model.ended.is_none() => Some(text::NO_ENVIRONMENTS),
        Action::TakeOver if state.taking_over.is_none() && (live.is_none() || state.env.is_none()) => {
            Some(text::TAKE_OVER_NEEDS_ENV)
        }
        Action::CopyLink if watch_command(model, state).is_none() => Some(text::NOTHING_TO_LINK),
        _ => None,
    }
}

/// A speed on the ladder of powers of two, so that halving and doubling come back to where they were.
fn live_speed(speed: f32) -> Option<f32> {
    let (least, most) = LIVE_SPEEDS;
    let rung = speed.max(least).log2().round().exp2();
    (rung <= most).then_some(rung)
}

/// The episode after or before the one that is shown, of the same environment or, with `all`, of any; before the live run
/// comes its last.
pub(crate) fn neighbor(model: &Model, state: &State, next: bool, all: bool) -> Option<Command> {
    let (run, from) = match &model.film {
        Some(film) => (film.run, Some((film.episode, film.entry.env))),
        None => (state.run?, None),
    };
    let run_of = model.runs.get(run)?;
    let (first, end) = (run_of.first_episode, run_of.first_episode + run_of.episodes.len());
    let of = |env: Option<u32>| {
        move |number: &usize| run_of.episode(*number).is_some_and(|entry| all || env.is_none_or(|env| entry.env == env))
    };
    let number = match from {
        Some((at, env)) if next => (first.max(at + 1)..end).find(of(Some(env)))?,
        Some((at, env)) => (first..at.min(end)).rfind(of(Some(env)))?,
        None if next => return None,
        None => (first..end).rfind(of(state.env))?,
    };
    Some(Command::OpenEpisode(run, number, 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Update;
    use crate::source::fixture;
    use cartwheel_trainer::run::EpisodeEntry;
    use cartwheel_trainer::watch::{EnvFrame, Reply, Status};
    use std::sync::Arc;
    use std::time::Duration;

    fn model(film: bool) -> (Model, State) {
        let mut model = Model::default();
        model.apply(Update::Opened("runs/a".into()));
        let entry = |i: u32| EpisodeEntry { offset: 0, env: i % 2, length: 9, return_: 9.0, start_step: 0 };
        model.apply(Update::Episodes(0, (0..6).map(entry).collect()));
        model.apply(Update::Attached(0));
        if film {
            fixture::show(&mut model, fixture::film(100));
        }
        (model, State { run: Some(0), ..State::default() })
    }

    #[test]
    fn films_are_played_by_keys() {
        let (mut model, state) = model(true);
        let mut press = |action| assert_eq!(act(&mut model, &state, action), []);
        press(Action::StepBack);
        press(Action::StepForward);
        press(Action::StepForward);
        press(Action::PlayPause);
        press(Action::Slower);
        assert_eq!((model.cursor, model.playing, model.playback_speed), (2, true, 25.0));
        model.pass(Duration::from_millis(200));
        assert_eq!(model.cursor, 7);
        act(&mut model, &state, Action::StepBack);
        assert_eq!((model.cursor, model.playing), (6, false), "a step is a pause");
        act(&mut model, &state, Action::FlatOut);
        act(&mut model, &state, Action::PlayPause);
        (0..500).for_each(|_| model.pass(Duration::from_millis(16)));
        assert_eq!((model.cursor, model.playing), (100, false));
        act(&mut model, &state, Action::PlayPause);
        assert_eq!((model.cursor, model.playing), (0, true), "from the beginning again");
        act(&mut model, &state, Action::GoLive);
        assert!(model.film.is_none() && !model.playing);
    }

    #[test]
    fn what_does_nothing_says_why() {
        let nothing = (Model::default(), State::default());
        for action in [Action::PlayPause, Action::StepBack, Action::Slower, Action::ToEnd, Action::NextEpisode] {
            assert!(why_not(&nothing.0, &nothing.1, action).is_some(), "{action:?}");
        }
        assert_eq!(why_not(&nothing.0, &nothing.1, Action::CopyLink), Some(text::NOTHING_TO_LINK));
        assert_eq!(why_not(&nothing.0, &nothing.1, Action::Help), None);
        let (live, state) = model(false);
        assert_eq!(why_not(&live, &state, Action::PlayPause), None);
        assert_eq!(why_not(&live, &state, Action::FlatOut), Some(text::IS_FLAT_OUT));
        assert_eq!(why_not(&live, &state, Action::ToStart), None, "the first that was just seen");
        assert_eq!(why_not(&live, &state, Action::ToEnd), Some(text::IS_LIVE_ALREADY));
        assert_eq!(why_not(&live, &state, Action::GoLive), Some(text::IS_LIVE_ALREADY));
        assert_eq!(why_not(&live, &state, Action::TakeOver), Some(text::TAKE_OVER_NEEDS_ENV));
        assert_eq!(why_not(&live, &state, Action::PreviousEpisode), None);
        let (film, state) = model(true);
        assert_eq!(why_not(&film, &state, Action::ToStart), None);
        assert_eq!(why_not(&film, &state, Action::PreviousEpisode), Some(text::NO_EARLIER_EPISODE));
        assert_eq!(why_not(&film, &state, Action::GoLive), None);
    }

    #[test]
    fn a_speed_is_of_what_is_now() {
        let (mut model, state) = model(false);
        for step in [1, 2, 3] {
            model.apply(Update::Reply(Reply::Frames(vec![EnvFrame { step, ..EnvFrame::default() }])));
        }
        act(&mut model, &state, Action::StepBack);
        act(&mut model, &state, Action::FlatOut);
        assert_eq!(model.live.as_ref().map(|live| (live.history.at(), live.frames[&0].step)), Some((None, 3)));
    }

    #[test]
    fn keys_drive_the_view_that_is_in_front() {
        let (mut model, state) = model(true);
        model.apply(Update::Contest(Arc::new(fixture::contest(9, 5))));
        model.apply(Update::Branch(Arc::new(fixture::branch(0, 3, 4))));
        let press = |model: &mut Model, action| assert_eq!(act(model, &state, action), []);
        let cursors = |model: &Model| [model.cursor, model.contest_at.cursor, model.branch_at.cursor];
        press(&mut model, Action::StepForward);
        assert_eq!(cursors(&model), [1, 0, 4], "a branch is looked at where it has come to");
        model.drive(Driven::Contest);
        press(&mut model, Action::ToEnd);
        assert_eq!(cursors(&model), [1, 9, 4], "the longer side's end");
        press(&mut model, Action::StepBack);
        press(&mut model, Action::PlayPause);
        model.pass(Duration::from_millis(100));
        assert_eq!((cursors(&model), model.contest_at.playing, model.playing), ([1, 9, 4], false, false));
        model.drive(Driven::Branch);
        press(&mut model, Action::StepBack);
        assert_eq!(cursors(&model), [1, 9, 3]);
        press(&mut model, Action::Slower);
        assert_eq!((model.branch_at.speed, model.playback_speed), (25.0, 50.0));
        // Without a branch the keys are the episode's again.
        model.branches.clear();
        press(&mut model, Action::StepForward);
        assert_eq!(cursors(&model), [2, 9, 3]);
        model.drive(Driven::Contest);
        press(&mut model, Action::GoLive);
        assert_eq!((model.driven(), model.film.is_some()), (Driven::Main, false));
    }

    #[test]
    fn neighbors_are_of_the_same_environment() {
        let (mut model, mut state) = model(false);
        let mut press = |state: &State, action| act(&mut model, state, action);
        let open = |number| vec![Command::OpenEpisode(0, number, 0)];
        assert_eq!(press(&state, Action::PreviousEpisode), open(5));
        assert_eq!(press(&state, Action::NextEpisode), []);
        state.env = Some(0);
        assert_eq!(press(&state, Action::PreviousEpisode), open(4));
        fixture::show(&mut model, crate::source::Film { episode: 2, ..fixture::film(3) });
        assert_eq!(act(&mut model, &state, Action::PreviousEpisode), open(0));
        assert_eq!(act(&mut model, &state, Action::NextEpisode), open(4));
        assert_eq!(neighbor(&model, &state, false, true), open(1).pop(), "of all environments");
    }

    #[test]
    fn the_live_run_is_told() {
        let (mut model, state) = model(false);
        let frame = |step| Update::Reply(Reply::Frames(vec![EnvFrame { step, ..EnvFrame::default() }]));
        let status = |paused, speed| {
            Update::Reply(Reply::Status(Status { paused, speed, measured_speed: 100.0, ..Status::default() }))
        };
        [1, 2, 3].into_iter().for_each(|step| model.apply(frame(step)));
        let told = |command| vec![Command::Run(command)];
        let shown = |model: &Model| model.live.as_ref().map(|live| live.frames[&0].step);
        assert_eq!(act(&mut model, &state, Action::StepBack), told(watch::Command::Pause));
        model.apply(status(true, None));
        assert_eq!(act(&mut model, &state, Action::StepBack), []);
        model.apply(frame(4));
        assert_eq!(shown(&model), Some(1));
        (0..3).for_each(|_| assert_eq!(act(&mut model, &state, Action::StepForward), []));
        assert_eq!(shown(&model), Some(4));
        assert_eq!(act(&mut model, &state, Action::StepForward), told(watch::Command::Step(1)), "on from now");
        assert_eq!(act(&mut model, &state, Action::ToStart), []);
        assert_eq!(shown(&model), Some(1), "the first that is still known");
        assert_eq!(act(&mut model, &state, Action::StepForward), []);
        assert_eq!(shown(&model), Some(2));
        assert_eq!(act(&mut model, &state, Action::ToEnd), []);
        assert_eq!(shown(&model), Some(4));
        act(&mut model, &state, Action::StepBack);
        assert_eq!(act(&mut model, &state, Action::PlayPause), told(watch::Command::Resume));
        assert_eq!(shown(&model), Some(4));

        assert_eq!(act(&mut model, &state, Action::Faster), [], "it is flat out");
        let speed = |speed| told(watch::Command::Speed(speed));
        assert_eq!(act(&mut model, &state, Action::Slower), speed(Some(64.0)), "half of what it was, on the ladder");
        model.apply(status(false, Some(0.5)));
        assert_eq!(act(&mut model, &state, Action::Slower), speed(Some(0.5)));
        assert_eq!(act(&mut model, &state, Action::Faster), speed(Some(1.0)));
        model.apply(status(false, Some(16_384.0)));
        assert_eq!(act(&mut model, &state, Action::Faster), speed(None));
    }
}
