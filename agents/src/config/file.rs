//! Reads a configuration file.

use super::suggest::{refusal, section_with, unknown_section};
use super::toml_edit::{Document, Item, TableLike, TomlError};
use super::{ConfigError, ConfigErrors, Problem, Section};

/// Reads the TOML `text` of `file` into `sections`; keys that the text does not give keep their values.
///
/// # Errors
/// All that is wrong, in the order of the file; the values that are right have then been taken. Text that is not TOML is
/// an error by itself.
pub fn load(sections: &mut [&mut dyn Section], text: &str, file: &str) -> Result<(), ConfigErrors> {
    let spans = Document::parse(text).map_err(|error| ConfigErrors(vec![syntax_error(&error, text, file)]))?;
    let mut problems = Vec::new();
    // Values print themselves as written only once cut loose from the text, and then they no longer know their place.
    for (name, item) in spans.clone().into_mut().iter() {
        load_item(sections, name, item, |path, problem| {
            let start = start_of(spans.as_table(), path);
            let at = format!("{file}:{}: {}", line_and_column(text, start).0, path.join("."));
            problems.push((start, ConfigError { at, problem }));
        });
    }
    if problems.is_empty() {
        return Ok(());
    }
    problems.sort_by_key(|(start, _)| *start);
    Err(ConfigErrors(problems.into_iter().map(|(_, error)| error).collect()))
}

/// Reads one entry of the file's top level; `report` takes a problem and the path of the key it is about.
fn load_item(sections: &mut [&mut dyn Section], name: &str, item: &Item, mut report: impl FnMut(&[&str], Problem)) {
    let Some(index) = sections.iter().position(|section| section.name() == name) else {
        let problem = if item.is_table_like() || item.is_array_of_tables() {
            unknown_section(sections, name)
        } else {
            Problem::OutsideSection { section: section_with(sections, name).map(str::to_owned) }
        };
        return report(&[name], problem);
    };
    let Some(table) = item.as_table_like() else {
        return report(&[name], Problem::NotASection { section: name.to_owned() });
    };
    for (key, item) in table.iter() {
        // A table below a section, `[env.args]`, is a value like any other.
        let Ok(value) = item.clone().into_value() else { continue };
        if let Err(error) = sections[index].set(key, &value) {
            report(&[name, key], refusal(sections, index, key, &value, error));
        }
    }
}

/// The offset of a key in the text, or of the innermost table of its path that the text names.
fn start_of(mut table: &dyn TableLike, path: &[&str]) -> usize {
    let mut start = 0;
    for name in path {
        let Some((key, item)) = table.get_key_value(name) else { break };
        start = key.span().map_or(start, |span| span.start);
        let Some(inner) = item.as_table_like() else { break };
        table = inner;
    }
    start
}

/// The position of an offset, both counted from 1.
fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

