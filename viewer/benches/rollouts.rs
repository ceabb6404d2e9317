//! Building the picture of the rollouts: the panel's part of a frame, from the model to egui's shapes.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::hint::black_box;

use cartwheel_envs::make;
use cartwheel_trainer::watch::{ChosenBy, EnvFrame, Judgement, Reply, Welcome};
use cartwheel_viewer::panels::{self, Context};
use cartwheel_viewer::{Commands, Model, State, Update};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use eframe::egui;

/// A live run with so many environments, each with a value for two actions.
fn live(id: &str, n_envs: u32) -> Model {
    let mut model = Model::default();
    model.apply(Update::Opened("runs/bench".into()));
    model.apply(Update::Attached(0));
    model.apply(Update::Reply(Reply::Welcome(Welcome { n_envs, ..Welcome::default() })));
    model.apply(Update::Reply(Reply::Frames((0..n_envs).map(|env| frame(id, env)).collect())));
    model
}

fn frame(id: &str, number: u32) -> EnvFrame {
    let mut env = make(id).unwrap();
    env.reset(Some(number.into())).unwrap();
    EnvFrame {
        env: number,
        episode_step: 3 * number,
        return_: number.into(),
        judgement: Judgement::QValues(vec![10.0, 9.0]),
        action: Some(0.into()),
        chosen_by: ChosenBy::Greedy,
        scene: env.draw(),
        ..EnvFrame::default()
    }
}

fn rollouts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rollouts");
    for (id, n_envs) in [("CartPole-v1", 64), ("CartPole-v1", 256), ("MinAtar/Breakout-v1", 64)] {
        let (model, state) = (live(id, n_envs), State::default());
        let mut panel = panels::all().into_iter().find(|panel| panel.name() == "Rollouts").unwrap();
        let ctx = egui::Context::default();
        let screen = egui::Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(1280.0, 800.0));
        group.bench_function(BenchmarkId::new(id, n_envs), |bencher| {
            bencher.iter(|| {
                let input = egui::RawInput { screen_rect: Some(screen), ..egui::RawInput::default() };
                let mut commands = Commands::new();
                let output = ctx.run_ui(input, |ui| {
                    panel.ui(ui, Context { model: &model, state: &state }, &mut commands);
                });
                black_box((output.shapes.len(), commands.len()))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, rollouts);
criterion_main!(benches);
