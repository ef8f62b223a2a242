//! The runtime on which commands run.

/// Runs a command's future on this thread, with timers and signals.
///
/// # Errors
/// When the operating system cannot provide another runtime.
pub fn block_on<T>(future: impl Future<Output = T>) -> std::io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(future);
    // A thread that still waits for a disk must not keep the process from ending.
    runtime.shutdown_background();
    Ok(result)
}
