//! mallopt(3): how much memory the C library's allocator keeps that nobody uses.

/// Makes glibc's allocator give back what is free, for who allocates little and lives long: all threads
/// share one heap, and what is free at its end beyond 128 KiB goes back to the kernel.
///
/// By default each thread that finds a heap busy gets one of its own, up to eight for each processor, and
/// a large block that is given back once raises what every heap keeps, up to 64 MiB. To be called before
/// there are threads. Another C library's allocator stays as it is.
pub fn keep_little_memory() {
    #[cfg(target_env = "gnu")]
    for (parameter, value) in [(libc::M_ARENA_MAX, 1), (libc::M_TRIM_THRESHOLD, 128 << 10)] {
        // SAFETY: mallopt reads two integers. An unknown parameter is refused, which changes nothing.
        unsafe { libc::mallopt(parameter, value) };
    }
}
