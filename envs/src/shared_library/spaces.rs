//! What a library says of a space, as a [`Space`].

use super::abi::{MOST_PARTS, SpaceSetup};
use crate::{Dtype, Space};

/// The space, or what is wrong with it. That it has elements is for
/// [`refuse_bad_spaces`](crate::check::refuse_bad_spaces) to see.
pub(super) fn space(setup: &SpaceSetup) -> Result<Space, String> {
    match setup.kind {
        1 => bounded(setup),
        2 => Ok(Space::discrete(setup.n)),
        3 | 4 if usize::try_from(setup.n).is_ok_and(|n| n > MOST_PARTS) => {
            Err(format!("its n is {}, which is too much: did init leave it unset?", setup.n))
        }
        3 if setup.nvec.is_empty() => Err("a MultiDiscrete needs n and nvec, the choices of each of n numbers".into()),
        3 => Ok(Space::multi_discrete(setup.nvec.clone())),
        4 => Ok(Space::multi_binary(usize::try_from(setup.n).unwrap_or(0))),
        0 => Err("init left it empty: set its kind, CW_BOX or CW_DISCRETE or another".into()),
        kind => Err(format!("its kind is {kind}; there are CW_BOX to CW_MULTI_BINARY, 1 to 4")),
    }
}

fn bounded(setup: &SpaceSetup) -> Result<Space, String> {
    let dtype = match setup.dtype {
        0 => Dtype::F32,
        1 => Dtype::U8,
        dtype => return Err(format!("its dtype is {dtype}; there are CW_FLOAT32 (0) and CW_UINT8 (1)")),
    };
    let shape = setup.shape.clone()?;
    if setup.lows.is_none() && setup.highs.is_none() && (setup.low, setup.high) == (0.0, 0.0) {
        return Err("its bounds are both 0: set low and high, to -INFINITY and INFINITY where there are none".into());
    }
    let width = shape.iter().product();
    let bounds = |each: &Option<Vec<f32>>, all: f32| each.clone().unwrap_or_else(|| vec![all; width]);
    let (low, high) = (bounds(&setup.lows, setup.low), bounds(&setup.highs, setup.high));
    let is_byte = |x: &f32| (0.0..=255.0).contains(x) && x.fract() == 0.0;
    if dtype == Dtype::U8
        && let Some(bound) = low.iter().chain(&high).find(|bound| !is_byte(bound))
    {
        return Err(format!("a bound of its bytes is {bound}; give whole numbers from 0 to 255"));
    }
    Ok(Space::Box { low, high, shape, dtype })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup() -> SpaceSetup {
        let (low, high) = (0.0, 2.0);
        let shape = Ok(vec![2, 3]);
        SpaceSetup { kind: 1, dtype: 1, shape, low, high, lows: None, highs: None, n: 0, nvec: Vec::new() }
    }

    #[test]
    fn spaces_are_as_the_library_says() {
        let cells = Space::Box { low: vec![0.0; 6], high: vec![2.0; 6], shape: vec![2, 3], dtype: Dtype::U8 };
        assert_eq!(space(&setup()), Ok(cells));
        let lows = Some(vec![-1.0, f32::NEG_INFINITY]);
        let vector = SpaceSetup { dtype: 0, shape: Ok(vec![2]), lows, ..setup() };
        assert_eq!(space(&vector), Ok(Space::box_f32(vec![-1.0, f32::NEG_INFINITY], vec![2.0; 2])));
        assert_eq!(space(&SpaceSetup { kind: 2, n: 5, ..setup() }), Ok(Space::discrete(5)));
        assert_eq!(space(&SpaceSetup { kind: 3, nvec: vec![2, 4], ..setup() }), Ok(Space::multi_discrete(vec![2, 4])));
        assert_eq!(space(&SpaceSetup { kind: 4, n: 3, ..setup() }), Ok(Space::multi_binary(3)));
    }

    #[test]
    fn what_is_no_space_is_told() {
        let refused = |setup: SpaceSetup, word: &str| {
            let problem = space(&setup).unwrap_err();
            assert!(problem.contains(word), "{problem}");
        };
        refused(SpaceSetup { kind: 0, ..setup() }, "left it empty");
        refused(SpaceSetup { kind: 9, ..setup() }, "kind is 9");
        refused(SpaceSetup { kind: 3, ..setup() }, "nvec");
        refused(SpaceSetup { kind: 3, n: i32::MAX, ..setup() }, "too much");
        refused(SpaceSetup { kind: 4, n: i32::MAX, ..setup() }, "too much");
        refused(SpaceSetup { dtype: 7, ..setup() }, "dtype is 7");
        refused(SpaceSetup { high: 0.0, ..setup() }, "both 0");
        refused(SpaceSetup { high: 256.0, ..setup() }, "is 256");
        refused(SpaceSetup { shape: Err("its rank is 5".into()), ..setup() }, "rank is 5");
    }
}
