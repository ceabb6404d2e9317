//! One environment of a shared library.

use std::cell::RefCell;
use std::convert::Infallible;

use super::Loaded;
use super::abi::{Instance, MOST_PARTS, RawStep, SpaceSetup};
use super::guarded::Guarded;
use super::spaces::space;
use crate::{Action, Dtype, Env, EnvError, Generator, Info, KeyBindings, Result, RowMut, Scene, Space, Step};

/// Pixels along a side.
const LONGEST_PICTURE: i32 = 1 << 14;

/// Steps of an environment whose observations are looked at before they are copied to their row.
const LOOKED_AT: u32 = 100;

/// An environment whose functions are a library's.
pub(super) struct LibraryEnv {
    instance: Instance,
    loaded: &'static Loaded,
    observation_space: Space,
    action_space: Space,
    /// Whether it has a state to show: since the first reset.
    has_begun: bool,
    /// Steps that were taken, up to [`LOOKED_AT`].
    steps: u32,
    room: Room,
    /// Width and height of pictures.
    picture: [u32; 2],
    pixels: RefCell<Guarded<u8>>,
    values: RefCell<Guarded<f64>>,
    mask: RefCell<Guarded<u8>>,
    /// Functions that wrote too much: each is told of once.
    overrun: RefCell<Vec<&'static str>>,
    /// A mask that cannot be used, which ends the run at the next step.
    fault: RefCell<Option<EnvError>>,
}

/// Where first observations are written before they are copied to their row, and those of the first steps: an environment that
/// writes more than its space holds does so here, and not over other observations.
enum Room {
    F32(Guarded<f32>),
    U8(Guarded<u8>),
    I32(Guarded<i32>),
}

impl LibraryEnv {
    /// An environment with these arguments, one for each that the library names.
    pub(super) fn new(id: &str, loaded: &'static Loaded, args: &[f64]) -> Result<Self> {
        let refused = |problem: String, advice: &str| EnvError::SharedLibrary {
            env: id.to_owned(),
            problem,
            advice: advice.to_owned(),
        };
        let (instance, setup) = Instance::new(&loaded.library, args).map_err(|message| {
            refused(format!("its init refused: {message}"), "`cartwheel env info` names its arguments")
        })?;
        let space = |which, setup: &SpaceSetup| {
            space(setup).map_err(|problem| EnvError::BadSpace { env: id.to_owned(), which, problem })
        };
        let observation_space = space("observation space", &setup.observation)?;
        let action_space = space("action space", &setup.action)?;
        let draws = loaded.library.draws();
        if draws && !setup.picture.iter().all(|length| (1..=LONGEST_PICTURE).contains(length)) {
            let [width, height] = setup.picture;
            let problem = format!("it has a render, and its picture is {width} pixels by {height}");
            return Err(refused(problem, "set picture_width and picture_height in init, to 16384 at most"));
        }
        let picture = setup.picture.map(|length| if draws { length as u32 } else { 0 });
        let width = observation_space.width();
        let actions = if let Space::Discrete { n, .. } = action_space { n.max(0) as usize } else { 0 };
        if loaded.library.has_mask() && !(1..=MOST_PARTS).contains(&actions) {
            let problem = format!("it has an action_mask, and its actions are {action_space}");
            return Err(refused(
                problem,
                "masks are of Discrete actions: leave action_mask out, or change the action space",
            ));
        }
        Ok(Self {
            room: match observation_space.dtype() {
                Dtype::F32 => Room::F32(Guarded::new(width)),
                Dtype::U8 => Room::U8(Guarded::new(width)),
                Dtype::I32 => Room::I32(Guarded::new(width)),
            },
            pixels: RefCell::new(Guarded::new(3 * picture[0] as usize * picture[1] as usize)),
            values: RefCell::new(Guarded::new(loaded.library.info_names.len())),
            mask: RefCell::new(Guarded::new(if loaded.library.has_mask() { actions } else { 0 })),
            has_begun: false,
            steps: 0,
            overrun: RefCell::default(),
            fault: RefCell::default(),
            picture,
            instance,
            loaded,
            observation_space,
            action_space,
        })
    }

