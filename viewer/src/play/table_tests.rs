use super::*;
use crate::source::fixture;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub(crate) fn options(id: &str) -> PlayOptions {
    PlayOptions { env: EnvBuilder::new(id), fps: None, seed: 3, against: None, record: None }
}

/// Plays with the right key until it is over.
fn play_on(table: &mut Table, mut now: Duration) -> Duration {
    table.press(Key::Right, now);
    while table.menu().is_none() {
        now += table.time_left(now).unwrap();
        assert!(table.advance(now));
    }
    now
}

#[test]
fn a_pause_stops_and_another_episode_has_the_next_seed() {
    let mut table = Table::new(&options("CartPole-v1")).unwrap();
    assert!(!table.press(Key::Char('x'), ms(0)));
    assert!(table.press(Key::Left, ms(0)) && table.advance(ms(0)));
    table.toggle_menu(ms(10));
    assert_eq!(table.menu(), Some(Menu::Paused));
    assert!(!table.press(Key::Left, ms(20)) && !table.advance(ms(9000)));
    assert_eq!(table.time_left(ms(9000)), None);
    table.toggle_menu(ms(9000));
    assert_eq!((table.menu(), table.game().current().length), (None, 1));
    let now = play_on(&mut table, ms(9000));
    assert!(matches!(table.menu(), Some(Menu::Over(step)) if step.terminated));
    table.toggle_menu(now);
    assert!(matches!(table.menu(), Some(Menu::Over(_))), "Esc does not hide that it is over");
    table.restart();
    assert_eq!((table.menu(), table.seed(), table.game().current().length), (None, 4, 0));
    let played = table.finish().unwrap();
    assert_eq!((played.episodes.len(), played.against.len(), played.recorded), (1, 0, None));
}

#[test]
fn the_policy_plays_the_same_seed_and_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let run = fixture::run(folder.path(), "CartPole-v1");
    let against = Some(run.path().to_owned());
    let mut table = Table::new(&PlayOptions { against, ..options("CartPole-v1") }).unwrap();
    assert_eq!(table.rival().unwrap().scene(), &table.game().env().draw(), "the same start");
    let mut now = play_on(&mut table, ms(0));
    while !table.rival().unwrap().is_over() {
        now += table.time_left(now).unwrap();
        assert!(table.advance(now), "it plays on by the clock");
    }
    assert_eq!(table.time_left(now), None);
    let (own, rival) = (table.game().current(), table.rival().unwrap().played());
    assert_eq!(rival.episode_return, rival.length as f64);
    table.restart();
    assert_eq!(table.rival().unwrap().scene(), &table.game().env().draw());
    let played = table.finish().unwrap();
    assert_eq!((played.episodes, played.against), (vec![own], vec![rival]));
}

#[test]
fn a_policy_of_numbers_plays_beside() {
    let folder = tempfile::tempdir().unwrap();
    let run = fixture::run(folder.path(), "Pendulum-v1");
    let against = Some(run.path().to_owned());
    let mut table = Table::new(&PlayOptions { against, ..options("Pendulum-v1") }).unwrap();
    let mut now = ms(0);
    table.press(Key::Left, now);
    for length in 1..6 {
        assert!(table.advance(now));
        assert_eq!(table.rival().unwrap().played().length, length);
        now += table.time_left(now).unwrap();
    }
}

#[test]
fn in_turns_the_policy_takes_one_for_each() {
    let folder = tempfile::tempdir().unwrap();
    let run = fixture::run(folder.path(), "CliffWalking-v1");
    let against = Some(run.path().to_owned());
    let mut table = Table::new(&PlayOptions { against, ..options("CliffWalking-v1") }).unwrap();
    for turn in 1..4 {
        assert!(!table.advance(ms(turn)), "nothing without a key");
        table.press(Key::Up, ms(turn));
        assert!(table.advance(ms(turn)));
        assert_eq!(table.rival().unwrap().played().length, turn);
    }
    assert_eq!(table.time_left(ms(4)), None);
}

#[test]
fn what_is_played_is_recorded_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let run = fixture::run(folder.path(), "CartPole-v1");
    let film = folder.path().join("film.gif");
    let (against, record) = (Some(run.path().to_owned()), Some(film.clone()));
    let mut table = Table::new(&PlayOptions { against, record, ..options("CartPole-v1") }).unwrap();
    table.press(Key::Right, ms(0));
    (0..5).for_each(|step| assert!(table.advance(ms(100 * step))));
    let recorded = table.finish().unwrap().recorded.unwrap();
    assert_eq!((recorded.path, recorded.frames), (film.clone(), 6));
    let mut decoder = gif::DecodeOptions::new().read_info(std::fs::File::open(film).unwrap()).unwrap();
    assert_eq!((decoder.width(), decoder.height()), (960, 320));
    assert!(decoder.read_next_frame().unwrap().is_some());
}

#[test]
fn what_does_not_fit_is_told() {
    let refuse = |options: PlayOptions| Table::new(&options).err().unwrap();
    let digits = PlayOptions { env: EnvBuilder::new("Identity-v0").kwarg("n", 11), ..options("Identity-v0") };
    assert!(refuse(digits).contains("key_bindings"));
    assert!(refuse(PlayOptions { fps: Some(9), ..options("CliffWalking-v1") }).contains("--fps"));
    assert!(refuse(options("CartPoll-v1")).contains("CartPole"));
    assert!(refuse(PlayOptions { record: Some("a.avi".into()), ..options("CartPole-v1") }).contains("a.avi"));
    let folder = tempfile::tempdir().unwrap();
    let against = |run: &Path| PlayOptions { against: Some(run.to_owned()), ..options("CartPole-v1") };
    assert!(refuse(against(folder.path())).contains("is not a run"));
    let run = fixture::run(folder.path(), "Acrobot-v1");
    assert!(refuse(against(run.path())).contains("Acrobot-v1"));
    let bare = fixture::run(&folder.path().join("bare"), "CartPole-v1");
    std::fs::remove_file(bare.latest_weights()).unwrap();
    assert!(refuse(against(bare.path())).contains("no weights"));
}
