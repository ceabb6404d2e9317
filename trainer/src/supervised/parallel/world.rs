//! Which of how many processes this is, from the variables that torchrun sets.

use std::net::IpAddr;
use std::time::Duration;

use super::error::ParallelError;

/// For how long processes wait for each other in the beginning, unless [`TIMEOUT`] says otherwise.
const PATIENCE: Duration = Duration::from_secs(300);
/// The variable with the seconds of that.
const TIMEOUT: &str = "CARTWHEEL_RENDEZVOUS_TIMEOUT";

/// A week of them.
const LONGEST_PATIENCE: usize = 604_800;
/// The variable by which torchrun says that `MASTER_PORT` is taken.
const AGENT_STORE: &str = "TORCHELASTIC_USE_AGENT_STORE";

/// A process's place among those that train together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    /// Its number, from 0.
    pub rank: usize,
    /// How many processes there are.
    pub size: usize,
    /// Its number among those of its machine, from 0.
    pub local_rank: usize,
    /// How many there are on its machine.
    pub local_size: usize,
    /// Where rank 0 listens.
    pub(super) host: String,
    pub(super) port: u16,
    /// For how long others are waited for in the beginning.
    pub(super) patience: Duration,
}

impl World {
    /// Of a process alone.
    pub fn alone() -> Self {
        Self::local(1)
    }

    /// Of rank 0 of `size` processes on this machine.
    pub(crate) fn local(size: usize) -> Self {
        Self { rank: 0, size, local_rank: 0, local_size: size, host: "127.0.0.1".into(), port: 0, patience: PATIENCE }
    }

    /// What the variables of this process say: `RANK`, `WORLD_SIZE`, `MASTER_ADDR` and `MASTER_PORT`, and `LOCAL_RANK` and
    /// `LOCAL_WORLD_SIZE` if they are set. None if neither `RANK` nor `WORLD_SIZE` is.
    ///
    /// # Errors
    /// Which variable is missing or wrong.
    pub fn from_env() -> Result<Option<Self>, ParallelError> {
        Self::from_variables(|name| Some(std::env::var_os(name)?.to_string_lossy().into_owned()))
    }

    /// The same, of variables that `get` knows.
    pub(super) fn from_variables(get: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, ParallelError> {
        let unfit = |problem: String| Err(ParallelError::Unfit(problem));
        // Templates of jobs set what they do not know to nothing.
        let get = |name: &str| get(name).filter(|text| !text.trim().is_empty());
        let number = |name: &str| match get(name).map(|text| (text.trim().parse::<usize>(), text)) {
            None => Ok(None),
            Some((Ok(number), _)) => Ok(Some(number)),
            Some((Err(_), text)) => Err(ParallelError::Unfit(format!(
                "{name} is {text:?}, and must be a whole number: set it, or leave it out"
            ))),
        };
        let mut world = Self::alone();
        if let Some(seconds) = number(TIMEOUT)? {
            if seconds > LONGEST_PATIENCE {
                return unfit(format!("{TIMEOUT} is {seconds}, and must be at most {LONGEST_PATIENCE} seconds"));
            }
            world.patience = Duration::from_secs(seconds as u64);
        }
        (world.rank, world.size) = match (number("RANK")?, number("WORLD_SIZE")?) {
            (None, None) => return Ok(None),
            (Some(rank), None) => {
                return unfit(format!(
                    "RANK is {rank}, and WORLD_SIZE is not set: set it to the number of processes, or leave RANK out"
                ));
            }
            (None, Some(size)) => {
                return unfit(format!(
                    "WORLD_SIZE is {size}, and RANK is not set: set it to this process's number, from 0, or leave WORLD_SIZE out"
                ));
            }
            (Some(_), Some(0)) => return unfit("WORLD_SIZE is 0, and must be 1 or more".into()),
            (Some(rank), Some(size)) if rank >= size => {
                return unfit(format!("RANK is {rank}, and WORLD_SIZE {size}: ranks are from 0 to {}", size - 1));
            }
            (Some(rank), Some(size)) => (rank, size),
        };
        world.local_rank = number("LOCAL_RANK")?.unwrap_or(0);
        world.local_size = number("LOCAL_WORLD_SIZE")?.unwrap_or(1).max(1);
        if world.size == 1 {
            return Ok(Some(world));
        }
        world.host = match get("MASTER_ADDR") {
            Some(host) => host.trim().to_owned(),
            None => return unfit("MASTER_ADDR is not set: set it to the name or address of rank 0's machine".into()),
        };
        world.port = match number("MASTER_PORT")?.map(u16::try_from) {
            // torchrun's own store listens at it then, and tells the processes that it does.
            Some(Ok(port)) if get(AGENT_STORE).is_some_and(|is_there| is_there == "True") => {
                port.checked_add(1).unwrap_or(1024)
            }
            Some(Ok(port)) if port > 0 => port,
            Some(_) => return unfit("MASTER_PORT must be from 1 to 65535".into()),
            None => {
                return unfit(
                    "MASTER_PORT is not set: set it to a free port of rank 0's machine, such as 29500".into(),
                );
            }
        };
        Ok(Some(world))
    }

    /// Whether rank 0 is to be reached from its own machine alone.
    pub(super) fn is_of_one_machine(&self) -> bool {
        self.host == "localhost" || self.host.parse().is_ok_and(|host: IpAddr| host.is_loopback())
    }

    /// Where rank 0 listens, for people.
    pub(super) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &str) -> Result<Option<World>, String> {
        let get = |name: &str| {
            let mut all = variables.split_whitespace().filter_map(|one| one.split_once('='));
            all.find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
        };
        World::from_variables(get).map_err(|error| error.to_string())
    }

