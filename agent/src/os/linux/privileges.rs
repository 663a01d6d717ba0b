//! Giving up, at the start, every right that the agent has no use for, however it was started.

use rustix::io::Errno;
use rustix::thread::{self, CapabilitySet, CapabilitySets};

use crate::os::Protection;

/// Reading every file and finding directories by their handles; notices of whole file systems; hearing of processes.
/// The service's unit grants the same.
const NEEDED: CapabilitySet =
    CapabilitySet::DAC_READ_SEARCH.union(CapabilitySet::SYS_ADMIN).union(CapabilitySet::NET_ADMIN);

/// Leaves the calling thread, and those that it starts from now on, only what the agent needs of root, and no way to gain
/// more. Called before any other thread runs. Works without any right too: then there is nothing to give up.
///
/// # Errors
/// If the kernel refuses; what was not given up is still there.
pub fn give_up() -> std::io::Result<Protection> {
    thread::set_no_new_privs(true)?;
    let held = thread::capabilities(None)?;
    let left = held.permitted & NEEDED;
    if held.permitted.contains(CapabilitySet::SETPCAP) {
        for one in (0..u64::BITS).map(|bit| CapabilitySet::from_bits_retain(1 << bit)) {
            if !NEEDED.contains(one) {
                forget_for_ever(one)?;
            }
        }
    }
    thread::clear_ambient_capability_set()?;
    let sets = CapabilitySets { effective: left, permitted: left, inheritable: CapabilitySet::empty() };
    thread::set_capabilities(None, sets)?;

    Ok(Protection::InForce)
}

fn forget_for_ever(one: CapabilitySet) -> std::io::Result<()> {
    match thread::remove_capability_from_bounding_set(one) {
        // A number that this kernel has no right for.
        Ok(()) | Err(Errno::INVAL) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(status: &str, name: &str) -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();

        u64::from_str_radix(line.trim_start_matches(':').trim(), 16).unwrap()
    }

    #[test]
    fn only_what_is_needed_is_left_and_nothing_more_can_be_had() {
        // Rights are a thread's: the tests beside this one keep theirs.
        let status = std::thread::spawn(|| {
            assert_eq!(give_up().unwrap(), Protection::InForce);
            assert_eq!(give_up().unwrap(), Protection::InForce, "a second time is no mistake");
            std::fs::read_to_string("/proc/thread-self/status").unwrap()
        });
        let status = status.join().unwrap();

        assert_eq!(field(&status, "NoNewPrivs"), 1);
        for set in ["CapEff", "CapPrm"] {
            assert_eq!(field(&status, set) & !NEEDED.bits(), 0, "{set}");
        }
        assert_eq!((field(&status, "CapInh"), field(&status, "CapAmb")), (0, 0));
        if rustix::process::geteuid().is_root() {
            assert_eq!(field(&status, "CapBnd") & !NEEDED.bits(), 0);
        }
    }
}
