//! Which point a sweep tries next.

use cartwheel_agents::config::serde_json::Value;
use cartwheel_agents::config_enum;
use cartwheel_envs::Generator;
use tpe::TpeOptimizerBuilder;

use super::space::{Distribution, Parameter, grid_point};

config_enum! {
    /// How points are chosen.
    pub enum Method {
        /// Every combination of the values.
        Grid = "grid",
        /// Each by chance.
        Random = "random",
        /// The tree-structured Parzen estimator (Bergstra et al. 2011), which learns from the trials before.
        Tpe = "tpe",
    }
}

/// Trials by chance before TPE has enough to learn from, Optuna's `n_startup_trials`.
const STARTUP: usize = 10;
/// Of so many candidates TPE takes the best, Optuna's `n_ei_candidates`.
const CANDIDATES: usize = 24;

/// The values of trial `number`, one a parameter. `known` is what trials came to so far, their values and how bad each was.
///
/// A trial draws from a stream of its own, keyed by `seed` and its number, so that a sweep that is killed goes on as if it had
/// not been.
pub fn suggest(
    method: Method,
    parameters: &[Parameter],
    known: &[(Vec<Value>, f64)],
    seed: u64,
    number: usize,
) -> Vec<Value> {
    let mut random = Generator::from_entropy(&[seed, number as u64]);
    match method {
        Method::Grid => grid_point(parameters, number),
        Method::Tpe if known.len() >= STARTUP => parameters
            .iter()
            .enumerate()
            .map(|(i, parameter)| {
                let told = known.iter().filter_map(|(values, bad)| Some((parameter.coordinate(values.get(i)?)?, *bad)));
                tpe_value(parameter, told, known.len(), &mut random).unwrap_or_else(|| parameter.random(&mut random))
            })
            .collect(),
        Method::Random | Method::Tpe => parameters.iter().map(|parameter| parameter.random(&mut random)).collect(),
    }
}

/// What TPE thinks of one parameter, which it sees apart from the others, as Optuna does by default.
fn tpe_value(
    parameter: &Parameter,
    told: impl Iterator<Item = (f64, f64)>,
    known: usize,
    random: &mut Generator,
) -> Option<Value> {
    let (low, high) = parameter.ends();
    let (range, estimator) = match &parameter.values {
        Distribution::Values(values) => (tpe::categorical_range(values.len()).ok()?, tpe::histogram_estimator()),
        Distribution::Range { .. } => (tpe::range(low, high).ok()?, tpe::parzen_estimator()),
    };
    // Optuna's gamma: a tenth counts as good, but no more than 25.
    let gamma = (25.0 / known as f64).min(0.1);
    let mut optimizer = TpeOptimizerBuilder::new().gamma(gamma).candidates(CANDIDATES).build(estimator, range).ok()?;
    for (at, bad) in told {
        optimizer.tell(at, bad).ok()?;
    }
    Some(parameter.value(optimizer.ask(random).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters() -> [Parameter; 3] {
        let range = |min, max, log, whole| Distribution::Range { min, max, log, whole };
        [
            Parameter { key: "a.rate".into(), values: range(1e-6, 1.0, true, false) },
            Parameter { key: "a.size".into(), values: range(1.0, 100.0, false, true) },
            Parameter {
                key: "a.kind".into(),
                values: Distribution::Values(["p", "q", "r", "s"].map(Value::from).to_vec()),
            },
        ]
    }

    /// Best at a rate of 1e-3, a size of 30 and the kind r.
    fn badness(values: &[Value]) -> f64 {
        let number = |i: usize| values[i].as_f64().unwrap_or(f64::NAN);
        let kind = if values[2] == "r" { 0.0 } else { 1.0 };
        (number(0).log10() + 3.0).powi(2) + ((number(1) - 30.0) / 30.0).powi(2) + kind
    }

    fn best(method: Method, seed: u64, trials: usize) -> f64 {
        let parameters = parameters();
        let mut known = Vec::new();
        for number in 0..trials {
            let values = suggest(method, &parameters, &known, seed, number);
            let bad = badness(&values);
            known.push((values, bad));
        }
        known.iter().map(|(_, bad)| *bad).fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn tpe_beats_chance() {
        let compare = |seed| (best(Method::Tpe, seed, 60), best(Method::Random, seed, 60));
        let results: Vec<_> = (0..20).map(compare).collect();
        let better = results.iter().filter(|(tpe, random)| tpe < random).count();
        let mean = |pick: fn(&(f64, f64)) -> f64| results.iter().map(pick).sum::<f64>() / 20.0;
        assert!(better >= 15 && mean(|r| r.0) < 0.5 * mean(|r| r.1), "{better} of 20: {results:?}");
    }

    #[test]
    fn a_trial_depends_on_its_number_and_on_what_is_known_only() {
        let parameters = parameters();
        let known: Vec<_> = (0..15)
            .map(|number| {
                let values = suggest(Method::Random, &parameters, &[], 3, number);
                let bad = badness(&values);
                (values, bad)
            })
            .collect();
        let next = || suggest(Method::Tpe, &parameters, &known, 3, 15);
        assert_eq!(next(), next());
        assert_ne!(next(), suggest(Method::Tpe, &parameters, &known, 3, 16));
        assert_ne!(next(), suggest(Method::Tpe, &parameters, &known, 4, 15));
        // The first ones are by chance.
        let few = &known[..STARTUP - 1];
        assert_eq!(suggest(Method::Tpe, &parameters, few, 3, 9), suggest(Method::Random, &parameters, &[], 3, 9));
    }
}
