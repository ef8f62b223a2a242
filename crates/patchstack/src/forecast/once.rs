//! A value that is found out when it is first needed, by one of several threads.

use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Result;

/// The value, if it is known already.
pub(super) struct Once<T>(Mutex<Option<Arc<T>>>);

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Once<T> {
    /// The value, which `find` finds out if nobody has yet. Others wait meanwhile. After an error, the next one tries again.
    pub(super) fn get(&self, find: impl FnOnce() -> Result<T>) -> Result<Arc<T>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = &*known {
            return Ok(Arc::clone(value));
        }
        let value = Arc::new(find()?);
        *known = Some(Arc::clone(&value));
        Ok(value)
    }
}
