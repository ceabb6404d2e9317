//! NumPy's random streams: `SeedSequence` entropy mixing and the PCG64 generator, bit for bit.
//!
//! An environment seeded here draws what Gymnasium's draws under the same seed. NumPy's sources are
//! `numpy/random/bit_generator.pyx` (SeedSequence) and `numpy/random/src/pcg64` (XSL-RR 128/64).

use std::convert::Infallible;

use rand::TryRng;
use serde::{Deserialize, Serialize};

const MULTIPLIER: u128 = 0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645;

/// `np.random.default_rng(seed)`: the same seed gives the same bits, doubles and uniforms as NumPy.
///
/// It is also a [`rand::Rng`], so that the distributions of the `rand` crates work with it.
///
/// ```
/// use cartwheel_envs::Generator;
/// // >>> np.random.default_rng(42).random()
/// assert_eq!(Generator::new(42).random(), 0.7739560485559633);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[u64; 4]", into = "[u64; 4]")]
pub struct Generator {
    state: u128,
    /// Which of PCG64's streams this is; odd.
    increment: u128,
    /// Whether [`Self::integer`] has used half of the last word alone, and its next draw takes the other.
    half_waits: bool,
}

impl Generator {
    /// `np.random.default_rng(seed)`.
    pub fn new(seed: u64) -> Self {
        Self::from_entropy(&[seed])
    }

    /// `np.random.default_rng([a, b, ...])`: one stream for each sequence of integers.
    ///
    /// This is how streams are derived from, say, (run seed, environment index, purpose): unlike sums
    /// of seeds, different sequences do not collide.
    pub fn from_entropy(entropy: &[u64]) -> Self {
        let [a, b, c, d] = seed_sequence(entropy);
        Self::seeded(wide(a, b), wide(c, d))
    }

    /// PCG64's own seeding: two steps, the initial state added in between.
    fn seeded(state: u128, stream: u128) -> Self {
        let increment = (stream << 1) | 1;
        let mut generator = Self { state: increment.wrapping_add(state), increment, half_waits: false };
        generator.advance();
        generator
    }

    /// The position in the stream: state then increment, each high word first. See [`Self::from_state`].
    ///
    /// The increment is odd, so its last bit is free to tell whether half a word waits for
    /// [`Self::integer`]: then it is 0. The half itself follows from the state.
    #[inline]
    pub fn state(&self) -> [u64; 4] {
        let [a, b] = narrow(self.state);
        let [c, d] = narrow(self.increment);
        [a, b, c, d ^ u64::from(self.half_waits)]
    }

    /// The generator that [`Self::state`] was taken from.
    #[inline]
    pub fn from_state([a, b, c, d]: [u64; 4]) -> Self {
        Self { state: wide(a, b), increment: wide(c, d) | 1, half_waits: d & 1 == 0 }
    }

    #[inline]
    fn advance(&mut self) {
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(self.increment);
    }

