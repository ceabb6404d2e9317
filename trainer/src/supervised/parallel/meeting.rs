//! How processes find each other: all come to rank 0, which looks whether they fit together and tells each where the others are.

use std::collections::hash_map::RandomState;
use std::ffi::OsString;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::error::ParallelError;
use super::group::Group;
use super::hello::Hello;
use super::link::{Kind, Link, encode};
use super::processes::{Workers, end_with_rank_0};
use super::world::World;

/// What each connection begins with, and the version of what follows.
const MAGIC: [u8; 8] = *b"CWtogthr";
const PROTOCOL: u32 = 1;
/// How long a connection may take to say what it is.
const INTRODUCTION: Duration = Duration::from_secs(10);
/// Between two looks at whether somebody has come.
const PAUSE: Duration = Duration::from_millis(5);
/// After how long people are told what is waited for.
const SILENCE: Duration = Duration::from_secs(3);
/// Between two attempts to reach rank 0, and how long one may take.
const RETRY: Duration = Duration::from_millis(100);
const ATTEMPT: Duration = Duration::from_secs(5);

/// Rank 0's answer to each: where those listen who have come, by rank.
#[derive(Debug, Serialize, Deserialize)]
struct Welcome {
    /// The address is none of those on rank 0's own machine.
    places: Vec<(Option<IpAddr>, u16)>,
    /// What strangers do not know.
    key: u64,
}

/// A process that is ready to meet the others.
#[derive(Debug)]
pub(crate) struct Meeting {
    world: World,
    /// Of rank 0.
    listener: Option<TcpListener>,
    workers: Workers,
    /// Becomes true when this process is to end.
    stop: Arc<AtomicBool>,
}

impl Meeting {
    /// Of the process at this place; rank 0 listens from now on, so that a port that is taken is told at once.
    pub(crate) fn of(mut world: World, stop: Arc<AtomicBool>) -> Result<Self, ParallelError> {
        let leads = world.size > 1 && world.rank == 0;
        let listener = leads.then(|| listen(&world)).transpose()?;
        if let Some(listener) = &listener {
            world.port = listener.local_addr().map_err(|error| ParallelError::Apart(error.to_string()))?.port();
        }
        end_with_rank_0();
        Ok(Self { world, listener, workers: Workers::default(), stop })
    }

    /// Starts all others on this machine: `program` with `args` each. One that fails makes `stop` true, for where this process
    /// waits for something else than the others.
    pub(crate) fn start(&mut self, program: &Path, args: &[OsString]) -> Result<(), ParallelError> {
        self.workers = Workers::start(program, args, &self.world, self.stop.clone())?;
        Ok(())
    }

    /// This process's place.
    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    /// Waits for all.
    pub(crate) fn meet(self, hello: &Hello) -> Result<Group, ParallelError> {
        let links = match &self.listener {
            Some(listener) => receive(listener, &self.world, hello, &self.workers, &self.stop)?,
            None if self.world.size == 1 => vec![None],
            None => join(&self.world, hello, &self.stop)?,
        };
        Ok(Group::new(self.world.rank, links, self.workers))
    }
}

/// Listens where others come to rank 0.
fn listen(world: &World) -> Result<TcpListener, ParallelError> {
    let address: IpAddr = if world.is_of_one_machine() {
        world.host.parse().unwrap_or(Ipv4Addr::LOCALHOST.into())
    } else {
        // What the name means here may be an address that others do not reach.
        let addresses: Vec<SocketAddr> =
            (world.host.as_str(), world.port).to_socket_addrs().map(Iterator::collect).unwrap_or_default();
        let is_new = !addresses.is_empty() && addresses.iter().all(SocketAddr::is_ipv6);
        if is_new { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() }
    };
    TcpListener::bind((address, world.port)).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => ParallelError::Unfit(format!(
            "port {} is taken by another program: set MASTER_PORT to another one, for all processes",
            world.port
        )),
        _ => ParallelError::Apart(format!("cannot listen at port {} (MASTER_PORT): {error}", world.port)),
    })
}

/// Waiting for other processes, which ends when it has taken too long or this process is to end.
struct Wait {
    begun: Instant,
    patience: Duration,
    told: bool,
}

impl Wait {
    fn new(world: &World) -> Self {
        Self { begun: Instant::now(), patience: world.patience, told: false }
    }

    /// Whether it has taken too long. People are told once `what` is waited for.
    fn is_over(&mut self, stop: &AtomicBool, what: impl FnOnce() -> String) -> Result<bool, ParallelError> {
        if stop.load(Ordering::Relaxed) {
            return Err(ParallelError::Stopped);
        }
        let waited = self.begun.elapsed();
        if !self.told && waited >= SILENCE {
            self.told = true;
            tracing::warn!("waiting: {}", what());
        }
        Ok(waited >= self.patience)
    }
}

