//! `envs/c/cartwheel.h` in Rust, and every call across: all that is unsafe about shared libraries is here.
//!
//! Nothing can make foreign code safe. What is promised to it, as the header says, is kept here: memory of the right size
//! and alignment, no two calls of one environment at once, pointers that are good for the call. What it promises cannot be
//! checked but in part: that it writes no more than its space holds is looked at where that costs nothing (see
//! [`Guarded`](super::guarded::Guarded)).

#![allow(unsafe_code, reason = "functions and tables of a library in C are called and read")]

use std::ffi::{CStr, c_char, c_void};
use std::path::Path;
use std::ptr;

use libloading::os::unix::{Library as Handle, RTLD_LOCAL, RTLD_NOW};

use crate::{Action, RowMut};

/// `CW_ABI_VERSION`.
const VERSION: u32 = 1;
/// Lists that are longer than this have no end.
const LONGEST_LIST: usize = 4096;
/// Structs that are larger are no size of a struct.
const LARGEST_ENV: usize = 1 << 30;

/// `cw_space`.
#[repr(C)]
#[derive(Clone, Copy)]
struct RawSpace {
    kind: i32,
    dtype: i32,
    rank: i32,
    shape: [i32; 4],
    low: f32,
    high: f32,
    lows: *const f32,
    highs: *const f32,
    n: i32,
    nvec: *const i32,
}

/// `cw_setup`.
#[repr(C)]
struct RawSetup {
    observation_space: RawSpace,
    action_space: RawSpace,
    picture_width: i32,
    picture_height: i32,
}

/// `cw_step`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct RawStep {
    pub(super) reward: f64,
    pub(super) terminated: u8,
    pub(super) truncated: u8,
}

/// `cw_arg`.
#[repr(C)]
#[derive(Clone, Copy)]
struct RawArg {
    name: *const c_char,
    value: f64,
    help: *const c_char,
}

/// `cw_key`.
#[repr(C)]
#[derive(Clone, Copy)]
struct RawKey {
    key: *const c_char,
    action: i32,
    meaning: *const c_char,
}

/// Answers null, or what went wrong.
type Answer = *const c_char;

/// `cw_env`.
#[repr(C)]
#[derive(Clone, Copy)]
struct RawEnv {
    abi_version: u32,
    max_episode_steps: u32,
    reward_threshold: f64,
    description: *const c_char,
    args: *const RawArg,
    observation_names: *const *const c_char,
    action_names: *const *const c_char,
    info_names: *const *const c_char,
    keys: *const RawKey,
    fps: i32,
    idle_action: i32,
    env_size: usize,
    state_size: usize,
    init: Option<unsafe extern "C" fn(*mut c_void, *const f64, *mut RawSetup) -> Answer>,
    reset: Option<Reset>,
    step: Option<Step>,
    close: Option<unsafe extern "C" fn(*mut c_void)>,
    render: Option<unsafe extern "C" fn(*const c_void, *mut u8)>,
    info: Option<unsafe extern "C" fn(*const c_void, *mut f64)>,
    action_mask: Option<unsafe extern "C" fn(*const c_void, *mut u8)>,
}

type Reset = unsafe extern "C" fn(*mut c_void, u64, *mut c_void) -> Answer;
type Step = unsafe extern "C" fn(*mut c_void, *const c_void, *mut c_void, *mut RawStep) -> Answer;

/// Why a library is of no use: what is wrong, and what to do.
pub(super) type Refusal = (String, String);

/// What a library says of its environments, read once. The library stays loaded as long as the process lives, and its names
/// with it.
pub(super) struct Library {
    raw: RawEnv,
    reset: Reset,
    step: Step,
    pub(super) description: String,
    /// Name, default and help.
    pub(super) args: Vec<(String, f64, String)>,
    pub(super) observation_names: Vec<&'static str>,
    pub(super) action_names: Vec<&'static str>,
    pub(super) info_names: Vec<&'static str>,
    /// Key, action and meaning.
    pub(super) keys: Vec<(String, i32, String)>,
}

// SAFETY: the table and what it points at are constant, as the header asks, and its functions may be called from any thread.
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

