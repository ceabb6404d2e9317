#![allow(clippy::unwrap_used, missing_docs, reason = "temporary")]
mod support;
use cartwheel_envs::*;
use cartwheel_trainer::run::EpisodeEntry;
use cartwheel_trainer::watch::{ChosenBy, Judgement, Observation};
use cartwheel_viewer::{App, Command, Film, Moment, Update};
use crossbeam::channel::unbounded;
use eframe::egui::Theme;
use egui_kittest::Harness;
use std::sync::Arc;
use support::Painter;

#[test]
fn look() {
    for theme in [Theme::Dark, Theme::Light] {
        let (updates, inbox) = unbounded();
        let (outbox, _orders) = unbounded();
        let mut harness = Harness::builder()
            .with_size([1280.0, 800.0])
            .with_theme(theme)
            .with_max_steps(8)
            .renderer(Painter::default())
            .build_ui_state(
                |ui, app: &mut App| {
                    app.logic(&ui.ctx().clone());
                    app.ui(ui);
                },
                App::new(vec![inbox], outbox),
            );
        updates.send(Update::Opened("runs/a".into())).unwrap();
        let entry = |i: u32| EpisodeEntry { offset: 0, env: i % 2, length: 10 + i, return_: i.into(), start_step: 0 };
        updates.send(Update::Episodes(0, (0..300).map(entry).collect())).unwrap();
        let moments = (0..=200)
            .map(|step: i32| Moment {
                scene: Scene::default(),
                observation: Observation::F32(vec![0.0]),
                judgement: Judgement::QValues(vec![(step as f32 * 0.1).sin() * 10.0 + 50.0, 40.0]),
                action: Some((step / 3 % 2).into()),
                chosen_by: if step % 11 == 0 { ChosenBy::Exploration } else { ChosenBy::Greedy },
                reward: if step % 50 == 7 { -3.0 } else { 1.0 },
                return_: step.into(),
                td_error: Some((step as f32 * 0.3).cos() * 2.0),
            })
            .collect();
        let film = Film {
            run: 0,
            episode: 280,
            entry: entry(280),
            judge: "best weights".into(),
            note: None,
            real_time: 50.0,
            moments,
        };
        updates.send(Update::Film(Arc::new(film))).unwrap();
        harness.run_steps(3);
        harness.state_mut().give(Command::Seek(87));
        harness.run_steps(3);
        harness.render().unwrap().save(format!("/tmp/look-{theme:?}.png")).unwrap();
    }
}