    /// A step whose observation is looked at.
    #[cold]
    fn first_step(&mut self, action: Action<'_>, observation: RowMut<'_>) -> Result<RawStep> {
        let instance = &mut self.instance;
        let step = match (&mut self.room, observation) {
            (Room::F32(room), RowMut::F32(row)) => step_in(instance, action, room, row, |row| RowMut::F32(row)),
            (Room::U8(room), RowMut::U8(row)) => step_in(instance, action, room, row, |row| RowMut::U8(row)),
            (Room::I32(room), RowMut::I32(row)) => step_in(instance, action, room, row, |row| RowMut::I32(row)),
            (_, row) => panic!("{row:?} is no row of {}", self.observation_space),
        };
        step.map_err(EnvError::failed)?.map_err(|found| {
            let (room, dtype) = (self.observation_space.width(), self.observation_space.dtype());
            self.too_much("step", found, room, &format!("{dtype} numbers of an observation"))
        })
    }

    /// Warns of a function that wrote too much, where it was not told of.
    fn warn(&self, function: &'static str, found: usize, room: usize, what: &str) {
        let mut told = self.overrun.borrow_mut();
        if !told.contains(&function) {
            told.push(function);
            tracing::warn!("{}; it is not asked again", self.too_much(function, found, room, what));
        }
    }

    /// Whether a function wrote too much before: whether there is room for more, nobody knows.
    fn is_overrun(&self, function: &str) -> bool {
        self.overrun.borrow().contains(&function)
    }

    /// Says that a function wrote `found` numbers where there is room for `room` of them.
    fn too_much(&self, function: &str, found: usize, room: usize, what: &str) -> EnvError {
        EnvError::failed(format!(
            "{function} of {} wrote {found} {what} or more where there are {room}: it must not write past them",
            self.loaded.path.display()
        ))
    }
}

/// Begins an episode in `room`, and copies its first observation to `row`, which keeps what is not written.
fn reset_in<T: bytemuck::Pod>(
    instance: &mut Instance,
    seed: u64,
    room: &mut Guarded<T>,
    row: &mut [T],
) -> Result<Result<(), usize>, String> {
    let written = room.written(|room| {
        room[..row.len()].copy_from_slice(row);
        instance.reset(seed, room)
    })?;
    Ok(written.map(|written| row.copy_from_slice(written)))
}

/// Takes a step in `room`, and copies its observation to `row`, which keeps what is not written.
fn step_in<T: bytemuck::Pod>(
    instance: &mut Instance,
    action: Action<'_>,
    room: &mut Guarded<T>,
    row: &mut [T],
    as_row: impl FnOnce(&mut [T]) -> RowMut<'_>,
) -> Result<Result<RawStep, usize>, String> {
    let mut step = RawStep::default();
    let written = room.written(|room| {
        room[..row.len()].copy_from_slice(row);
        step = instance.step(action, as_row(room))?;
        Ok::<_, String>(())
    })?;
    Ok(written.map(|written| {
        row.copy_from_slice(written);
        step
    }))
}

/// Calls what cannot fail.
fn filled<T: bytemuck::Pod>(room: &mut Guarded<T>, fill: impl FnOnce(&mut [T])) -> Result<&[T], usize> {
    let written: Result<_, Infallible> = room.written(|room| {
        fill(room);
        Ok(())
    });
    let Ok(written) = written;
    written
}

impl Env for LibraryEnv {
    fn observation_space(&self) -> Space {
        self.observation_space.clone()
    }

    fn action_space(&self) -> Space {
        self.action_space.clone()
    }

    fn reset(&mut self, rng: &mut Generator, observation: RowMut<'_>) -> Result<()> {
        if let Some(fault) = self.fault.get_mut().take() {
            return Err(fault);
        }
        let (instance, seed) = (&mut self.instance, rng.next_u64());
        let written = match (&mut self.room, observation) {
            (Room::F32(room), RowMut::F32(row)) => reset_in(instance, seed, room, row),
            (Room::U8(room), RowMut::U8(row)) => reset_in(instance, seed, room, row),
            (Room::I32(room), RowMut::I32(row)) => reset_in(instance, seed, room, row),
            (_, row) => panic!("{row:?} is no row of {}", self.observation_space),
        };
        let written = written.map_err(EnvError::failed)?;
        written.map_err(|found| {
            let (room, dtype) = (self.observation_space.width(), self.observation_space.dtype());
            self.too_much("reset", found, room, &format!("{dtype} numbers of an observation"))
        })?;
        self.has_begun = true;
        Ok(())
    }