impl Library {
    /// Loads the library at `path`, and reads its table.
    pub(super) fn load(path: &Path) -> Result<Self, Refusal> {
        // Undefined symbols are told now, and do not end the process when they are first called.
        // SAFETY: what a library does when it is loaded is what the user asked for by naming it.
        let handle = unsafe { Handle::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map_err(|error| {
            let problem = format!("it cannot be loaded: {error}");
            (problem, "compile it for this machine with `cc -O3 -shared -fPIC`, and link what it needs".to_owned())
        })?;
        // SAFETY: the symbol is only looked up; what it points at is read below.
        let table = unsafe { handle.get::<*const RawEnv>(b"cartwheel_env\0") }.map(|table| *table).map_err(|_| {
            let advice =
                "define it as `CW_EXPORT const cw_env cartwheel_env = {...}` (cartwheel.h shows how)".to_owned();
            ("it exports no `cartwheel_env`".to_owned(), advice)
        })?;
        // Never unloaded: environments, and threads that the library may have started, run its code.
        std::mem::forget(handle);
        if table.is_null() || !table.is_aligned() {
            return Err(("its `cartwheel_env` is no table".into(), "define it as cartwheel.h shows".into()));
        }
        // SAFETY: in every version the table begins with these four bytes; a symbol that is no table has at least as many
        // behind it, as it is aligned to eight.
        let version = unsafe { table.cast::<u32>().read() };
        if version != VERSION {
            let problem = format!("its abi_version is {version}, and this Cartwheel knows {VERSION}");
            return Err((problem, "set it to CW_ABI_VERSION, and compile with the cartwheel.h of this version".into()));
        }
        // SAFETY: a table of this version is a `cw_env`.
        let raw = unsafe { table.read() };
        let missing = |name: &str| {
            (
                format!("`{name}` is missing in its `cartwheel_env`"),
                format!("give .{name} = a function (cartwheel.h says which)"),
            )
        };
        let (Some(_), Some(reset), Some(step)) = (raw.init, raw.reset, raw.step) else {
            let functions =
                [("init", raw.init.is_some()), ("reset", raw.reset.is_some()), ("step", raw.step.is_some())];
            return Err(missing(functions.iter().find(|(_, given)| !given).map_or("step", |(name, _)| name)));
        };
        if raw.state_size > raw.env_size || raw.env_size > LARGEST_ENV {
            let problem = format!("its state_size is {} and its env_size {}", raw.state_size, raw.env_size);
            return Err((
                problem,
                "state_size is at most env_size, the sizeof of your struct, and that at most 1 GiB".into(),
            ));
        }
        // SAFETY: lists of a `cw_env` end with a null pointer, and texts with a zero byte.
        unsafe {
            let end = |what: &str| (format!("its {what} have no end"), format!("end them with {{0}} or NULL: .{what}"));
            let names = |list, what| read_list(list, |name: &*const c_char| *name).ok_or_else(|| end(what));
            let texts = |list: Vec<*const c_char>| -> Vec<&'static str> {
                list.into_iter().map(|name| &*text(name).leak()).collect()
            };
            let info_names = texts(names(raw.info_names, "info_names")?);
            match (raw.info, info_names.is_empty()) {
                (None, false) => return Err(missing("info")),
                (Some(_), true) => {
                    let problem = "it has an `info` and no info_names".into();
                    return Err((
                        problem,
                        "name the values that it writes: .info_names = (const char*[]){\"score\", NULL}".into(),
                    ));
                }
                _ => {}
            }
            let args = read_list(raw.args, |arg| arg.name).ok_or_else(|| end("args"))?;
            let keys = read_list(raw.keys, |key| key.key).ok_or_else(|| end("keys"))?;
            Ok(Self {
                description: text(raw.description),
                args: args.iter().map(|arg| (text(arg.name), arg.value, text(arg.help))).collect(),
                observation_names: texts(names(raw.observation_names, "observation_names")?),
                action_names: texts(names(raw.action_names, "action_names")?),
                info_names,
                keys: keys.iter().map(|key| (text(key.key), key.action, text(key.meaning))).collect(),
                raw,
                reset,
                step,
            })
        }
    }

    pub(super) fn max_episode_steps(&self) -> Option<u32> {
        (self.raw.max_episode_steps > 0).then_some(self.raw.max_episode_steps)
    }

    pub(super) fn reward_threshold(&self) -> Option<f64> {
        Some(self.raw.reward_threshold).filter(|threshold| *threshold != 0.0 && threshold.is_finite())
    }

    /// Steps a second while a person plays it, and what is done while no key is pressed.
    pub(super) fn pace(&self) -> Option<(u32, i32)> {
        u32::try_from(self.raw.fps).ok().filter(|fps| *fps > 0).map(|fps| (fps, self.raw.idle_action))
    }

    pub(super) fn has_mask(&self) -> bool {
        self.raw.action_mask.is_some()
    }

    pub(super) fn draws(&self) -> bool {
        self.raw.render.is_some()
    }

    pub(super) fn state_size(&self) -> usize {
        self.raw.state_size
    }
}

