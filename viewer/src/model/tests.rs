//! What updates make of a model.

use super::*;
use crate::series::EPISODE_RETURN;
use crate::source::fixture;

fn row(step: u64, names: &[&str]) -> MetricsRow {
    let metrics = names.iter().map(|name| ((*name).to_owned(), (step as f64).sin())).collect();
    MetricsRow { step, metrics, ..MetricsRow::default() }
}

fn episode(i: u64) -> EpisodeEntry {
    EpisodeEntry { offset: i, env: 0, length: 1, return_: 1.0, start_step: i }
}

#[test]
fn memory_does_not_grow_with_the_run() {
    let mut model = Model::default();
    model.apply(Update::Opened("run".into()));
    let budget = 1 << 20;
    for part in 0..100 {
        let rows: Vec<_> = (part * 1000..(part + 1) * 1000).map(|step| row(step, &["a", "b"])).collect();
        model.runs[0].extend(&rows);
        model.thin(budget);
        assert!(model.curve_bytes() <= budget, "{} after {part}", model.curve_bytes());
    }
    let series = &model.runs[0].metrics["a"];
    assert!(series.points().len() > 5000, "{}", series.points().len());
    assert_eq!(series.extent(crate::series::Axis::Steps, false), Some((0.0, 99_999.0)));
    // All parts of the run are there still, each about as well as the others.
    let fifths = (0..5).map(|i| series.points().iter().filter(|point| point.step / 20_000 == i).count());
    assert!(fifths.clone().min() > Some(500), "{:?}", fifths.collect::<Vec<_>>());
    assert_eq!(model.runs[0].step, 99_999);
}

#[test]
fn old_episodes_are_forgotten_but_keep_their_numbers() {
    let mut model = Model::default();
    model.apply(Update::Opened("run".into()));
    model.apply(Update::Episodes(0, (0..EPISODES as u64 + 1).map(episode).collect()));
    let run = &model.runs[0];
    assert!(run.episodes.len() < EPISODES);
    assert_eq!(run.episode(0), None);
    assert_eq!(run.episode(EPISODES), Some(&episode(EPISODES as u64)));
    assert_eq!(run.episode(EPISODES + 1), None);
    let last = run.metrics[EPISODE_RETURN].last().map(|point| point.episodes);
    assert_eq!(last, Some(EPISODES as u64 + 1), "so many had ended");
    assert!(model.curve_bytes() <= BUDGET);
}

#[test]
fn episodes_of_many_runs_share_their_memory() {
    let mut model = Model::default();
    for (run, count) in [(0, 500), (1, 100), (2, 300)] {
        model.apply(Update::Opened(format!("run-{run}").into()));
        model.apply(Update::Episodes(run, (0..count).map(episode).collect()));
    }
    model.forget_episodes(500);
    let kept: Vec<_> = model.runs.iter().map(|run| (run.first_episode, run.episodes.len())).collect();
    assert!((375..=500).contains(&kept.iter().map(|(_, kept)| kept).sum::<usize>()), "{kept:?}");
    assert_eq!(kept[1], (0, 100), "the run with few keeps them all");
    assert_eq!(model.runs[0].episode(499), Some(&episode(499)));
}

#[test]
fn branches_share_their_memory() {
    let mut model = Model::default();
    for number in 0..4 {
        model.apply(Update::Branch(Arc::new(fixture::branch(number, 0, 50))));
    }
    let each = model.branches[0].bytes();
    model.forget_branches(2 * each);
    assert_eq!(model.branches.iter().map(|branch| branch.question.branch).collect::<Vec<_>>(), [2, 3]);
    model.forget_branches(0);
    assert_eq!(model.branches.len(), 1, "the newest stays");
}

#[test]
fn a_restart_forgets_the_logs_alone() {
    let mut model = Model::default();
    model.apply(Update::Opened("run".into()));
    model.apply(Update::Settings(0, Box::default()));
    model.apply(Update::Metrics(0, vec![row(5, &["a"])]));
    model.apply(Update::Episodes(0, vec![episode(0)]));
    model.apply(Update::Restarted(0));
    let run = &model.runs[0];
    assert!(run.metrics.is_empty() && run.episodes.is_empty() && run.step == 0);
    assert!(run.settings.is_some() && !run.config.is_empty());
}

