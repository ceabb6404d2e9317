//! Processes that are threads, for tests.

use std::sync::Arc;

use super::group::Group;
use super::hello::Hello;
use super::meeting::Meeting;
use super::world::World;

/// What `work` comes to in each of `size` processes, by rank.
pub(crate) fn together<T: Send>(size: usize, work: impl Fn(&Group) -> T + Sync) -> Vec<T> {
    let meeting = Meeting::of(World::local(size), Arc::default()).expect("a port");
    let port = meeting.world().port;
    std::thread::scope(|scope| {
        let work = &work;
        let others: Vec<_> = (1..size)
            .map(|rank| {
                scope.spawn(move || {
                    let world = World { rank, port, ..World::local(size) };
                    let meeting = Meeting::of(world, Arc::default()).expect("nothing can fail yet");
                    work(&meeting.meet(&Hello::of(rank, size)).expect("rank 0 is there"))
                })
            })
            .collect();
        let own = work(&meeting.meet(&Hello::of(0, size)).expect("all come"));
        let others = others.into_iter().map(|thread| thread.join().expect("it does not panic"));
        std::iter::once(own).chain(others).collect()
    })
}
