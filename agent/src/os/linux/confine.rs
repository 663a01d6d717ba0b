//! Keeping one thread, and those that it starts, from everything but what it is for: Landlock and no capability.
//!
//! Both are a thread's own in Linux. What is asked for here cannot be taken back. Memory is shared with the other
//! threads all the same: this holds against a mistake that opens what it should not, not against code of a stranger.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, RestrictionStatus, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use rustix::thread::{self, CapabilitySet, CapabilitySets};

use crate::os::Confinement;

/// What the C library reads to resolve a name. Most are replaced whole when they change, and a right belongs to the
/// file and not to its name: see [`Reach::is_stale`].
const NAMES: [&str; 7] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/mdns.allow",
    "/etc/ld.so.cache",
];

/// Where the system's services keep what `/etc/resolv.conf` is a link to, and where the C library's modules for names
/// lie. Whole folders: what is in them is nobody's secret.
const FOLDERS: [&str; 7] = [
    "/run/systemd/resolve",
    "/run/NetworkManager",
    "/run/resolvconf",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
];

/// The newest rules that are asked for; an older kernel enforces those that it knows.
const RULES: ABI = ABI::V6;

/// What the thread that talks to the collector may still reach: its folder, and what resolving a name needs.
#[derive(Debug)]
pub struct Reach {
    folder: PathBuf,
    names: Vec<Option<(u64, u64)>>,
}

impl Reach {
    /// As things stand now.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), names: names() }
    }

    /// Whether a file that names are resolved by was replaced since: only a new thread can be given the new one.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.names != names()
    }

    /// Takes everything else from the calling thread and those that it starts from now on. A kernel that knows only a
    /// part of it does that part, and says so.
    ///
    /// # Errors
    /// If the kernel refuses what it can do; what was done until then stays done.
    pub fn confine(&self) -> io::Result<Confinement> {
        let enforced = self.enforce().map_err(io::Error::other)?;
        let none = CapabilitySet::empty();
        thread::clear_ambient_capability_set()?;
        thread::set_capabilities(
            None,
            CapabilitySets { effective: none, permitted: none, inheritable: none },
        )?;

        Ok(match enforced.ruleset {
            RulesetStatus::FullyEnforced => Confinement::Whole,
            RulesetStatus::PartiallyEnforced => Confinement::Partial,
            RulesetStatus::NotEnforced => Confinement::RightsOnly,
        })
    }

    fn enforce(&self) -> Result<RestrictionStatus, RulesetError> {
        let read: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
        let own = AccessFs::from_all(RULES)
            & !(AccessFs::Execute | AccessFs::MakeBlock | AccessFs::MakeChar | AccessFs::IoctlDev);

        Ruleset::default()
            .handle_access(AccessFs::from_all(RULES))?
            // Nobody is to be listened to: no rule allows it.
            .handle_access(AccessNet::BindTcp)?
            .scope(Scope::from_all(RULES))?
            .create()?
            .add_rules(path_beneath_rules(NAMES, read))?
            .add_rules(path_beneath_rules(FOLDERS, read))?
            .add_rules(path_beneath_rules([&self.folder], own))?
            .restrict_self()
    }
}

/// Which files stand under the names now; looking at them needs no right to read them.
fn names() -> Vec<Option<(u64, u64)>> {
    NAMES.iter().map(|path| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))).collect()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, ToSocketAddrs as _};

    use super::*;

    fn denied<T>(tried: io::Result<T>) -> bool {
        tried.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    }

    #[test]
    fn a_confined_thread_reaches_its_folder_and_names_and_nothing_else() {
        let (own, watched) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let secret = watched.path().join("secret.conf");
        fs::write(&secret, "x").unwrap();
        fs::write(own.path().join("kept"), "x").unwrap();
        let folder = own.path().to_owned();

        let confined = std::thread::spawn(move || {
            let found = Reach::of(&folder).confine().unwrap();
            if found == Confinement::RightsOnly {
                return found;
            }
            assert!(denied(fs::read("/etc/passwd")) && denied(fs::read(&secret)));
            assert!(denied(fs::read_dir(secret.parent().unwrap())));
            assert!(denied(fs::write("/tmp/vonggac-confined", "x")));
            assert!(denied(std::process::Command::new("/bin/true").status()));
            // So do threads that it starts, such as those of its runtime that work on the disk.
            let secret = secret.clone();
            assert!(std::thread::spawn(move || denied(fs::read(secret))).join().unwrap());

            fs::create_dir(folder.join("spool")).unwrap();
            crate::keep::write_whole(&folder.join("spool/new"), b"y").unwrap();
            fs::rename(folder.join("spool/new"), folder.join("moved")).unwrap();
            assert_eq!(fs::read(folder.join("moved")).unwrap(), b"y");
            fs::remove_file(folder.join("kept")).unwrap();
            assert!(("localhost", 1).to_socket_addrs().unwrap().count() > 0);
            std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            if found == Confinement::Whole {
                assert!(denied(TcpListener::bind("127.0.0.1:0")));
            }

            found
        });

        let found = confined.join().unwrap();
        if found == Confinement::RightsOnly {
            use std::io::Write as _;
            drop(writeln!(io::stderr(), "NOT RUN: this kernel has no Landlock"));
        }
        assert!(fs::read("/etc/passwd").is_ok(), "the others keep their rights");
    }

    #[test]
    fn a_confined_thread_has_no_capability_and_can_gain_none() {
        let own = tempfile::tempdir().unwrap();
        let folder = own.path().to_owned();
        let (tell_number, number) = std::sync::mpsc::channel();
        let (let_go, wait) = std::sync::mpsc::channel::<()>();

        let confined = std::thread::spawn(move || {
            Reach::of(&folder).confine().unwrap();
            tell_number.send(thread::gettid().as_raw_nonzero()).unwrap();
            wait.recv().ok();
        });
        let status =
            fs::read_to_string(format!("/proc/self/task/{}/status", number.recv().unwrap())).unwrap();
        drop(let_go);
        confined.join().unwrap();

        for set in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
            let line = status.lines().find_map(|line| line.strip_prefix(set)).unwrap();
            assert_eq!(line.trim_start_matches(':').trim(), "0000000000000000", "{set}");
        }
        assert!(status.contains("NoNewPrivs:\t1"));
    }
}
