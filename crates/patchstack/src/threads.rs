//! Threads that are waited for where they were started.

use std::thread::ScopedJoinHandle;

/// What a thread returned. If it panicked, the panic continues here.
pub(crate) fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
