//! What a step costs in C, and the same in Rust: `examples/squared/squared.c` beside a twin of it, under the same random
//! actions, in turn. Nanoseconds of CPU time a step on one core, resets included.
//!
//! `cargo bench -p cartwheel-envs --bench shared_library` (needs `cc`)

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use cartwheel_envs::{
    Action, Actions, Dtype, Env, EnvBuilder, EnvError, EnvSpec, Generator, Kwargs, Result, RowMut, Space, Step,
    VectorEnv, VectorStep, register,
};
use rustix::time::{ClockId, clock_gettime};

const SIZES: [usize; 4] = [1, 8, 64, 1024];
const PAIRS: usize = 15;
const SHORTEST: Duration = Duration::from_millis(60);

/// `squared.c`, line by line, with its default arguments.
#[derive(Clone, Copy, Default)]
struct Squared {
    rng: u64,
    at: [i32; 2],
    target: [i32; 2],
}

const SIZE: i32 = 5;

impl Squared {
    fn below(&mut self, n: u32) -> i32 {
        self.rng = self.rng.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.rng ^ (self.rng >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((((z ^ (z >> 31)) >> 32) * u64::from(n)) >> 32) as i32
    }

    fn is_inside(&self) -> bool {
        self.at.iter().all(|x| (0..SIZE).contains(x))
    }

    fn observe(&self, observation: &mut RowMut<'_>) {
        let RowMut::U8(cells) = observation else { panic!("{observation:?}") };
        let cell = |[row, column]: [i32; 2]| 2 * (row * SIZE + column) as usize;
        cells.fill(0);
        cells[cell(self.target) + 1] = 1;
        if self.is_inside() {
            cells[cell(self.at)] = 1;
        }
    }
}

impl Env for Squared {
    fn observation_space(&self) -> Space {
        let (side, width) = (SIZE as usize, (SIZE * SIZE * 2) as usize);
        Space::Box { low: vec![0.0; width], high: vec![1.0; width], shape: vec![side, side, 2], dtype: Dtype::U8 }
    }

    fn action_space(&self) -> Space {
        Space::discrete(5)
    }

    fn reset(&mut self, rng: &mut Generator, mut observation: RowMut<'_>) -> Result<()> {
        self.rng = rng.next_u64();
        self.at = [SIZE / 2; 2];
        let target = self.below((SIZE * SIZE) as u32 - 1);
        let target = target + i32::from(target >= SIZE * SIZE / 2);
        self.target = [target / SIZE, target % SIZE];
        self.observe(&mut observation);
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Generator, mut observation: RowMut<'_>) -> Result<Step> {
        match action {
            Action::Discrete(0) => {}
            Action::Discrete(1) => self.at[0] -= 1,
            Action::Discrete(2) => self.at[0] += 1,
            Action::Discrete(3) => self.at[1] -= 1,
            Action::Discrete(4) => self.at[1] += 1,
            action => return Err(EnvError::invalid_action(action, "0 to 4")),
        }
        let found = self.at == self.target;
        let reward = if found { 1.0 } else { f64::from(i32::from(self.is_inside()) - 1) };
        self.observe(&mut observation);
        Ok(Step { reward, terminated: found || !self.is_inside(), truncated: false })
    }

    fn save(&self) -> Option<Vec<u8>> {
        Some(Vec::new())
    }
}

fn main() {
    let (envs, folder) = (Path::new(env!("CARGO_MANIFEST_DIR")), std::env::temp_dir());
    let library = folder.join(format!("libsquared-{}.so", std::process::id()));
    let mut cc = Command::new("cc");
    cc.args(["-O3", "-shared", "-fPIC", "-I"]).arg(envs.join("c")).arg("-o").arg(&library);
    assert!(cc.arg(envs.join("../examples/squared/squared.c")).status().expect("cc").success());
    let spec = EnvSpec::new("Squared-v0", "as in C", |_: Kwargs| Ok(Squared::default()));
    register(spec.max_episode_steps(50)).expect("a free name");
    let ids = [format!("c:{}", library.display()), "Squared-v0".to_owned()];

    println!("| environments | C, ns a step | Rust, ns a step | difference of a pair: min / median / max |");
    println!("|---|---|---|---|");
    for n in SIZES {
        let mut batches = ids.each_ref().map(|id| Batch::new(EnvBuilder::new(id).make_vec(n).expect("a batch")));
        for _ in 0..1000 {
            batches.iter_mut().for_each(Batch::step);
            assert!(batches[0].out == batches[1].out, "they are not the same");
        }
        let pairs: Vec<_> = (0..PAIRS).map(|_| batches.each_mut().map(Batch::nanoseconds)).collect();
        let sorted = |of: &dyn Fn(&[f64; 2]) -> f64| {
            let mut values: Vec<_> = pairs.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let (c, rust, more) = (sorted(&|pair| pair[0]), sorted(&|pair| pair[1]), sorted(&|pair| pair[0] - pair[1]));
        let (half, last) = (PAIRS / 2, PAIRS - 1);
        let (least, median, most) = (more[0], more[half], more[last]);
        println!("| {n} | {:.1} | {:.1} | {least:.1} / **{median:.1}** / {most:.1} |", c[half], rust[half]);
    }
    std::fs::remove_file(&library).expect("the library that was made");
}

/// A batch under random actions.
struct Batch {
    envs: Box<dyn VectorEnv>,
    out: VectorStep,
    actions: Vec<i32>,
    at: usize,
}

impl Batch {
    fn new(mut envs: Box<dyn VectorEnv>) -> Self {
        let mut out = VectorStep::new(envs.single_observation_space(), envs.num_envs());
        envs.reset(Some(0), &mut out.observations).expect("it resets");
        let mut rng = Generator::new(1);
        Self { envs, out, actions: (0..1 << 16).map(|_| rng.below(5) as i32).collect(), at: 0 }
    }

    fn step(&mut self) {
        let n = self.envs.num_envs();
        self.at = (self.at + n) % (self.actions.len() - n);
        let actions = Actions::Discrete(&self.actions[self.at..self.at + n]);
        self.envs.step(actions, &mut self.out).expect("valid actions");
        black_box(&self.out);
    }

    /// CPU time of a step of one environment.
    fn nanoseconds(&mut self) -> f64 {
        let (start, mut spent, mut steps) = (cpu_time(), Duration::ZERO, 0);
        while spent < SHORTEST {
            // Reading the clock takes as long as some steps.
            (0..256).for_each(|_| self.step());
            steps += 256 * self.envs.num_envs();
            spent = cpu_time() - start;
        }
        spent.as_nanos() as f64 / steps as f64
    }
}

/// What this thread has had of the processor.
fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}