/// The elements of a list that ends with one whose `name` is null; `None` if it has no end.
///
/// # Safety
/// `list` is null, or such a list.
unsafe fn read_list<T: Copy>(list: *const T, name: impl Fn(&T) -> *const c_char) -> Option<Vec<T>> {
    let mut items = Vec::new();
    while !list.is_null() && items.len() <= LONGEST_LIST {
        // SAFETY: the end was not reached yet.
        let item = unsafe { list.add(items.len()).read() };
        if name(&item).is_null() {
            return Some(items);
        }
        items.push(item);
    }
    list.is_null().then_some(items)
}

/// A copy of a text, empty if there is none.
///
/// # Safety
/// `text` is null, or ends with a zero byte.
unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller's.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// What a function answered.
///
/// # Safety
/// As of [`text`].
#[inline]
unsafe fn outcome(answer: Answer) -> Result<(), String> {
    // SAFETY: the caller's.
    if answer.is_null() { Ok(()) } else { Err(unsafe { text(answer) }) }
}

/// What `init` says of a space: pointers have become vectors.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SpaceSetup {
    pub(super) kind: i32,
    pub(super) dtype: i32,
    pub(super) shape: Result<Vec<usize>, String>,
    pub(super) low: f32,
    pub(super) high: f32,
    /// One for each number.
    pub(super) lows: Option<Vec<f32>>,
    pub(super) highs: Option<Vec<f32>>,
    pub(super) n: i32,
    pub(super) nvec: Vec<i32>,
}

/// What `init` says.
pub(super) struct Setup {
    pub(super) observation: SpaceSetup,
    pub(super) action: SpaceSetup,
    /// Width and height of pictures.
    pub(super) picture: [i32; 2],
}

/// Larger observations are a slip of an axis.
const MOST_NUMBERS: usize = 1 << 26;
/// More numbers of a MultiDiscrete or MultiBinary, or actions of which each may be valid or not, are a number that was never set.
pub(super) const MOST_PARTS: usize = 1 << 20;

/// # Safety
/// Pointers of `raw` are null or to as many numbers as it has.
unsafe fn read_space(raw: &RawSpace) -> SpaceSetup {
    let shape = shape_of(raw);
    let width = shape.as_ref().map_or(0, |shape| shape.iter().product());
    // SAFETY: the caller's.
    let bounds = |list: *const f32| (!list.is_null()).then(|| unsafe { copied(list, width) });
    let parts = usize::try_from(raw.n).ok().filter(|n| raw.kind == 3 && !raw.nvec.is_null() && *n <= MOST_PARTS);
    let (lows, highs) = (bounds(raw.lows), bounds(raw.highs));
    // SAFETY: the caller's.
    let nvec = unsafe { copied(raw.nvec, parts.unwrap_or(0)) };
    SpaceSetup { kind: raw.kind, dtype: raw.dtype, shape, low: raw.low, high: raw.high, lows, highs, n: raw.n, nvec }
}

/// The lengths of a Box's axes.
fn shape_of(raw: &RawSpace) -> Result<Vec<usize>, String> {
    let rank = usize::try_from(raw.rank).ok().filter(|rank| (1..=raw.shape.len()).contains(rank));
    let rank = rank.ok_or_else(|| format!("its rank is {}; a Box has 1 to {} axes", raw.rank, raw.shape.len()))?;
    let shape = &raw.shape[..rank];
    let lengths: Option<Vec<_>> = shape.iter().map(|n| usize::try_from(*n).ok().filter(|n| *n > 0)).collect();
    let lengths = lengths.ok_or_else(|| format!("its shape is {shape:?}; every axis must have a length"))?;
    let numbers = lengths.iter().try_fold(1_usize, |product, n| product.checked_mul(*n));
    numbers
        .filter(|numbers| *numbers <= MOST_NUMBERS)
        .ok_or_else(|| format!("its shape is {shape:?}, which is too much"))?;
    Ok(lengths)
}

/// # Safety
/// `list` has `len` elements, unless `len` is 0.
unsafe fn copied<T: Copy>(list: *const T, len: usize) -> Vec<T> {
    // SAFETY: the caller's.
    if len == 0 { Vec::new() } else { unsafe { std::slice::from_raw_parts(list, len) }.to_vec() }
}

/// A cache line of an environment's memory, aligned as wide vectors are.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line([u8; 64]);

/// One environment's memory, with the functions that work on it.
pub(super) struct Instance {
    memory: Vec<Line>,
    library: &'static Library,
}

// SAFETY: libraries promise that an environment has nothing to do with the thread that made it.
unsafe impl Send for Instance {}