    /// 64 random bits (`bit_generator.random_raw()`).
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.advance();
        self.half_waits = false;
        self.word()
    }

    /// The word that the present state stands for: the last one drawn.
    #[inline]
    fn word(&self) -> u64 {
        let [high, low] = narrow(self.state);
        (high ^ low).rotate_right((self.state >> 122) as u32)
    }

    /// Half a word: the low one of a new word, then the high one of the same.
    #[inline]
    fn next_half(&mut self) -> u32 {
        if std::mem::take(&mut self.half_waits) {
            return (self.word() >> 32) as u32;
        }
        let word = self.next_u64();
        self.half_waits = true;
        word as u32
    }

    /// Uniform in `[0, 1)`, a multiple of 2^-53 (`rng.random()`).
    #[inline]
    pub fn random(&mut self) -> f64 {
        const SCALE: f64 = 1.0 / (1_u64 << 53) as f64;
        (self.next_u64() >> 11) as f64 * SCALE
    }

    /// Uniform in `[low, high)` (`rng.uniform(low, high)`).
    #[inline]
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.random()
    }

    /// Uniform in `0..n`, exactly (`rng.integers(n)`, and the index that `rng.choice` takes); 0 when `n` is
    /// at most 1, without a draw.
    ///
    /// Two calls share a word, half each. Any other draw in between forgets the second half, where NumPy
    /// would keep it for later: so the four words of [`Self::state`] say all there is to say.
    #[inline]
    pub fn integer(&mut self, n: u32) -> u32 {
        if n <= 1 {
            return 0;
        }
        // Lemire's method: the product's high half is the number; the few low halves that would favor
        // some numbers are drawn again.
        let unfair = n.wrapping_neg() % n;
        loop {
            let product = u64::from(self.next_half()) * u64::from(n);
            if product as u32 >= unfair {
                return (product >> 32) as u32;
            }
        }
    }

    /// Uniform in `0..n`, by one multiplication of one draw; 0 when `n` is 0.
    ///
    /// Not NumPy's `integers`, which is [`Self::integer`]: use it where no Gymnasium stream is to be matched. The bias is below `n / 2^64`.
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(n)) >> 64) as u64
    }
}

impl From<[u64; 4]> for Generator {
    fn from(state: [u64; 4]) -> Self {
        Self::from_state(state)
    }
}

impl From<Generator> for [u64; 4] {
    fn from(generator: Generator) -> Self {
        generator.state()
    }
}

impl TryRng for Generator {
    type Error = Infallible;

    #[inline]
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.next_u64() >> 32) as u32)
    }

    #[inline]
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next_u64().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

#[inline]
fn wide(high: u64, low: u64) -> u128 {
    u128::from(high) << 64 | u128::from(low)
}

#[inline]
fn narrow(x: u128) -> [u64; 2] {
    [(x >> 64) as u64, x as u64]
}

/// NumPy's `SeedSequence(entropy).generate_state(4, np.uint64)`.
fn seed_sequence(entropy: &[u64]) -> [u64; 4] {
    let mut words = Vec::with_capacity(2 * entropy.len());
    for &integer in entropy {
        // As few 32-bit words as hold the integer, low word first; zero still takes one.
        words.push(integer as u32);
        if integer >> 32 != 0 {
            words.push((integer >> 32) as u32);
        }
    }

    let mut hash = Hash { constant: 0x43b0_d7e5, multiplier: 0x931e_8875 };
    let mut pool: [u32; 4] = std::array::from_fn(|i| hash.next(words.get(i).copied().unwrap_or(0)));
    for source in 0..4 {
        for target in 0..4 {
            if source != target {
                pool[target] = mix(pool[target], hash.next(pool[source]));
            }
        }
    }
    for &word in words.iter().skip(4) {
        for target in &mut pool {
            *target = mix(*target, hash.next(word));
        }
    }

    let mut hash = Hash { constant: 0x8b51_f9dd, multiplier: 0x58f3_8ded };
    let out: [u32; 8] = std::array::from_fn(|i| hash.next(pool[i % 4]));
    std::array::from_fn(|i| u64::from(out[2 * i]) | u64::from(out[2 * i + 1]) << 32)
}

/// SeedSequence's hash, whose constant moves on with every word.
struct Hash {
    constant: u32,
    multiplier: u32,
}

impl Hash {
    fn next(&mut self, word: u32) -> u32 {
        let mixed = word ^ self.constant;
        self.constant = self.constant.wrapping_mul(self.multiplier);
        let mixed = mixed.wrapping_mul(self.constant);
        mixed ^ mixed >> 16
    }
}

fn mix(x: u32, y: u32) -> u32 {
    let mixed = x.wrapping_mul(0xca01_f9dd).wrapping_sub(y.wrapping_mul(0x4973_f715));
    mixed ^ mixed >> 16
}

#[cfg(test)]
#[path = "seeding_tests.rs"]
mod tests;
