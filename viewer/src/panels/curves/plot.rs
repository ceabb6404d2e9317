//! One plot: the curves of a metric, and what the pointer does to them.

use eframe::egui::{Color32, Id, Pos2, Rangef, Role, Sense, Stroke, Ui, Vec2, WidgetInfo};
use egui_plot::{
    AxisHints, FilledArea, Line, LineStyle, Plot, PlotPoint, PlotPoints, PlotResponse, PlotTransform, PlotUi,
};

use super::look::{self, Look};
use super::scales::Scales;
use super::trace::Traces;
use crate::command::{Command, Commands};
use crate::configurations::Group;
use crate::model::{Model, RunId};
use crate::number;
use crate::series::{Average, Axis, EPISODE_RETURN, Point, Series, View};
use crate::text;
use crate::theme::{Theme, dashes};

/// How near the pointer must be to a point, in points of the screen.
const NEAR: f32 = 16.0;

/// Curves whose values are told at the pointer.
const MOST: usize = 12;

/// The room of a mark's text: no two are nearer.
const MARK: Vec2 = Vec2::new(54.0, 26.0);
/// Marks of logarithmic axes that are nearer than this have no text.
const CLOSE: Vec2 = Vec2::new(36.0, 14.0);
/// Dashes of a mean to which not all runs contribute, in points.
const DASH: f32 = 4.0;

/// What a plot shows.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) model: &'a Model,
    pub(super) metric: &'a str,
    /// The groups of runs that are shown, one run each where they are not averaged.
    pub(super) groups: &'a [Group],
    pub(super) look: &'a Look,
    /// How far the curves of all plots go: their axes are one.
    pub(super) end: f64,
    /// How often all of the curves were asked for: each time it is another plot.
    pub(super) resets: u32,
}

