//! A panel by itself with a model made of updates, for tests that use it as a person would.

use cartwheel_agents::FeaturesExtractor;
use cartwheel_agents::nn::Mlp;
use cartwheel_envs::{Env as _, Generator, OwnedAction, Rows, Scene, Space};
use cartwheel_trainer::watch::{self, ChosenBy, EnvFrame, Judgement, Observation, Reply};
use cartwheel_trainer::{Algo, Settings};
use egui_kittest::Harness;

use super::{Context, Panel};
use crate::command::Commands;
use crate::model::{Model, Update};
use crate::spaces::Spaces;
use crate::state::State;

/// A panel, what it shows and what it asked for.
pub(super) struct PanelHarness<P> {
    pub(super) panel: P,
    pub(super) model: Model,
    pub(super) state: State,
    pub(super) commands: Commands,
}

/// The panel in a window of 900 by 600 points.
pub(super) fn panel_harness<'a, P: Panel + 'a>(panel: P, model: Model, state: State) -> Harness<'a, PanelHarness<P>> {
    let shown = PanelHarness { panel, model, state, commands: Commands::new() };
    Harness::builder().with_size([900.0, 600.0]).with_max_steps(8).build_ui_state(
        |ui, shown: &mut PanelHarness<P>| {
            let context = Context { model: &shown.model, state: &shown.state };
            shown.panel.ui(ui, context, &mut shown.commands);
        },
        shown,
    )
}

/// Settings with a small network of dense layers.
pub(super) fn settings(env: &str) -> Settings {
    let mut settings = Settings::shipped(Algo::Dqn, env).expect("a known environment");
    settings.dqn.net_arch = vec![16];
    settings.dqn.features_extractor = FeaturesExtractor::Flatten;
    settings
}

/// A run in `runs/tested` on `env`, that is not live.
pub(super) fn opened(env: &str) -> Model {
    let mut model = Model::default();
    let settings = settings(env);
    model.apply(Update::Opened("runs/tested".into()));
    model.apply(Update::Spaces(0, Spaces::of(&settings).map(Box::new)));
    model.apply(Update::Settings(0, Box::new(settings)));
    model
}

/// The same with `n_envs` environments as they begin, and the weights of a fresh network.
pub(super) fn live(env: &str, n_envs: u32) -> Model {
    let mut model = opened(env);
    model.apply(Update::Attached(0));
    let lanes = vec!["learner".into(), "actor 0".into()];
    let welcome = watch::Welcome { run: "tested".into(), n_envs, lanes, device: "cpu".into(), total_timesteps: 1000 };
    model.apply(Update::Reply(Reply::Welcome(welcome)));
    model.apply(Update::Reply(Reply::Frames((0..n_envs).map(|number| frame(env, number)).collect())));
    let spaces = Spaces::of(&settings(env)).expect("a known environment");
    let (inputs, actions) = match (&spaces.states, &spaces.action) {
        (Some(states), Space::Discrete { n, .. }) => (states.count, *n as usize),
        _ => (spaces.fields.len(), 2),
    };
    let mlp = Mlp::new(inputs, &[16], actions, settings(env).dqn.activation_fn);
    let weights = watch::WeightsReply { version: 1, parameters: mlp.init(&mut Generator::new(1)) };
    model.apply(Update::Reply(Reply::Weights(weights)));
    model
}

/// An environment at the start of an episode: the second action is the best, and the first was taken to explore.
pub(super) fn frame(id: &str, number: u32) -> EnvFrame {
    let mut env = settings(id).env.builder().build().expect("a known environment");
    let mut rows = Rows::for_space(&env.observation_space(), 1);
    env.reset(&mut Generator::new(number.into()), rows.row_mut(0)).expect("it begins");
    let mut scene = Scene::default();
    env.draw(&mut scene);
    let observation = match rows.row(0) {
        cartwheel_envs::Row::F32(row) => Observation::F32(row.to_vec()),
        cartwheel_envs::Row::U8(row) => Observation::U8(row.to_vec()),
        cartwheel_envs::Row::I32(row) => Observation::I32(row.to_vec()),
    };
    EnvFrame {
        env: number,
        step: 100,
        episode: 7,
        episode_step: 45,
        return_: 45.0,
        reward: 1.0,
        learnt_reward: 1.0,
        judgement: Judgement::QValues(vec![10.0, 20.0]),
        value: None,
        action: Some(OwnedAction::Discrete(0)),
        chosen_by: ChosenBy::Exploration,
        observation: Some(observation),
        scene,
    }
}
