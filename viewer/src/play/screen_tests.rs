use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;

use super::*;
use crate::play::table::tests::options;

struct Shown {
    screen: Screen,
    table: Table,
    now: Duration,
    wish: Option<Wish>,
}

fn show(id: &str) -> Harness<'static, Shown> {
    let table = Table::new(&options(id)).unwrap();
    let shown = Shown { screen: Screen::default(), table, now: Duration::ZERO, wish: None };
    Harness::builder().with_size([800.0, 600.0]).with_max_steps(8).build_ui_state(
        |ui, shown: &mut Shown| {
            shown.screen.logic(&ui.ctx().clone(), &mut shown.table, shown.now);
            let wish = shown.screen.ui(ui, &mut shown.table, shown.now);
            shown.wish = shown.wish.or(wish);
        },
        shown,
    )
}

#[test]
fn keys_are_the_environments_and_escape_is_the_menu() {
    let mut harness = show("CartPole-v1");
    harness.run_steps(2);
    harness.get_by_label(&text::player(text::YOU, "0", 0));
    harness.key_down(Key::ArrowLeft);
    harness.run_steps(1);
    harness.state_mut().now = Duration::from_millis(130);
    harness.run_steps(2);
    assert_eq!(harness.state().table.game().current().length, 2, "a held key goes on");
    harness.key_up(Key::ArrowLeft);
    harness.key_press(Key::Escape);
    harness.run_steps(2);
    harness.get_by_label(text::MENU_PAUSED);
    harness.get_by_label(text::RESTART).click();
    harness.run_steps(2);
    assert_eq!((harness.state().table.game().current().length, harness.state().table.seed()), (0, 4));
    assert!(harness.query_by_label(text::MENU_PAUSED).is_none());
}

#[test]
fn the_menu_is_left_by_enter_and_quits() {
    let mut harness = show("CliffWalking-v1");
    harness.run_steps(2);
    harness.key_press(Key::Escape);
    harness.run_steps(3);
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    assert_eq!(harness.state().table.menu(), None, "the first button has the focus");
    harness.key_press(Key::ArrowUp);
    harness.run_steps(2);
    assert_eq!(harness.state().table.game().current().length, 1);
    harness.key_press(Key::Escape);
    harness.run_steps(2);
    harness.get_by_label(text::QUIT).click();
    harness.run_steps(2);
    assert_eq!(harness.state().wish, Some(Wish::Quit));
}

#[test]
fn an_episode_that_is_over_offers_another() {
    let mut harness = show("CartPole-v1");
    harness.run_steps(1);
    harness.key_down(Key::ArrowRight);
    for picture in 1..100 {
        harness.state_mut().now = Duration::from_millis(120 * picture);
        harness.run_steps(1);
    }
    harness.key_up(Key::ArrowRight);
    harness.run_steps(1);
    harness.get_by_label(text::MENU_OVER);
    harness.get_by_label(text::AGAIN).click();
    harness.run_steps(2);
    assert_eq!(harness.state().table.menu(), None);
}

#[test]
fn the_environments_keys_do_not_begin_another_episode() {
    let mut harness = show("MinAtar/SpaceInvaders-v1");
    harness.run_steps(1);
    harness.key_press(Key::Escape);
    harness.run_steps(3);
    // It fires here.
    harness.key_press(Key::Space);
    harness.run_steps(3);
    assert_eq!(harness.state().table.menu(), Some(Menu::Paused));
}

/// There is nothing to go on with: the menu stays, and Enter takes its first button as before.
#[test]
fn escape_at_an_episodes_end_leaves_the_menu_open() {
    let mut harness = show("CartPole-v1");
    harness.run_steps(1);
    harness.key_down(Key::ArrowRight);
    for picture in 1..100 {
        harness.state_mut().now = Duration::from_millis(120 * picture);
        harness.run_steps(1);
    }
    harness.key_up(Key::ArrowRight);
    harness.run_steps(1);
    for _ in 0..2 {
        harness.key_press(Key::Escape);
        harness.run_steps(3);
        harness.get_by_label(text::MENU_OVER);
        harness.get_by_label(text::AGAIN);
    }
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    assert_eq!(harness.state().table.menu(), None);
    assert_eq!(harness.state().table.game().current().length, 0, "another episode has begun");
}
