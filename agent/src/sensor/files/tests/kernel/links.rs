//! Hard links, links that point elsewhere, and one kind of thing put in the place of another.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::time::Duration;

use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::{FileAction, FileKind};

use super::super::FilesSettings;
use super::{created, deleted, each_way, modified};

#[test]
fn both_names_of_a_file_are_told_when_it_is_written_through_one_of_them() {
    each_way(|ground| {
        ground.write("a", "before");
        std::fs::hard_link(ground.path("a"), ground.path("b")).unwrap();
        // The kernel names only the name that was written through; the other one is found by the regular scan.
        let settings = FilesSettings { rescan_every: Duration::from_millis(500), ..ground.settings() };
        let mut watcher = ground.start_with(settings);
        watcher.taken();

        ground.write("a", "after!");

        let mut names = BTreeSet::new();
        while names.len() < 2 {
            let changed = watcher.next_file();
            assert_eq!(changed.action, FileAction::Modified);
            assert_eq!(changed.after.unwrap().digest, Some(Digest::of(b"after!")));
            assert!(names.insert(changed.path), "told twice");
        }
        assert_eq!(watcher.net(), []);
        watcher.stop();
    });
}

#[test]
fn a_file_written_through_a_name_outside_is_told_under_its_name_inside() {
    each_way(|ground| {
        ground.write("a", "before");
        std::fs::hard_link(ground.path("a"), ground.outside("back-door")).unwrap();
        let settings = FilesSettings { rescan_every: Duration::from_millis(500), ..ground.settings() };
        let mut watcher = ground.start_with(settings);
        watcher.taken();

        std::fs::write(ground.outside("back-door"), "after!").unwrap();

        let changed = watcher.next_file();
        assert_eq!(changed.path.as_str(), ground.path("a").to_str().unwrap());
        assert_eq!(changed.after.unwrap().digest, Some(Digest::of(b"after!")));
        assert_eq!(watcher.net(), []);
        watcher.stop();
    });
}

#[test]
fn a_second_name_is_created_and_the_first_name_removed_without_a_word_of_the_other() {
    each_way(|ground| {
        ground.write("a", "x");
        let mut watcher = ground.settled();

        std::fs::hard_link(ground.path("a"), ground.path("b")).unwrap();
        assert_eq!(watcher.net(), created(&["b"]));
        std::fs::remove_file(ground.path("a")).unwrap();
        assert_eq!(watcher.net(), deleted(&["a"]));
        watcher.stop();
    });
}

#[test]
fn a_link_is_retargeted_back_and_forth_and_never_followed() {
    each_way(|ground| {
        std::fs::write(ground.outside("one"), "not ours").unwrap();
        std::fs::write(ground.outside("two"), "not ours either").unwrap();
        symlink(ground.outside("one"), ground.path("current")).unwrap();
        let mut watcher = ground.settled();

        for target in ["two", "one", "two"] {
            symlink(ground.outside(target), ground.path("current.new")).unwrap();
            std::fs::rename(ground.path("current.new"), ground.path("current")).unwrap();

            let told = watcher.seen();
            assert_eq!(super::net(&told, &ground.path("")), modified(&["current"]));
            let after = told.last().unwrap().after.as_ref().unwrap();
            assert_eq!((after.kind, after.digest, after.size), (FileKind::Link, None, 0));
            assert_eq!(
                after.link_target.as_ref().unwrap().as_str(),
                ground.outside(target).to_str().unwrap()
            );
        }
        std::fs::write(ground.outside("two"), "changed").unwrap();
        assert_eq!(watcher.net(), []);
        watcher.stop();
    });
}

#[test]
fn a_link_to_an_equal_target_made_again_has_not_changed() {
    each_way(|ground| {
        symlink("somewhere", ground.path("l")).unwrap();
        let mut watcher = ground.settled();

        std::fs::remove_file(ground.path("l")).unwrap();
        symlink("somewhere", ground.path("l")).unwrap();

        assert_eq!(watcher.net(), []);
        watcher.stop();
    });
}

#[test]
fn a_folder_swapped_for_a_link_loses_all_its_files_and_nothing_behind_the_link_is_told() {
    each_way(|ground| {
        std::fs::create_dir_all(ground.path("d/sub")).unwrap();
        ground.write("d/sub/a", "ours");
        std::fs::create_dir_all(ground.outside("elsewhere/sub")).unwrap();
        std::fs::write(ground.outside("elsewhere/sub/a"), "not ours").unwrap();
        let mut watcher = ground.settled();

        std::fs::rename(ground.path("d"), ground.outside("kept")).unwrap();
        symlink(ground.outside("elsewhere"), ground.path("d")).unwrap();
        let told = watcher.net();
        assert_eq!(told, [modified(&["d"]), deleted(&["d/sub", "d/sub/a"])].concat());
        std::fs::write(ground.outside("elsewhere/sub/a"), "changed there").unwrap();
        assert_eq!(watcher.net(), []);

        std::fs::remove_file(ground.path("d")).unwrap();
        std::fs::rename(ground.outside("kept"), ground.path("d")).unwrap();
        assert_eq!(watcher.net(), [modified(&["d"]), created(&["d/sub", "d/sub/a"])].concat());
        ground.write("d/sub/a", "watched again");
        assert_eq!(watcher.net(), modified(&["d/sub/a"]));
        watcher.stop();
    });
}

#[test]
fn a_file_becomes_a_folder_and_a_folder_a_file() {
    each_way(|ground| {
        ground.write("x", "a file");
        std::fs::create_dir(ground.path("y")).unwrap();
        ground.write("y/inner", "1");
        let mut watcher = ground.settled();

        std::fs::remove_file(ground.path("x")).unwrap();
        std::fs::create_dir(ground.path("x")).unwrap();
        ground.write("x/inner", "2");
        std::fs::remove_dir_all(ground.path("y")).unwrap();
        ground.write("y", "a file now");

        let wanted = [modified(&["x"]), created(&["x/inner"]), modified(&["y"]), deleted(&["y/inner"])];
        assert_eq!(watcher.net(), wanted.concat());
        watcher.stop();
    });
}

#[test]
fn links_in_a_circle_end_nowhere() {
    each_way(|ground| {
        let mut watcher = ground.settled();

        std::fs::create_dir(ground.path("d")).unwrap();
        symlink("..", ground.path("d/up")).unwrap();
        symlink("self", ground.path("self")).unwrap();
        symlink("b", ground.path("a")).unwrap();
        symlink("a", ground.path("b")).unwrap();

        assert_eq!(watcher.net(), created(&["a", "b", "d", "d/up", "self"]));
        watcher.stop();
    });
}
