//! What a caught panic said, and where.

use std::any::Any;
use std::cell::RefCell;
use std::panic;

thread_local! {
    /// Where this thread panicked last: `src/maze.rs:83:20`.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on panics are not printed, for what catches them tells of them: [`panic_message`] then says where, too.
pub fn note_panics() {
    panic::set_hook(Box::new(|info| PLACE.set(info.location().map(ToString::to_string))));
}

/// What a panic said that this thread caught, with its place where [`note_panics`] was called.
pub fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message");
    match PLACE.take() {
        Some(place) => format!("{text} ({place})"),
        None => text.to_owned(),
    }
}
