//! Saving what is all in one value.

/// [`save`](crate::Env::save) and [`restore`](crate::Env::restore) of an environment whose field `state` is all that changes, and
/// which goes on from any value of it.
macro_rules! saved_state {
    () => {
        fn save(&self) -> Option<Vec<u8>> {
            postcard::to_stdvec(&self.state).ok()
        }

        fn restore(&mut self, state: &[u8]) -> $crate::Result<()> {
            self.state = postcard::from_bytes(state).map_err($crate::EnvError::bad_state)?;
            Ok(())
        }
    };
}
pub(crate) use saved_state;
