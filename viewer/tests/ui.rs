//! The window without a display: clicks by accessible names, keys, and pictures in both themes.
//!
//! After a wanted change of a picture: `UPDATE_SNAPSHOTS=1 cargo test --release -p cartwheel-viewer --test ui`, and look at it.

#![allow(clippy::unwrap_used, reason = "a failed test should panic")]

#[path = "ui/live.rs"]
mod live;
mod support;

use cartwheel_trainer::watch::{self, Reply, Request, Status};
use cartwheel_viewer::panels::{self, Context, Panel};
use cartwheel_viewer::{App, Command, Commands, Model, Order, State, Update};
use crossbeam::channel::unbounded;
use eframe::egui::accesskit::Role;
use eframe::egui::{CentralPanel, Event, Key, Modifiers, OutputCommand, Rect, Theme};
use egui_kittest::kittest::Queryable as _;
use egui_kittest::{Harness, SnapshotResults};
use support::{Painter, Window, fixture};

#[test]
fn the_palette_is_typed_into_and_enter_does_the_first() {
    let mut window = Window::showing(Vec::new());
    window.press(Modifiers::COMMAND, Key::K);
    assert_eq!(window.harness.state().state.palette.as_deref(), Some(""));
    window.harness.event(Event::Text("keys".into()));
    window.settle();
    window.press(Modifiers::NONE, Key::Enter);
    assert!(window.harness.state().state.help && window.harness.state().state.palette.is_none());
    window.harness.get_by_label("Leave what is innermost");
    window.press(Modifiers::NONE, Key::Escape);
    assert!(!window.harness.state().state.help);
    assert_eq!(window.sent(), []);
}

/// With the mouse: nothing may lie over the tabs.
#[test]
fn tabs_are_clicked() {
    let mut window = Window::showing(fixture::live());
    for (tab, shown) in [("Value map", "across"), ("Machine room", "policy lag"), ("What if", "What if")] {
        let place = window.harness.get_by_label(tab).rect().center();
        window.harness.hover_at(place);
        window.settle();
        window.harness.drag_at(place);
        // A click is short.
        window.harness.run_steps(1);
        window.harness.drop_at(place);
        window.settle();
        assert!(window.harness.query_all_by_label(shown).count() > 0, "{tab} is in front");
    }
}

/// In the window's size at first and in a small one, nothing lies over anything else, or beside the window.
#[test]
fn small_windows_are_tidy() {
    let long = || {
        let mut updates = fixture::live();
        updates[0] = Update::Opened(format!("runs/{}", "a-run-with-a-long-name".repeat(8)).into());
        updates
    };
    for size in [[1360.0, 860.0], [900.0, 600.0]] {
        let window = Window::of_size(size, long());
        let rect = |name: &str| {
            let place = window.harness.query_all_by_label(name).last();
            place.unwrap_or_else(|| panic!("{name} at {size:?}")).rect()
        };
        let tabs = ["Inspector", "Value map", "Replay buffer", "What if"].map(rect);
        assert!(tabs.iter().all(|tab| tab.top() == tabs[0].top()), "{tabs:?} are in a row at {size:?}");
        // Less than half a name would be left of the run in a narrow one, beside all buttons.
        let screenshot = if size[0] > 1000.0 { "Screenshot" } else { "Commands" };
        let toolbar = ["Override exploration", "Take over the environment", screenshot, "Keys"].map(rect);
        assert!(toolbar.windows(2).all(|pair| pair[0].right() <= pair[1].left()), "{toolbar:?} at {size:?}");
        let plot = rect("Plot of eval/mean_reward");
        assert!(plot.right() <= size[0] - tabs[3].width() && plot.height() >= 60.0, "{plot:?} at {size:?}");
        let cell = rect("Environment 3");
        assert!(cell.right() < tabs[0].left() && cell.height() > 60.0, "{cell:?} at {size:?}");
    }
}

/// Until here half of the row of tabs was under the time line, and a button of the toolbar under another.
#[test]
fn the_tabs_are_whole_in_a_very_small_window() {
    let window = Window::of_size([700.0, 520.0], fixture::live());
    let rect = |name: &str| window.harness.get_by_label(name).rect();
    let tabs = ["Curves", "Side by side", "Machine room", "Doctor"].map(rect);
    let strips = window.harness.get_by_role_and_label(Role::Slider, "Steps").rect();
    let whole = |tab: &Rect| tab.top() >= strips.bottom() && tab.bottom() <= rect("Metrics").top();
    assert!(tabs.iter().all(whole), "{tabs:?} under {strips:?}");
    let names = ["Override exploration", "Take over the environment", "Keys", "Show or hide the panels on the right"];
    for row in [tabs, names.map(rect)] {
        assert!(row.windows(2).all(|pair| pair[0].right() <= pair[1].left()), "{row:?}");
    }
}

