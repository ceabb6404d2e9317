//! The command that opens a view again.

use crate::model::Model;
use crate::state::State;

/// What to type to see the same again: the run, and the episode and step if one is shown. `None` while no run is open.
///
/// An episode is named by its place among the run's, which is what [`Command::OpenEpisode`](crate::Command::OpenEpisode)
/// takes.
pub fn watch_command(model: &Model, state: &State) -> Option<String> {
    let shown = model.film.as_ref().map(|film| film.run);
    let run = model.runs.get(shown.or(state.run)?)?;
    let what = run.mirrored.clone().unwrap_or_else(|| quoted(&run.path.display().to_string()));
    let mut command = format!("cartwheel watch {what}");
    if let Some(film) = &model.film {
        command += &format!(" --episode {} --step {}", film.episode, model.cursor);
    }
    Some(command)
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@%,=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Mirrored, Update};
    use crate::source::{Film, fixture};

    #[test]
    fn a_view_is_a_command() {
        let mut model = Model::default();
        let mut state = State::default();
        assert_eq!(watch_command(&model, &state), None);
        model.apply(Update::Opened("runs/CartPole-v1-dqn-s1".into()));
        model.apply(Update::Opened("my runs/it's".into()));
        state.run = Some(0);
        assert_eq!(watch_command(&model, &state).as_deref(), Some("cartwheel watch runs/CartPole-v1-dqn-s1"));
        fixture::show(&mut model, Film { run: 1, episode: 412, ..fixture::film(100) });
        model.seek(87);
        let mirrored = Mirrored { folder: "/tmp/x/b".into(), arguments: "--address 127.0.0.1:7000 --token 6f".into() };
        let mut there = Model::mirroring(Some(mirrored));
        ["/tmp/x/b", "runs/b"].into_iter().for_each(|path| there.apply(Update::Opened(path.into())));
        let of = |run| watch_command(&there, &State { run: Some(run), ..State::default() });
        assert_eq!(of(0).as_deref(), Some("cartwheel watch --address 127.0.0.1:7000 --token 6f"));
        assert_eq!(of(1).as_deref(), Some("cartwheel watch runs/b"));
        let expected = r"cartwheel watch 'my runs/it'\''s' --episode 412 --step 87";
        assert_eq!(watch_command(&model, &state).as_deref(), Some(expected));
    }
}
