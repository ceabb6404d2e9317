//! Bits, doubles and integers as NumPy draws them.

use rand::{Rng as _, RngExt as _};

use super::*;

#[test]
fn bits_are_numpys() {
    // NumPy 2.4.6: [hex(x) for x in np.random.default_rng(entropy).bit_generator.random_raw(3)]
    let known: [(&[u64], [u64; 3]); 7] = [
        (&[0], [0xa30febcfd9c2825f, 0x4510bdf882d9d721, 0x0a7d3da94ecde8b8]),
        (&[42], [0xc621fbcd16d92688, 0x705a5661a791ffc1, 0xdbcd12c26eda1624]),
        (&[(1 << 40) + 7], [0xd46e9e2034de21aa, 0x415badc99c087675, 0x275ed40f045acb84]),
        (&[u64::MAX], [0xae163a7a8c47568f, 0xd86659f5f3382359, 0x01e52b195bc2d24a]),
        (&[1, 2, 3], [0xaba411f8f6c9b990, 0x1c6b7489df5024fb, 0x82f2425c7e3229b3]),
        (&[(1 << 40) + 7, 0, 5], [0xa18e7a2903f3eaa5, 0xf5264f9c423b7d5f, 0x04a93c98566f3909]),
        (&[7, 1, 2, 3, 4, 5, 6], [0xb087fd714a03271f, 0xf1bfb2336d044faf, 0x2f9d89d7c7acf59c]),
    ];
    for (entropy, expected) in known {
        let mut generator = Generator::from_entropy(entropy);
        let found: [u64; 3] = std::array::from_fn(|_| generator.next_u64());
        assert_eq!(found, expected, "entropy {entropy:?}");
    }
}

#[test]
fn state_is_numpys() {
    // np.random.default_rng(0).bit_generator.state["state"]
    let state = Generator::new(0);
    assert_eq!(state.state, 35399562948360463058890781895381311971);
    assert_eq!(state.increment, 87136372517582989555478159403783844777);
}

#[test]
fn uniforms_are_numpys() {
    // g = np.random.default_rng(0); [g.uniform(-0.05, 0.05) for _ in range(2)]
    let mut generator = Generator::new(0);
    assert_eq!(generator.uniform(-0.05, 0.05), 0.013696168732145436);
    assert_eq!(generator.uniform(-0.05, 0.05), -0.02302132862361297);
    // np.random.default_rng(2**64 - 1).random() after three raw draws
    let mut generator = Generator::new(u64::MAX);
    (0..3).for_each(|_| {
        generator.next_u64();
    });
    assert_eq!(generator.random(), 0.8945681264391473);
}

#[test]
fn integers_are_numpys() {
    // g = np.random.default_rng(0); [g.integers(13) for _ in range(5)]
    let mut generator = Generator::new(0);
    assert_eq!([(); 5].map(|()| generator.integer(13)), [11, 8, 6, 3, 4]);
    // Many are drawn again: g = np.random.default_rng(3); [g.integers(2**31 + 1) for _ in range(8)]
    let mut generator = Generator::new(3);
    let known = [1742692732, 183930185, 385346042, 508546690, 1866662802, 713397379, 930133021, 1334076657];
    assert_eq!([(); 8].map(|()| generator.integer((1 << 31) + 1)), known);
    // One of one takes no draw.
    let before = generator.clone();
    assert_eq!((generator.integer(1), generator), (0, before));
}

#[test]
fn half_a_word_waits_through_a_save_but_not_through_another_draw() {
    let mut generator = Generator::new(0);
    generator.integer(13);
    let mut saved = Generator::from_state(generator.state());
    assert_eq!(saved, generator);
    assert_eq!(saved.integer(13), 8, "the half that waited");
    assert_eq!(saved.integer(13), 6, "and then a new word");

    let mut other = Generator::new(0);
    other.next_u64();
    other.next_u64();
    generator.next_u64();
    assert_eq!(generator, other);
}

#[test]
fn stream_is_rand_pcgs() {
    let (state, stream) = (0x0123_4567_89ab_cdef_u128 << 50, 0xfedc_ba98_7654_3210_u128 << 61 | 5);
    let mut theirs = rand_pcg::Pcg64::new(state, stream);
    let mut ours = Generator::seeded(state, stream);
    (0..1000).for_each(|_| assert_eq!(ours.next_u64(), theirs.next_u64()));
}

#[test]
fn state_round_trips() {
    let mut generator = Generator::from_entropy(&[3, 1 << 63]);
    generator.next_u64();
    assert_eq!(Generator::from_state(generator.state()), generator);
    let text = serde_json::to_string(&generator).unwrap();
    let mut again: Generator = serde_json::from_str(&text).unwrap();
    assert_eq!(again.next_u64(), generator.next_u64());
}

#[test]
fn below_covers_its_range_evenly() {
    let mut generator = Generator::new(1);
    let mut counts = [0_u32; 6];
    (0..60_000).for_each(|_| counts[generator.below(6) as usize] += 1);
    // Standard deviation of each count: sqrt(60000 * 5/36) = 91.
    assert!(counts.iter().all(|&c| c.abs_diff(10_000) < 500), "{counts:?}");
    assert_eq!(generator.below(0), 0);
}

#[test]
fn rand_distributions_work() {
    let mut generator = Generator::new(5);
    let mut bytes = [0; 11];
    generator.fill_bytes(&mut bytes);
    assert!((0..100).all(|_| (3..9).contains(&generator.random_range(3..9))));
    assert_ne!(bytes, [0; 11]);
}