impl Instance {
    /// An environment with these arguments, one for each that the library names.
    pub(super) fn new(library: &'static Library, args: &[f64]) -> Result<(Self, Setup), String> {
        assert_eq!(args.len(), library.args.len(), "an argument for each that the library names");
        let mut memory = vec![Line([0; 64]); library.raw.env_size.div_ceil(64).max(1)];
        let none = RawSpace {
            kind: 0,
            dtype: 0,
            rank: 0,
            shape: [0; 4],
            low: 0.0,
            high: 0.0,
            lows: ptr::null(),
            highs: ptr::null(),
            n: 0,
            nvec: ptr::null(),
        };
        let mut setup = RawSetup { observation_space: none, action_space: none, picture_width: 0, picture_height: 0 };
        if let Some(init) = library.raw.init {
            // SAFETY: the memory is as large as asked for, and all pointers are good for the call.
            unsafe { outcome(init(memory.as_mut_ptr().cast(), args.as_ptr(), &raw mut setup)) }?;
        }
        let instance = Self { memory, library };
        // SAFETY: what the library has just set, and promises to leave where it is until it is read.
        let (observation, action) = unsafe { (read_space(&setup.observation_space), read_space(&setup.action_space)) };
        Ok((instance, Setup { observation, action, picture: [setup.picture_width, setup.picture_height] }))
    }

    fn env(&self) -> *const c_void {
        self.memory.as_ptr().cast()
    }

    #[inline]
    fn env_mut(&mut self) -> *mut c_void {
        self.memory.as_mut_ptr().cast()
    }

    /// Begins an episode, and writes to `observation`, which is of this environment's observation space.
    pub(super) fn reset<T>(&mut self, seed: u64, observation: &mut [T]) -> Result<(), String> {
        let reset = self.library.reset;
        // SAFETY: the pointers are good for the call.
        unsafe { outcome(reset(self.env_mut(), seed, observation.as_mut_ptr().cast())) }
    }

    /// Takes a step by `action`, and writes to `observation`; both are of this environment's spaces.
    #[inline]
    pub(super) fn step(&mut self, action: Action<'_>, observation: RowMut<'_>) -> Result<RawStep, String> {
        let (function, mut step) = (self.library.step, RawStep::default());
        let discrete = if let Action::Discrete(action) = action { action } else { 0 };
        let action: *const c_void = match action {
            Action::Discrete(_) => (&raw const discrete).cast(),
            Action::Multi(numbers) => numbers.as_ptr().cast(),
            Action::Continuous(numbers) => numbers.as_ptr().cast(),
        };
        let observation: *mut c_void = match observation {
            RowMut::F32(row) => row.as_mut_ptr().cast(),
            RowMut::U8(row) => row.as_mut_ptr().cast(),
            RowMut::I32(row) => row.as_mut_ptr().cast(),
        };
        // SAFETY: the pointers are good for the call.
        unsafe { outcome(function(self.env_mut(), action, observation, &raw mut step)) }?;
        Ok(step)
    }

    /// Draws to `rgb`, which has room for a picture.
    pub(super) fn render(&self, rgb: &mut [u8]) {
        if let Some(render) = self.library.raw.render {
            // SAFETY: the pointers are good for the call.
            unsafe { render(self.env(), rgb.as_mut_ptr()) }
        }
    }

    /// Writes to `values`, one for each of the library's names.
    pub(super) fn info(&self, values: &mut [f64]) {
        if let Some(info) = self.library.raw.info {
            // SAFETY: the pointers are good for the call.
            unsafe { info(self.env(), values.as_mut_ptr()) }
        }
    }

    /// Writes to `valid`, one for each action.
    pub(super) fn action_mask(&self, valid: &mut [u8]) {
        if let Some(action_mask) = self.library.raw.action_mask {
            // SAFETY: the pointers are good for the call.
            unsafe { action_mask(self.env(), valid.as_mut_ptr()) }
        }
    }

    /// The first bytes of the memory: the state of the episode.
    pub(super) fn state(&self) -> Vec<u8> {
        self.memory.iter().flat_map(|line| line.0).take(self.library.state_size()).collect()
    }

    /// Puts another state in the place of the present one. It has as many bytes.
    pub(super) fn set_state(&mut self, state: &[u8]) {
        for (line, bytes) in self.memory.iter_mut().zip(state.chunks(64)) {
            line.0[..bytes.len()].copy_from_slice(bytes);
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(close) = self.library.raw.close {
            // SAFETY: `init` succeeded, and nobody calls this environment any more.
            unsafe { close(self.env_mut()) }
        }
    }
}

#[cfg(test)]
#[path = "abi_tests.rs"]
mod tests;