#[test]
fn of_many_runs_some_are_shown_at_first() {
    let mut model = Model::default();
    for i in 0..100 {
        model.apply(Update::Opened(format!("run-{i}").into()));
    }
    let shown: Vec<_> = (0..100).filter(|i| model.runs[*i].shown).collect();
    assert_eq!(shown, (0..SHOWN).collect::<Vec<_>>());
}

#[test]
fn updates_of_unknown_runs_change_nothing() {
    let mut model = Model::default();
    model.apply(Update::Problem(3, "gone".into()));
    model.apply(Update::Metrics(3, vec![row(1, &["a"])]));
    assert!(model.runs.is_empty());
}

#[test]
fn samples_of_many_runs_are_put_aside_and_come_back() {
    use cartwheel_trainer::supervised::{Given, Sample, Samples};
    let samples = || {
        let sample = Sample { given: Given::Text("a".repeat(1000)), expected: String::new() };
        Samples { samples: vec![sample], ..Samples::default() }
    };
    let mut model = Model::default();
    for run in 0..4 {
        model.apply(Update::Opened(format!("run-{run}").into()));
        model.apply(Update::Samples(run, Box::new(samples())));
    }
    let known = |model: &Model| model.runs.iter().map(|run| (run.samples.is_some(), run.put_aside)).collect::<Vec<_>>();
    let each = samples().bytes();
    assert!((1000..1200).contains(&each));
    model.put_aside_samples(3, 2 * each);
    assert_eq!(known(&model), [(true, false), (false, true), (false, true), (true, false)]);
    model.apply(Update::Samples(1, Box::new(samples())));
    assert_eq!(known(&model)[1], (true, false));
    model.put_aside_samples(1, 0);
    assert_eq!(known(&model)[1], (true, false), "the newest stays");
}

#[test]
fn an_episode_that_takes_long_is_told() {
    let mut model = Model::default();
    model.await_film(0, 12, 5);
    model.pass(WONDER / 2);
    assert_eq!((model.long_awaited(), model.is_moving()), (None, true));
    model.pass(WONDER);
    assert_eq!(model.long_awaited(), Some(12));
    model.apply(Update::Film(Arc::new(fixture::film(9))));
    assert!(model.film.is_none() && model.awaits_film(), "it is another");
    model.apply(Update::Film(Arc::new(Film { episode: 12, ..fixture::film(9) })));
    assert_eq!((model.film.is_some(), model.cursor, model.long_awaited()), (true, 5, None));
    model.await_film(0, 13, 0);
    model.close_film();
    assert!(!model.awaits_film());
}

/// Pictures of what stands still would all be the same: of a live run there is a new one when it tells something.
#[test]
fn a_live_run_moves_by_what_it_tells() {
    let mut model = Model::default();
    model.apply(Update::Attached(0));
    assert!(!model.is_moving());
}

#[test]
fn a_run_on_another_machine_is_not_taken_for_killed() {
    let arguments = "--address 127.0.0.1:7000 --token 6f";
    let mirrored = Mirrored { folder: "copies/a".into(), arguments: arguments.into() };
    let mut model = Model::mirroring(Some(mirrored));
    for path in ["copies/a", "runs/a"] {
        model.apply(Update::Opened(path.into()));
    }
    for run in [0, 1] {
        model.apply(Update::Manifest(run, Box::new(Manifest::start("CartPole-v1", "dqn", 1, "none"))));
    }
    let [there, here] = [0, 1].map(|run: usize| model.runs[run].headline().expect("it does not train"));
    assert!(there.contains("connection is over") && there.contains(arguments), "{there}");
    assert!(!there.contains("copies/a") && !there.contains("killed"), "{there}");
    assert!(here.contains("killed") && here.contains("--resume runs/a"), "{here}");
}