fn syntax_error(error: &TomlError, text: &str, file: &str) -> ConfigError {
    let span = error.span().unwrap_or(text.len()..text.len());
    let (line, column) = line_and_column(text, span.start);
    let message = match (error.message(), text.get(span)) {
        ("duplicate key", Some(key)) => format!("{key} is given twice; keep one"),
        (message, _) => message.to_owned(),
    };
    let problem = Problem::Syntax {
        message,
        line: text.lines().nth(line - 1).unwrap_or_default().to_owned(),
        indent: column - 1,
    };
    ConfigError { at: format!("{file}:{line}:{column}"), problem }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::fixture::{Agent, Loss, Run};

    fn load_both(text: &str) -> Result<(Agent, Run), String> {
        let (mut agent, mut run) = (Agent::default(), Run::default());
        let loaded = load(&mut [&mut agent, &mut run], text, "run.toml");
        loaded.map(|()| (agent, run)).map_err(|errors| errors.to_string())
    }

    #[track_caller]
    fn refused(text: &str, errors: &[&str]) {
        assert_eq!(load_both(text), Err(errors.join("\n")));
    }

    #[test]
    fn values_are_taken_and_the_rest_keep_their_defaults() {
        let text = "agent.loss = 'mse'\n[run]\nseed = 1_000\n[run.args]\ngravity = 9.8\nwind.power = 2\n";
        let (agent, run) = load_both(text).unwrap();
        assert_eq!(agent, Agent { loss: Loss::Mse, ..Agent::default() });
        let args = serde_json::json!({ "gravity": 9.8, "wind": { "power": 2 } });
        assert_eq!(run, Run { seed: 1000, args: args.as_object().unwrap().clone(), ..Run::default() });
        assert_eq!(load_both(""), Ok(Default::default()));
    }

    #[test]
    fn every_problem_is_told_in_the_order_of_the_file() {
        refused(
            "[run]\nseed = -1\n\n[agent]\nlearning_rate = -1 # too low\nloss = \"msee\"\n\n[run.tags]\nx = 1\n",
            &[
                "run.toml:2: run.seed: expected a whole number of 0 or more, found -1",
                "run.toml:5: agent.learning_rate: expected a number above 0, found -1",
                "run.toml:6: agent.loss: expected \"huber\" or \"mse\" (nearest: \"mse\"), found \"msee\"",
                "run.toml:8: run.tags: expected a list in square brackets, found { x = 1 }",
            ],
        );
    }

    #[test]
    fn right_values_are_taken_beside_wrong_ones() {
        let mut run = Run::default();
        assert!(load(&mut [&mut run], "[run]\nseed = -1\nlanes = 8", "run.toml").is_err());
        assert_eq!(run, Run { lanes: 8, ..Run::default() });
    }

    #[test]
    fn values_are_quoted_as_written() {
        refused(
            "[agent]\nbuffer_size = 1_0.5\nnet_arch = [\n  64,\n  0,\n]\nmax_grad_norm = 0\n[run]\nname = ''",
            &[
                "run.toml:2: agent.buffer_size: expected a whole number of 0 or more, found 1_0.5",
                "run.toml:3: agent.net_arch: expected a list in which every item is a number above 0, found [ 64, 0, ]",
                "run.toml:7: agent.max_grad_norm: expected \"none\" or a number above 0, found 0",
                "run.toml:9: run.name: expected a value that is not empty, found ''",
            ],
        );
    }

    #[test]
    fn unknown_names_get_the_nearest() {
        refused(
            "[agent]\nlearning_rat = 1\npolicy = 1\nseed = 1\n\n[agnt]\n[elsewhere]\n[[others]]\n",
            &[
                "run.toml:2: agent.learning_rat: unknown key; did you mean agent.learning_rate? \
                 to see all: --print-config",
                "run.toml:3: agent.policy: unknown key; to see all: --print-config",
                "run.toml:4: agent.seed: unknown key; did you mean run.seed? \
                 to see all: --print-config",
                "run.toml:6: agnt: unknown section; did you mean [agent]? \
                 to see all: --print-config",
                "run.toml:7: elsewhere: unknown section; to see all: --print-config",
                "run.toml:8: others: unknown section; to see all: --print-config",
            ],
        );
    }

    #[test]
    fn keys_and_sections_are_not_confused() {
        refused(
            "seed = 1\nspeed = 2\nagent = 3\n[[run]]\nseed = 4\n",
            &[
                "run.toml:1: seed: this key is outside any section; write it below [run]",
                "run.toml:2: speed: this key is outside any section; write it below the [section] it belongs to; \
                 to see all: --print-config",
                "run.toml:3: agent: this is a section; write [agent] on its own line and its keys below",
                "run.toml:4: run: this is a section; write [run] on its own line and its keys below",
            ],
        );
    }

    #[test]
    fn what_is_not_toml_is_shown() {
        refused(
            "[agent]\nloss = mse\n",
            &["run.toml:2:8: string values must be quoted, expected literal string", "  loss = mse", "         ^"],
        );
        refused(
            "[run]\nseed = 1\r\nseed = 2\r\n",
            &["run.toml:3:1: seed is given twice; keep one", "  seed = 2", "  ^"],
        );
        refused("[run]\n[agent]\n[run]\n", &["run.toml:3:2: run is given twice; keep one", "  [run]", "   ^"]);
        refused("[run", &["run.toml:1:5: unclosed table, expected `]`", "  [run", "      ^"]);
        refused("'é' é\n", &["run.toml:1:5: key with no value, expected `=`", "  'é' é", "      ^"]);
    }
}
