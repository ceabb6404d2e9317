//! What is done to a run that trains, and what it answers.

use cartwheel_trainer::watch::{self, Interest, Request};
use cartwheel_viewer::{Action, Command, Order, Update};
use eframe::egui::accesskit::Role;
use eframe::egui::{self, Key, Modifiers};
use egui_kittest::kittest::Queryable as _;

use super::support::{Window, fixture};

#[test]
fn a_live_run_is_attached_to_and_all_its_environments_asked_for() {
    let window = Window::showing(fixture::live());
    let orders: Vec<_> = window.orders.try_iter().collect();
    assert!(orders.contains(&Order::Attach(0, "runs/CartPole-v1-dqn-s1".into())), "{orders:?}");
    let mut watches = orders.iter().filter_map(|order| match order {
        Order::Send(Request::Watch(interest)) => Some(interest),
        _ => None,
    });
    assert!(watches.next_back().is_some_and(|interest| interest.envs == (0..4) && interest.lanes), "{orders:?}");
}

#[test]
fn an_environment_is_looked_at_alone_and_taken_over_while_a_key_is_held() {
    let mut window = Window::showing(fixture::live());
    window.sent();
    window.click("Environment 2");
    let interest = Interest { envs: 2..3, hz: 60.0, inspected: Some(2), lanes: true };
    assert!(window.sent().contains(&Request::Watch(interest)));

    window.press(Modifiers::NONE, Key::T);
    // The run was at 100 steps a second: a person plays CartPole at 10.
    assert_eq!(window.commands(), [watch::Command::Speed(Some(10.0))]);
    window.harness.key_down(Key::ArrowRight);
    window.settle();
    let take = |action| watch::Command::TakeOver { env: 2, action };
    assert_eq!(window.commands(), [take(Some(1.into()))]);
    window.harness.key_up(Key::ArrowRight);
    window.settle();
    assert_eq!(window.commands(), [take(None)]);
    window.press(Modifiers::NONE, Key::Escape);
    assert_eq!(window.commands(), [take(None), watch::Command::Speed(Some(100.0))]);
    assert_eq!(window.harness.state().state.env, Some(2), "Escape leaves one thing at a time");
    window.press(Modifiers::NONE, Key::Escape);
    assert_eq!(window.harness.state().state.env, None);
}

/// What a person holds is given back when something else is looked at.
#[test]
fn the_reins_are_given_back_when_one_looks_elsewhere() {
    let elsewhere =
        [Command::SelectEnv(None), Command::SelectEnv(Some(1)), Command::SelectRun(0), Command::OpenEpisode(0, 7, 0)];
    let given_back = [watch::Command::TakeOver { env: 2, action: None }, watch::Command::Speed(Some(100.0))];
    for command in elsewhere {
        let mut window = Window::showing(fixture::live());
        window.click("Environment 2");
        window.press(Modifiers::NONE, Key::T);
        window.sent();
        window.harness.state_mut().give(Command::SelectEnv(Some(2)));
        window.settle();
        assert!(window.harness.state().state.taking_over.is_some(), "it is looked at");
        window.harness.state_mut().give(command.clone());
        window.settle();
        assert_eq!(window.harness.state().state.taking_over, None, "{command:?}");
        assert_eq!(window.commands(), given_back, "{command:?}");
    }
}

/// To make one of Python takes seconds.
#[test]
fn no_environment_is_made_to_take_one_over() {
    let mut window = Window::showing(fixture::live());
    let mut settings = fixture::settings();
    settings.env.id = "Nowhere-v0".into();
    window.tell([Update::Settings(0, Box::new(settings))]);
    window.click("Environment 2");
    window.sent();
    window.press(Modifiers::NONE, Key::T);
    assert_eq!(window.commands(), [watch::Command::Speed(Some(10.0))]);
}

#[test]
fn the_run_that_is_looked_at_is_selected_again_and_all_of_it_is_seen() {
    let mut window = Window::showing(fixture::live());
    window.click("Environment 2");
    window.sent();
    window.harness.state_mut().give(Command::SelectRun(0));
    window.settle();
    let sent = window.sent();
    let all = |request: &Request| matches!(request, Request::Watch(interest) if interest.envs == (0..4));
    assert!(sent.iter().any(all), "{sent:?}");
}

#[test]
fn what_a_run_refuses_is_told() {
    let mut window = Window::showing(fixture::live());
    let done = |problem: Option<&str>| {
        Update::Reply(watch::Reply::Done { id: 0, step: 9, problem: problem.map(str::to_owned) })
    };
    window.hear(done(Some("a speed of 0")));
    assert_eq!(window.harness.state().state.notice.as_deref(), Some("a speed of 0"));
    window.hear(done(None));
    assert_eq!(window.harness.state().state.notice.as_deref(), Some("a speed of 0"), "to be read");
}

/// Who went elsewhere does not want to see it any more.
#[test]
fn an_episode_that_comes_late_is_not_shown() {
    for elsewhere in [Command::Do(Action::GoLive), Command::SelectRun(0), Command::OpenEpisode(0, 8, 0)] {
        let mut window = Window::showing(fixture::live());
        window.harness.state_mut().give(Command::OpenEpisode(0, 7, 3));
        window.settle();
        window.harness.state_mut().give(elsewhere.clone());
        window.settle();
        window.hear(fixture::film());
        assert!(window.harness.state().model.film.is_none(), "{elsewhere:?}");
    }
    let mut window = Window::showing(fixture::live());
    window.harness.state_mut().give(Command::OpenEpisode(0, 7, 3));
    window.settle();
    window.hear(fixture::film());
    let model = &window.harness.state().model;
    assert_eq!((model.film.is_some(), model.cursor), (true, 3));
}

#[test]
fn space_pauses_and_resumes_a_live_run() {
    let mut window = Window::showing(fixture::live());
    window.sent();
    window.press(Modifiers::NONE, Key::Space);
    assert_eq!(window.commands(), [watch::Command::Pause]);
}

#[test]
fn exploration_is_overridden_by_a_box() {
    let mut window = Window::showing(fixture::live());
    window.sent();
    let name = "Override exploration";
    window.harness.get_by_role_and_label(Role::CheckBox, name).click();
    window.settle();
    assert_eq!(window.commands(), [watch::Command::Epsilon(Some(0.12))]);
}

/// The run answers ten times a second, and the hand is faster.
#[test]
fn exploration_is_dragged_to_any_chance() {
    let mut window = Window::showing(fixture::live());
    let status = watch::Status { epsilon: 0.5, overrides: (Some(0.5), Vec::new()), ..watch::Status::default() };
    window.tell([Update::Reply(watch::Reply::Status(status))]);
    window.sent();
    let name = "Override exploration";
    let place = window.harness.get_by_role_and_label(Role::SpinButton, name).rect().center();
    window.harness.hover_at(place);
    window.settle();
    window.harness.drag_at(place);
    window.harness.run_steps(1);
    for step in 1..=10 {
        window.harness.hover_at(place - egui::vec2(4.0 * step as f32, 0.0));
        window.harness.run_steps(1);
    }
    window.harness.drop_at(place - egui::vec2(40.0, 0.0));
    window.settle();
    let commands = window.commands();
    let Some(watch::Command::Epsilon(Some(last))) = commands.last() else { panic!("{commands:?}") };
    assert!((0.05..0.2).contains(last), "{commands:?}");
}