impl<'a> Subject<'a> {
    fn series(self, run: RunId) -> Option<&'a Series> {
        self.model.runs.get(run)?.metrics.get(self.metric).filter(|series| !series.points().is_empty())
    }

    fn runs(self) -> impl Iterator<Item = (RunId, &'a Series)> {
        self.groups.iter().flat_map(|group| &group.runs).filter_map(move |run| Some((*run, self.series(*run)?)))
    }

    /// How far the curves go along the axis.
    pub(super) fn extent(self) -> Option<(f64, f64)> {
        let Scales { axis, log_x, .. } = self.look.scales;
        let extents = self.runs().filter_map(|(_, series)| series.extent(axis, log_x));
        extents.reduce(|(low, high), (from, to)| (low.min(from), high.max(to)))
    }

    /// How many points cannot be shown.
    pub(super) fn left_out(self) -> usize {
        let Scales { axis, log_x, log_y } = self.look.scales;
        self.runs().map(|(_, series)| series.left_out(axis, log_x, log_y)).sum()
    }

    /// The plot. Smooths at most `limit` points, which are taken from it. Answers whether it shows a part of its curves.
    pub(super) fn ui(
        self,
        ui: &mut Ui,
        size: Vec2,
        traces: &'a mut Traces,
        limit: &'a mut usize,
        commands: &mut Commands,
    ) -> bool {
        let scales = self.look.scales;
        // Plots share x, also when their axis is another.
        let shared = Id::unique(("curves", self.resets, scales.axis, scales.log_x));
        let theme = Theme::of(ui);
        let density = ui.pixels_per_point();
        let marks = size / MARK;
        let plot = Plot::new(("curve", self.resets, self.metric, scales.axis, scales.log_x, scales.log_y))
            .width(size.x)
            .height(size.y)
            .link_axis(shared, [true, false])
            .link_cursor(shared, [true, false])
            .allow_drag([true, false])
            .allow_zoom([true, false])
            .allow_axis_zoom_drag(false)
            .allow_scroll(false)
            .sense(Sense::click_and_drag())
            .show_y(false)
            .cursor_color(theme.cursor)
            .grid_color(theme.weak.gamma_multiply(0.6))
            .label_formatter(|_| None)
            .x_grid_spacer(move |input| scales.x_marks(&input, f64::from(marks.x)))
            .y_grid_spacer(move |input| scales.y_marks(&input, f64::from(marks.y)))
            .custom_x_axes(vec![axis(AxisHints::new_x(), CLOSE.x).formatter(move |mark, _| scales.x_mark(mark))])
            .custom_y_axes(vec![axis(AxisHints::new_y(), CLOSE.y).formatter(move |mark, _| scales.y_mark(mark))]);
        // From the start: of a single point there would else be no scale, or one of hair's breadths.
        let plot = if scales.log_x { plot } else { plot.include_x(0.0).include_x(self.end) };
        let shown = plot.show(ui, move |plot| {
            let (view, done) = self.update(plot, density, traces, limit);
            let traces: &'a Traces = traces;
            self.paint(plot, traces, theme);
            let auto = plot.auto_bounds();
            (traces, view, done, !auto.x || !auto.y)
        });
        let (traces, view, done, zoomed) = shown.inner;
        // Another plot may have moved the axis that they share: then this one was of where it had been.
        if !done || view.is_some_and(|view| !self.is_of(&view, &shown.transform)) {
            ui.ctx().request_repaint();
        }
        let name = format!("{} {}", text::PLOT_OF, self.metric);
        shown.response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &name));
        self.point_at(ui, &shown, traces, theme, commands);
        zoomed
    }

    /// Whether a view is of what the plot now shows.
    fn is_of(self, view: &View, transform: &PlotTransform) -> bool {
        let bounds = transform.bounds();
        let (from, to) = (self.look.scales.x_from(bounds.min()[0]), self.look.scales.x_from(bounds.max()[0]));
        let slack = 1e-6 * (to - from).abs();
        view.range.0 <= from + slack && view.range.1 >= to - slack || self.extent().is_some_and(|all| all == view.range)
    }

    /// Takes in what has changed, for where the plot is. Answers the view and whether all is smoothed.
    fn update(self, plot: &PlotUi<'_>, density: f32, traces: &mut Traces, limit: &mut usize) -> (Option<View>, bool) {
        let Scales { axis, log_x, log_y } = self.look.scales;
        let Some(all) = self.extent() else { return (None, true) };
        let bounds = plot.plot_bounds();
        let range = if plot.auto_bounds().x || !bounds.is_valid_x() {
            all
        } else {
            (self.look.scales.x_from(bounds.min()[0]), self.look.scales.x_from(bounds.max()[0]))
        };
        let pixels = (plot.response().rect.width() * density).ceil().max(1.0) as usize;
        let view = View { axis, range, pixels, log_x, log_y };
        let scale = self.look.smoothing();
        let mut done = true;
        for group in self.groups {
            let runs = group.runs.len();
            let group: Vec<_> = group.runs.iter().filter_map(|run| Some((*run, self.series(*run)?))).collect();
            if self.look.grouped {
                // A column of an average is two pixels wide, so that runs with few points share more of them.
                let view = View { pixels: pixels.div_ceil(2), ..view };
                done &= traces.update_group(&group, runs, view, scale, limit);
            } else {
                for (run, series) in group {
                    done &= traces.runs.entry(run).or_default().update(series, view, scale, limit);
                }
            }
        }
        let runs: Vec<_> = self.runs().map(|(run, _)| run).collect();
        traces.keep(&runs, self.look.grouped);
        (Some(view), done)
    }

    fn paint(self, plot: &mut PlotUi<'a>, traces: &'a Traces, theme: &Theme) {
        // As given: egui_plot would make a filled band of points in one pixel, and a wedge from there to the next.
        let line = |points: &'a [_]| Line::new("", PlotPoints::Borrowed(points)).allow_hover(false).allow_band(false);
        for (run, trace) in &traces.runs {
            let (color, style) = (theme.series(*run), style(*run));
            let raw = if trace.smooth.points.is_empty() { color } else { color.gamma_multiply(0.3) };
            plot.line(line(&trace.raw.points).id((*run, "raw")).color(raw).width(1.5).style(style));
            plot.line(line(&trace.smooth.points).id((*run, "smooth")).color(color).width(2.0).style(style));
            if let [lone] = &trace.raw.points[..] {
                // A line of one point is not seen.
                plot.points(egui_plot::Points::new("", [lone.x, lone.y]).color(color).radius(3.0).allow_hover(false));
            }
        }
        if let Some(PlotPoint { x, y }) = traces.level() {
            // Room above and below, by points that are not seen.
            let room = if y == 0.0 { 1.0 } else { 0.5 * y.abs() };
            let around = egui_plot::Points::new("", vec![[x, y - room], [x, y + room]]);
            plot.points(around.radius(0.0).color(Color32::TRANSPARENT).allow_hover(false));
        }
        for (run, band) in &traces.groups {
            let color = theme.series(*run);
            for (number, piece) in band.pieces.iter().enumerate() {
                let mean = line(&piece.mean).id((*run, number, "mean")).color(color);
                if piece.whole {
                    let area = FilledArea::new("", &piece.x, &piece.low, &piece.high);
                    let area = area.id((*run, number, "band")).allow_hover(false);
                    plot.add(area.fill_color(color.gamma_multiply(0.2)).stroke(Stroke::NONE));
                    plot.line(mean.width(2.0).style(style(*run)));
                } else {
                    plot.line(mean.width(1.0).style(LineStyle::Dashed { length: DASH }));
                }
            }
        }
    }

    /// What is said where the pointer is: the values of all curves there, and the point under it, on which a click acts.
    fn point_at<R>(self, ui: &Ui, shown: &PlotResponse<R>, traces: &Traces, theme: &Theme, commands: &mut Commands) {
        let Some(pointer) = shown.response.hover_pos() else { return };
        let (scales, at) = (self.look.scales, shown.transform.value_from_position(pointer));
        let values = if self.look.grouped {
            self.averages(traces, at.x)
        } else {
            self.values(traces, &shown.transform, pointer)
        };
        let nearest = if self.look.grouped { None } else { self.nearest(traces, &shown.transform, pointer) };
        let x = scales.x_from(at.x);
        let x = if scales.axis == Axis::WallTime { number::seconds(x) } else { number::compact(x.round()) };
        let mut lines = vec![format!("{} {x}", look::name(scales.axis))];
        if let Some((run, point, at)) = nearest {
            let painter = ui.painter().with_clip_rect(shown.response.rect);
            painter.circle(at, 4.0, theme.series(run), Stroke::new(1.5, theme.text));
            let episode = (self.metric == EPISODE_RETURN).then(|| point.episode());
            lines = vec![self.model.runs[run].name.clone()];
            lines.extend(tell(self.metric, point));
            lines.extend(episode.map(|_| text::CLICK_TO_OPEN.to_owned()));
            if let Some(episode) = episode.filter(|_| shown.response.clicked()) {
                commands.push(Command::OpenEpisode(run, episode, 0));
            }
        }
        shown.response.clone().on_hover_ui_at_pointer(|ui| {
            // One run's is that of the point.
            for (run, words) in values.iter().filter(|_| nearest.is_none() || values.len() > 1) {
                ui.colored_label(theme.series(*run), words);
            }
            ui.label(lines.join("\n"));
        });
    }

    /// The curves' values at the pointer, the highest first, as far as it is over them: of many, those that are nearest to it.
    fn values(self, traces: &Traces, transform: &PlotTransform, pointer: Pos2) -> Vec<(RunId, String)> {
        let mut here: Vec<_> = traces
            .runs
            .iter()
            .filter_map(|(run, trace)| {
                let points = if trace.smooth.points.is_empty() { &trace.raw.points } else { &trace.smooth.points };
                let off = |point: &PlotPoint| (transform.position_from_point(point).x - pointer.x).abs();
                let nearest = points.iter().min_by(|a, b| off(a).total_cmp(&off(b)))?;
                let x = |point: Option<&PlotPoint>| point.map(|point| transform.position_from_point(point).x);
                let over = x(points.first())? - NEAR <= pointer.x && pointer.x <= x(points.last())? + NEAR;
                over.then(|| (*run, nearest.y, transform.position_from_point(nearest).y))
            })
            .collect();
        here.sort_by(|(.., a), (.., b)| (a - pointer.y).abs().total_cmp(&(b - pointer.y).abs()));
        here.truncate(MOST);
        here.sort_by(|(_, a, _), (_, b, _)| b.total_cmp(a));
        let words = |(run, y, _): (RunId, f64, f32)| {
            (run, format!("{} {}", self.model.runs[run].name, number::compact(self.look.scales.y_from(y))))
        };
        here.into_iter().map(words).collect()
    }

    /// The groups' means and bands at an x of the plot, each with its first run.
    fn averages(self, traces: &Traces, x: f64) -> Vec<(RunId, String)> {
        let scales = self.look.scales;
        let averages = traces.groups.iter().filter_map(|(run, band)| {
            let off = |average: &Average| (scales.x(average.x) - x).abs();
            let average = band.averages.iter().min_by(|a, b| off(a).total_cmp(&off(b)))?;
            let group = self.groups.iter().find(|group| group.runs.contains(run))?;
            let [mean, low, high] = [average.mean, average.low, average.high].map(number::compact);
            Some((*run, text::average(&group.name, [&mean, &low, &high], average.runs, band.runs)))
        });
        averages.collect()
    }

    fn nearest(self, traces: &Traces, transform: &PlotTransform, pointer: Pos2) -> Option<(RunId, &'a Point, Pos2)> {
        let candidates = traces.runs.iter().flat_map(|(run, trace)| {
            let points = trace.raw.points.iter().zip(&trace.raw.places);
            points.map(|(point, place)| (*run, *place, transform.position_from_point(point)))
        });
        let near = candidates.filter(|(_, _, at)| at.distance_sq(pointer) <= NEAR * NEAR);
        let (run, place, at) =
            near.min_by(|(_, _, a), (_, _, b)| a.distance_sq(pointer).total_cmp(&b.distance_sq(pointer)))?;
        Some((run, self.series(run)?.points().get(place as usize)?, at))
    }
}

/// How a run's curve is dashed.
fn style(run: RunId) -> LineStyle {
    dashes(run).map_or(LineStyle::Solid, |[length, _]| {
        if length > 4.0 { LineStyle::Dashed { length } } else { LineStyle::Dotted { spacing: 5.0 } }
    })
}

/// An axis whose marks have text unless they are nearer than `close`.
fn axis(hints: AxisHints<'_>, close: f32) -> AxisHints<'_> {
    hints.label_spacing(Rangef::new(close, close + 4.0))
}

/// A point's value and where it is, a line each.
pub(super) fn tell(metric: &str, point: &Point) -> [String; 4] {
    let episodes = match metric {
        // By the number that it has everywhere.
        EPISODE_RETURN => format!("{} {}", text::EPISODE, point.episode()),
        _ => format!("{} {}", number::count(point.episodes), text::EPISODES),
    };
    [
        format!("{metric} {}", number::compact(point.value)),
        format!("{} {}", text::STEP, number::count(point.step)),
        episodes,
        number::seconds(point.wall_s),
    ]
}
