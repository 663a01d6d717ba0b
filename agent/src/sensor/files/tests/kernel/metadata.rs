//! Permissions, owners, times, extended attributes, access lists, capabilities.

use std::ffi::CStr;
use std::fs::{File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, XattrFlags, utimensat};
use rustix::io::Errno;
use vonggac_protocol::file::FileAction;

use super::{created, each_way, metadata, net};

/// An access list of version 2: owner, one named user, group, mask, others.
fn access_list(named: u32, rights: u16) -> Vec<u8> {
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, rights, id) in [
        (0x01_u16, 6, u32::MAX),
        (0x02, rights, named),
        (0x04, 4, u32::MAX),
        (0x10, 7, u32::MAX),
        (0x20, 4, u32::MAX),
    ] {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(rights.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }

    bytes
}

/// Capabilities of version 2 as `setcap` writes them: `cap_net_raw=ep`.
fn capabilities() -> Vec<u8> {
    let mut bytes = 0x0200_0001_u32.to_le_bytes().to_vec();
    bytes.extend((1_u32 << 13).to_le_bytes());
    bytes.extend([0; 12]);

    bytes
}

/// Sets an attribute; `false` where this file system or these rights do not allow it.
fn set(path: &Path, name: &CStr, value: &[u8]) -> bool {
    match rustix::fs::setxattr(path, name, value, XattrFlags::empty()) {
        Ok(()) => true,
        Err(error @ (Errno::OPNOTSUPP | Errno::PERM)) => {
            super::super::not_run(&format!("{name:?} cannot be set: {error}"));
            false
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn every_kind_of_permission_change_is_metadata_with_before_and_after() {
    each_way(|ground| {
        ground.write("a", "x");
        std::fs::set_permissions(ground.path("a"), Permissions::from_mode(0o644)).unwrap();
        std::fs::create_dir(ground.path("d")).unwrap();
        std::fs::set_permissions(ground.path("d"), Permissions::from_mode(0o755)).unwrap();
        let mut watcher = ground.settled();

        let mut before = 0o644;
        // What nobody may read has no digest any more, unless root reads it.
        let unreadable = rustix::process::geteuid().is_root().then_some(0o000);
        for mode in [0o4755, 0o2755, 0o666].into_iter().chain(unreadable).chain([0o644]) {
            std::fs::set_permissions(ground.path("a"), Permissions::from_mode(mode)).unwrap();
            let told = watcher.seen();
            assert_eq!(net(&told, &ground.path("")), metadata(&["a"]));
            let (first, last) = (told[0].before.as_ref().unwrap(), told[0].after.as_ref().unwrap());
            assert_eq!((first.mode, last.mode), (before, mode));
            before = mode;
        }
        std::fs::set_permissions(ground.path("d"), Permissions::from_mode(0o1777)).unwrap();
        assert_eq!(watcher.net(), metadata(&["d"]));
        watcher.stop();
    });
}

#[test]
fn a_permission_set_to_what_it_was_is_not_told() {
    each_way(|ground| {
        ground.write("a", "x");
        std::fs::set_permissions(ground.path("a"), Permissions::from_mode(0o644)).unwrap();
        let mut watcher = ground.settled();

        std::fs::set_permissions(ground.path("a"), Permissions::from_mode(0o600)).unwrap();
        std::fs::set_permissions(ground.path("a"), Permissions::from_mode(0o644)).unwrap();

        assert_eq!(watcher.net(), []);
        watcher.stop();
    });
}

#[test]
fn another_owner_and_group_are_metadata_of_files_folders_and_links() {
    each_way(|ground| {
        ground.write("a", "x");
        std::fs::create_dir(ground.path("d")).unwrap();
        std::os::unix::fs::symlink("a", ground.path("l")).unwrap();
        let mut watcher = ground.settled();

        if chown(ground.path("a"), Some(12_345), Some(54_321)).is_ok() {
            chown(ground.path("d"), Some(12_345), None).unwrap();
            std::os::unix::fs::lchown(ground.path("l"), Some(12_345), None).unwrap();

            let told = watcher.seen();
            assert_eq!(net(&told, &ground.path("")), metadata(&["a", "d", "l"]));
            let file = told.iter().find(|changed| changed.path.as_str().ends_with("/a")).unwrap();
            let after = file.after.as_ref().unwrap();
            // Nobody bears these numbers: the number itself is told.
            assert_eq!((after.owner.as_str(), after.group.as_str()), ("12345", "54321"));
        }
        watcher.stop();
    });
}

/// What a clock that jumped, or a person who hides, leaves behind: seconds since 1970.
const ODD_TIMES: [i64; 6] = [-2_000_000_000, -1, 0, 2_147_483_648, 4_294_967_296, 7_258_118_400];

#[test]
fn times_far_in_the_past_and_the_future_are_told_exactly_and_not_again_after_a_restart() {
    each_way(|ground| {
        ground.write("a", "x");
        let mut watcher = ground.settled();

        for seconds in ODD_TIMES {
            let time = Timespec { tv_sec: seconds, tv_nsec: 7_000_000 };
            let times = Timestamps { last_access: time, last_modification: time };
            utimensat(CWD, ground.path("a"), &times, AtFlags::empty()).unwrap();

            let told = watcher.seen();
            assert_eq!(net(&told, &ground.path("")), metadata(&["a"]));
            assert_eq!(told[0].after.as_ref().unwrap().modified.0, seconds * 1_000 + 7);
        }
        watcher.stop();

        let mut watcher = ground.start();
        watcher.scanned();
        assert_eq!(watcher.net(), [], "an odd time is no change");
        watcher.stop();
    });
}

#[test]
fn content_written_under_a_time_from_the_future_is_told_also_after_being_off() {
    each_way(|ground| {
        let future = Timespec { tv_sec: 4_294_967_296, tv_nsec: 0 };
        let times = Timestamps { last_access: future, last_modification: future };
        ground.write("a", "good");
        utimensat(CWD, ground.path("a"), &times, AtFlags::empty()).unwrap();
        ground.settled().stop();

        ground.write("a", "evil");
        utimensat(CWD, ground.path("a"), &times, AtFlags::empty()).unwrap();

        let mut watcher = ground.start();
        let changed = watcher.next_file();
        assert_eq!(changed.action, FileAction::Modified);
        assert!(changed.while_off);
        watcher.stop();
    });
}

#[test]
fn an_access_list_is_metadata_each_time_it_changes() {
    each_way(|ground| {
        ground.write("a", "x");
        std::fs::set_permissions(ground.path("a"), Permissions::from_mode(0o644)).unwrap();
        let mut watcher = ground.settled();
        let name = c"system.posix_acl_access";

        // Of a user whom nobody knows, too (aide #75).
        for (user, rights) in [(12_345, 7), (12_345, 4), (54_321, 4)] {
            if !set(&ground.path("a"), name, &access_list(user, rights)) {
                break;
            }
            let told = watcher.seen();
            assert_eq!(net(&told, &ground.path("")), metadata(&["a"]));
            assert_ne!(
                told[0].before.as_ref().unwrap().attributes,
                told[0].after.as_ref().unwrap().attributes
            );
        }
        watcher.stop();
    });
}

#[test]
fn a_default_access_list_of_a_folder_is_metadata() {
    each_way(|ground| {
        std::fs::create_dir(ground.path("d")).unwrap();
        let mut watcher = ground.settled();

        if set(&ground.path("d"), c"system.posix_acl_default", &access_list(12_345, 7)) {
            assert_eq!(watcher.net(), metadata(&["d"]));
        }
        watcher.stop();
    });
}

#[test]
fn capabilities_given_and_taken_are_metadata() {
    each_way(|ground| {
        ground.write("ping", "a program");
        let mut watcher = ground.settled();

        if set(&ground.path("ping"), c"security.capability", &capabilities()) {
            assert_eq!(watcher.net(), metadata(&["ping"]));
            rustix::fs::removexattr(ground.path("ping"), c"security.capability").unwrap();
            assert_eq!(watcher.net(), metadata(&["ping"]));
        }
        watcher.stop();
    });
}

#[test]
fn capabilities_lost_by_a_write_are_told_with_the_write() {
    each_way(|ground| {
        ground.write("ping", "a program");
        if !set(&ground.path("ping"), c"security.capability", &capabilities()) {
            return;
        }
        let mut watcher = ground.settled();

        ground.write("ping", "another program");

        let told = watcher.seen();
        let last = told.last().unwrap();
        assert!(told[0].before.as_ref().unwrap().attributes.is_some());
        assert!(last.after.as_ref().unwrap().attributes.is_none(), "the kernel takes them away");
        watcher.stop();
    });
}

#[test]
fn a_guard_put_on_and_taken_off_a_file_is_metadata() {
    use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
    use vonggac_protocol::file::flag;

    each_way(|ground| {
        ground.write("a", "x");
        // The kernel gives no notice of these flags to everyone; the regular scan finds what it does not tell.
        let rescan_every = std::time::Duration::from_millis(500);
        let mut watcher =
            ground.start_with(super::super::FilesSettings { rescan_every, ..ground.settings() });
        watcher.taken();
        let file = File::open(ground.path("a")).unwrap();
        let plain = ioctl_getflags(&file).unwrap();

        for (guard, wanted) in
            [(IFlags::IMMUTABLE, flag::IMMUTABLE), (IFlags::APPEND, flag::APPEND_ONLY), (IFlags::empty(), 0)]
        {
            if ioctl_setflags(&file, plain | guard).is_err() {
                super::super::not_run("no right to set guards, or no guards here");
                break;
            }
            let changed = watcher.next_file();
            assert_eq!(changed.action, FileAction::MetadataChanged);
            assert_eq!(changed.after.unwrap().flags.unwrap_or(0), wanted);
        }
        ioctl_setflags(&file, plain).ok();
        watcher.stop();
    });
}

#[test]
fn attributes_of_many_names_are_told_and_their_order_does_not_matter() {
    each_way(|ground| {
        ground.write("a", "x");
        ground.write("b", "x");
        let mut watcher = ground.settled();
        if !set(&ground.path("a"), c"user.one", b"1") {
            watcher.stop();
            return;
        }
        set(&ground.path("a"), c"user.two", b"2");
        set(&ground.path("b"), c"user.two", b"2");
        set(&ground.path("b"), c"user.one", b"1");

        let told = watcher.seen();
        assert_eq!(net(&told, &ground.path("")), metadata(&["a", "b"]));
        let last = |name: &str| {
            let of_name = told.iter().rfind(|changed| changed.path.as_str().ends_with(name)).unwrap();
            of_name.after.as_ref().unwrap().attributes
        };
        assert_eq!(last("/a"), last("/b"));

        set(&ground.path("a"), c"user.one", b"1");
        assert_eq!(watcher.net(), [], "set to what it was");
        watcher.stop();
    });
}

#[test]
fn a_touch_is_metadata_and_reading_is_nothing() {
    each_way(|ground| {
        ground.write("a", "x");
        let mut watcher = ground.settled();

        for _ in 0..20 {
            std::fs::read(ground.path("a")).unwrap();
            std::fs::read_dir(ground.path("")).unwrap().for_each(drop);
        }
        assert_eq!(watcher.net(), []);
        File::options()
            .write(true)
            .open(ground.path("a"))
            .unwrap()
            .set_modified(std::time::UNIX_EPOCH)
            .unwrap();
        assert_eq!(watcher.net(), metadata(&["a"]));
        drop(File::create(ground.path("new")).unwrap());
        assert_eq!(watcher.net(), created(&["new"]));
        watcher.stop();
    });
}
