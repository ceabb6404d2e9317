//! Sentences with names and numbers in them.

use std::net::SocketAddr;
use std::path::Path;

use cartwheel_envs::{KeyBindings, panic_message};
use cartwheel_trainer::supervised::{FitSummary, Report};
use cartwheel_trainer::watch::{Activity, Status};
use cartwheel_trainer::{GreedyReturn, Summary};

use super::{
    EPISODE, EPISODES, FINISHED, GIVES_BACK, GREEDY_RETURN, IS_LIVE, NO_EVALUATION, NONE_YET, PAUSED, SHORT_FLAT_OUT,
    STEPS, UPDATES, YOU_ACT, after_epoch,
};
use crate::number::{compact, count, short};

/// A text of at most so many letters.
pub(crate) fn elided(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    text.chars().take(letters.saturating_sub(1)).chain(['\u{2026}']).collect()
}

/// So many letters of a text, half of them from its end, and a mark for those between.
pub(crate) fn without_middle(text: &str, letters: usize) -> String {
    let letters = letters.saturating_sub(1);
    let (count, tail) = (text.chars().count(), letters.div_ceil(2));
    let head = text.chars().take(letters - tail);
    head.chain(['\u{2026}']).chain(text.chars().skip(count.saturating_sub(tail))).collect()
}

/// What a thread is at.
pub(crate) fn activity(activity: Activity) -> &'static str {
    match activity {
        Activity::Waiting => super::WAITING,
        Activity::Stepping => super::STEPPING,
        Activity::Inferring => super::INFERRING,
        Activity::Updating => super::UPDATING,
        Activity::Replay => super::USING_REPLAY,
        Activity::Evaluating => super::EVALUATING,
        Activity::Writing => super::WRITING,
        Activity::Held => super::HELD,
    }
}

/// What a run came to, as the command says it.
pub(crate) fn came_to(summary: &Summary) -> String {
    let verdict = summary.verdict();
    let returns =
        summary.greedy_return.map_or(NO_EVALUATION.to_owned(), |of| format!("{GREEDY_RETURN} {}", greedy_return(&of)));
    let (steps, seconds) = (count(summary.steps), crate::number::seconds(summary.wall_s));
    format!("{verdict} \u{b7} {returns} \u{b7} {steps} {STEPS} \u{b7} {seconds}")
}

/// What a supervised run learns.
pub(crate) fn fit_of(model: &str, data: &str) -> String {
    format!("{model} on {data}")
}

pub(crate) fn greedy_return(of: &GreedyReturn) -> String {
    format!("{} over {} episodes", mean_and_std(of), of.episodes)
}

pub(crate) fn mean_and_std(of: &GreedyReturn) -> String {
    // Of returns between 0 and 1, as FrozenLake's, one digit says nothing.
    let digits = if of.mean.abs() < 10.0 { 3 } else { 1 };
    format!("{:.digits$} \u{b1} {:.digits$}", of.mean, of.std)
}

/// How a run that did not come to its end is gone on with.
pub(crate) fn goes_on(outcome: &str, step: u64, fit: bool, path: &Path) -> String {
    let command = if fit { "fit" } else { "train" };
    let (step, path) = (count(step), path.display());
    format!("{outcome} at step {step} \u{b7} `cartwheel {command} --resume {path}` goes on with it")
}

/// The same of a run on another machine, whose folder is not here.
pub(crate) fn goes_on_there(outcome: &str, step: u64, arguments: &str) -> String {
    format!("{outcome}, at step {} \u{b7} `cartwheel watch {arguments}` watches it while it trains", count(step))
}

pub(crate) fn nobody(address: SocketAddr, pid: u32) -> String {
    format!("nobody answers at {address}: the run's process {pid} was killed")
}

/// Where a run is that trains.
pub(crate) fn trains(step: u64) -> String {
    format!("{IS_LIVE} \u{b7} {} {STEPS}", count(step))
}

/// Where a model is that is fitted to data and listens.
pub(crate) fn fitting(status: &Status, total: u64) -> String {
    let left = time_left(status, total, 1);
    let (step, total, speed) = (count(status.step), count(total), live_speed(status));
    format!("{step} of {total} {STEPS}{left} \u{b7} {} \u{b7} {speed}", after_epoch(status.episodes).to_lowercase())
}

/// Where a run is that trains in so many environments and listens: `12,000 of 50,000 steps \u{b7} 3 min left \u{b7} 310 episodes ...`
pub(crate) fn training(status: &Status, total: u64, envs: u32) -> String {
    let left = time_left(status, total, envs);
    let (step, total, updates) = (count(status.step), count(total), count(status.updates));
    let episodes = if status.episodes == 1 { EPISODE.to_lowercase() } else { EPISODES.to_owned() };
    let mean = status.mean_return.filter(|_| status.episodes > 0).map_or(NONE_YET.to_owned(), short);
    let mut text = format!(
        "{step} of {total} {STEPS}{left} \u{b7} {updates} {UPDATES} \u{b7} {} {episodes} \u{b7} mean return {mean}",
        count(status.episodes)
    );
    if status.dropped > 0 {
        text += &format!(" \u{b7} {} messages dropped", count(status.dropped));
    }
    text
}

