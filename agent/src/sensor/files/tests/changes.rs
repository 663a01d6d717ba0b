//! What happens to single files.

#[cfg(unix)]
use std::fs::Permissions;
#[cfg(unix)]
use std::os::unix::ffi::OsStrExt;
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt;
use std::time::UNIX_EPOCH;

use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::FileAction;
#[cfg(unix)]
use vonggac_protocol::file::FileKind;

use super::Ground;

#[test]
fn the_first_scan_is_told_as_a_whole_and_its_digest_depends_on_content_alone() {
    let ground = Ground::new();
    ground.write("a", "one");
    std::fs::create_dir(ground.path("d")).unwrap();
    ground.write("d/b", "two2");

    let mut watcher = ground.start();
    let taken = watcher.taken();
    watcher.stop();

    assert_eq!((taken.paths, taken.bytes, taken.unreadable), (4, 7, 0));
    std::fs::remove_dir_all(ground.outside("state")).unwrap();
    std::fs::create_dir(ground.outside("state")).unwrap();
    let mut again = ground.start();
    assert_eq!(again.taken().digest, taken.digest);
    again.stop();
    std::fs::remove_dir_all(ground.outside("state")).unwrap();
    std::fs::create_dir(ground.outside("state")).unwrap();
    ground.write("a", "ONE");
    let mut third = ground.start();
    assert_ne!(third.taken().digest, taken.digest);
    third.stop();
}

#[test]
fn a_new_file_is_told_with_its_digest_soon_after_it_is_written() {
    let ground = Ground::new();
    let mut watcher = ground.settled();

    let began = crate::clock::instant();
    ground.write("a", "content");
    let changed = watcher.next_file();
    let took = began.elapsed();

    assert_eq!(changed.action, FileAction::Created);
    assert_eq!(changed.after.unwrap().digest, Some(Digest::of(b"content")));
    assert!(changed.before.is_none() && !changed.while_off);
    assert!(took.as_millis() < 1_000, "{took:?}");
    watcher.stop();
}

#[test]
fn a_modified_file_is_told_with_before_and_after() {
    let ground = Ground::new();
    ground.write("a", "before");
    let mut watcher = ground.settled();

    ground.write("a", "after");
    let changed = watcher.next_file();

    assert_eq!(changed.action, FileAction::Modified);
    assert_eq!(changed.before.unwrap().digest, Some(Digest::of(b"before")));
    assert_eq!(changed.after.unwrap().digest, Some(Digest::of(b"after")));
    watcher.stop();
}

#[test]
fn a_deleted_file_and_a_renamed_one_are_told() {
    let ground = Ground::new();
    ground.write("a", "1");
    ground.write("b", "2");
    let mut watcher = ground.settled();

    std::fs::remove_file(ground.path("a")).unwrap();
    std::fs::rename(ground.path("b"), ground.path("c")).unwrap();

    let told = watcher.told();
    assert_eq!(
        told,
        [
            (FileAction::Deleted, "a".to_owned()),
            (FileAction::Deleted, "b".to_owned()),
            (FileAction::Created, "c".to_owned())
        ]
    );
    watcher.stop();
}

#[test]
fn an_editors_save_by_rename_is_one_modification() {
    let ground = Ground::new();
    ground.write("page.html", "old");
    let mut watcher = ground.settled();

    ground.write(".page.html.swp", "swap");
    std::fs::rename(ground.path("page.html"), ground.path("page.html~")).unwrap();
    ground.write("page.html.new", "new");
    std::fs::rename(ground.path("page.html.new"), ground.path("page.html")).unwrap();
    std::fs::remove_file(ground.path("page.html~")).unwrap();
    std::fs::remove_file(ground.path(".page.html.swp")).unwrap();

    assert_eq!(watcher.told(), [(FileAction::Modified, "page.html".to_owned())]);
    watcher.stop();
}

#[test]
fn what_comes_and_goes_at_once_is_not_told() {
    let ground = Ground::new();
    let mut watcher = ground.settled();

    ground.write("a", "x");
    std::fs::remove_file(ground.path("a")).unwrap();

    assert_eq!(watcher.told(), []);
    watcher.stop();
}

#[test]
fn a_file_deleted_and_made_again_with_the_same_time_and_content_has_not_changed() {
    let ground = Ground::new();
    ground.write("a", "same");
    let time = std::fs::metadata(ground.path("a")).unwrap().modified().unwrap();
    let mut watcher = ground.settled();

    std::fs::remove_file(ground.path("a")).unwrap();
    ground.write("a", "same");
    std::fs::File::options().write(true).open(ground.path("a")).unwrap().set_modified(time).unwrap();

    assert_eq!(watcher.told(), []);
    watcher.stop();
}

#[cfg(unix)]
#[test]
fn a_changed_permission_is_metadata() {
    let ground = Ground::new();
    ground.write("a", "x");
    std::fs::set_permissions(ground.path("a"), Permissions::from_mode(0o644)).unwrap();
    let mut watcher = ground.settled();

    std::fs::set_permissions(ground.path("a"), Permissions::from_mode(0o4755)).unwrap();
    let changed = watcher.next_file();

    assert_eq!(changed.action, FileAction::MetadataChanged);
    assert_eq!((changed.before.unwrap().mode, changed.after.unwrap().mode), (0o644, 0o4755));
    watcher.stop();
}

