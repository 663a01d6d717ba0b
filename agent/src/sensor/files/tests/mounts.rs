//! Mounts that come and go over and under what is watched, against the real kernel; skipped aloud without the right.

use std::path::Path;
use std::process::Command;

use vonggac_protocol::file::{FileAction, WatchLossReason};
use vonggac_protocol::observation::Kind;

use super::{Ground, Watcher};

/// A mount that is taken away with the test, however it ends.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn new(args: &[&str], at: &'a Path) -> Option<Self> {
        let done = Command::new("mount").args(args).arg(at).status().is_ok_and(|status| status.success());
        if !done {
            super::not_run("no right to mount");
        }

        done.then(|| Self(at))
    }

    fn end(self) {
        drop(self);
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        assert!(Command::new("umount").arg(self.0).status().is_ok_and(|status| status.success()), "umount");
    }
}

fn lost(watcher: &mut Watcher) -> (WatchLossReason, usize) {
    loop {
        if let Kind::WatchLost(lost) = watcher.next().kind {
            return (lost.reason, lost.roots.len());
        }
    }
}

#[test]
fn a_mount_of_its_own_that_goes_is_told_once_and_its_files_are_compared_when_it_is_back() {
    let ground = Ground::new();
    std::fs::create_dir(ground.path("disk")).unwrap();
    let store = ground.outside("store");
    std::fs::create_dir(&store).unwrap();
    let (from, at) = (store.to_str().unwrap(), ground.path("disk"));
    let Some(mounted) = Mounted::new(&["--bind", from], &at) else { return };
    for number in 0..20 {
        ground.write(format!("disk/{number}"), "x");
    }
    let mut watcher = ground.settled();

    mounted.end();
    assert_eq!(lost(&mut watcher).0, WatchLossReason::MountChanged);
    assert_eq!(watcher.until_now(), [], "nothing is told as deleted");
    std::fs::write(store.join("3"), "changed meanwhile").unwrap();
    let Some(_again) = Mounted::new(&["--bind", from], &at) else { return };

    let changed = watcher.next_file_of("disk/3");
    assert_eq!(changed.action, FileAction::Modified);
    watcher.stop();
}

#[test]
fn a_file_system_mounted_over_a_part_of_a_root_is_told_and_what_can_be_seen_there_is_watched() {
    let ground = Ground::new();
    std::fs::create_dir(ground.path("cron")).unwrap();
    ground.write("cron/job", "x");
    let mut watcher = ground.settled();

    let at = ground.path("cron");
    let Some(mounted) = Mounted::new(&["-t", "tmpfs", "tmpfs"], &at) else { return };
    assert_eq!(lost(&mut watcher).0, WatchLossReason::MountChanged);
    assert_eq!(watcher.next_file_of("cron/job").action, FileAction::Deleted);
    ground.write("cron/other", "y");
    assert_eq!(watcher.next_file_of("cron/other").action, FileAction::Created);
    mounted.end();

    assert_eq!(watcher.next_file_of("cron/job").action, FileAction::Created);
    watcher.stop();
}

#[test]
fn a_change_under_another_mount_of_the_same_folder_is_seen_where_it_is_watched() {
    let ground = Ground::new();
    let store = ground.outside("store");
    std::fs::create_dir(&store).unwrap();
    std::fs::create_dir(ground.path("bound")).unwrap();
    let at = ground.path("bound");
    let Some(_mounted) = Mounted::new(&["--bind", store.to_str().unwrap()], &at) else { return };
    let mut watcher = ground.settled();

    std::fs::write(store.join("a"), "1").unwrap();

    assert_eq!(watcher.next_file_of("bound/a").action, FileAction::Created);
    watcher.stop();
}
