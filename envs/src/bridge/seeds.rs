//! Which seed a Python environment's episode is reset with.
//!
//! Python keeps its random streams to itself, so an episode is repeated by its seed. Each environment of ours has a
//! [`Generator`] that gives these seeds, one an episode: so the generator as it was before the reset, and the actions,
//! repeat an episode here as in any other environment. The first episode after `reset(Some(seed))` has that very seed,
//! as in Gymnasium: the generator then stands at a state that says so.

use crate::Generator;

/// A generator whose first seed is `seed`.
pub(super) fn seeded(seed: u64) -> Generator {
    // An ordinary stream reaches a state with a first word of zero once in 2^64 draws, and does not suffer from it.
    let [_, _, c, d] = Generator::new(seed).state();
    Generator::from_state([0, seed, c, d])
}

/// The seed of the next episode. One that was not asked for is below 2^31, which every library takes.
pub(super) fn next_seed(generator: &mut Generator) -> u64 {
    let [first, seed, ..] = generator.state();
    let drawn = generator.next_u64() >> 33;
    if first == 0 { seed } else { drawn }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_seed_is_the_one_given_and_others_follow() {
        for seed in [0, 1, 42, u64::MAX] {
            let mut generator = seeded(seed);
            let mut again = Generator::from_state(generator.state());
            let seeds: Vec<_> = (0..5).map(|_| next_seed(&mut generator)).collect();
            assert_eq!(seeds[0], seed);
            assert!(seeds[1..].iter().all(|seed| *seed < 1 << 31), "{seeds:?}");
            assert_eq!(seeds, (0..5).map(|_| next_seed(&mut again)).collect::<Vec<_>>());
        }
        let second = |seed| {
            let mut generator = seeded(seed);
            next_seed(&mut generator);
            next_seed(&mut generator)
        };
        assert_ne!(second(0), second(1));
    }
}