/// With an episode open in a low window, all of the player is there in a row, and the picture has room: until here half of the
/// row was cut away.
#[test]
fn the_player_is_whole_in_a_low_window() {
    for (updates, last) in [(fixture::finished(), "Close"), (fixture::live(), "Live")] {
        let mut window = Window::of_size([900.0, 600.0], updates);
        window.tell([fixture::film()]);
        let rect = |name: &str| window.harness.get_by_label(name).rect();
        let row =
            ["Previous episode", "Play or pause", "Next episode", "As fast as it goes", "step 0 of 4", last].map(rect);
        let below = row[0].bottom() + 1.0;
        assert!(row.windows(2).all(|pair| pair[0].right() <= pair[1].left()), "{row:?}");
        assert!(row.iter().all(|button| button.bottom() <= below && button.height() > 10.0), "{row:?}");
        let picture = rect("Episode 7, step 0");
        assert!(picture.height() >= 130.0 && picture.bottom() < row[0].top(), "{picture:?} {row:?}");
        assert!(picture.right() <= rect("Inspector").left(), "{picture:?}");
        let strips = window.harness.get_by_role_and_label(Role::Slider, "Steps").rect();
        assert!(strips.top() >= below && strips.bottom() <= rect("Curves").top(), "{strips:?}");
    }
}

/// A model that is fitted to data has its samples where environments would be, and no time line.
#[test]
fn samples_are_in_the_place_of_environments() {
    for size in [[1360.0, 860.0], [900.0, 600.0]] {
        let mut window = Window::of_size(size, fixture::fitted());
        for about_agents in ["Inspector", "Side by side", "Machine room", "Doctor"] {
            assert!(window.harness.query_by_label(about_agents).is_none(), "{about_agents}");
        }
        let rect = |window: &Window, name: &str| window.harness.get_by_label(name).rect();
        let [first, last] = ["0, 95 %", "1, is 4, 60 %"].map(|name| rect(&window, name));
        let curves = rect(&window, "Metrics").top();
        assert!(first.bottom() < curves && last.top() < curves, "{first:?} {last:?} at {size:?}");
        assert!(window.harness.query_by_label("Play or pause").is_none());
        window.harness.get_by_label("Not live");
        window.tell([Update::Alive(0, true)]);
        window.harness.get_by_label("live \u{b7} 200 steps");
        // Over its socket it tells more, and is held by the keys of a player; it neither explores nor is taken over.
        let welcome = watch::Welcome { total_timesteps: 1000, ..watch::Welcome::default() };
        window.tell([Update::Attached(0), Update::Reply(Reply::Welcome(welcome))]);
        let status = Status { step: 250, episodes: 2, paused: true, ..Status::default() };
        window.tell([Update::Reply(Reply::Status(status))]);
        window.harness.get_by_label_contains("250 of 1\u{202f}000 steps \u{b7} paused \u{b7} after epoch 2");
        window.harness.get_by_label("1, is 4, 60 %");
        for about_agents in [
            "Override exploration",
            "Take over the environment",
            "Attached. The first picture comes with the next step.",
        ] {
            assert!(window.harness.query_by_label(about_agents).is_none(), "{about_agents}");
        }
        window.sent();
        window.press(Modifiers::NONE, Key::Space);
        assert_eq!(window.commands(), [watch::Command::Resume]);
        // There is no right side that could be shown: until here it was, as of an agent.
        assert!(window.harness.query_by_label("Show or hide the panels on the right").is_none());
        window.press(Modifiers::NONE, Key::CloseBracket);
        assert!(window.harness.query_by_label("Value map").is_none());
        assert!(window.harness.query_by_label_contains("There are no panels on the right").is_some());
        window.harness.get_by_label("Epoch").focus();
        window.press(Modifiers::NONE, Key::ArrowLeft);
        window.harness.get_by_label("After epoch 1");
    }
}

