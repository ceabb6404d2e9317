//! Takes the window's orders, and hands each to the thread that does it.

use std::io;

use crossbeam::channel::{Receiver, bounded, unbounded};

use super::Order;
use super::episode_infos::{self, InfosOf};
use super::files::Files;
use super::live::{self, Message};
use super::replay_threads::ReplayThreads;
use crate::model::Update;

/// Messages of a live run that may wait for the window; past this the oldest give way.
const QUEUE: usize = 256;

/// Starts all sources. They do what comes from `orders` until the last sender is dropped, or it says [`Order::End`], and
/// tell what they find in the receivers that are answered.
///
/// # Errors
/// If the operating system has no more threads.
pub(crate) fn open(orders: Receiver<Order>) -> io::Result<Vec<Receiver<Update>>> {
    let files = Files::start()?;
    let (told, live_updates) = bounded(QUEUE);
    let (live, inbox) = unbounded();
    std::thread::Builder::new().name("live-run".to_owned()).spawn(move || live::stay_attached(&inbox, &told))?;
    let (told, films) = unbounded();
    let infos = {
        let told = told.clone();
        episode_infos::start(move |update| drop(told.send(update)))?
    };
    let mut replay_threads = ReplayThreads::open(move |update| drop(told.send(update)))?;
    // In this order: what is known of a run comes before what is asked about it.
    let updates = vec![files.updates().clone(), live_updates, films];
    std::thread::Builder::new().name("dispatch".to_owned()).spawn(move || {
        for order in orders {
            let Some(order) = replay_threads.obey(order) else { continue };
            match order {
                Order::Follow(folder) => files.open(folder),
                // The threads live as long as this one.
                Order::Attach(run, folder) => drop(live.send(Message::Attach(run, folder))),
                Order::Send(request) => drop(live.send(Message::Send(request))),
                Order::ReadInfos(run, folder, episodes) => drop(infos.send(InfosOf { run, folder, episodes })),
                Order::Replay(..) | Order::JudgeBy(_) | Order::WhatIf(..) | Order::Compare(..) => {}
                Order::End => return,
            }
        }
    })?;
    Ok(updates)
}