/// That it is paused, or else how long the rest takes at the speed that was measured, behind a dot; nothing where that is not
/// known. A vector step is a step of each environment.
fn time_left(status: &Status, total: u64, envs: u32) -> String {
    if status.paused {
        return format!(" \u{b7} {PAUSED}");
    }
    let left = total.saturating_sub(status.step) as f64 / (f64::from(status.measured_speed) * f64::from(envs));
    if left.is_finite() && left > 0.0 { format!(" \u{b7} {} left", crate::number::about(left)) } else { String::new() }
}

/// How well a fitted model did on what it did not learn from.
pub(crate) fn measured(summary: &FitSummary) -> Option<String> {
    Some(match summary.report.as_ref()? {
        Report::Classification(of) => format!("{} accuracy {:.1} %", of.part, 100.0 * of.accuracy),
        Report::Translation(of) => {
            format!("{} exact match {:.1} %, BLEU {:.1}", of.part, 100.0 * of.exact_match, of.bleu)
        }
        Report::Recommendation(of) => {
            format!("{} HR@10 {:.3}, NDCG@10 {:.3}", of.part, of.sampled.model.hit_rate, of.sampled.model.ndcg)
        }
    })
}

/// How a fit ended: what it learnt, in how long, and how well.
pub(crate) fn fitted(summary: &FitSummary) -> String {
    let report = measured(summary).unwrap_or_else(|| FINISHED.to_owned());
    let (epochs, seconds) = (count(summary.epochs), crate::number::seconds(summary.wall_s));
    format!("{report} \u{b7} {epochs} epochs \u{b7} {seconds}")
}

pub(crate) fn deleted(folder: &Path) -> String {
    format!("{} was deleted: what was read of it is still shown", folder.display())
}

pub(crate) fn run_failed(message: &str) -> String {
    format!("failed: {message}")
}

pub(crate) fn seeds(count: usize) -> String {
    if count == 1 { "1 seed".to_owned() } else { format!("{count} seeds") }
}

/// The mean of `here` of a group's `all` seeds, and from where to where they are.
pub(crate) fn average(name: &str, [mean, low, high]: [&str; 3], here: usize, all: usize) -> String {
    match (here, all) {
        (_, 1) => format!("{name}: {mean}"),
        (here, all) if here == all => format!("{name}: {mean} ({low} to {high}, {all} seeds)"),
        (here, all) => format!("{name}: {mean} ({low} to {high}), dashed: only {here} of {all} seeds have data here"),
    }
}

pub(crate) fn environments(shown: usize, of: u32) -> String {
    format!("{shown} of {} environments", count(of.into()))
}

pub(crate) fn of_environment(env: u32) -> String {
    format!("Environment {env}:")
}

/// An episode that has not ended has no number among the run's yet, but one among its environment's.
pub(crate) fn own_episode(number: u64) -> String {
    format!("its episode {number}")
}

pub(crate) fn only_environment(env: u32) -> String {
    format!("environment {env} alone")
}

pub(crate) fn none_of_environment(env: u32) -> String {
    format!("No episode of environment {env} has ended yet")
}

pub(crate) fn none_earlier_of(env: u32) -> String {
    format!(
        "There is no earlier episode of environment {env}: E goes through those of all, \u{2191} and \u{2193} choose another"
    )
}

pub(crate) fn no_episode(number: usize, last: Option<usize>) -> String {
    match last {
        Some(last) => {
            format!("There is no episode {number}: the run has episodes 0 to {last}, and {last} is shown instead")
        }
        None => format!("There is no episode {number}: the run has none"),
    }
}

pub(crate) fn no_step(step: u32, last: u32) -> String {
    format!("There is no step {step}: the episode has {last}, and the last is shown instead")
}

pub(crate) fn episode_awaited(number: usize, last: Option<usize>) -> String {
    let last = last.map_or(String::new(), |last| format!("; the newest is {last}"));
    format!("Episode {number} has not ended yet{last}. It opens when it does")
}

pub(crate) fn other_spaces(env: &str) -> String {
    format!("the policy is for other observations or actions than those of {env}: choose weights of a run on it")
}

pub(crate) fn reins(bindings: &KeyBindings, give_back: &str) -> String {
    let keys: Vec<_> = bindings.keys.iter().map(|(key, _, meaning)| format!("{key} {meaning}")).collect();
    format!("{YOU_ACT}:   {}   ({give_back} {GIVES_BACK})", keys.join("   "))
}

