//! Writes sections as a TOML file and as a Markdown reference.

use std::fmt::Write as _;

use super::{Key, Section, plain};

/// The sections as TOML that [`load`](super::load) reads back to the same values; with `comments`, the doc of every
/// section and key stands above it.
pub fn render(sections: &[&dyn Section], comments: bool) -> String {
    let tables: Vec<_> = sections.iter().map(|section| render_table(*section, comments)).collect();
    tables.join("\n")
}

fn render_table(section: &dyn Section, comments: bool) -> String {
    let mut toml = if comments { comment(section.doc()) } else { String::new() };
    line(&mut toml, format_args!("[{}]", section.name()));
    for (key, value) in entries(section) {
        if comments {
            toml.push('\n');
            toml.push_str(&comment(&key.doc));
        }
        line(&mut toml, format_args!("{} = {value}", key.name));
    }
    toml
}

/// Every setting by its name, such as `train.seed`, and its value as people write it: text without quotes.
pub fn values(sections: &[&dyn Section]) -> Vec<(String, String)> {
    let of = |section: &&dyn Section| {
        let named = section.keys().iter().filter_map(|key| Some((key.name, section.get(key.name)?)));
        named.map(|(key, value)| (format!("{}.{key}", section.name()), plain(&value))).collect::<Vec<_>>()
    };
    sections.iter().flat_map(of).collect()
}

/// The sections as Markdown: a heading each, and a table of their keys with the values they hold as the defaults.
pub fn render_reference(sections: &[&dyn Section]) -> String {
    let mut markdown = String::new();
    for section in sections {
        if !markdown.is_empty() {
            markdown.push('\n');
        }
        let (name, doc) = (section.name(), section.doc());
        line(&mut markdown, format_args!("## `[{name}]`\n\n{doc}\n\n| key | default | meaning |\n|---|---|---|"));
        for (key, value) in entries(*section) {
            let (value, meaning) = (cell(&value), cell(&key.doc));
            line(&mut markdown, format_args!("| `{}` | `{value}` | {meaning} |", key.name));
        }
    }
    markdown
}

/// The keys of a section with their values as TOML.
fn entries(section: &dyn Section) -> impl Iterator<Item = (&'static Key, String)> {
    section.keys().iter().filter_map(|key| Some((key, section.get(key.name)?.to_string())))
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}

/// Text as TOML comments, wrapped as it is.
fn comment(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", format!("# {line}").trim_end())).collect()
}

/// Text as one cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace("\n\n", "<br>").replace('\n', " ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::fixture::{Agent, Run};
    use crate::config::{load, set};

    #[test]
    fn comments_stand_above_their_keys() {
        let text = render(&[&Agent::default(), &Run::default()], true);
        let start = "\
# An agent with one key of every kind.
#
# - the second paragraph
#   is a list
[agent]

# Step size of the optimiser.
# Halve it if the loss rises.
learning_rate = 0.0001

# Transitions kept in replay.
buffer_size = 1000000
";
        assert!(text.starts_with(start), "{text}");
        assert!(text.contains("\nnormalise = true\n\n# The run.\n[run]\n"), "{text}");
        assert!(text.ends_with("# Arguments of the environment.\nargs = {}\n"), "{text}");
    }

    #[test]
    fn without_comments_only_values_are_left() {
        let text = "\
[run]
seed = 1
name = \"first\"
tags = []
offset = -1
lanes = 4
args = {}
";
        assert_eq!(render(&[&Run::default()], false), text);
        assert!(render(&[&Run::default(), &Agent::default()], false).contains("args = {}\n\n[agent]\nlearning_rate"));
    }

    #[test]
    fn the_reference_is_a_table_per_section() {
        let text = render_reference(&[&Agent::default(), &Run::default()]);
        assert!(text.starts_with("## `[agent]`\n\nAn agent with one key of every kind.\n\n- the second"), "{text}");
        let table = "\n\n| key | default | meaning |\n|---|---|---|\n\
            | `learning_rate` | `0.0001` | Step size of the optimiser. Halve it if the loss rises. |\n";
        assert!(text.contains(table), "{text}");
        assert!(
            text.contains("| Whether the target \\| the network \\| both are normalised. |\n\n## `[run]`\n"),
            "{text}"
        );
    }

    /// Edits that between them reach every type and every awkward value.
    const EDITS: &[&str] = &[
        "agent.learning_rate=1e-8",
        "agent.learning_rate=123456789.125",
        "agent.learning_rate=5e-324",
        "agent.learning_rate=1.7976931348623157e308",
        "agent.buffer_size=1e5",
        "agent.buffer_size=9223372036854775807",
        "agent.net_arch=[]",
        "agent.net_arch=[1, 2, 3]",
        "agent.loss=mse",
        "agent.other_loss=huber",
        "agent.max_grad_norm=none",
        "agent.max_grad_norm=0.1",
        "agent.normalise=false",
        "run.seed=18446744073709551615",
        "run.name=''' # \"quoted\" \\ 'é' '''",
        "run.name=\"two\\nlines\\r\\n\\u0000\\\"\"",
        "run.name=none",
        "run.tags=['a, b', '', \"[c]\"]",
        "run.offset=-10",
        "run.lanes=4294967295",
        "run.args={ g = 9.8, n = 1, deep = { list = [1, { x = [] }], 'odd key' = \"\\t\" } }",
        "run.args.more=1e-7",
        "run.args.deep.on=true",
    ];

    #[test]
    fn what_is_written_reads_back_after_any_edits() {
        let (mut agent, mut run) = (Agent::default(), Run::default());
        // A fixed linear congruential sequence: edits in a fresh order every time, the same on every machine.
        let mut state = 1_u64;
        for _ in 0..2000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let edit = EDITS[(state >> 33) as usize % EDITS.len()];
            set(&mut [&mut agent, &mut run], edit).unwrap();
            agent.max_grad_norm = Some(f64::from_bits(state >> 2)).filter(|norm| norm.is_normal());
            for comments in [false, true] {
                let (mut agent_back, mut run_back) = (Agent::default(), Run::default());
                let text = render(&[&agent, &run], comments);
                load(&mut [&mut agent_back, &mut run_back], &text, "back.toml").unwrap();
                assert_eq!((&agent_back, &run_back), (&agent, &run), "{text}");
            }
        }
    }
}
