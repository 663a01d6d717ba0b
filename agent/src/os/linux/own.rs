//! What our own process uses.

use std::io;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::os::OwnUse;

/// `USER_HZ`: what Linux counts processor time in towards programs, on every architecture that Debian has.
const TICKS_PER_SECOND: u64 = 100;

/// What our own process uses at this moment.
///
/// # Errors
/// If the kernel's own view of us cannot be read.
pub fn used() -> io::Result<OwnUse> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let stat = std::fs::read_to_string("/proc/self/stat")?;

    parse(&status, &stat).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Processor time that the calling thread has used so far.
#[must_use]
pub fn thread_time() -> Duration {
    let used = clock_gettime(ClockId::ThreadCPUTime);

    Duration::new(u64::try_from(used.tv_sec).unwrap_or(0), u32::try_from(used.tv_nsec).unwrap_or(0))
}

fn parse(status: &str, stat: &str) -> Option<OwnUse> {
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = resident.split_whitespace().next()?.parse().ok()?;
    // The program's name stands in brackets and may hold anything; fields are counted behind it.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;

    Some(OwnUse {
        memory_bytes: kibibytes * 1024,
        processor_ms: (user + system).saturating_mul(1_000 / TICKS_PER_SECOND),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bracket_in_the_programs_name_does_not_shift_the_fields() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0 5 1 2";

        assert_eq!(
            parse("Name:\tx\nVmRSS:\t  2048 kB\n", stat),
            Some(OwnUse { memory_bytes: 2 << 20, processor_ms: 3_000 })
        );
    }

    #[test]
    fn this_process_uses_some_memory() {
        assert!(used().unwrap().memory_bytes > 100_000);
    }
}
