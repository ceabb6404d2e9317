//! What a model that is fitted to data makes of samples that it does not learn from, in lines.

use cartwheel_trainer::supervised::{Answer, Given, Sample};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Style, Stylize as _};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Wrap};

use crate::model::Run;
use crate::number::short;
use crate::text;

/// Those after the newest epoch, from the sample at place `first` on.
pub(super) fn show(frame: &mut Frame<'_>, area: Rect, run: &Run, first: usize) {
    let shown = run.samples.as_ref().and_then(|samples| Some((samples, samples.looks.last()?)));
    let Some((samples, look)) = shown else {
        let words = if run.put_aside { text::SAMPLES_PUT_ASIDE } else { text::NO_SAMPLES };
        let block = Block::bordered().title(text::SAMPLES);
        frame.render_widget(Paragraph::new(words).wrap(Wrap::default()).block(block), area);
        return;
    };
    let users = samples.samples.first().is_some_and(|sample| matches!(sample.given, Given::User { .. }));
    let count = text::right(look.right(&samples.samples), samples.samples.len(), &samples.part, users);
    let title = format!("{}{}{count}", text::after_epoch(look.epoch), text::TUI_BETWEEN);
    let all = samples.samples.iter().zip(&look.answers);
    let place = format!("{} {} / {}", text::SAMPLE, first + 1, samples.samples.len());
    let lines = all.skip(first).flat_map(|(sample, answers)| lines(sample, answers));
    let words = Paragraph::new(lines.collect::<Vec<_>>()).wrap(Wrap::default());
    frame.render_widget(words.block(Block::bordered().title(title).title_bottom(place)), area);
}

fn lines<'a>(sample: &'a Sample, answers: &'a [Answer]) -> Vec<Line<'a>> {
    let right = sample.is_right(answers);
    let judged = if right { Style::new().green() } else { Style::new().red() };
    let best = answers.first();
    let row = |name, words: Span<'a>| Line::from(vec![Span::raw(name).dim(), " ".into(), words]);
    match &sample.given {
        Given::Picture(_) => {
            let taken = best.map_or(text::NONE_YET, |best| &best.text);
            let likely = best.and_then(|best| best.score).map_or(String::new(), text::percent);
            let taken = format!("{taken} {likely}");
            let words = if right { taken } else { text::taken_for(&taken, &sample.expected) };
            vec![Line::styled(words, judged)]
        }
        Given::Text(source) => {
            let written = best.map_or("", |best| &best.text);
            let mut lines = vec![row(text::SOURCE, source.into()), row(text::WRITTEN, Span::styled(written, judged))];
            if !right {
                lines.push(row(text::EXPECTED, (&*sample.expected).into()));
            }
            lines
        }
        Given::User { name, history } => {
            let top = answers.iter().map(|answer| {
                let score = answer.score.map_or(String::new(), |score| short(score.into()));
                format!("{} {score}", answer.text)
            });
            let between = text::TUI_BETWEEN;
            vec![
                row(text::USER, format!("{name}: {}", history.join(between)).into()),
                row(text::CHOSE_THEN, Span::styled(&*sample.expected, judged)),
                row(text::TOP_LIST, top.collect::<Vec<_>>().join(between).into()),
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    use cartwheel_trainer::supervised::{Look, Picture, Samples};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn screen(samples: Option<Samples>) -> String {
        let mut run = Run::new("runs/fitted".into());
        run.samples = samples;
        let mut terminal = Terminal::new(TestBackend::new(60, 12)).unwrap();
        terminal.draw(|frame| show(frame, frame.area(), &run, 0)).unwrap();
        terminal.backend().to_string()
    }

    fn one(given: Given, expected: &str, answers: Vec<Answer>) -> String {
        let samples = vec![Sample { given, expected: expected.into() }];
        let looks = vec![Look { epoch: 3, answers: vec![answers] }];
        screen(Some(Samples { part: "validation".into(), samples, looks }))
    }

    #[test]
    fn each_kind_is_told_in_words() {
        let answer = |text: &str, score| Answer { text: text.into(), score };
        let picture = Given::Picture(Picture { width: 1, channels: 1, pixels: vec![0] });
        let cases = [
            (one(picture, "3", vec![answer("8", Some(0.5))]), vec!["After epoch 3", "0 of 1 right", "8 50 %, is 3"]),
            (
                one(Given::Text("1 2".into()), "twelve", vec![answer("one", None)]),
                vec!["source 1 2", "written one", "expected twelve"],
            ),
            (
                one(Given::User { name: "u".into(), history: vec!["a".into()] }, "c", vec![answer("c", Some(2.0))]),
                vec!["user u: a", "and then c", "top list c 2", "what 1 of 1 users"],
            ),
            (screen(None), vec!["After each epoch"]),
        ];
        for (screen, parts) in cases {
            parts.iter().for_each(|part| assert!(screen.contains(part), "{part} is not in\n{screen}"));
        }
    }
}