#[test]
fn a_time_set_back_after_a_change_does_not_hide_it() {
    let ground = Ground::new();
    ground.write("a", "good");
    let time = std::fs::metadata(ground.path("a")).unwrap().modified().unwrap();
    let mut watcher = ground.settled();

    ground.write("a", "evil");
    std::fs::File::options().write(true).open(ground.path("a")).unwrap().set_modified(time).unwrap();

    let changed = watcher.next_file();
    assert_eq!(changed.action, FileAction::Modified);
    assert_eq!(changed.before.unwrap().modified, changed.after.unwrap().modified);
    watcher.stop();
}

#[test]
fn a_time_alone_is_metadata() {
    let ground = Ground::new();
    ground.write("a", "x");
    let mut watcher = ground.settled();

    std::fs::File::options().write(true).open(ground.path("a")).unwrap().set_modified(UNIX_EPOCH).unwrap();

    assert_eq!(watcher.told(), [(FileAction::MetadataChanged, "a".to_owned())]);
    watcher.stop();
}

#[cfg(unix)]
#[test]
fn an_extended_attribute_is_metadata() {
    let ground = Ground::new();
    ground.write("a", "x");
    let mut watcher = ground.settled();

    let set = rustix::fs::setxattr(ground.path("a"), "user.note", b"1", rustix::fs::XattrFlags::CREATE);

    if set == Err(rustix::io::Errno::NOTSUP) {
        assert_eq!(watcher.told(), []);
    } else {
        set.unwrap();
        let changed = watcher.next_file();
        assert_eq!(changed.action, FileAction::MetadataChanged);
        assert!(changed.before.unwrap().attributes.is_none() && changed.after.unwrap().attributes.is_some());
    }
    watcher.stop();
}

#[cfg(unix)]
#[test]
fn a_link_in_place_of_a_file_is_told_and_not_followed() {
    let ground = Ground::new();
    ground.write("a", "x");
    std::fs::write(ground.outside("secret"), "not ours to read").unwrap();
    let mut watcher = ground.settled();

    std::fs::remove_file(ground.path("a")).unwrap();
    std::os::unix::fs::symlink("../secret", ground.path("a")).unwrap();
    let changed = watcher.next_file();

    let after = changed.after.unwrap();
    assert_eq!((changed.action, after.kind), (FileAction::Modified, FileKind::Link));
    assert_eq!(after.link_target.unwrap().as_str(), "../secret");
    assert_eq!((after.digest, after.size), (None, 0));

    std::fs::write(ground.outside("secret"), "changed").unwrap();
    assert_eq!(watcher.told(), []);
    watcher.stop();
}

#[cfg(unix)]
#[test]
fn a_link_that_points_elsewhere_is_modified() {
    let ground = Ground::new();
    std::os::unix::fs::symlink("one", ground.path("l")).unwrap();
    let mut watcher = ground.settled();

    std::os::unix::fs::symlink("two", ground.path("l.new")).unwrap();
    std::fs::rename(ground.path("l.new"), ground.path("l")).unwrap();

    assert_eq!(watcher.told(), [(FileAction::Modified, "l".to_owned())]);
    watcher.stop();
}

#[test]
fn a_hard_link_is_told_under_its_own_name() {
    let ground = Ground::new();
    ground.write("a", "x");
    let mut watcher = ground.settled();

    std::fs::hard_link(ground.path("a"), ground.path("b")).unwrap();

    assert_eq!(watcher.told(), [(FileAction::Created, "b".to_owned())]);
    watcher.stop();
}

#[cfg(unix)]
#[test]
fn a_pipe_is_told_and_never_opened() {
    let ground = Ground::new();
    let mut watcher = ground.settled();

    rustix::fs::mkfifoat(rustix::fs::CWD, ground.path("p"), rustix::fs::Mode::from_raw_mode(0o600)).unwrap();

    let changed = watcher.next_file();
    assert_eq!(changed.after.unwrap().kind, FileKind::Other);
    assert_eq!(watcher.told(), []);
    watcher.stop();
}

#[cfg(unix)]
#[test]
fn vietnamese_names_and_names_that_are_no_text_are_kept_exactly() {
    let ground = Ground::new();
    let mut watcher = ground.settled();
    let odd = std::ffi::OsStr::from_bytes(b"a\xff\\x{41}b");

    ground.write("Quyết định số 5 – Hoà Bình.docx", "x");
    let vietnamese = watcher.next_file();
    std::fs::write(ground.path(odd), "y").unwrap();
    let raw = watcher.next_file();

    assert!(vietnamese.path.as_str().ends_with("/Quyết định số 5 – Hoà Bình.docx"));
    assert_eq!(raw.path.to_bytes(), ground.path(odd).as_os_str().as_bytes());
    watcher.stop();
}

#[test]
fn a_file_above_the_size_limit_is_told_without_a_digest() {
    let ground = Ground::new();
    let mut watcher = ground.start_with(super::FilesSettings { hash_bytes_max: 4, ..ground.settings() });
    watcher.taken();

    ground.write("a", "12345");
    let first = watcher.next_file().after.unwrap();
    ground.write("b", "1234");
    let second = watcher.next_file().after.unwrap();

    assert_eq!((first.size, first.digest), (5, None));
    assert_eq!(second.digest, Some(Digest::of(b"1234")));
    watcher.stop();
}
