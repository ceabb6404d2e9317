//! Where the time goes: what each thread does, how fast the run is, how full its queue and its replay buffer are, and
//! what all of it takes.

mod lanes;

use cartwheel_trainer::watch::{Activity, Status};
use eframe::egui::{Align2, FontId, Grid, ProgressBar, Rect, Role, ScrollArea, Sense, Ui, WidgetInfo, lerp, vec2};

use super::{Context, Panel, Place};
use crate::command::Commands;
use crate::memory;
use crate::model::Live;
use crate::number::{bytes, short};
use crate::text;
use crate::theme::Theme;

/// Seconds of the lanes that are shown.
const SECONDS: f32 = 10.0;
/// Points of a column in a lane.
const COLUMN: f32 = 3.0;
/// The height of a lane.
const LANE: f32 = 16.0;
/// The width of a lane's name.
const NAME: f32 = 110.0;

/// With less room, what is side by side goes one under the other.
const SIDE_BY_SIDE: f32 = 640.0;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct MachineRoom;

impl Panel for MachineRoom {
    fn name(&self) -> &'static str {
        text::MACHINE_ROOM
    }

    fn place(&self) -> Place {
        Place::Bottom
    }

    fn is_for_agents(&self) -> bool {
        true
    }

    fn ui(&mut self, ui: &mut Ui, context: Context<'_>, _commands: &mut Commands) {
        ScrollArea::vertical().id_salt("machine room").auto_shrink(false).show(ui, |ui| {
            let Some(live) = context.live() else {
                ui.weak(text::LANES_NOT_LIVE);
                return own_memory(ui, context);
            };
            let lanes = |ui: &mut Ui| {
                gantt(ui, live);
                shares(ui, live);
            };
            let fills = |ui: &mut Ui| {
                fills(ui, &live.status);
                own_memory(ui, context);
            };
            if ui.available_width() < SIDE_BY_SIDE {
                lanes(ui);
                fills(ui);
                return speed(ui, live);
            }
            ui.horizontal_top(|ui| {
                ui.vertical(|ui| {
                    ui.set_width(240.0);
                    speed(ui, live);
                });
                ui.vertical(|ui| {
                    ui.set_width(200.0);
                    fills(ui);
                });
                ui.vertical(lanes);
            });
        });
    }
}

/// The viewer's own memory.
fn own_memory(ui: &mut Ui, context: Context<'_>) {
    let Some(own) = context.model.own_memory else { return };
    let words = format!("{} / {}", bytes(own), bytes(memory::BUDGET));
    fill(ui, text::VIEWER_MEMORY, own, memory::BUDGET, words);
}

fn line(ui: &mut Ui, name: &str, value: &str) {
    ui.weak(name);
    ui.label(value);
    ui.end_row();
}

fn speed(ui: &mut Ui, live: &Live) {
    let status = &live.status;
    Grid::new("speed").show(ui, |ui| {
        let steps = f64::from(status.measured_speed) * f64::from(live.welcome.n_envs);
        line(ui, text::ENV_STEPS_A_SECOND, &short(steps));
        let asked =
            status.speed.map(|asked| format!("{} / {}", short(status.measured_speed.into()), short(asked.into())));
        line(ui, text::VECTOR_STEPS_A_SECOND, &asked.unwrap_or_else(|| short(status.measured_speed.into())));
        line(ui, text::UPDATES, &status.updates.to_string());
        line(ui, text::EPISODES, &status.episodes.to_string());
        line(ui, text::POLICY_LAG, &status.policy_lag.to_string());
        line(ui, text::DROPPED_FRAMES, &status.dropped.to_string());
        line(ui, text::DEVICE, &live.welcome.device);
        line(ui, text::RUN_MEMORY, &bytes(status.memory));
    });
}

fn fills(ui: &mut Ui, status: &Status) {
    let (stored, capacity) = status.replay;
    fill(ui, text::REPLAY_BUFFER, stored, capacity, format!("{stored} / {capacity}"));
    let (waiting, room) = (u64::from(status.queue.0), u64::from(status.queue.1));
    fill(ui, text::QUEUE, waiting, room, format!("{waiting} / {room}"));
}

/// A bar of how full something is; nothing for something without room.
fn fill(ui: &mut Ui, name: &str, held: u64, room: u64, words: String) {
    if room == 0 {
        return;
    }
    let label = ui.weak(name);
    let bar = ProgressBar::new((held as f64 / room as f64) as f32).text(words);
    ui.add(bar.desired_height(14.0)).labelled_by(label.id);
}

