//! How far two tokens are apart, in buckets.

/// The bucket of a key that is `relative` tokens behind its query (before it if negative).
///
/// Half of the buckets are for a distance each, the others for ranges that grow logarithmically up to `max_distance`. With
/// `bidirectional`, one half of them all is for keys behind; without, those share the bucket of distance 0.
pub(super) fn bucket(relative: i64, bidirectional: bool, buckets: usize, max_distance: usize) -> usize {
    let (mut first, mut buckets) = (0, buckets);
    if bidirectional {
        buckets /= 2;
        if relative > 0 {
            first = buckets;
        }
    }
    let distance = if bidirectional { relative.unsigned_abs() } else { (-relative).max(0).unsigned_abs() } as usize;
    let exact = buckets / 2;
    if distance < exact {
        return first + distance;
    }
    // In f32, and with the logarithm of the whole quotient in f64, as the reference has it: borders depend on both.
    let share = (distance as f32 / exact as f32).ln() / (max_distance as f64 / exact as f64).ln() as f32;
    let range = exact + (share * (buckets - exact) as f32) as usize;
    first + range.min(buckets - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_those_of_transformers() {
        let recorded = include_str!("../../../../tests/data/t5/buckets.json");
        let recorded: serde_json::Value = serde_json::from_str(recorded).expect("a recording");
        for (name, bidirectional) in [("bidirectional", true), ("causal", false)] {
            let expected: Vec<usize> = serde_json::from_value(recorded[name].clone()).expect("numbers");
            assert_eq!(expected.len(), 401);
            for (relative, expected) in (-200..).zip(expected) {
                assert_eq!(bucket(relative, bidirectional, 32, 128), expected, "{name} {relative}");
            }
        }
    }
}
