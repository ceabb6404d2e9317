//! One file a panel. A new one is a file here and a line in [`all`].

mod compare;
mod curves;
mod doctor;
mod driver;
mod heat;
mod inspector;
mod machine_room;
mod newest;
mod replay_buffer;
mod rollouts;
mod runs;
mod samples;
mod seen;
mod states;
mod subject;
#[cfg(test)]
mod testing;
mod timeline;
mod trail;
mod value_map;
mod what_if;

use eframe::egui::{Checkbox, Color32, TextStyle, Ui};

use crate::command::Commands;
use crate::model::{Driven, Model};
use crate::state::State;
use crate::text;

/// Where a panel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Beside the pictures, on the left.
    Left,
    /// In the middle.
    Center,
    /// Right under the pictures.
    Under,
    /// At the bottom; panels there share it by tabs.
    Bottom,
    /// Beside the pictures, on the right; panels there share it by tabs.
    Right,
}

/// What a panel may read.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// What is known.
    pub model: &'a Model,
    /// What is chosen.
    pub state: &'a State,
}

/// A part of the window. It reads the context and makes commands; what it keeps of its own is no more than how it
/// shows things, such as a zoom.
pub trait Panel {
    /// Its name on its tab.
    fn name(&self) -> &'static str;

    /// Where it is.
    fn place(&self) -> Place;

    /// What the keys of a player drive when it is brought to the front.
    fn driven(&self) -> Driven {
        Driven::Main
    }

    /// Whether it is about agents, and not there for a run that fits a model to data.
    fn is_for_agents(&self) -> bool {
        false
    }

    /// Paints it. Every widget has a name that a screen reader can say.
    fn ui(&mut self, ui: &mut Ui, context: Context<'_>, commands: &mut Commands);
}

/// All panels, in the order of their tabs.
pub fn all() -> Vec<Box<dyn Panel>> {
    vec![
        Box::new(runs::Runs::default()),
        Box::new(rollouts::Rollouts::default()),
        Box::new(samples::Samples::default()),
        Box::new(timeline::Timeline::default()),
        Box::new(curves::Curves::default()),
        Box::new(inspector::Inspector::default()),
        Box::new(value_map::ValueMaps::default()),
        Box::new(replay_buffer::ReplayBuffer::default()),
        Box::new(compare::Compare::default()),
        Box::new(what_if::WhatIf::default()),
        Box::new(machine_room::MachineRoom),
        Box::new(doctor::Doctor),
    ]
}

/// Goes to the next row of a wrapping layout unless there is so much room left in this one: for combo boxes and sliders,
/// which do not by themselves, but would stand over what is beside.
fn break_unless(ui: &mut Ui, room: f32) {
    if ui.available_size_before_wrap().x < room {
        ui.end_row();
    }
}

/// A box that checks or unchecks all of a list, of which so many are `checked`, where there are several. Answers which, where
/// it was clicked.
fn check_all(ui: &mut Ui, name: &str, checked: usize, of: usize) -> Option<bool> {
    let mut all = checked == of;
    let all = Checkbox::new(&mut all, name).indeterminate(checked > 0 && checked < of);
    (of > 1 && ui.add(all).clicked()).then_some(checked < of)
}

/// A name, cut in its middle where it is wider than `room` in this style: what tells names apart is mostly at their ends.
fn cut(ui: &Ui, name: &str, room: f32, style: &TextStyle) -> String {
    let font = style.resolve(ui.style());
    let fits = |name: String| ui.painter().layout_no_wrap(name, font.clone(), Color32::PLACEHOLDER).size().x <= room;
    if fits(name.to_owned()) {
        return name.to_owned();
    }
    let (mut most, mut too_many) = (1, name.chars().count());
    while too_many - most > 1 {
        let middle = (most + too_many) / 2;
        if fits(text::without_middle(name, middle)) { most = middle } else { too_many = middle }
    }
    text::without_middle(name, most)
}