/// A lane for each thread over the last seconds.
fn gantt(ui: &mut Ui, live: &Live) {
    let theme = Theme::of(ui);
    if live.lane_interval <= 0.0 || live.lanes.is_empty() {
        ui.weak(text::LANES_AWAITED);
        return;
    }
    ui.weak(format!("{} {SECONDS} s", text::LAST));
    let looks = ((SECONDS / live.lane_interval) as usize).max(1);
    for (name, seen) in live.welcome.lanes.iter().zip(&live.lanes) {
        let size = vec2(ui.available_width().max(NAME + 60.0), LANE);
        let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
        let busiest = busiest(lanes::shares(seen.iter().rev().take(looks)));
        let words = format!("{name}: {busiest}");
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &words));
        let lane = Rect::from_min_max(rect.min + vec2(NAME, 1.0), rect.max - vec2(0.0, 1.0));
        let font = FontId::proportional(12.0);
        let names = Rect::from_min_max(rect.min, lane.left_bottom());
        ui.painter_at(names).text(rect.left_center(), Align2::LEFT_CENTER, name, font, theme.text);
        let painter = ui.painter();
        painter.rect_filled(lane, 0.0, theme.well);
        for block in lanes::blocks(seen, looks, (lane.width() / COLUMN) as usize) {
            let [from, to] = block.time.map(|share| lerp(lane.x_range(), share));
            let [low, high] = block.height.map(|share| lerp(lane.bottom()..=lane.top(), share));
            let place = Rect::from_x_y_ranges(from..=to, high..=low);
            painter.rect_filled(place, 0.0, theme.activity(block.activity));
        }
        response.on_hover_text(words);
    }
}

/// The activities that take most, in words.
fn busiest(shares: [f32; Activity::ALL.len()]) -> String {
    let mut named: Vec<_> = Activity::ALL.into_iter().zip(shares).filter(|(_, share)| *share >= 0.005).collect();
    named.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let words: Vec<_> =
        named.iter().map(|(activity, share)| format!("{} {:.0} %", text::activity(*activity), share * 100.0)).collect();
    words.join(", ")
}

/// Where the time goes, thread by thread, in percentages.
fn shares(ui: &mut Ui, live: &Live) {
    let theme = Theme::of(ui);
    let looks = if live.lane_interval > 0.0 { (SECONDS / live.lane_interval) as usize } else { return };
    let of: Vec<_> = live.lanes.iter().map(|seen| lanes::shares(seen.iter().rev().take(looks))).collect();
    Grid::new("shares").striped(true).spacing(vec2(14.0, 2.0)).show(ui, |ui| {
        ui.weak(text::WHERE_TIME_GOES);
        live.welcome.lanes.iter().for_each(|name| drop(ui.weak(name)));
        ui.end_row();
        for (i, activity) in Activity::ALL.into_iter().enumerate() {
            if of.iter().all(|shares| shares[i] == 0.0) {
                continue;
            }
            ui.horizontal(|ui| {
                let (square, _) = ui.allocate_exact_size(vec2(10.0, 10.0), Sense::hover());
                ui.painter().rect_filled(square, 1.0, theme.activity(activity));
                ui.label(text::activity(activity));
            });
            of.iter().for_each(|shares| drop(ui.label(format!("{:.1} %", shares[i] * 100.0))));
            ui.end_row();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Update;
    use crate::panels::testing::{live, opened, panel_harness};
    use crate::state::State;
    use cartwheel_trainer::watch::{Lanes, Reply};
    use egui_kittest::kittest::Queryable as _;

    #[test]
    fn threads_are_shown_with_their_shares() {
        let mut model = live("CartPole-v1", 4);
        let status = Status {
            measured_speed: 250.0,
            speed: Some(300.0),
            replay: (500, 1000),
            queue: (1, 4),
            policy_lag: 3,
            memory: 64 << 20,
            dropped: 7,
            ..Status::default()
        };
        model.apply(Update::Reply(Reply::Status(status)));
        let (updating, waiting, stepping) = (Activity::Updating as u8, 0, Activity::Stepping as u8);
        let learner = [updating, updating, updating, waiting].repeat(50);
        let seen = vec![learner, vec![stepping; 200]];
        model.apply(Update::Reply(Reply::Lanes(Lanes { start: 0.0, interval: 0.005, seen })));
        let mut harness = panel_harness(MachineRoom, model, State::default());
        harness.run();
        harness.get_by_label("learner: updating 75 %, waiting 25 %");
        harness.get_by_label("actor 0: stepping 100 %");
        for words in ["1000", "250 / 300", "3", "7", "cpu", "64.0 MiB", "75.0 %"] {
            harness.get_by_label(words);
        }
        harness.get_by_label(text::QUEUE);
    }

    #[test]
    fn absence_is_told_in_words() {
        let mut harness = panel_harness(MachineRoom, opened("CartPole-v1"), State::default());
        harness.run();
        harness.get_by_label(text::LANES_NOT_LIVE);
        harness.state_mut().model = live("CartPole-v1", 1);
        harness.run();
        harness.get_by_label(text::LANES_AWAITED);
    }
}
