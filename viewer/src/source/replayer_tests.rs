use super::*;
use crate::source::fixture;
use cartwheel_envs::{Actions, Dtype, Row, Rows, VectorStep, list};
use cartwheel_trainer::watch::{ChosenBy, Judgement, Observation};

fn never() -> bool {
    false
}

fn settings(id: &str) -> Settings {
    let mut settings = Settings::default();
    settings.env.id = id.into();
    settings
}

/// An episode as a run would record it, with each observation.
struct Recorded {
    record: EpisodeRecord,
    observations: Vec<Observation>,
}

fn observed(rows: &Rows, row: usize) -> Observation {
    let range = row * rows.width()..(row + 1) * rows.width();
    match rows.dtype() {
        Dtype::F32 => Observation::F32(rows.as_f32().unwrap()[range].to_vec()),
        Dtype::U8 => Observation::U8(rows.as_u8().unwrap()[range].to_vec()),
        Dtype::I32 => Observation::I32(rows.as_i32().unwrap()[range].to_vec()),
    }
}

/// Random episodes of a batch of two environments: `None` for one whose actions runs do not record.
fn random_episodes(settings: &Settings, steps: usize) -> Option<Vec<Recorded>> {
    let mut envs = settings.env.builder().make_vec(2).unwrap();
    let (space, actions) = (envs.single_observation_space().clone(), envs.single_action_space().clone());
    let mut rng = Generator::new(7);
    let mut chosen = Rows::for_space(&actions, 2);
    let mut out = VectorStep::new(&space, 2);
    envs.reset(Some(3), &mut out.observations).unwrap();
    let mut running: Vec<_> = (0..2)
        .map(|e| (envs.episode_generator(e).state(), Vec::new(), Vec::new(), 0.0, vec![observed(&out.observations, e)]))
        .collect();
    let mut ended = Vec::new();
    for _ in 0..steps {
        (0..2).for_each(|e| actions.sample(&mut rng, chosen.row_mut(e)));
        let batch = match (actions.action(chosen.row(0))?, chosen.as_i32(), chosen.as_f32()) {
            (cartwheel_envs::Action::Discrete(_), Some(numbers), _) => Actions::Discrete(numbers),
            (cartwheel_envs::Action::Continuous(_), _, Some(numbers)) => Actions::Continuous(numbers),
            _ => return None,
        };
        envs.step(batch, &mut out).unwrap();
        for (e, (generator, discrete, continuous, return_, observations)) in running.iter_mut().enumerate() {
            match batch.get(e, actions.width()) {
                cartwheel_envs::Action::Discrete(action) => discrete.push(action),
                cartwheel_envs::Action::Continuous(values) => continuous.extend_from_slice(values),
                cartwheel_envs::Action::Multi(_) => return None,
            }
            *return_ += f64::from(out.raw_rewards()[e]);
            let (terminated, truncated) = (out.terminated[e], out.truncated[e]);
            if !(terminated || truncated) {
                observations.push(observed(&out.observations, e));
                continue;
            }
            observations.push(observed(&out.final_observations, e));
            let actions = if discrete.is_empty() {
                ActionLog::Continuous { width: actions.width() as u32, values: std::mem::take(continuous) }
            } else {
                ActionLog::Discrete(std::mem::take(discrete))
            };
            let record = EpisodeRecord {
                env: e as u32,
                episode: 0,
                start_step: 0,
                generator: *generator,
                policy_version: 0,
                return_: std::mem::take(return_),
                terminated,
                truncated,
                actions,
                info: Default::default(),
            };
            let observations = std::mem::replace(observations, vec![observed(&out.observations, e)]);
            ended.push(Recorded { record, observations });
            *generator = envs.episode_generator(e).state();
        }
    }
    Some(ended)
}

fn check(settings: &Settings, recorded: &Recorded) {
    let mut sandbox = Sandbox::new(settings, None).unwrap();
    let (moments, note) = reenact(&mut sandbox, &recorded.record, usize::MAX, &never).unwrap();
    assert_eq!(note, None, "{}", settings.env.id);
    assert_eq!(moments.len(), recorded.record.actions.len() + 1);
    for (step, (moment, observation)) in moments.iter().zip(&recorded.observations).enumerate() {
        assert_eq!(moment.observation, *observation, "{}, step {step}", settings.env.id);
    }
    assert_eq!(moments.last().unwrap().return_, recorded.record.return_);
}

