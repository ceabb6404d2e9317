//! What a parameter may be: the values, and how a search takes them.

use cartwheel_agents::config::serde_json::Value;
use cartwheel_envs::Generator;

/// The values of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Distribution {
    /// One of these.
    Values(Vec<Value>),
    /// A number from `min` to `max`, both included.
    Range {
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
        /// Whether its logarithm is what is spread evenly.
        log: bool,
        /// Whether it is whole.
        whole: bool,
    },
}

/// A setting that is searched over.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// The setting, such as `dqn.learning_rate`.
    pub key: String,
    /// Its values.
    pub values: Distribution,
}

impl Parameter {
    /// The ends of the coordinate along which the parameter is searched, the second excluded: the number of a value in its
    /// list, or the number itself or its logarithm. Whole numbers have half a step of room at both ends, so that each is as
    /// likely as the others.
    pub fn ends(&self) -> (f64, f64) {
        match &self.values {
            Distribution::Values(values) => (0.0, values.len() as f64),
            Distribution::Range { min, max, log, whole } => {
                let room = if *whole { 0.5 } else { 0.0 };
                let (low, high) = (min - room, max + room);
                if *log { (low.ln(), high.ln()) } else { (low, high) }
            }
        }
    }

    /// The value at a coordinate.
    pub fn value(&self, at: f64) -> Value {
        match &self.values {
            Distribution::Values(values) => {
                let last = values.len().saturating_sub(1);
                values.get((at.max(0.0) as usize).min(last)).cloned().unwrap_or_default()
            }
            Distribution::Range { min, max, log, whole } => {
                let number = if *log { at.exp() } else { at };
                if *whole {
                    Value::from(number.round().clamp(*min, *max) as i64)
                } else {
                    Value::from(number.clamp(*min, *max))
                }
            }
        }
    }

    /// The coordinate of a value that this parameter gave; nothing for another.
    pub fn coordinate(&self, value: &Value) -> Option<f64> {
        let at = match &self.values {
            Distribution::Values(values) => values.iter().position(|known| known == value)? as f64,
            Distribution::Range { log, .. } => {
                let number = value.as_f64()?;
                if *log { number.ln() } else { number }
            }
        };
        let (low, high) = self.ends();
        // The upper end itself is excluded.
        (low..=high).contains(&at).then(|| at.min(high - 1e-9 * (high - low)))
    }

    /// A value by chance.
    pub fn random(&self, random: &mut Generator) -> Value {
        let (low, high) = self.ends();
        self.value(random.uniform(low, high))
    }
}

/// How many points the grid over lists of values has.
pub(super) fn grid_size(parameters: &[Parameter]) -> Option<usize> {
    parameters.iter().try_fold(1_usize, |size, parameter| match &parameter.values {
        Distribution::Values(values) => size.checked_mul(values.len()),
        Distribution::Range { .. } => None,
    })
}

/// The `number`th point of the grid; the last parameter changes first.
pub(super) fn grid_point(parameters: &[Parameter], mut number: usize) -> Vec<Value> {
    let mut point: Vec<Value> = Vec::with_capacity(parameters.len());
    for parameter in parameters.iter().rev() {
        let Distribution::Values(values) = &parameter.values else { continue };
        point.push(parameter.value((number % values.len()) as f64));
        number /= values.len();
    }
    point.reverse();
    point
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(min: f64, max: f64, log: bool, whole: bool) -> Parameter {
        Parameter { key: "a.b".into(), values: Distribution::Range { min, max, log, whole } }
    }

    #[test]
    fn values_come_back_from_their_coordinates() {
        let list = Parameter { key: "a.b".into(), values: Distribution::Values(vec!["x".into(), 3.into()]) };
        let parameters =
            [list, range(-1.0, 2.0, false, false), range(1e-5, 1e-2, true, false), range(1.0, 64.0, true, true)];
        let mut random = Generator::new(1);
        for parameter in &parameters {
            let (low, high) = parameter.ends();
            for _ in 0..200 {
                let value = parameter.random(&mut random);
                let at = parameter.coordinate(&value);
                assert!(at.is_some_and(|at| (low..high).contains(&at)), "{value} of {parameter:?}");
                let again = at.map(|at| parameter.value(at)).unwrap_or_default();
                let near = |a: f64, b: f64| (a - b).abs() <= 1e-6 * b.abs();
                match (again.as_f64(), value.as_f64()) {
                    (Some(a), Some(b)) => assert!(near(a, b), "{a} {b}"),
                    _ => assert_eq!(again, value),
                }
            }
        }
        assert_eq!(parameters[0].coordinate(&"z".into()), None);
        assert_eq!(parameters[1].coordinate(&5.into()), None);
    }

    #[test]
    fn whole_numbers_are_equally_likely_and_logarithms_spread_evenly() {
        let mut random = Generator::new(2);
        let whole = range(1.0, 4.0, false, true);
        let mut counts = [0; 5];
        for _ in 0..8000 {
            counts[whole.random(&mut random).as_u64().unwrap_or_default() as usize] += 1;
        }
        assert!(counts[0] == 0 && counts[1..].iter().all(|count| (1850..2150).contains(count)), "{counts:?}");
        let log = range(1e-4, 1.0, true, false);
        let small = (0..4000).filter(|_| log.random(&mut random).as_f64().is_some_and(|x| x < 1e-2)).count();
        assert!((1900..2100).contains(&small), "{small}");
    }

    #[test]
    fn a_grid_has_every_pair_once() {
        let list = |values: &[i64]| Distribution::Values(values.iter().map(|v| Value::from(*v)).collect());
        let parameters = [
            Parameter { key: "a.b".into(), values: list(&[1, 2]) },
            Parameter { key: "a.c".into(), values: list(&[5, 6, 7]) },
        ];
        assert_eq!(grid_size(&parameters), Some(6));
        let points: Vec<_> = (0..6).map(|i| grid_point(&parameters, i)).collect();
        let pairs = [[1, 5], [1, 6], [1, 7], [2, 5], [2, 6], [2, 7]];
        assert_eq!(points, pairs.map(|pair| pair.map(Value::from).to_vec()));
        assert_eq!(grid_size(&[range(0.0, 1.0, false, false)]), None);
    }
}
