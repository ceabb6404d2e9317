//! Reads the arguments of `--set`.

use super::suggest::{has_key, refusal, section_with, unknown_section};
use super::toml_edit::{InlineTable, Value};
use super::{ConfigError, ConfigErrors, Problem, Section, SetError};

/// Changes one key: `dqn.learning_rate=1e-3`. Text needs no quotes, and `env.args.gravity=1.6` changes one entry of a
/// free table.
///
/// # Errors
/// Where the argument is not `section.key=value`, names nothing, or the key refuses the value.
pub fn set(sections: &mut [&mut dyn Section], argument: &str) -> Result<(), ConfigErrors> {
    try_set(sections, argument).map_err(|problem| {
        let at = format!("--set {argument}");
        ConfigErrors(vec![ConfigError { at, problem }])
    })
}

fn try_set(sections: &mut [&mut dyn Section], argument: &str) -> Result<(), Problem> {
    let Some((path, text)) = argument.split_once('=') else {
        return Err(Problem::NoEquals { example: example(sections, argument.trim(), None) });
    };
    let (path, text) = (path.trim(), text.trim());
    let Some((name, key)) = path.split_once('.') else {
        return Err(Problem::NoSection { example: example(sections, path, Some(text)) });
    };
    let Some(index) = sections.iter().position(|section| section.name() == name) else {
        return Err(unknown_section(sections, name));
    };
    let value = text.parse().unwrap_or_else(|_| Value::from(text));
    let mut result = set_entry(sections[index], key, &value);
    // The shell has taken the quotes of `run.name="7"`: what reads as a number may have been meant as text.
    if matches!(result, Err(SetError::Expected(_))) && !value.is_str() {
        result = set_entry(sections[index], key, &text.into()).or(result);
    }
    result.map_err(|error| refusal(sections, index, key, &value, error))
}

/// Changes a key, or with `key.entry` one entry of the free table that the key holds.
fn set_entry(section: &mut dyn Section, path: &str, value: &Value) -> Result<(), SetError> {
    let Some((key, entry)) = path.split_once('.') else {
        return section.set(path, value);
    };
    let Some(Value::InlineTable(mut table)) = section.get(key) else {
        return Err(SetError::UnknownKey);
    };
    insert(&mut table, entry, value);
    section.set(key, &table.into())
}

/// Puts `value` at a dotted path, making the tables on the way.
fn insert(table: &mut InlineTable, path: &str, value: &Value) {
    let Some((name, rest)) = path.split_once('.') else {
        table.insert(path, value.clone());
        return;
    };
    let mut inner = match table.remove(name) {
        Some(Value::InlineTable(inner)) => inner,
        _ => InlineTable::new(),
    };
    insert(&mut inner, rest, value);
    table.insert(name, inner.into());
}

/// An argument that works, as near as can be to what was given: a `path` with or without section, and perhaps a value.
fn example(sections: &[&mut dyn Section], path: &str, text: Option<&str>) -> String {
    let (name, key) = path.split_once('.').map_or((None, path), |(name, key)| (Some(name), key));
    let name = name.or_else(|| section_with(sections, key));
    let meant = sections.iter().find(|section| Some(section.name()) == name && has_key(**section, key));
    if let (Some(section), Some(text)) = (meant, text) {
        return format!("{}.{key}={text}", section.name());
    }
    let of = |section: &dyn Section, key: &str| Some(format!("{}.{key}={}", section.name(), section.get(key)?));
    let example = match meant {
        Some(section) => of(*section, key),
        None => sections.first().and_then(|section| of(*section, section.keys().first()?.name)),
    };
    example.unwrap_or_else(|| "section.key=value".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::fixture::{Agent, Loss, Run};

    fn set_both(arguments: &[&str]) -> Result<(Agent, Run), String> {
        let (mut agent, mut run) = (Agent::default(), Run::default());
        for argument in arguments {
            set(&mut [&mut agent, &mut run], argument).map_err(|errors| errors.to_string())?;
        }
        Ok((agent, run))
    }

    #[track_caller]
    fn refused(argument: &str, error: &str) {
        assert_eq!(set_both(&[argument]), Err(format!("--set {argument}: {error}")));
    }

    #[test]
    fn values_are_toml_or_bare_words() {
        let arguments =
            ["agent.learning_rate=1e-3", "agent.net_arch=[32, 32]", "agent.loss=mse", "agent.max_grad_norm=none"];
        let (agent, _) = set_both(&arguments).unwrap();
        let expected = Agent { learning_rate: 1e-3, net_arch: vec![32, 32], loss: Loss::Mse, ..Agent::default() };
        assert_eq!(agent, Agent { max_grad_norm: None, ..expected });
    }

    #[test]
    fn text_needs_no_quotes() {
        for (argument, name) in [
            ("run.name=CartPole-v1", "CartPole-v1"),
            ("run.name = two words ", "two words"),
            ("run.name=\"7\"", "7"),
            ("run.name=7", "7"),
            ("run.name=true", "true"),
            ("run.name=2024-01-01", "2024-01-01"),
            ("run.name=a=b", "a=b"),
        ] {
            assert_eq!(set_both(&[argument]).unwrap().1.name, name);
        }
    }

    #[test]
    fn the_largest_seed_fits() {
        assert_eq!(set_both(&["run.seed=18446744073709551615"]).unwrap().1.seed, u64::MAX);
    }

    #[test]
    fn free_tables_change_entry_by_entry() {
        let arguments = ["run.args={ gravity = 9.8 }", "run.args.name=moon", "run.args.wind.x=1", "run.args.wind.y=2"];
        let (_, run) = set_both(&arguments).unwrap();
        let args = serde_json::json!({ "gravity": 9.8, "name": "moon", "wind": { "x": 1, "y": 2 } });
        assert_eq!(serde_json::Value::Object(run.args), args);
    }

    #[test]
    fn refusals() {
        refused("agent.learning_rate=-1", "expected a number above 0, found -1");
        refused("agent.loss=hubber", "expected \"huber\" or \"mse\" (nearest: \"huber\"), found \"hubber\"");
        refused("agent.net_arch=64,64", "expected a list in square brackets, found \"64,64\"");
        refused("run.args=3", "expected a table, as in { gravity = 9.8 }, found 3");
        refused("run.name=''", "expected a value that is not empty, found ''");
        refused("run.name=", "expected a value that is not empty, found \"\"");
        let see_all = "to see all: --print-config";
        refused("agent.los=mse", &format!("unknown key; did you mean agent.loss? {see_all}"));
        refused("agent.loss.x=mse", &format!("unknown key; did you mean agent.loss? {see_all}"));
        refused("agnt.loss=mse", &format!("unknown section; did you mean [agent]? {see_all}"));
        refused("dqn.loss=mse", &format!("unknown section; {see_all}"));
    }

    #[test]
    fn malformed_arguments_get_an_example() {
        refused("agent.loss", "expected section.key=value, for example --set agent.loss=\"huber\"");
        refused("seed", "expected section.key=value, for example --set run.seed=1");
        refused("agent.x", "expected section.key=value, for example --set agent.learning_rate=0.0001");
        refused("seed=7", "the key needs its section, for example --set run.seed=7");
        refused("x=7", "the key needs its section, for example --set agent.learning_rate=0.0001");
    }
}