    #[inline]
    fn step(&mut self, action: Action<'_>, _rng: &mut Generator, observation: RowMut<'_>) -> Result<Step> {
        // A library may trust both, as nothing else stands between it and other memory.
        if !self.action_space.accepts(action) {
            return Err(EnvError::invalid_action(action, format_args!("of {}", self.action_space)));
        }
        let fits = match (&self.room, &observation) {
            (Room::F32(room), RowMut::F32(row)) => room.len() == row.len(),
            (Room::U8(room), RowMut::U8(row)) => room.len() == row.len(),
            (Room::I32(room), RowMut::I32(row)) => room.len() == row.len(),
            _ => false,
        };
        assert!(fits, "{observation:?} is no row of {}", self.observation_space);
        if let Some(fault) = self.fault.get_mut().take() {
            return Err(fault);
        }
        let step = if self.steps < LOOKED_AT {
            self.steps += 1;
            self.first_step(action, observation)?
        } else {
            self.instance.step(action, observation).map_err(EnvError::failed)?
        };
        Ok(Step { reward: step.reward, terminated: step.terminated != 0, truncated: step.truncated != 0 })
    }

    fn draw(&self, scene: &mut Scene) {
        if !self.has_begun || !self.loaded.library.draws() || self.is_overrun("render") {
            return;
        }
        let ([width, height], mut room) = (self.picture, self.pixels.borrow_mut());
        match filled(&mut room, |rgb| self.instance.render(rgb)) {
            Ok(rgb) => {
                let corner = [width as f32, height as f32];
                scene.bounds([0.0; 2], corner).image([0.0; 2], corner, width, rgb.to_vec());
            }
            // A drawing is not worth a run.
            Err(found) => {
                let rgb = 3 * width as usize * height as usize;
                self.warn("render", found, rgb, "bytes of a picture");
            }
        }
    }

    fn info(&self) -> Info {
        let names = &self.loaded.library.info_names;
        if !self.has_begun || names.is_empty() || self.is_overrun("info") {
            return Info::new();
        }
        match filled(&mut self.values.borrow_mut(), |values| self.instance.info(values)) {
            Ok(values) => names.iter().zip(values).map(|(name, value)| ((*name).to_owned(), (*value).into())).collect(),
            Err(found) => {
                self.warn("info", found, names.len(), "values");
                Info::new()
            }
        }
    }

    fn observation_names(&self) -> &[&str] {
        &self.loaded.library.observation_names
    }

    fn action_names(&self) -> &[&str] {
        &self.loaded.library.action_names
    }

    fn action_mask(&self, valid: &mut [bool]) -> bool {
        let mut room = self.mask.borrow_mut();
        if room.len() == 0 || room.len() != valid.len() {
            return false;
        }
        if !self.has_begun {
            valid.fill(true);
            return true;
        }
        match filled(&mut room, |mask| self.instance.action_mask(mask)) {
            Ok(mask) => valid.iter_mut().zip(mask).for_each(|(valid, mask)| *valid = *mask != 0),
            Err(found) => {
                // Actions that are not valid must not be learnt as if they were.
                *self.fault.borrow_mut() = Some(self.too_much("action_mask", found, valid.len(), "bytes"));
                valid.fill(true);
            }
        }
        true
    }

    fn key_bindings(&self) -> KeyBindings {
        self.loaded.keys.clone()
    }

    fn save(&self) -> Option<Vec<u8>> {
        (self.loaded.library.state_size() > 0).then(|| self.instance.state())
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let size = self.loaded.library.state_size();
        if size == 0 {
            return Err(EnvError::SaveUnsupported);
        }
        if state.len() != size {
            return Err(EnvError::bad_state(format!(
                "it has {} bytes, and states of {} have {size}: was it saved by another build of it?",
                state.len(),
                self.loaded.path.display()
            )));
        }
        self.instance.set_state(state);
        self.has_begun = true;
        Ok(())
    }
}
