//! Locks whose holder panicked.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks; a lock whose holder panicked still guards whole values, as each is written in one step.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
