//! Pipes, sockets and devices are told and never opened; files without end and files out of reach hold nobody up.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::{FileAction, FileKind};

use super::super::super::WatchBy;
use super::super::Ground;
use super::{created, deleted, each_way, net};

/// Notices every opening of the paths it is given.
pub(in super::super) struct Openings(std::os::fd::OwnedFd);

impl Openings {
    pub(in super::super) fn of(paths: &[&Path]) -> Self {
        let watch = rustix::fs::inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
        for path in paths {
            rustix::fs::inotify::add_watch(&watch, *path, WatchFlags::OPEN | WatchFlags::DONT_FOLLOW)
                .unwrap();
        }

        Self(watch)
    }

    pub(in super::super) fn count(&self) -> usize {
        let mut space = [std::mem::MaybeUninit::uninit(); 4_096];
        let mut reader = Reader::new(&self.0, &mut space);
        let mut count = 0;
        while let Ok(event) = reader.next() {
            count += usize::from(event.events().contains(ReadFlags::OPEN));
        }

        count
    }
}

fn make(path: &Path, kind: FileType, device: u64) -> bool {
    mknodat(CWD, path, kind, Mode::from_raw_mode(0o600), device).is_ok()
}

#[test]
fn pipes_sockets_and_devices_are_told_and_never_opened() {
    each_way(|ground| {
        let stood = ground.path("stood-before");
        assert!(make(&stood, FileType::Fifo, 0));
        let openings = Openings::of(&[&stood]);
        let mut watcher = ground.settled();

        let (pipe, socket, device) = (ground.path("pipe"), ground.path("socket"), ground.path("device"));
        assert!(make(&pipe, FileType::Fifo, 0));
        let _listening = UnixListener::bind(&socket).unwrap();
        let mut names = vec!["pipe", "socket"];
        let mut paths = vec![pipe.as_path(), socket.as_path()];
        // `/dev/zero`: who opens and reads it never ends.
        if make(&device, FileType::CharacterDevice, makedev(1, 5)) {
            names.insert(0, "device");
            paths.push(&device);
        }
        let later = Openings::of(&paths);
        std::fs::set_permissions(&pipe, Permissions::from_mode(0o622)).unwrap();

        let told = watcher.seen();
        assert_eq!(net(&told, &ground.path("")), created(&names));
        assert!(told.iter().all(|changed| {
            let state = changed.after.as_ref().unwrap();
            state.kind == FileKind::Other && state.digest.is_none() && state.size == 0
        }));
        watcher.stop();
        let mut watcher = ground.start();
        watcher.scanned();
        assert_eq!(watcher.net(), []);
        for path in &paths {
            std::fs::remove_file(path).unwrap();
        }
        assert_eq!(watcher.net(), deleted(&names));
        watcher.stop();
        assert_eq!((openings.count(), later.count()), (0, 0), "nobody opened any of them");
    });
}

#[test]
fn a_file_that_grows_as_long_as_it_is_read_holds_nobody_up() {
    each_way(|ground| {
        let mut watcher = ground.settled();
        let goes_on = Arc::new(AtomicBool::new(true));
        let writer = std::thread::spawn({
            let (path, goes_on) = (ground.path("endless"), Arc::clone(&goes_on));
            move || {
                use std::io::Write as _;
                let mut file = std::fs::File::options().create(true).append(true).open(path).unwrap();
                let mut length = 0_usize;
                while goes_on.load(Ordering::Acquire) && length < 512 << 20 {
                    length += file.write(&[7; 65_536]).unwrap();
                }
                length
            }
        });
        ground.write("neighbour", "1");
        // What happens beside it is told while it goes on.
        loop {
            let changed = watcher.next_file();
            if changed.path.as_str().ends_with("/neighbour") {
                break;
            }
        }
        goes_on.store(false, Ordering::Release);
        let length = writer.join().unwrap();

        // And its last state in the end; without a digest if it has outgrown what is hashed.
        let wanted = Digest::of(&vec![7; length]);
        let length = u64::try_from(length).unwrap();
        let wanted = (length <= ground.settings().hash_bytes_max).then_some(wanted);
        loop {
            let after = watcher.next_file().after.unwrap();
            if (after.size, after.digest) == (length, wanted) {
                break;
            }
        }
        watcher.stop();
    });
}

#[test]
fn what_the_kernel_makes_up_is_never_watched() {
    let ground = Ground::new();
    let mut settings = ground.settings();
    for path in ["/proc/self", "/sys/kernel", "/dev"] {
        let area = vonggac_protocol::file::Area::Data;
        settings.watch.push(vonggac_protocol::assignment::WatchPath { area, path: path.to_owned() });
    }

    let mut watcher = ground.start_with(settings);
    let taken = watcher.taken();
    watcher.scanned();

    assert_eq!(taken.root.as_str(), ground.path("").to_str().unwrap().trim_end_matches('/'));
    assert_eq!(watcher.net(), []);
    watcher.stop();
}

/// Files that even we may not read: without the rights over all files, which only this thread gives up, as the owner of
/// files without permissions.
#[test]
fn what_may_not_be_read_is_told_without_its_content_and_counted() {
    let without = std::thread::spawn(|| {
        let ground = Ground::by(WatchBy::Directories);
        ground.write("closed", "before");
        std::fs::create_dir(ground.path("shut")).unwrap();
        ground.write("shut/inner", "1");
        let close = |name: &str, mode| {
            std::fs::set_permissions(ground.path(name), Permissions::from_mode(mode)).unwrap();
        };
        close("closed", 0o000);
        close("shut", 0o000);
        let mut held = capabilities(None).unwrap();
        held.effective.remove(CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH);
        held.permitted.remove(CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH);
        set_capabilities(None, held).unwrap();

        let mut watcher = ground.start();
        let taken = watcher.taken();
        assert_eq!(
            (taken.paths, taken.unreadable),
            (3, 2),
            "the file that is closed, the folder that is shut"
        );
        ground.write("neighbour", "x");
        assert_eq!(watcher.net(), created(&["neighbour"]));

        // Opened to us, it is read; nothing was lost meanwhile.
        close("closed", 0o600);
        let told = watcher.seen();
        let after = told.last().unwrap().after.as_ref().unwrap();
        assert_eq!((told.len(), after.digest), (1, Some(Digest::of(b"before"))));
        // Closed again: it is there, and that is all that can be said.
        close("closed", 0o000);
        let told = watcher.seen();
        let after = told.last().unwrap().after.as_ref().unwrap();
        assert_eq!((told.len(), after.digest, after.mode), (1, None, 0));
        assert!(told.iter().all(|changed| changed.action != FileAction::Deleted));
        close("shut", 0o700);
        assert_eq!(watcher.seen().len(), 1, "the folder; what is in it is found by the next scan");
        watcher.stop();
    });

    without.join().unwrap();
}