#[test]
fn every_native_environment_does_the_same_again() {
    let mut played = 0;
    for spec in list() {
        let settings = settings(&spec.id);
        let Some(episodes) = random_episodes(&settings, 1200) else { continue };
        assert!(!episodes.is_empty() || spec.max_episode_steps.is_none_or(|most| most > 1200), "{}", spec.id);
        played += usize::from(!episodes.is_empty());
        // The last began in the middle of a stream.
        for episode in episodes.first().iter().chain(episodes.iter().rev().take(2).collect::<Vec<_>>().iter()) {
            check(&settings, episode);
        }
    }
    assert!(played >= 15, "only {played} environments");
}

#[test]
fn wrappers_that_draw_or_delay_do_the_same_again() {
    let mut settings = settings("CartPole-v1");
    for wrapper in ["DelayObservation(2)", "FrameStackObservation(3)", "TransformReward(0.1 * r)"] {
        settings.env.wrappers.push(wrapper.parse().unwrap());
    }
    for episode in random_episodes(&settings, 300).unwrap() {
        check(&settings, &episode);
        assert_eq!(episode.record.return_, episode.record.actions.len() as f64, "returns are the environment's own");
    }
}

fn episode_of(run: &RunDir, episode: usize) -> EpisodeOf {
    EpisodeOf { run: 0, folder: run.path().to_owned(), episode, judge: Checkpoint::Best }
}

#[test]
fn films_of_a_run_are_judged() {
    let folder = tempfile::tempdir().unwrap();
    let (run, records) = fixture::run_with_episodes(folder.path(), "CartPole-v1");
    let mut replayer = Replayer::default();
    let mut strays = 0;
    for (episode, record) in records.iter().enumerate() {
        let film = replayer.film(&episode_of(&run, episode), &never).unwrap();
        assert_eq!((&film.note, film.judge.as_str()), (&None, text::BEST_WEIGHTS));
        assert_eq!(film.last_step(), film.entry.length);
        let ActionLog::Discrete(actions) = &record.actions else { panic!("{record:?}") };
        for (t, pair) in film.moments.windows(2).enumerate() {
            let [here, next] = pair else { panic!("a pair") };
            let Judgement::QValues(values) = &here.judgement else { panic!("{here:?}") };
            let action = actions[t] as usize;
            assert_eq!(here.action, Some(actions[t].into()));
            let strayed = values[action] < values[1 - action];
            assert_eq!(here.chosen_by, if strayed { ChosenBy::Exploration } else { ChosenBy::Greedy });
            strays += usize::from(strayed);
            let ended = t + 2 == film.moments.len();
            let future = if ended && record.terminated { 0.0 } else { next.value.unwrap() };
            let error = 1.0 + 0.99 * future - values[action];
            assert!((here.td_error.unwrap() - error).abs() < 1e-5, "step {t}");
        }
        let last = film.moments.last().unwrap();
        assert_eq!((&last.action, last.td_error), (&None, None));
    }
    // 800 steps of which 15 in 100 are by chance against the policy.
    assert!((60..200).contains(&strays), "{strays}");
}

