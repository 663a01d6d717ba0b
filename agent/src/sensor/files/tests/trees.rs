//! Directories: new ones, moved ones, vanished ones, many files at once.

use std::collections::BTreeSet;

use vonggac_protocol::assignment::WatchPath;
use vonggac_protocol::file::{Area, FileAction, WatchLossReason};
use vonggac_protocol::observation::Kind;

use super::{FilesSettings, Ground, summary};

#[test]
fn nothing_is_missed_in_directories_made_two_deep_and_filled_at_once() {
    let ground = Ground::new();
    let mut watcher = ground.settled();

    let mut wanted = BTreeSet::new();
    for number in 0..2_000 {
        let dir = format!("d{}/e{}", number % 20, number % 100);
        let name = format!("{dir}/f{number}");
        std::fs::create_dir_all(ground.path(&dir)).unwrap();
        ground.write(&name, &name);
        wanted.insert(name);
    }

    let told = watcher.until_now();
    let found: BTreeSet<String> = summary(&told, &ground.path(""))
        .into_iter()
        .filter(|(action, name)| *action == FileAction::Created && name.contains("/f"))
        .map(|(_, name)| name)
        .collect();
    assert_eq!(found.len(), 2_000);
    assert_eq!(found, wanted);
    assert_eq!(told.len(), 2_000 + 20 + 100, "each path once");
    watcher.stop();
}

#[test]
fn a_directory_moved_in_is_told_with_all_that_is_in_it_and_watched() {
    let ground = Ground::new();
    std::fs::create_dir_all(ground.outside("new/deep")).unwrap();
    std::fs::write(ground.outside("new/deep/a"), "1").unwrap();
    let mut watcher = ground.settled();

    std::fs::rename(ground.outside("new"), ground.path("new")).unwrap();
    let told = watcher.told();
    ground.write("new/deep/b", "2");

    let names: Vec<&str> = told.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["new", "new/deep", "new/deep/a"]);
    assert_eq!(watcher.told(), [(FileAction::Created, "new/deep/b".to_owned())]);
    watcher.stop();
}

#[test]
fn a_directory_moved_within_is_told_at_both_places_and_watched_at_the_new_one() {
    let ground = Ground::new();
    std::fs::create_dir_all(ground.path("a/sub")).unwrap();
    ground.write("a/sub/f", "1");
    let mut watcher = ground.settled();

    std::fs::rename(ground.path("a"), ground.path("b")).unwrap();
    let told = watcher.told();
    ground.write("b/sub/f", "2");
    let later = watcher.told();

    let deleted: Vec<&str> = told
        .iter()
        .filter(|(action, _)| *action == FileAction::Deleted)
        .map(|(_, name)| name.as_str())
        .collect();
    let created: Vec<&str> = told
        .iter()
        .filter(|(action, _)| *action == FileAction::Created)
        .map(|(_, name)| name.as_str())
        .collect();
    assert_eq!(deleted, ["a", "a/sub", "a/sub/f"]);
    assert_eq!(created, ["b", "b/sub", "b/sub/f"]);
    assert_eq!(later, [(FileAction::Modified, "b/sub/f".to_owned())]);
    watcher.stop();
}

#[test]
fn a_directory_moved_out_takes_everything_with_it() {
    let ground = Ground::new();
    std::fs::create_dir_all(ground.path("a/sub")).unwrap();
    ground.write("a/sub/f", "1");
    let mut watcher = ground.settled();

    std::fs::rename(ground.path("a"), ground.outside("gone")).unwrap();
    let told = watcher.told();
    std::fs::write(ground.outside("gone/sub/f"), "2").unwrap();

    assert!(told.iter().all(|(action, _)| *action == FileAction::Deleted) && told.len() == 3, "{told:?}");
    assert_eq!(watcher.told(), []);
    watcher.stop();
}

#[test]
fn a_directory_removed_and_made_again_is_watched_again() {
    let ground = Ground::new();
    std::fs::create_dir_all(ground.path("a/sub")).unwrap();
    ground.write("a/sub/f", "1");
    let mut watcher = ground.settled();

    for turn in 0..5 {
        std::fs::remove_dir_all(ground.path("a")).unwrap();
        std::fs::create_dir_all(ground.path("a/sub")).unwrap();
        ground.write("a/sub/f", &format!("turn {turn}"));
        let told = watcher.told();
        assert!(told.contains(&(FileAction::Modified, "a/sub/f".to_owned())), "{told:?}");
        ground.write("a/sub/g", &format!("late {turn}"));
        let told = watcher.told();
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].1, "a/sub/g");
    }
    watcher.stop();
}

