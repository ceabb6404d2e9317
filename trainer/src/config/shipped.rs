//! Tuned settings that are shipped: `trainer/configs/<algorithm>/<environment>.toml`.

use crate::Algo;

/// What is shipped, by algorithm and environment: `own` has settings of its own, and `lent` those of another environment, which were not
/// searched for on it.
macro_rules! shipped {
    (
        own { $($algo:ident in $folder:literal: $($env:literal)+;)+ }
        lent { $($borrower:ident in $from:literal: $($lent:literal as $lender:literal)+;)+ }
    ) => {
        &[
            $($((Algo::$algo, $env, include_str!(concat!("../../configs/", $folder, "/", $env, ".toml"))),)+)+
            $($((Algo::$borrower, $lent, include_str!(concat!("../../configs/", $from, "/", $lender, ".toml"))),)+)+
        ]
    };
}

/// Algorithm, environment, and the settings as TOML.
pub(super) const SHIPPED: &[(Algo, &str, &str)] = shipped! {
    own {
        A2c in "a2c": "Acrobot-v1" "CartPole-v1" "MountainCar-v0" "MountainCarContinuous-v0" "Pendulum-v1";
        Apex in "apex": "CartPole-v1";
        Bc in "bc": "CartPole-v1" "Pendulum-v1";
        Cql in "cql": "CartPole-v1" "Pendulum-v1";
        Ddpg in "ddpg": "MountainCarContinuous-v0" "Pendulum-v1";
        DiscreteSac in "discrete-sac": "CartPole-v1";
        Dqn in "dqn": "Acrobot-v1" "CartPole-v1" "MinAtar/Asterix-v1" "MinAtar/Breakout-v1" "MountainCar-v0";
        Her in "her": "BitFlip-v0" "Reacher2D-v0";
        Impala in "impala": "CartPole-v1";
        Iqn in "iqn": "CartPole-v1";
        Ppo in "ppo":
            "Acrobot-v1" "CartPole-v1" "MinAtar/Breakout-v1" "MinAtar/Freeway-v1" "MountainCar-v0" "MountainCarContinuous-v0" "Pendulum-v1";
        Pqn in "pqn": "CartPole-v1";
        Qrdqn in "qrdqn": "Acrobot-v1" "CartPole-v1" "MountainCar-v0";
        Rainbow in "rainbow": "CartPole-v1" "MinAtar/Breakout-v1";
        RecurrentPpo in "recurrent-ppo": "MaskedCartPole-v1";
        Reinforce in "reinforce": "CartPole-v1";
        Sac in "sac": "MountainCarContinuous-v0" "Pendulum-v1";
        Td3 in "td3": "MountainCarContinuous-v0" "Pendulum-v1";
        Tqc in "tqc": "MountainCarContinuous-v0" "Pendulum-v1";
    }
    lent {
        Dqn in "dqn":
            "MinAtar/Freeway-v1" as "MinAtar/Breakout-v1"
            "MinAtar/Seaquest-v1" as "MinAtar/Asterix-v1"
            "MinAtar/SpaceInvaders-v1" as "MinAtar/Breakout-v1";
        Ppo in "ppo":
            "MinAtar/Asterix-v1" as "MinAtar/Freeway-v1"
            "MinAtar/Seaquest-v1" as "MinAtar/Freeway-v1"
            "MinAtar/SpaceInvaders-v1" as "MinAtar/Breakout-v1";
    }
};