/// Rank 0: takes all others in.
fn receive(
    listener: &TcpListener,
    world: &World,
    own: &Hello,
    workers: &Workers,
    stop: &AtomicBool,
) -> Result<Vec<Option<Link>>, ParallelError> {
    let mut links: Vec<Option<Link>> = (0..world.size).map(|_| None).collect();
    let mut places = vec![(None, 0); world.size];
    let met = wait_for_all(listener, world, own, (workers, stop), &mut links, &mut places).and_then(|()| {
        let key = RandomState::new().build_hasher().finish();
        let welcome = encode(&Welcome { places, key });
        links.iter().flatten().try_for_each(|link| link.send(Kind::Welcome, &welcome).map_err(|error| link.why(&error)))
    });
    if let Err(error) = &met {
        links.iter().flatten().for_each(|link| link.fail(error));
    }
    met.map(|()| links)
}

fn wait_for_all(
    listener: &TcpListener,
    world: &World,
    own: &Hello,
    (workers, stop): (&Workers, &AtomicBool),
    links: &mut [Option<Link>],
    places: &mut [(Option<IpAddr>, u16)],
) -> Result<(), ParallelError> {
    let mut wait = Wait::new(world);
    while links.iter().flatten().count() + 1 < world.size {
        // Whoever else comes is nobody to wait longer for.
        if let Some(failed) = workers.first_failed() {
            return Err(failed);
        }
        let missing = || {
            let ranks = (1..world.size).filter(|rank| links[*rank].is_none()).map(|rank| rank.to_string());
            format!("rank {}", ranks.collect::<Vec<_>>().join(", "))
        };
        if wait.is_over(stop, || format!("{} is to come to {}", missing(), world.address()))? {
            return Err(ParallelError::Apart(format!(
                "{} did not come to {} within {} s: start all {} processes, with the same MASTER_ADDR and MASTER_PORT",
                missing(),
                world.address(),
                world.patience.as_secs(),
                world.size
            )));
        }
        let Some((stream, from)) = accept(listener)? else {
            std::thread::sleep(PAUSE);
            continue;
        };
        match greeted(stream) {
            // Somebody else's connection, or one that broke off: those who belong here come again.
            Ok(None) => {}
            Ok(Some((version, link))) if version != PROTOCOL => {
                let unfit = ParallelError::Unfit(format!(
                    "a process at {} is of another version of cartwheel: install the same on all machines",
                    from.ip()
                ));
                link.fail(&unfit);
                return Err(unfit);
            }
            Ok(Some((_, mut link))) => {
                let Ok((hello, port)) = link.receive::<(Hello, u16)>(Kind::Hello) else { continue };
                let taken = links.get(hello.rank).is_some_and(Option::is_some);
                let double = || format!("two processes are rank {}: each needs a RANK of its own", hello.rank);
                if let Some(problem) = own.differs(&hello).or_else(|| taken.then(double)) {
                    let unfit = ParallelError::Unfit(problem);
                    link.fail(&unfit);
                    return Err(unfit);
                }
                link.rank = hello.rank;
                settle(&link).map_err(|error| ParallelError::Apart(error.to_string()))?;
                places[hello.rank] = (Some(from.ip()).filter(|ip| !ip.is_loopback()), port);
                links[hello.rank] = Some(link);
            }
            Err(error) => tracing::debug!("a connection from {from}: {error}"),
        }
    }
    Ok(())
}