#[test]
fn a_removed_tree_is_told_file_by_file() {
    let ground = Ground::new();
    for number in 0..600 {
        std::fs::create_dir_all(ground.path(format!("d{}", number % 7))).unwrap();
        ground.write(format!("d{}/{number}", number % 7), "x");
    }
    let mut watcher = ground.settled();

    for number in 0..7 {
        std::fs::remove_dir_all(ground.path(format!("d{number}"))).unwrap();
    }

    let told = watcher.told();
    assert_eq!(told.len(), 607);
    assert!(told.iter().all(|(action, _)| *action == FileAction::Deleted));
    watcher.stop();
}

#[test]
fn every_file_of_a_mass_rename_is_told_once_at_each_name() {
    let ground = Ground::new();
    for number in 0..500 {
        ground.write(format!("{number}.doc"), &format!("{number}"));
    }
    let mut watcher = ground.settled();

    for number in 0..500 {
        std::fs::rename(ground.path(format!("{number}.doc")), ground.path(format!("{number}.locked")))
            .unwrap();
    }

    let told = watcher.told();
    let deleted =
        told.iter().filter(|(action, name)| *action == FileAction::Deleted && name.ends_with(".doc"));
    let created =
        told.iter().filter(|(action, name)| *action == FileAction::Created && name.ends_with(".locked"));
    assert_eq!((deleted.count(), created.count(), told.len()), (500, 500, 1_000));
    watcher.stop();
}

#[test]
fn a_directory_is_not_told_because_names_in_it_change() {
    let ground = Ground::new();
    std::fs::create_dir(ground.path("d")).unwrap();
    let mut watcher = ground.settled();

    ground.write("d/a", "x");

    assert_eq!(watcher.told(), [(FileAction::Created, "d/a".to_owned())]);
    watcher.stop();
}

#[test]
fn a_watched_path_that_appears_later_is_found_and_all_of_it_is_new() {
    let ground = Ground::new();
    let mut settings = ground.settings();
    let late = ground.outside("late");
    settings.watch.push(WatchPath { area: Area::Web, path: late.to_str().unwrap().to_owned() });
    let mut watcher = ground.start_with(settings);
    watcher.taken();

    std::fs::create_dir_all(late.join("site")).unwrap();
    std::fs::write(late.join("site/index.html"), "x").unwrap();

    let mut names = BTreeSet::new();
    while names.len() < 3 {
        let changed = watcher.next_file();
        assert_eq!((changed.action, changed.area), (FileAction::Created, Area::Web));
        names.insert(changed.path.as_str().to_owned());
    }
    watcher.stop();
}

#[test]
fn a_vanished_root_is_told_as_a_loss_and_watched_again_when_it_is_back() {
    let ground = Ground::new();
    let mut settings = ground.settings();
    let other = ground.outside("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("a"), "1").unwrap();
    settings.watch.push(WatchPath { area: Area::Web, path: other.to_str().unwrap().to_owned() });
    let mut watcher = ground.start_with(settings);
    watcher.taken();
    watcher.taken();

    std::fs::remove_dir_all(&other).unwrap();
    let mut seen = (0, 0);
    while seen != (2, 1) {
        let kind = watcher.next().kind;
        if let Kind::WatchLost(lost) = kind {
            assert_eq!((lost.reason, lost.roots.len()), (WatchLossReason::RootGone, 1));
            seen.1 += 1;
        } else {
            assert!(
                matches!(kind, Kind::FileChanged(ref changed) if changed.action == FileAction::Deleted),
                "{kind:?}"
            );
            seen.0 += 1;
        }
    }
    std::fs::create_dir(&other).unwrap();
    assert_eq!(watcher.next_file().action, FileAction::Created);
    std::fs::write(other.join("b"), "2").unwrap();

    assert!(watcher.next_file().path.as_str().ends_with("/other/b"));
    watcher.stop();
}

#[test]
fn a_single_file_is_watched_through_replacements_and_its_neighbours_are_not_told() {
    let ground = Ground::new();
    let file = ground.outside("own.conf");
    std::fs::write(&file, "1").unwrap();
    let mut settings = ground.settings();
    let path = file.to_str().unwrap().to_owned();
    settings.watch.push(WatchPath { area: Area::Configuration, path });
    let mut watcher: super::Watcher =
        ground.start_with(FilesSettings { own: vec![ground.outside("state")], ..settings });
    watcher.taken();
    watcher.taken();

    std::fs::write(ground.outside("neighbour"), "x").unwrap();
    for turn in 0..3 {
        std::fs::write(ground.outside("own.new"), format!("turn {turn}")).unwrap();
        std::fs::rename(ground.outside("own.new"), &file).unwrap();
        let changed = watcher.next_file();
        assert_eq!((changed.action, changed.area), (FileAction::Modified, Area::Configuration));
        assert_eq!(changed.path.as_str(), file.to_str().unwrap());
    }
    watcher.stop();
}