/// A narrow window has its room for the pictures, unless it is told otherwise.
#[test]
fn sides_are_hidden_and_shown() {
    let there = |window: &Window, name: &str| window.harness.query_all_by_label(name).count() > 0;
    let sides = |window: &Window| (there(window, "Filter"), there(window, "Inspector"));
    let mut window = Window::of_size([900.0, 600.0], fixture::live());
    assert_eq!(sides(&window), (false, true));
    let before = window.harness.get_by_label("Environment 3").rect().width();
    window.click("Show or hide the panels on the right");
    assert_eq!(sides(&window), (false, false));
    assert!(window.harness.get_by_label("Environment 3").rect().width() > 1.2 * before);
    window.press(Modifiers::NONE, Key::OpenBracket);
    assert_eq!(sides(&window), (true, false));
    window.harness.set_size([1280.0, 800.0].into());
    window.settle();
    assert_eq!(sides(&window), (true, false), "what was asked for stays");
    window.press(Modifiers::NONE, Key::CloseBracket);
    window.press(Modifiers::NONE, Key::OpenBracket);
    assert_eq!(sides(&window), (false, true));
    assert_eq!(sides(&Window::showing(fixture::live())), (true, true));
}

/// Panels of a large window give way in a small one: until here they kept their size, and pictures had none left.
#[test]
fn the_pictures_keep_their_room_when_a_window_is_made_small() {
    let mut window = Window::of_size([1360.0, 1000.0], fixture::live());
    window.press(Modifiers::NONE, Key::CloseBracket);
    window.press(Modifiers::NONE, Key::CloseBracket);
    window.harness.set_size([900.0, 600.0].into());
    // A narrow one has none on the left until it is asked for.
    window.press(Modifiers::NONE, Key::OpenBracket);
    let rect = |name: &str| {
        let place = window.harness.query_all_by_label(name).last();
        place.unwrap_or_else(|| panic!("{name} is there")).rect()
    };
    let middle =
        (rect("Play or pause").top() - rect("Keys").bottom(), rect("Inspector").left() - rect("Filter").right());
    assert!(middle.0 >= 225.0 && middle.1 >= 370.0, "{middle:?}");
    assert!(rect("Metrics").bottom() <= 600.0, "the curves are still there");
}

/// What a session leaves, the next begins with.
#[test]
fn the_window_is_as_it_was_left() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("viewer.json");
    let session = || {
        let (told, inbox) = unbounded();
        fixture::live().into_iter().for_each(|update| told.send(update).unwrap());
        let app = App::new(vec![inbox], unbounded().0).remembering_in(file.clone());
        let mut harness = Harness::builder().with_size([1280.0, 800.0]).with_max_steps(8).build_ui_state(
            |ui, app: &mut App| {
                app.logic(&ui.ctx().clone());
                app.ui(ui);
            },
            app,
        );
        harness.run_steps(4);
        harness
    };
    let mut harness = session();
    let there = |harness: &Harness<'_, App>, name: &str| harness.query_all_by_label(name).count() > 0;
    let top = |harness: &Harness<'_, App>| harness.get_by_label("Metrics").rect().top();
    assert!(there(&harness, "Inspector") && !file.exists());
    let before = top(&harness);
    for key in [Key::CloseBracket, Key::D] {
        harness.key_press(key);
        harness.run_steps(4);
    }
    for checkbox in ["train/loss", "Show the curves of CartPole-v1-dqn-s1"] {
        harness.get_by_role_and_label(Role::CheckBox, checkbox).click();
        harness.run_steps(4);
    }
    let chosen = |harness: &Harness<'_, App>| {
        let app = harness.state();
        (app.state.metrics.clone(), app.model.runs[0].shown)
    };
    let (metrics, shown) = chosen(&harness);
    assert!(!metrics.as_ref().unwrap().contains("train/loss") && !shown, "{metrics:?}");
    let theme = harness.ctx.theme();
    let ctx = harness.ctx.clone();
    harness.state_mut().keep(&ctx);
    let harness = session();
    assert!(!there(&harness, "Inspector"), "the right side is still hidden");
    assert_eq!((harness.ctx.theme(), top(&harness)), (theme, before));
    assert_eq!(chosen(&harness), (metrics, shown));
    // As if the curves had been dragged to a height.
    let written = std::fs::read_to_string(&file).unwrap();
    let dragged_to = |height: &str| {
        let text = written.replace("\"sizes\": {}", &format!("\"sizes\": {{\"bottom\": {height}}}"));
        assert_ne!(text, written);
        std::fs::write(&file, text).unwrap();
        top(&session())
    };
    assert_eq!(dragged_to("222.0") - dragged_to("252.0"), 30.0);
}