/// The strips of value and TD error are there for a policy that has no values of actions: its critic has them.
#[test]
fn an_actor_critic_is_judged_by_its_critic() {
    let mut settings = settings("CartPole-v1");
    settings.train.algo = cartwheel_trainer::Algo::Ppo;
    let (algorithm, spaces) = (settings.algorithm(), crate::spaces::Spaces::of(&settings).unwrap());
    let acting = cartwheel_agents::Acting::new(algorithm, &spaces.observation, &spaces.action).unwrap();
    let device = cartwheel_agents::nn::Device::Cpu;
    let learner = algorithm.learner(&acting, device, &mut Generator::new(3)).unwrap();
    let parameters = learner.learner().parameters().to_vec();
    let mut policy = cartwheel_agents::Policy::new(&spaces.observation, &spaces.action, acting, parameters);
    policy.set_critic(learner.learner().critic());
    let recorded = random_episodes(&settings, 300).unwrap();
    let mut sandbox = Sandbox::new(&settings, Some(policy)).unwrap();
    let (moments, note) = reenact(&mut sandbox, &recorded[0].record, usize::MAX, &never).unwrap();
    assert_eq!(note, None);
    for (t, pair) in moments.windows(2).enumerate() {
        let [here, next] = pair else { panic!("a pair") };
        assert!(matches!(here.judgement, Judgement::Probabilities(_)));
        let future = if t + 2 == moments.len() { 0.0 } else { next.value.unwrap() };
        let error = 1.0 + settings.ppo.gamma as f32 * future - here.value.unwrap();
        assert!((here.td_error.unwrap() - error).abs() < 1e-5, "step {t}");
    }
    assert_ne!(moments[0].value, moments[1].value);
}

/// What it judges depends on what it has seen of the episode, each state once, however often an episode is played again and
/// also where a state is put in another's place.
#[test]
fn a_judge_remembers_the_episode() {
    let mut settings = settings("MaskedCartPole-v1");
    settings.train.algo = cartwheel_trainer::Algo::RecurrentPpo;
    settings.recurrent_ppo.lstm_hidden_size = 8;
    let (algorithm, spaces) = (settings.algorithm(), crate::spaces::Spaces::of(&settings).unwrap());
    let acting = cartwheel_agents::Acting::new(algorithm, &spaces.observation, &spaces.action).unwrap();
    let learner = algorithm.learner(&acting, cartwheel_agents::nn::Device::Cpu, &mut Generator::new(3)).unwrap();
    let parameters = learner.learner().parameters().to_vec();
    let mut policy = cartwheel_agents::Policy::new(&spaces.observation, &spaces.action, acting, parameters);
    policy.set_critic(learner.learner().critic());
    let recorded = random_episodes(&settings, 100).unwrap();
    let mut sandbox = Sandbox::new(&settings, Some(policy.clone())).unwrap();
    for round in 0..2 {
        let (moments, note) = reenact(&mut sandbox, &recorded[0].record, usize::MAX, &never).unwrap();
        assert_eq!(note, None);
        let mut own = policy.clone();
        for (step, moment) in moments.iter().enumerate() {
            let Observation::F32(numbers) = &moment.observation else { panic!("numbers") };
            let seen = own.appraise(Row::F32(numbers));
            assert_eq!((&moment.judgement, moment.value), (&seen.judgement, seen.value), "round {round}, step {step}");
            assert_eq!(own.act(Row::F32(numbers)), seen.action, "round {round}, step {step}");
            let forgetful = policy.clone().appraise(Row::F32(numbers));
            let same = seen.value == forgetful.value;
            assert!(seen.value.is_some() && same == (step == 0), "round {round}, step {step}: {seen:?}");
            assert_eq!(seen.judgement == forgetful.judgement, step == 0, "round {round}, step {step}");
        }
    }
    let mut moments = vec![sandbox.reset(Generator::from_state(recorded[0].record.generator)).unwrap()];
    for action in actions(&recorded[0].record.actions).take(3) {
        sandbox.play(&action, &mut moments).unwrap();
    }
    let (before, values) = (moments[3].clone(), sandbox.state_variables());
    let same: Vec<f64> = values.iter().map(|variable| variable.value).collect();
    sandbox.set(&same, &mut moments).unwrap();
    assert_eq!(
        (&moments[3].judgement, moments[3].value),
        (&before.judgement, before.value),
        "it has seen this state once"
    );
}

