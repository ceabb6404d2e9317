//! CPU time, which other programs on the machine do not stretch.

use rustix::time::{ClockId, clock_gettime};

/// CPU seconds that the calling thread has used.
pub fn thread_cpu_time() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
