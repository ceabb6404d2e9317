//! Threads that answer the newest request: who drags a slider asks for more than anybody wants to see.

use std::io;
use std::thread;

use crossbeam::channel::{Sender, unbounded};

/// Starts a thread that does `work` for the newest request and forgets those that it overtook. `work` is handed a
/// question to ask now and then: whether a newer request waits, so that there is no use in going on. The thread ends
/// when the sender is dropped.
///
/// # Errors
/// If the operating system has no more threads.
pub(crate) fn latest<R: Send + 'static>(
    name: &str,
    mut work: impl FnMut(R, &dyn Fn() -> bool) + Send + 'static,
) -> io::Result<Sender<R>> {
    let (sender, requests) = unbounded::<R>();
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        while let Ok(first) = requests.recv() {
            let newest = requests.try_iter().last().unwrap_or(first);
            work(newest, &|| !requests.is_empty());
        }
    })?;
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_request_wins() {
        let (begun, has_begun) = unbounded();
        let (done, answers) = unbounded();
        let requests = latest("test", move |request: u32, overtaken| {
            begun.send(()).unwrap();
            // The first goes on until it is overtaken; a test that never ends fails, too.
            while request == 0 && !overtaken() {
                thread::yield_now();
            }
            done.send(request).unwrap();
        })
        .unwrap();
        requests.send(0).unwrap();
        has_begun.recv().unwrap();
        requests.send(1).unwrap();
        assert_eq!(answers.recv().unwrap(), 0);
        assert_eq!(answers.recv().unwrap(), 1);
        drop(requests);
        assert!(answers.recv().is_err(), "the thread has ended");
    }

    #[test]
    fn those_in_between_are_forgotten() {
        let (go, may_go) = unbounded::<()>();
        let (done, answers) = unbounded();
        let requests = latest("test", move |request: u32, _| {
            let _ = may_go.recv();
            done.send(request).unwrap();
        })
        .unwrap();
        (0..10).for_each(|request| requests.send(request).unwrap());
        drop((requests, go));
        let answers: Vec<_> = answers.iter().collect();
        assert_eq!(answers.last(), Some(&9));
        assert!(answers.len() <= 2, "{answers:?}");
    }
}
