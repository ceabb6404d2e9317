//! How Gymnasium makes the environment of a dataset again: what `recover_environment` goes by.

use cartwheel_envs::{EnvSpec, Kwargs};
use serde_json::{Value, json};

/// Those of our environments that Gymnasium has by the same name. The others are in the Python package `cartwheel`.
const GYMNASIUM: [&str; 12] = [
    "CartPole-v0",
    "CartPole-v1",
    "MountainCar-v0",
    "MountainCarContinuous-v0",
    "Pendulum-v1",
    "Acrobot-v1",
    "FrozenLake-v1",
    "FrozenLake8x8-v1",
    "CliffWalking-v1",
    "CliffWalkingSlippery-v1",
    "Taxi-v4",
    "Blackjack-v1",
];

/// A Gymnasium `EnvSpec`, as JSON, for the environment `id`, of which `spec` tells, with keyword arguments.
pub(super) fn env_spec(id: &str, kwargs: &Kwargs, spec: &EnvSpec) -> String {
    let mut kwargs = kwargs.clone();
    let elsewhere = id.starts_with("py:") || GYMNASIUM.contains(&id);
    let (id, entry_point, key, own) = match id.strip_prefix("py:") {
        Some(python) => (python.to_owned(), "gymnasium:make", "id", python.to_owned()),
        None if GYMNASIUM.contains(&id) => (id.to_owned(), "gymnasium:make", "id", id.to_owned()),
        None => (format!("cartwheel/{}", id.replace('/', "-")), "cartwheel:CartwheelEnv", "env_id", id.to_owned()),
    };
    // The module that registers it is named in the argument; a spec's own name has none.
    let id = id.rsplit(':').next().unwrap_or_default();
    kwargs.insert(key.into(), Value::String(own));
    json!({
        "id": id, "entry_point": entry_point, "reward_threshold": spec.reward_threshold, "nondeterministic": false,
        // An environment that Gymnasium makes within has its time limit already.
        "max_episode_steps": spec.max_episode_steps.filter(|_| !elsewhere),
        "order_enforce": !elsewhere, "disable_env_checker": true,
        "kwargs": kwargs, "additional_wrappers": [], "vector_entry_point": null,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environments_are_made_where_they_are() {
        let spec = cartwheel_envs::spec("CartPole-v1").unwrap();
        let of = |id: &str| serde_json::from_str::<Value>(&env_spec(id, &Kwargs::new(), &spec)).unwrap();
        let found = |id: &str| {
            let spec = of(id);
            [&spec["id"], &spec["entry_point"], &spec["kwargs"]].map(Value::to_string)
        };
        assert_eq!(found("CartPole-v1"), ["\"CartPole-v1\"", "\"gymnasium:make\"", "{\"id\":\"CartPole-v1\"}"]);
        let breakout =
            ["\"cartwheel/MinAtar-Breakout-v1\"", "\"cartwheel:CartwheelEnv\"", "{\"env_id\":\"MinAtar/Breakout-v1\"}"];
        assert_eq!(found("MinAtar/Breakout-v1"), breakout);
        let limits = ["CartPole-v1", "MinAtar/Breakout-v1"].map(|id| of(id)["max_episode_steps"].clone());
        assert_eq!(limits, [Value::Null, 500.into()], "Gymnasium's own make applies the limit, our class does not");
        let pong = ["\"ALE/Pong-v5\"", "\"gymnasium:make\"", "{\"id\":\"ale_py:ALE/Pong-v5\"}"];
        assert_eq!(found("py:ale_py:ALE/Pong-v5"), pong);
    }
}
