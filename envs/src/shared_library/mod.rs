//! Environments of shared libraries: those in C, and in all that exports functions as C does.
//!
//! An id that begins with `c:` names a file: `c:./libsquared.so`. `envs/c/cartwheel.h` says what is in it. Its environments
//! are as native as those of Rust: a step is a call of a function. They are as dangerous, too: one that crashes takes the
//! process with it.
//!
//! [`abi`] holds the header's types and all calls, [`spaces`] reads what libraries say of spaces, [`env`] makes an
//! [`Env`](crate::Env) of it.

mod abi;
mod env;
mod guarded;
mod spaces;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::{Number, Value};

use crate::{EnvError, EnvSpec, Key, KeyBindings, Kwargs, Result};
use abi::{Library, Refusal};
use env::LibraryEnv;

/// The file that `id` names, if it is of an environment of a shared library: as it is spelled.
pub(crate) fn path_of(id: &str) -> Option<&Path> {
    id.strip_prefix("c:").map(Path::new)
}

/// A library that is loaded, for good.
struct Loaded {
    path: PathBuf,
    library: Library,
    keys: KeyBindings,
}

/// What the library at `path` says of its environments.
///
/// # Errors
/// [`EnvError::SharedLibrary`].
pub(crate) fn spec(id: &str, path: &Path) -> Result<EnvSpec> {
    let loaded =
        loaded(path).map_err(|(problem, advice)| EnvError::SharedLibrary { env: id.to_owned(), problem, advice })?;
    let name = id.to_owned();
    let build = move |kwargs: Kwargs| LibraryEnv::new(&name, loaded, &arguments(&name, &loaded.library, &kwargs)?);
    let library = &loaded.library;
    let description = if library.description.is_empty() { "of a shared library" } else { &library.description };
    let mut spec = EnvSpec::new(id, description, build);
    spec.max_episode_steps = library.max_episode_steps();
    spec.reward_threshold = library.reward_threshold();
    Ok(library.args.iter().fold(spec, |spec, (name, value, help)| spec.kwarg(name, number(*value), help)))
}

/// The library at `path`. One that was loaded stays as it is, whatever becomes of its file.
fn loaded(path: &Path) -> Result<&'static Loaded, Refusal> {
    static LOADED: Mutex<BTreeMap<PathBuf, &'static Loaded>> = Mutex::new(BTreeMap::new());
    // Also because the dynamic linker looks elsewhere for a name without a folder.
    let file = path.canonicalize().map_err(|error| {
        let advice = match path.extension().and_then(|extension| extension.to_str()) {
            Some("c" | "cpp" | "zig" | "odin") => "behind c: stands a compiled library",
            _ => "behind c: stands the path of a library, such as c:./libsquared.so (of a run, `env.id` in its config.toml)",
        };
        (format!("there is no `{}`: {error}", path.display()), advice.to_owned())
    })?;
    // Every change is one insertion, so the map is whole even if another thread panicked meanwhile.
    let mut all = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(loaded) = all.get(&file) {
        return Ok(loaded);
    }
    let library = Library::load(&file)?;
    check_names("args", library.args.iter().map(|(name, ..)| &**name))?;
    check_names("info_names", library.info_names.iter().copied())?;
    let loaded = &*Box::leak(Box::new(Loaded { keys: keys(&library)?, library, path: file.clone() }));
    all.insert(file, loaded);
    Ok(loaded)
}

/// Refuses names that do not say which one is meant.
fn check_names<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    for name in names {
        if name.is_empty() || !seen.insert(name) {
            let problem = format!("its {what} have the name `{name}` {}", if name.is_empty() { "" } else { "twice" });
            return Err((problem.trim_end().to_owned(), format!("give each of .{what} a name, and no two the same")));
        }
    }
    Ok(())
}

/// The keys with which a person plays it.
fn keys(library: &Library) -> Result<KeyBindings, Refusal> {
    let bindings = match library.pace() {
        None => KeyBindings::turn_based(),
        Some((fps, idle)) => KeyBindings::real_time(fps, idle),
    };
    library.keys.iter().try_fold(bindings, |bindings, (name, action, meaning)| {
        let key = key(name).ok_or_else(|| {
            let advice = "there are left, right, up, down, space, letters in lower case and digits";
            (format!("its keys have `{name}`"), advice.to_owned())
        })?;
        Ok(bindings.key(key, *action, meaning))
    })
}

fn key(name: &str) -> Option<Key> {
    let mut letters = name.chars();
    Some(match (name, letters.next(), letters.next()) {
        ("left", ..) => Key::Left,
        ("right", ..) => Key::Right,
        ("up", ..) => Key::Up,
        ("down", ..) => Key::Down,
        ("space", ..) => Key::Char(' '),
        (_, Some(letter), None) => Key::Char(letter),
        _ => return None,
    })
}

/// Whole numbers as such.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 { (value as i64).into() } else { Number::from_f64(value).into() }
}

/// The values of all arguments, which are named: in the order of the library's.
fn arguments(id: &str, library: &Library, kwargs: &Kwargs) -> Result<Vec<f64>> {
    let value = |(name, default, _): &(String, f64, String)| match kwargs.get(name) {
        // JSON has no infinity and no NaN, which a default may be.
        None | Some(Value::Null) => Ok(*default),
        Some(Value::Bool(flag)) => Ok(f64::from(u8::from(*flag))),
        Some(value) => {
            value.as_f64().ok_or_else(|| EnvError::bad_argument(id, name, value, "a number, or true or false"))
        }
    };
    library.args.iter().map(value).collect()
}
