//! The spaces of the two: `gymnasium-rs` knows `Discrete` from 0, and a `Box` of one axis of floats.

use cartwheel_envs::{Dtype, EnvError, Result, Space};
use gymnasium_rs::core::Space as TheirSpace;

use crate::Member;

/// The same space here, if `M` can be its members. `whose` names it in errors.
pub(crate) fn from_theirs<M: Member>(whose: &str, space: TheirSpace) -> Result<Space> {
    let space = match space {
        TheirSpace::Discrete(n) => Space::discrete(n),
        TheirSpace::Box { low, high } if low.len() != high.len() || low.is_empty() => {
            let lengths = format!("{} low and {} high bounds", low.len(), high.len());
            return Err(refused(whose, &format!("a Box with {lengths}; give one of each for each element")));
        }
        TheirSpace::Box { low, high } => Space::box_f32(low.to_vec(), high.to_vec()),
    };
    fitting::<M>(whose, &space)?;
    Ok(space)
}

/// The same space there, if there is one and `M` can be its members. `whose` names it in errors.
pub(crate) fn to_theirs<M: Member>(whose: &str, space: &Space) -> Result<TheirSpace> {
    let theirs = match space {
        Space::Discrete { n, start: 0 } => TheirSpace::Discrete(*n),
        Space::Box { low, high, shape, dtype: Dtype::F32 } if shape.len() == 1 => {
            TheirSpace::Box { low: low.clone().into(), high: high.clone().into() }
        }
        other => {
            let knows = "gymnasium_rs has only Discrete from 0 and float32 Boxes of one axis; wrap the environment";
            return Err(refused(whose, &format!("{other}, and {knows} so that it is one of them")));
        }
    };
    fitting::<M>(whose, space)?;
    Ok(theirs)
}

fn fitting<M: Member>(whose: &str, space: &Space) -> Result<()> {
    let held = std::any::type_name::<M>();
    if M::fits(space) {
        Ok(())
    } else {
        Err(refused(whose, &format!("{space}, whose members are no {held}; name the type that they are")))
    }
}

fn refused(whose: &str, problem: &str) -> EnvError {
    EnvError::failed(format!("{whose} is {problem}"))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, array};

    use super::*;

    #[test]
    fn a_space_comes_back_as_it_went() {
        let inf = f32::INFINITY;
        let floats = Space::box_f32(vec![-1.0, -inf], vec![1.0, inf]);
        let theirs = to_theirs::<Array1<f32>>("x", &floats).unwrap();
        assert_eq!(theirs, TheirSpace::Box { low: array![-1.0, -inf], high: array![1.0, inf] });
        assert_eq!(from_theirs::<Vec<f32>>("x", theirs).unwrap(), floats);
        let theirs = to_theirs::<i32>("x", &Space::discrete(3)).unwrap();
        assert_eq!(theirs, TheirSpace::Discrete(3));
        assert_eq!(from_theirs::<i32>("x", theirs).unwrap(), Space::discrete(3));
    }

    #[test]
    fn what_cannot_be_carried_is_named() {
        let message = |space| to_theirs::<i32>("its action space", &space).unwrap_err().to_string();
        let matrix = Space::Box { low: vec![0.0; 4], high: vec![1.0; 4], shape: vec![2, 2], dtype: Dtype::F32 };
        let pair = vec![Space::discrete(2), Space::discrete(3)];
        for space in [
            matrix,
            Space::image_u8(&[2, 3]),
            Space::Discrete { n: 2, start: 1 },
            Space::multi_discrete(vec![2, 3]),
            Space::multi_binary(2),
            Space::dict([("a", pair[0].clone())]),
            Space::Tuple(pair),
        ] {
            let expected = format!("its action space is {space}, and gymnasium_rs has only Discrete from 0");
            assert!(message(space.clone()).contains(&expected), "{}", message(space));
        }
        let floats = message(Space::box_f32(vec![0.0], vec![1.0]));
        assert!(floats.contains("Box(0.0, 1.0, (1,), float32), whose members are no i32;"), "{floats}");
        let ragged = TheirSpace::Box { low: array![0.0], high: array![1.0, 1.0] };
        let ragged = from_theirs::<Vec<f32>>("its action space", ragged).unwrap_err().to_string();
        assert!(ragged.contains("a Box with 1 low and 2 high bounds"), "{ragged}");
    }
}