#[test]
fn a_filter_is_for_the_list_and_the_curves() {
    let mut window = Window::showing(fixture::live());
    let text = |window: &Window, name: &str| window.harness.query_all_by_label(name).count();
    assert_eq!(text(&window, "Curve of CartPole-v1-dqn-s1"), 1);
    let filters: Vec<_> = window.harness.get_all_by_role_and_label(Role::TextInput, "Filter").collect();
    let [filter] = &filters[..] else { panic!("one filter for all") };
    filter.focus();
    drop(filters);
    window.harness.event(Event::Text("another".into()));
    window.settle();
    assert_eq!(window.harness.state().state.filter.text(), "another");
    assert_eq!(text(&window, "Curve of CartPole-v1-dqn-s1"), 0);
}

/// As `cartwheel watch RUN --episode 9999` does.
#[test]
fn an_episode_that_is_not_there_is_told_and_the_last_is_opened() {
    let (told, inbox) = unbounded();
    let (outbox, orders) = unbounded();
    fixture::finished().into_iter().chain([Update::Read(0)]).for_each(|update| told.send(update).unwrap());
    let harness = Harness::builder().with_size([1280.0, 800.0]).build_ui_state(
        |ui, app: &mut App| {
            app.logic(&ui.ctx().clone());
            app.ui(ui);
        },
        App::new(vec![inbox], outbox).opening(Some((9999, 0))),
    );
    let mut window = Window { harness, orders, told };
    window.settle();
    let message = "There is no episode 9999: the run has episodes 0 to 199, and 199 is shown instead";
    window.harness.get_by_label(message);
    let replayed = window.orders.try_iter().any(|order| matches!(order, Order::Replay(0, _, 199)));
    assert!(replayed);
}

#[test]
fn a_key_with_shift_is_not_the_one_without() {
    let mut window = Window::showing(fixture::live());
    window.sent();
    window.press(Modifiers::SHIFT, Key::ArrowLeft);
    let asked = |order: &Order| matches!(order, Order::Send(Request::Command { .. }) | Order::Replay(..));
    let orders: Vec<_> = window.orders.try_iter().filter(asked).collect();
    assert_eq!(orders, [Order::Replay(0, "runs/CartPole-v1-dqn-s1".into(), 199)], "the last episode, and no step back");
}

/// Whichever view was touched last, the keys move it and no other.
#[test]
fn keys_drive_the_view_in_front() {
    let mut window = Window::showing(fixture::live());
    window.sent();
    window.tell([fixture::film(), fixture::contest(), fixture::branch()]);
    let cursors = |window: &Window| {
        let model = &window.harness.state().model;
        (model.cursor, model.contest_at.cursor, model.branch_at.cursor)
    };
    assert_eq!(cursors(&window), (0, 0, 2));
    window.press(Modifiers::NONE, Key::ArrowRight);
    assert_eq!(cursors(&window), (1, 0, 2));
    window.click("Side by side");
    window.harness.get_by_label("the keys move this");
    window.press(Modifiers::NONE, Key::ArrowRight);
    window.press(Modifiers::NONE, Key::ArrowRight);
    window.press(Modifiers::NONE, Key::ArrowLeft);
    assert_eq!(cursors(&window), (1, 1, 2));
    window.press(Modifiers::NONE, Key::End);
    assert_eq!(cursors(&window), (1, 4, 2));
    window.press(Modifiers::NONE, Key::Home);
    window.press(Modifiers::NONE, Key::Space);
    assert!(window.harness.state().model.contest_at.playing && !window.harness.state().model.playing);
    window.press(Modifiers::NONE, Key::Space);
    assert!(!window.harness.state().model.contest_at.playing);

    window.click("What if");
    let (_, contest, _) = cursors(&window);
    window.press(Modifiers::NONE, Key::ArrowLeft);
    assert_eq!(cursors(&window), (1, contest, 1));
    window.click("Step forward");
    assert_eq!(cursors(&window), (2, contest, 1), "the time line's buttons are the time line's");
    window.press(Modifiers::NONE, Key::ArrowLeft);
    window.click("Give the keys to What if");
    window.press(Modifiers::NONE, Key::ArrowLeft);
    window.click("Inspector");
    window.press(Modifiers::NONE, Key::ArrowRight);
    assert_eq!(cursors(&window), (2, contest, 0));
    assert_eq!(window.commands(), [], "the live run goes on");
}