pub(crate) fn too_many_states(count: usize) -> String {
    format!("{count} states are too many to show side by side. The time line shows the value step by step.")
}

pub(crate) fn state(number: i32) -> String {
    format!("state {number}")
}

pub(crate) fn cannot_replay(problem: &str) -> String {
    format!("This episode cannot be played again: {problem}")
}

pub(crate) fn film_awaited(episode: usize) -> String {
    format!("Episode {episode} is being played again")
}

pub(crate) fn step_failed(step: usize, problem: &str) -> String {
    format!("Step {step} failed, though it did not when it was recorded: {problem}")
}

pub(crate) fn ended_early(step: usize, total: usize) -> String {
    format!(
        "Not the recorded episode: it ended after {step} of {total} steps. The environment is not deterministic or has changed."
    )
}

pub(crate) fn unfaithful(return_: f64, recorded: f64) -> String {
    format!(
        "Not the recorded episode: its return is {return_}, not {recorded}. The environment is not deterministic or has changed."
    )
}

pub(crate) fn cut_off(shown: usize, total: usize) -> String {
    format!("Only the first {shown} of {total} steps: the rest does not fit into the memory that films may take.")
}

pub(crate) fn panicked(panic: &(dyn std::any::Any + Send)) -> String {
    format!("the environment panicked: {}", panic_message(panic))
}

pub(crate) fn step_of(step: u32, last: u32) -> String {
    format!("step {step} of {last}")
}

pub(crate) fn film_speed(asked: f32, real_time: f32, measured: Option<f32>) -> String {
    let multiple = multiple(asked, real_time);
    let asked = if asked.is_finite() { format!("{multiple} = {}", steps_a_second(asked)) } else { multiple };
    measured.map_or(asked.clone(), |measured| format!("{asked}, measured {measured:.0}"))
}

/// A speed as people read it on a player.
pub(crate) fn multiple(speed: f32, real_time: f32) -> String {
    match speed.is_finite() {
        true => format!("{}×", short((speed / real_time).into())),
        false => SHORT_FLAT_OUT.to_lowercase(),
    }
}

pub(crate) fn steps_a_second(speed: f32) -> String {
    format!("{} steps/s", pace(speed))
}

/// A speed without digits that change all the time and tell nothing.
fn pace(speed: f32) -> String {
    if speed < 10.0 { compact(f64::from((speed * 10.0).round() / 10.0)) } else { format!("{speed:.0}") }
}

/// What the speeds of an episode that is shown again are multiples of.
pub(crate) fn real_time_is(real_time: f32) -> String {
    format!("1× = {} steps/s, at which a person would play it", short(real_time.into()))
}

/// The speed that was asked of a live run and how fast it is, or that it stands still.
pub(crate) fn live_speed(status: &Status) -> String {
    if status.paused {
        return PAUSED.to_owned();
    }
    let asked = status.speed.map_or(SHORT_FLAT_OUT.to_lowercase(), steps_a_second);
    format!("{asked}, measured {}", pace(status.measured_speed))
}

pub(crate) fn unknown_film(path: &Path) -> String {
    format!("{} is neither a .gif nor an .mp4 file: give one of those", path.display())
}

pub(crate) fn no_ffmpeg(path: &Path) -> String {
    format!("saved {} as Motion JPEG, which VLC and mpv play: with ffmpeg on PATH, browsers would too", absolute(path))
}

pub(crate) fn not_recorded(path: &Path, problem: &std::io::Error) -> String {
    format!("could not write {}: {problem}", absolute(path))
}

pub(crate) fn nothing_to_play(env: &str) -> String {
    format!(
        "{env} has no keys to play it with: environments of Rust get them from `key_bindings`, those of C from `keys`, and those of Python have none"
    )
}

pub(crate) fn turn_based(env: &str) -> String {
    format!("{env} is stepped with each key, not by the clock: leave out --fps")
}

pub(crate) fn other_rival(run: &str, of: &str, env: &str) -> String {
    format!("{run} was trained on {of}: play that, or give a run on {env}")
}

pub(crate) fn no_weights(run: &str) -> String {
    format!("{run} has no weights yet: wait for its first checkpoint")
}

pub(crate) fn weights_at(step: u64) -> String {
    format!("weights at step {}", count(step))
}

pub(crate) fn seed(seed: u64) -> String {
    format!("seed {seed}")
}

pub(crate) fn player(name: &str, return_: &str, steps: u64) -> String {
    format!("{name}: return {return_} in {steps} steps")
}

pub(crate) fn real_time(fps: u32) -> String {
    format!("{fps} steps a second")
}

pub(crate) fn state_refused(problem: &str) -> String {
    format!("The state stays as it is: {problem}")
}