    #[test]
    fn torchruns_variables_are_understood() {
        assert_eq!(of("MASTER_ADDR=a MASTER_PORT=1"), Ok(None));
        let world = of("RANK=3 WORLD_SIZE=4 MASTER_ADDR=node1 MASTER_PORT=29500 LOCAL_RANK=1 LOCAL_WORLD_SIZE=2");
        let world = world.expect("they fit").expect("set");
        assert_eq!((world.rank, world.size, world.local_rank, world.local_size), (3, 4, 1, 2));
        assert_eq!((world.address().as_str(), world.patience), ("node1:29500", PATIENCE));
        let started = of("RANK=0 WORLD_SIZE=2 MASTER_ADDR=a MASTER_PORT=29500 TORCHELASTIC_USE_AGENT_STORE=True");
        assert_eq!(started.expect("they fit").expect("set").address(), "a:29501");
        assert_eq!(of("RANK= WORLD_SIZE="), Ok(None));
        let alone = of("RANK=0 WORLD_SIZE=1 CARTWHEEL_RENDEZVOUS_TIMEOUT=7").expect("they fit").expect("set");
        assert_eq!((alone.size, alone.patience), (1, Duration::from_secs(7)));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (variables, words) in [
            ("CARTWHEEL_RENDEZVOUS_TIMEOUT=18446744073709551615", ["CARTWHEEL_RENDEZVOUS_TIMEOUT", "604800"]),
            ("RANK=0", ["RANK is 0", "WORLD_SIZE"]),
            ("WORLD_SIZE=2", ["WORLD_SIZE is 2", "RANK is not set"]),
            ("RANK=2 WORLD_SIZE=2", ["RANK is 2", "from 0 to 1"]),
            ("RANK=0 WORLD_SIZE=0", ["WORLD_SIZE is 0", "1 or more"]),
            ("RANK=-1 WORLD_SIZE=2", ["RANK is \"-1\"", "whole number"]),
            ("RANK=0 WORLD_SIZE=2 MASTER_PORT=1", ["MASTER_ADDR", "not set"]),
            ("RANK=0 WORLD_SIZE=2 MASTER_ADDR=a", ["MASTER_PORT", "29500"]),
            ("RANK=0 WORLD_SIZE=2 MASTER_ADDR=a MASTER_PORT=70000", ["MASTER_PORT", "65535"]),
            ("RANK=0 WORLD_SIZE=2 MASTER_ADDR=a MASTER_PORT=x", ["MASTER_PORT is \"x\"", "whole number"]),
        ] {
            let told = of(variables).expect_err("refused");
            assert!(words.iter().all(|word| told.contains(word)), "{variables}: {told}");
        }
    }
}