/// The other ranks: goes to rank 0, and from there to those of lower ranks; those of higher ranks come.
fn join(world: &World, hello: &Hello, stop: &AtomicBool) -> Result<Vec<Option<Link>>, ParallelError> {
    let apart = |error: io::Error| ParallelError::Apart(format!("cannot connect to other ranks: {error}"));
    let first = Link::new(0, reach(world, stop)?).map_err(apart)?;
    let (here, there) = (first.stream().local_addr().map_err(apart)?, first.stream().peer_addr().map_err(apart)?);
    let any: IpAddr = match here {
        _ if world.is_of_one_machine() => here.ip(),
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let listener = TcpListener::bind((any, 0)).map_err(apart)?;
    let port = listener.local_addr().map_err(apart)?.port();
    greet(&first, Kind::Hello, &encode(&(hello, port))).map_err(|error| first.why(&error))?;
    // Rank 0 may still read its data.
    while !first.has_message().map_err(|error| first.why(&error))? {
        if stop.load(Ordering::Relaxed) {
            return Err(ParallelError::Stopped);
        }
    }
    let Welcome { places, key } = first.receive(Kind::Welcome)?;
    let mut links: Vec<Option<Link>> = (0..world.size).map(|_| None).collect();
    links[0] = Some(first);
    for (rank, slot) in links.iter_mut().enumerate().take(world.rank).skip(1) {
        let (ip, port) = places.get(rank).copied().unwrap_or_default();
        let address = SocketAddr::new(ip.unwrap_or(there.ip()), port);
        let failed =
            |error| ParallelError::Apart(format!("rank {} cannot reach rank {rank} at {address}: {error}", world.rank));
        let link = TcpStream::connect_timeout(&address, INTRODUCTION)
            .and_then(|stream| Link::new(rank, stream))
            .map_err(failed)?;
        greet(&link, Kind::Peer, &encode(&(world.rank, key))).map_err(failed)?;
        *slot = Some(link);
    }
    let mut wait = Wait::new(world);
    while let Some(missing) = (0..world.size).find(|rank| *rank != world.rank && links[*rank].is_none()) {
        if wait.is_over(stop, || format!("rank {missing} is to come to rank {}", world.rank))? {
            let seconds = world.patience.as_secs();
            return Err(ParallelError::Apart(format!(
                "rank {missing} did not come to rank {} within {seconds} s",
                world.rank
            )));
        }
        let Some((stream, _)) = accept(&listener)? else {
            std::thread::sleep(PAUSE);
            continue;
        };
        let Ok(Some((PROTOCOL, mut link))) = greeted(stream) else { continue };
        let Ok((rank, told)) = link.receive::<(usize, u64)>(Kind::Peer) else { continue };
        if told == key && rank > world.rank && rank < world.size {
            link.rank = rank;
            settle(&link).map_err(apart)?;
            links[rank] = Some(link);
        }
    }
    Ok(links)
}

/// Somebody who has come, if anybody has.
fn accept(listener: &TcpListener) -> Result<Option<(TcpStream, SocketAddr)>, ParallelError> {
    let accepted = listener.set_nonblocking(true).and_then(|()| listener.accept());
    match accepted {
        Ok(come) => Ok(Some(come)),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::ConnectionAborted
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(ParallelError::Apart(format!("cannot take connections in: {error}"))),
    }
}

/// Says what kind of connection this is, and then the first message.
fn greet(link: &Link, kind: Kind, message: &[u8]) -> io::Result<()> {
    let mut stream = link.stream();
    stream.write_all(&[&MAGIC[..], &PROTOCOL.to_le_bytes()].concat())?;
    link.send(kind, message)
}

/// The version of who comes by a connection, if it is one of us. It has to go on soon.
fn greeted(stream: TcpStream) -> io::Result<Option<(u32, Link)>> {
    let link = Link::new(0, stream)?;
    let mut stream = link.stream();
    stream.set_read_timeout(Some(INTRODUCTION))?;
    let mut greeting = [0; 12];
    stream.read_exact(&mut greeting)?;
    let version = u32::from_le_bytes(std::array::from_fn(|at| greeting[8 + at]));
    Ok((greeting[..8] == MAGIC).then_some((version, link)))
}

/// From now on it may be silent for as long as it likes.
fn settle(link: &Link) -> io::Result<()> {
    link.stream().set_read_timeout(None)
}

/// A connection to rank 0, which may not listen yet.
fn reach(world: &World, stop: &AtomicBool) -> Result<TcpStream, ParallelError> {
    let mut wait = Wait::new(world);
    loop {
        let attempt = (world.host.as_str(), world.port).to_socket_addrs().and_then(|addresses| {
            let mut failed = io::Error::other("the name has no address");
            for address in addresses {
                match TcpStream::connect_timeout(&address, ATTEMPT) {
                    // A port of its own that nobody listens at may be connected with itself.
                    Ok(stream) if stream.local_addr()? != stream.peer_addr()? => return Ok(stream),
                    Ok(_) => {}
                    Err(error) => failed = error,
                }
            }
            Err(failed)
        });
        match attempt {
            Ok(stream) => return Ok(stream),
            Err(error) if wait.is_over(stop, || format!("rank 0 is to answer at {}", world.address()))? => {
                return Err(ParallelError::Apart(format!(
                    "rank 0 did not answer at {} within {} s ({error}): start it there, or mend MASTER_ADDR and MASTER_PORT",
                    world.address(),
                    world.patience.as_secs()
                )));
            }
            Err(_) => std::thread::sleep(RETRY),
        }
    }
}