pub(crate) fn environment(id: &str, args: &serde_json::Map<String, serde_json::Value>) -> String {
    let args: Vec<_> = args.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if args.is_empty() { id.to_owned() } else { format!("{id} ({})", args.join(", ")) }
}

pub(crate) fn other_worlds([left, right]: [&str; 2], [left_env, right_env]: [&str; 2]) -> String {
    format!(
        "{left} is of {left_env} and {right} of {right_env}: two policies are compared in one environment. Choose runs of the same one."
    )
}

pub(crate) fn standing(now: &str, all: &str, steps: u32, ended: bool) -> String {
    let end = if ended { "in all" } else { "so far, and no end" };
    format!("return {now} here, {all} after {steps} steps {end}")
}

pub(crate) fn give_keys(view: &str) -> String {
    format!("Give the keys to {view}")
}

pub(crate) fn fork(step: u32) -> String {
    format!("Branch off here, at step {step}")
}

pub(crate) fn branch_failed(problem: &str) -> String {
    format!("It ends here, because the environment failed: {problem}")
}

pub(crate) fn contest_cut_off(steps: usize) -> String {
    format!("Only the first {steps} steps: the rest does not fit into the memory that this may take.")
}

pub(crate) fn branch_from(episode: usize, step: u32) -> String {
    format!("Branch off episode {episode} at step {step}")
}

pub(crate) fn branch(number: u32, episode: usize, from: u32, steps: u32, return_: &str) -> String {
    format!("{number}: return {return_}, {steps} steps off episode {episode} at {from}")
}

pub(crate) fn remove_branch(number: u32) -> String {
    format!("Remove branch {number}")
}

pub(crate) fn branch_at(step: u32, return_: &str) -> String {
    format!("Step {step} · return {return_}")
}

pub(crate) fn as_played(return_: &str) -> String {
    format!("As it was played, the return is {return_} here")
}

pub(crate) fn was_over(last: u32) -> String {
    format!("As it was played, it was over at step {last}")
}

pub(crate) fn follow_hint(steps: u32) -> String {
    format!("Takes the best actions for up to {steps} steps")
}

pub(crate) fn parting(step: u32) -> String {
    format!("They part at step {step}")
}

pub(crate) fn contender(run: &str, weights: &str) -> String {
    format!("{run}, {weights}")
}

pub(crate) fn saved(path: &Path) -> String {
    format!("Saved {}", absolute(path))
}

/// Of a film that was written, that it is not quite what was seen.
pub(crate) fn with_dropped(told: &str, dropped: u64) -> String {
    format!("{told} \u{b7} {dropped} pictures are missing: the encoder was slower than they came")
}

/// Where a file is, for who does not know in which folder the program was started.
fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

pub(crate) fn copied(command: &str) -> String {
    format!("Copied: {command}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who reads it need not know in which folder the program was started.
    #[test]
    fn files_are_named_with_their_folder() {
        let folder = std::env::current_dir().map(|folder| folder.display().to_string()).unwrap_or_default();
        let file = Path::new("film-1.gif");
        for told in [no_ffmpeg(file), saved(file), not_recorded(file, &std::io::Error::other("no"))] {
            assert!(told.contains(&format!("{folder}/film-1.gif")), "{told}");
        }
    }

    #[test]
    fn the_middle_is_what_is_left_out() {
        let cut = |letters| without_middle("0123456789", letters);
        assert_eq!([cut(6), cut(5), cut(1), cut(0)], ["01\u{2026}789", "01\u{2026}89", "\u{2026}", "\u{2026}"]);
    }

    #[test]
    fn a_run_says_how_long_it_still_takes() {
        let status = Status { step: 1000, episodes: 1, measured_speed: 29.87, ..Status::default() };
        let told = training(&status, 50_000, 8);
        assert!(told.contains("1\u{202f}000 of 50\u{202f}000 steps · 3 min left · 0 updates · 1 episode ·"), "{told}");
        let told = training(&Status { paused: true, ..status.clone() }, 50_000, 8);
        assert!(told.contains("steps · paused · 0 updates"), "{told}");
        assert!(!training(&Status { measured_speed: 0.0, ..status.clone() }, 50_000, 8).contains("left"));
        assert_eq!(live_speed(&Status { speed: Some(416.67), ..status.clone() }), "417 steps/s, measured 30");
        assert_eq!(
            live_speed(&Status { speed: Some(2.5), measured_speed: 2.497, ..status }),
            "2.5 steps/s, measured 2.5"
        );
    }

    #[test]
    fn speeds_say_what_they_are_multiples_of() {
        assert_eq!(film_speed(100.0, 50.0, None), "2× = 100 steps/s");
        assert_eq!(film_speed(f32::INFINITY, 50.0, Some(320.4)), "max, measured 320");
    }
}