/// What is put into the clipboard opens the same view.
#[test]
fn the_command_that_opens_a_view_is_copied() {
    let mut window = Window::showing(fixture::live());
    window.tell([fixture::film()]);
    window.press(Modifiers::NONE, Key::ArrowRight);
    window.harness.key_press(Key::C);
    let mut copied = None;
    for _ in 0..4 {
        window.harness.step();
        let commands = &window.harness.output().platform_output.commands;
        copied = copied.or(commands.iter().find_map(|command| match command {
            OutputCommand::CopyText(text) => Some(text.clone()),
            _ => None,
        }));
    }
    assert_eq!(copied.as_deref(), Some("cartwheel watch runs/CartPole-v1-dqn-s1 --episode 7 --step 1"));
}

/// Each panel by itself, small, in light and dark.
#[test]
fn every_panel_looks_as_it_should() {
    let mut results = SnapshotResults::new();
    for theme in [Theme::Light, Theme::Dark] {
        for panel in panels::all() {
            let mut model = Model::default();
            fixture::live().into_iter().for_each(|update| model.apply(update));
            match panel.name() {
                "Samples" => {
                    model = Model::default();
                    fixture::fitted().into_iter().for_each(|update| model.apply(update));
                }
                "Side by side" => model.apply(fixture::contest()),
                "What if" => [fixture::film(), fixture::branch()]
                    .into_iter()
                    .for_each(|update| fixture::tell(&mut model, update)),
                _ => {}
            }
            let state = State { run: Some(0), ..State::default() };
            let name = format!("{}_{theme:?}", panel.name()).to_lowercase().replace(' ', "_");
            results.add(picture(panel, model, state, theme).try_snapshot(&name));
        }
    }
}

fn picture(panel: Box<dyn Panel>, model: Model, state: State, theme: Theme) -> Harness<'static, Box<dyn Panel>> {
    let mut harness = Harness::builder()
        .with_size([420.0, 300.0])
        .with_theme(theme)
        .with_max_steps(8)
        .renderer(Painter::default())
        .build_ui_state(
            move |ui, panel: &mut Box<dyn Panel>| {
                CentralPanel::default().show(ui, |ui| {
                    panel.ui(ui, Context { model: &model, state: &state }, &mut Commands::new());
                });
            },
            panel,
        );
    cartwheel_viewer::Theme::dress(&harness.ctx);
    harness.run_steps(4);
    harness
}

/// Past ten, runs have no curves shown by themselves.
#[test]
fn curves_of_a_run_that_is_looked_at_are_shown() {
    let mut window = Window::showing(fixture::live());
    window.harness.state_mut().model.runs[0].shown = false;
    window.harness.state_mut().give(Command::SelectRun(0));
    window.settle();
    assert!(window.harness.state().model.runs[0].shown);
}

/// Until here the status bar went on saying that the connection had ended.
#[test]
fn a_connection_that_is_there_again_is_not_told_to_have_ended() {
    let mut window = Window::showing(fixture::live());
    window.hear(Update::Detached("the tunnel is gone".into()));
    window.harness.get_by_label("the tunnel is gone");
    window.hear(Update::Attached(0));
    window.hear(Update::Reply(Reply::Welcome(watch::Welcome::default())));
    assert!(window.harness.query_by_label("the tunnel is gone").is_none());
}

/// A run forgets a viewer's speed limit with its connection.
#[test]
fn a_run_that_is_attached_to_again_is_slowed_down_again() {
    let mut window = Window::showing(fixture::live());
    window.sent();
    let mut welcomed_after = |command: Option<watch::Command>| {
        command.into_iter().for_each(|command| window.harness.state_mut().give(Command::Run(command)));
        window.settle();
        window.sent();
        window.hear(Update::Detached(String::new()));
        window.hear(Update::Attached(0));
        window.hear(Update::Reply(Reply::Welcome(watch::Welcome::default())));
        window.commands()
    };
    let speed = watch::Command::Speed;
    assert_eq!(welcomed_after(None), []);
    assert_eq!(welcomed_after(Some(speed(Some(50.0)))), [speed(Some(50.0))]);
    assert_eq!(welcomed_after(None), [speed(Some(50.0))]);
    assert_eq!(welcomed_after(Some(speed(None))), []);
}