#[test]
fn films_are_kept_within_the_budget() {
    let folder = tempfile::tempdir().unwrap();
    let (run, _) = fixture::run_with_episodes(folder.path(), "CartPole-v1");
    let mut replayer = Replayer::default();
    let wanted = [0, 1].map(|episode| episode_of(&run, episode));
    let first = replayer.film(&wanted[0], &never).unwrap();
    assert!(Arc::ptr_eq(&first, &replayer.film(&wanted[0], &never).unwrap()));
    replayer.budget = first.bytes() + 1;
    replayer.film(&wanted[1], &never).unwrap();
    assert!(!Arc::ptr_eq(&first, &replayer.film(&wanted[0], &never).unwrap()), "it had to go");

    // Whatever is asked for, all of them together stay below it.
    replayer = Replayer { budget: 3 * first.bytes(), ..Replayer::default() };
    for wanted in wanted.iter().cycle().take(20) {
        replayer.film(wanted, &never).unwrap();
        let bytes: usize = replayer.films.iter().map(|(_, film)| film.bytes()).sum();
        assert!(bytes <= replayer.budget, "{bytes} of {}", replayer.budget);
    }

    replayer = Replayer { budget: first.bytes(), ..Replayer::default() };
    let cut = replayer.film(&wanted[0], &never).unwrap();
    assert!(cut.note.as_ref().unwrap().contains("Only the first"), "{:?}", cut.note);
    assert!(cut.moments.len() < first.moments.len() && cut.moments[1] == first.moments[1]);
    assert!(replayer.film(&wanted[1], &|| true).is_none(), "overtaken");
}

#[test]
fn what_is_amiss_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (run, records) = fixture::run_with_episodes(folder.path(), "CartPole-v1");
    let settings = settings("CartPole-v1");
    let note = |change: &dyn Fn(&mut EpisodeRecord)| {
        let mut record = records[0].clone();
        change(&mut record);
        let mut sandbox = Sandbox::new(&settings, None).unwrap();
        reenact(&mut sandbox, &record, usize::MAX, &never).unwrap().1.unwrap()
    };
    let add = |actions: &[i32]| {
        let actions = actions.to_vec();
        move |record: &mut EpisodeRecord| {
            let ActionLog::Discrete(log) = &mut record.actions else { panic!("{record:?}") };
            log.extend(&actions);
        }
    };
    assert!(note(&|record| record.return_ += 1.0).contains("its return is"));
    assert!(note(&|record| record.terminated = false).contains("Not the recorded episode"));
    assert!(note(&add(&[0])).contains("it ended after"));
    assert!(note(&|record| record.actions = ActionLog::Discrete(vec![0, 5])).contains("Step 1 failed"));

    let mut replayer = Replayer::default();
    let gone = replayer.film(&episode_of(&run, 10_000), &never).unwrap();
    assert!(gone.moments.is_empty() && gone.note.as_ref().unwrap().contains("has no episode 10000"), "{:?}", gone.note);
    let mut elsewhere = episode_of(&run, 0);
    elsewhere.folder = folder.path().to_owned();
    let film = replayer.film(&elsewhere, &never).unwrap();
    assert!(film.moments.is_empty() && film.note.as_ref().unwrap().contains("is not a run"), "{:?}", film.note);
    std::fs::write(run.config(), self::settings("Acrobot-v1").to_toml(false)).unwrap();
    let film = replayer.film(&episode_of(&run, 1), &never).unwrap();
    assert!(film.note.as_ref().unwrap().contains("Acrobot-v1"), "{:?}", film.note);
}

#[test]
fn an_environment_that_panics_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (run, _) = fixture::run_with_episodes(folder.path(), "Scripted-v0");
    let mut settings = settings("Scripted-v0");
    settings.env.args.insert("panic_at".into(), 3.into());
    std::fs::write(run.config(), settings.to_toml(false)).unwrap();
    let film = Replayer::default().film(&episode_of(&run, 0), &never).unwrap();
    assert!(film.note.as_ref().unwrap().contains("panicked: scripted to panic at step 3"), "{:?}", film.note);
}

/// What a person at a slider feels: an episode of ten thousand steps is a matter of a moment.
#[test]
fn long_episodes_are_whole() {
    let mut settings = settings("Pendulum-v1");
    settings.env.id = "Scripted-v0".into();
    settings.env.args.insert("length".into(), 10_000.into());
    let episodes = random_episodes(&settings, 10_000).unwrap();
    check(&settings, &episodes[0]);
}
