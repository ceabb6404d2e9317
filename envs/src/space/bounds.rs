//! Infinite bounds travel as `null`: JSON has no infinity.

macro_rules! bounds_serde {
    ($name:ident, $unbounded:expr) => {
        pub(super) mod $name {
            use serde::{Deserialize, Deserializer, Serialize as _, Serializer};

            pub(crate) fn serialize<S: Serializer>(bounds: &[f32], to: S) -> Result<S::Ok, S::Error> {
                let finite: Vec<_> = bounds.iter().map(|x| x.is_finite().then_some(*x)).collect();
                finite.serialize(to)
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f32>, D::Error> {
                let finite = Vec::<Option<f32>>::deserialize(from)?;
                Ok(finite.into_iter().map(|x| x.unwrap_or($unbounded)).collect())
            }
        }
    };
}
bounds_serde!(low, f32::NEG_INFINITY);
bounds_serde!(high, f32::INFINITY);
