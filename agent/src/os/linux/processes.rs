//! What processes do (`PROC_EVENTS` of the kernel's connector): who forks, runs a program, becomes another user, ends.
//!
//! Looking into `/proc` after the fact misses half of all short-lived writers; these events come in order and are never
//! late: they are sent before the process goes on. What runs over is told by the kernel (`ENOBUFS`).

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};
use rustix::time::{ClockId, clock_gettime};

/// Events of a quarter of a second on a machine that does nothing but start programs.
const QUEUE_BYTES: usize = 8 * 1024 * 1024;

/// `CN_IDX_PROC` and `CN_VAL_PROC`.
const CONNECTOR: u32 = 1;

/// Header of netlink (16) and of the connector (20) before the event.
const HEADERS_BYTES: usize = 36;

/// Something a process did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProcessEvent {
    /// When, by [`steady_ns`].
    pub at_ns: u64,
    /// Which process.
    pub process: u32,
    /// What.
    pub deed: Deed,
}

/// What a process did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deed {
    /// It came to be, as a copy of another.
    Forked {
        /// The other.
        parent: u32,
    },
    /// It runs another program.
    Ran,
    /// It acts as this user.
    BecameUser(u32),
    /// One of its threads acts as another user than the rest of it.
    IsSeveralUsers,
    /// It ended.
    Ended,
}

/// What a look at the queue gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// There may be more.
    Some,
    /// There is nothing at this moment.
    Nothing,
    /// Events were lost: nothing that is remembered of processes can be trusted.
    Lost,
}

/// The connector's queue.
#[derive(Debug)]
pub struct ProcessEvents(OwnedFd);

impl ProcessEvents {
    /// Subscribes.
    ///
    /// # Errors
    /// Without the right (`CAP_NET_ADMIN`), in a container, or if the kernel has no connector.
    pub fn open() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::DGRAM,
            flags,
            Some(netlink::CONNECTOR),
        )?;
        // A smaller queue runs over earlier, which is told.
        match sockopt::set_socket_recv_buffer_size_force(&socket, QUEUE_BYTES) {
            Ok(()) | Err(_) => {}
        }
        rustix::net::bind(&socket, &SocketAddrNetlink::new(0, CONNECTOR))?;
        rustix::net::send(&socket, &subscription(), SendFlags::empty())?;
        let answer_within = Timespec { tv_sec: 1, tv_nsec: 0 };
        let mut polled = [PollFd::new(&socket, PollFlags::IN)];
        if rustix::event::poll(&mut polled, Some(&answer_within))? == 0 {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "the kernel does not answer"));
        }

        Ok(Self(socket))
    }

    /// Hands out one message of the queue.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(&mut self, take: &mut dyn FnMut(ProcessEvent)) -> io::Result<Taken> {
        let mut bytes = [0; 1024];
        match rustix::net::recv(&self.0, bytes.as_mut_slice(), RecvFlags::empty()) {
            Ok((_, length)) => {
                if let Some(event) = bytes.get(..length).and_then(parse) {
                    take(event);
                }
                Ok(Taken::Some)
            }
            Err(rustix::io::Errno::AGAIN) => Ok(Taken::Nothing),
            Err(rustix::io::Errno::INTR) => Ok(Taken::Some),
            Err(rustix::io::Errno::NOBUFS) => Ok(Taken::Lost),
            Err(error) => Err(error.into()),
        }
    }
}

/// Headers of netlink and connector, and the wish to listen (`PROC_CN_MCAST_LISTEN`).
fn subscription() -> Vec<u8> {
    let mut bytes = Vec::new();
    // Length, type (`NLMSG_DONE`) and flags, sequence, port.
    bytes.extend_from_slice(&40_u32.to_ne_bytes());
    bytes.extend_from_slice(&3_u16.to_ne_bytes());
    bytes.extend_from_slice(&[0; 10]);
    // Index, value, sequence, acknowledgement, length, flags.
    bytes.extend_from_slice(&CONNECTOR.to_ne_bytes());
    bytes.extend_from_slice(&CONNECTOR.to_ne_bytes());
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(&4_u16.to_ne_bytes());
    bytes.extend_from_slice(&[0; 2]);
    bytes.extend_from_slice(&1_u32.to_ne_bytes());

    bytes
}

/// `what`, processor, nanoseconds, then numbers that depend on `what`.
fn parse(message: &[u8]) -> Option<ProcessEvent> {
    let event = message.get(HEADERS_BYTES..)?;
    let number = |at: usize| Some(u32::from_ne_bytes(event.get(at..at + 4)?.try_into().ok()?));
    let at_ns = u64::from_ne_bytes(event.get(8..16)?.try_into().ok()?);
    let (thread, process) = (number(16)?, number(20)?);
    let is_whole = thread == process;
    let (process, deed) = match number(0)? {
        // Threads share everything that we tell.
        0x1 if number(24)? == number(28)? => (number(28)?, Deed::Forked { parent: process }),
        0x2 => (process, Deed::Ran),
        0x4 if is_whole => (process, Deed::BecameUser(number(28)?)),
        0x4 => (process, Deed::IsSeveralUsers),
        0x8000_0000 if is_whole => (process, Deed::Ended),
        _ => return None,
    };

    Some(ProcessEvent { at_ns, process, deed })
}

/// The clock of [`ProcessEvent::at_ns`].
#[must_use]
pub fn steady_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);

    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(now.tv_nsec).unwrap_or(0))
}

/// All processes that there are.
#[must_use]
pub fn all() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };

    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// The program that a process runs at this moment; `None` if it ended, is the kernel's own or out of reach.
#[must_use]
pub fn program(process: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{process}/exe")).ok()
}

/// The user that a process acts as at this moment.
#[must_use]
pub fn user(process: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let users = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;

    // Real, effective, saved, of the file system.
    users.split_whitespace().nth(1)?.parse().ok()
}

/// The login session that a process belongs to.
#[must_use]
pub fn session(process: u32) -> Option<u32> {
    let session = fs::read_to_string(format!("/proc/{process}/sessionid")).ok()?.trim().parse().ok()?;

    (session != u32::MAX).then_some(session)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_seen_to_fork_run_and_end_in_this_order() {
        let Ok(mut events) = ProcessEvents::open() else {
            tracing::warn!("skipped: no right to hear of processes");
            return;
        };
        let before = steady_ns();
        let mut child = std::process::Command::new("/bin/true").spawn().unwrap();
        let process = child.id();
        child.wait().unwrap();

        let mut found = Vec::new();
        let mut take = |event: ProcessEvent| {
            if event.process == process {
                assert!(event.at_ns > before && event.at_ns <= steady_ns());
                found.push(event.deed);
            }
        };
        while events.read(&mut take).unwrap() == Taken::Some {}

        assert!(matches!(found[0], Deed::Forked { .. }), "{found:?}");
        assert!(found.contains(&Deed::Ran) && found.last() == Some(&Deed::Ended), "{found:?}");
    }

    #[test]
    fn our_own_process_is_found() {
        assert!(all().contains(&std::process::id()));
        assert_eq!(program(std::process::id()), std::env::current_exe().ok());
        assert!(user(std::process::id()).is_some());
    }
}
