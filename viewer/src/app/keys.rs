//! Keys: the table of commands, and the environment's own while a person holds its reins.

use cartwheel_envs::{Key as EnvKey, OwnedAction};
use cartwheel_trainer::watch;
use eframe::egui::{Context, Event, Key, Popup};

use super::App;
use crate::command::{Action, Command};

impl App {
    /// Turns keys into commands, unless somebody types into a field.
    pub(super) fn keys(&mut self, ctx: &Context) {
        // An open list closes itself first.
        if !Popup::is_any_open(ctx) && ctx.input_mut(|input| input.consume_key(Default::default(), Key::Escape)) {
            self.escape();
        }
        let typing = ctx.egui_wants_keyboard_input();
        if self.state.taking_over.is_some() && !typing {
            self.reins(ctx);
        }
        // Those with Shift or Ctrl first: without, a key is also the one that is pressed with them.
        let with = |wanted: bool| move |action: &&Action| action.shortcut().modifiers.is_none() != wanted;
        for &action in Action::ALL.iter().filter(with(true)).chain(Action::ALL.iter().filter(with(false))) {
            let shortcut = action.shortcut();
            let plain = shortcut.modifiers.is_none() && shortcut.logical_key != Key::F1;
            if !(typing && plain) {
                // A slow picture may come after several presses.
                let presses =
                    ctx.input_mut(|input| input.count_and_consume_key(shortcut.modifiers, shortcut.logical_key));
                self.commands.extend(std::iter::repeat_n(Command::Do(action), presses));
            }
        }
    }

    /// Leaves what is innermost.
    fn escape(&mut self) {
        let state = &mut self.state;
        if state.palette.take().is_some() || std::mem::take(&mut state.help) {
            return;
        }
        if state.taking_over.is_some() {
            self.commands.push(Command::Do(Action::TakeOver));
        } else if state.env.is_some() {
            self.commands.push(Command::SelectEnv(None));
        }
    }

    /// While one of the environment's keys is held, a person acts; else the agent does.
    fn reins(&mut self, ctx: &Context) {
        let Some(reins) = &mut self.state.taking_over else { return };
        let bound = |key: &Key| env_key(*key).and_then(|key| reins.bindings.action(key));
        let held: Option<OwnedAction> = ctx.input(|input| {
            let mut keys: Vec<_> = input.keys_down.iter().copied().collect();
            // The set has no order of its own.
            keys.sort_unstable();
            keys.iter().find_map(bound)
        });
        ctx.input_mut(|input| {
            let ours = |event: &Event| matches!(event, Event::Key { key, .. } if bound(key).is_some());
            input.events.retain(|event| !ours(event));
        });
        if reins.action != held {
            reins.action.clone_from(&held);
            self.commands.push(Command::Run(watch::Command::TakeOver { env: reins.env, action: held }));
        }
    }
}

/// The key as environments name it.
pub(crate) fn env_key(key: Key) -> Option<EnvKey> {
    Some(match key {
        Key::ArrowLeft => EnvKey::Left,
        Key::ArrowRight => EnvKey::Right,
        Key::ArrowUp => EnvKey::Up,
        Key::ArrowDown => EnvKey::Down,
        Key::Space => EnvKey::Char(' '),
        key => {
            let mut letters = key.name().chars();
            match (letters.next(), letters.next()) {
                (Some(letter), None) => EnvKey::Char(letter.to_ascii_lowercase()),
                _ => return None,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use eframe::egui::{Modifiers, RawInput};

    use super::*;

    /// Until here a window that was slow took several presses for one.
    #[test]
    fn every_press_counts_however_slow_the_pictures_are() {
        let (orders, _inbox) = crossbeam::channel::unbounded();
        let mut app = App::new(Vec::new(), orders);
        let modifiers = Modifiers::NONE;
        let press = |key| Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers };
        let events = [Key::ArrowRight, Key::ArrowRight, Key::ArrowLeft, Key::ArrowRight].map(press).to_vec();
        let ctx = Context::default();
        drop(ctx.run_ui(RawInput { events, ..RawInput::default() }, |ui| app.keys(&ui.ctx().clone())));
        let mut done = app.commands.clone();
        done.sort_by_key(|command| format!("{command:?}"));
        let [back, forward] = [Action::StepBack, Action::StepForward].map(Command::Do);
        assert_eq!(done, [back, forward.clone(), forward.clone(), forward]);
    }
}
