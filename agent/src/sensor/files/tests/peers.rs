//! Failures of other monitors, rebuilt from their descriptions: what each report did, and that it is told here.
//!
//! Where a thread's own text could not be found when this was written, its test says so, and tries what monitors of
//! that kind are known to fail at; it claims nothing of the thread.

use std::collections::BTreeSet;
use std::time::Duration;

use vonggac_protocol::assignment::WatchPath;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::{Area, FileAction, WatchLossReason};
use vonggac_protocol::observation::Kind;

use super::FilesSettings;
use super::kernel::{created, deleted, each_way, modified};

/// osquery/osquery#1969, "missing alerting on updates to nested folders that were moved into the watch file_paths": a tree
/// made outside (`mkdir -p subdir1/subdir2/subdir3`) and moved in was itself reported, and of files made or changed at any
/// depth in it nothing.
#[test]
fn osquery_1969_files_in_a_tree_that_was_moved_in() {
    each_way(|ground| {
        std::fs::create_dir_all(ground.outside("subdir1/subdir2/subdir3")).unwrap();
        let mut watcher = ground.settled();

        std::fs::rename(ground.outside("subdir1"), ground.path("subdir1")).unwrap();
        assert_eq!(watcher.net(), created(&["subdir1", "subdir1/subdir2", "subdir1/subdir2/subdir3"]));
        ground.write("subdir1/hi2.txt", "");
        ground.write("subdir1/subdir2/subdir3/hi3.txt", "");
        assert_eq!(watcher.net(), created(&["subdir1/hi2.txt", "subdir1/subdir2/subdir3/hi3.txt"]));
        ground.write("subdir1/subdir2/subdir3/hi3.txt", "changed");
        assert_eq!(watcher.net(), modified(&["subdir1/subdir2/subdir3/hi3.txt"]));
        watcher.stop();
    });
}

/// osquery/osquery#3212, "osqueryd misses changes": with `/foo/bar/%` watched and `foo` or `bar` missing at the start, the
/// whole path was made later and no change in it was logged until the daemon was started again.
#[test]
fn osquery_3212_a_watched_path_that_is_made_after_the_start() {
    each_way(|ground| {
        let bar = ground.outside("foo/bar");
        let mut settings = ground.settings();
        settings.watch.push(WatchPath { area: Area::Web, path: bar.to_str().unwrap().to_owned() });
        let mut watcher = ground.start_with(settings);
        watcher.taken();

        std::fs::create_dir_all(&bar).unwrap();
        assert_eq!(watcher.next_file().path.as_str(), bar.to_str().unwrap());
        for turn in ["1", "2"] {
            std::fs::write(bar.join("page"), turn).unwrap();
            let changed = watcher.next_file();
            assert_eq!(changed.path.as_str(), bar.join("page").to_str().unwrap());
            assert_eq!(changed.after.unwrap().digest, Some(Digest::of(turn.as_bytes())));
        }
        watcher.stop();
    });
}

/// osquery/osquery#3920: its text could not be found. Tried instead: a watched directory that is deleted and made again
/// stays watched, whatever its depth.
#[test]
fn osquery_3920_a_directory_deleted_and_made_again_stays_watched() {
    each_way(|ground| {
        std::fs::create_dir_all(ground.path("conf/d")).unwrap();
        ground.write("conf/d/a", "1");
        let mut watcher = ground.settled();

        std::fs::remove_dir_all(ground.path("conf")).unwrap();
        assert_eq!(watcher.net(), deleted(&["conf", "conf/d", "conf/d/a"]));
        std::fs::create_dir_all(ground.path("conf/d")).unwrap();
        assert_eq!(watcher.net(), created(&["conf", "conf/d"]));
        ground.write("conf/d/a", "2");
        assert_eq!(watcher.net(), created(&["conf/d/a"]));
        watcher.stop();
    });
}

/// osquery/osquery#4296, "inotify subscriptions on excluded paths": a folder of 600,000 entries that was excluded still
/// took a watch for each, until the system had no more. Here the limit is below the number of excluded directories.
#[test]
fn osquery_4296_excluded_directories_take_no_watches() {
    each_way(|ground| {
        std::fs::create_dir(ground.path("kept")).unwrap();
        for number in 0..60 {
            std::fs::create_dir_all(ground.path(format!("lotsoffiles/{number}"))).unwrap();
        }
        let settings = FilesSettings {
            excluded: vec![ground.path("lotsoffiles")],
            watches_max: 10,
            ..ground.settings()
        };
        let mut watcher = ground.start_with(settings);
        assert_eq!(watcher.taken().paths, 2, "the root and what is kept");

        for number in 60..80 {
            std::fs::create_dir_all(ground.path(format!("lotsoffiles/{number}"))).unwrap();
        }
        ground.write("kept/a", "x");
        // A limit reached would be told as a loss, on which this fails.
        assert_eq!(watcher.net(), created(&["kept/a"]));
        watcher.stop();
    });
}

/// osquery/osquery#5704, "file_events fails to catch modification through hard link": a watched file changed through
/// another name outside gave no event at all. The kernel names only the name that was used, so it is the next look at
/// everything that finds it here; under its own name, with its new content.
#[test]
fn osquery_5704_a_file_changed_through_a_hard_link_outside() {
    each_way(|ground| {
        ground.write("file", "before");
        std::fs::hard_link(ground.path("file"), ground.outside("link")).unwrap();
        let settings = FilesSettings { rescan_every: Duration::from_millis(500), ..ground.settings() };
        let mut watcher = ground.start_with(settings);
        watcher.taken();

        std::fs::write(ground.outside("link"), "through the link").unwrap();

        let changed = watcher.next_file();
        assert_eq!(changed.path.as_str(), ground.path("file").to_str().unwrap());
        assert_eq!(changed.after.unwrap().digest, Some(Digest::of(b"through the link")));
        watcher.stop();
    });
}

/// osquery/osquery#6495, "FIM not working right with full path of file": one file watched by its full path gave an event at
/// the first change and never again, for the change put another file in its place.
#[test]
fn osquery_6495_one_file_by_its_full_path_through_every_later_change() {
    each_way(|ground| {
        let file = ground.outside("password1");
        std::fs::write(&file, "0").unwrap();
        let path = file.to_str().unwrap().to_owned();
        let mut settings = ground.settings();
        settings.watch.push(WatchPath { area: Area::Access, path });
        let mut watcher = ground.start_with(settings);
        watcher.taken();
        watcher.taken();

        for turn in 1..=6 {
            let content = format!("turn {turn}");
            if turn % 2 == 0 {
                std::fs::write(&file, &content).unwrap();
            } else {
                std::fs::write(ground.outside("password1.new"), &content).unwrap();
                std::fs::rename(ground.outside("password1.new"), &file).unwrap();
            }
            let mut after = watcher.next_file().after.unwrap();
            while after.digest != Some(Digest::of(content.as_bytes())) {
                after = watcher.next_file().after.unwrap();
            }
        }
        watcher.stop();
    });
}

/// osquery/osquery#7642: its text could not be found. Tried instead: a queue that runs over is told as a loss, watching goes
/// on, and what the lost notices would have said is told all the same.
#[test]
fn osquery_7642_after_an_overflow_watching_goes_on_and_nothing_is_missing() {
    each_way(|ground| {
        std::fs::create_dir(ground.path("testdir")).unwrap();
        let mut watcher = ground.settled();
        watcher.confirms = false;
        let mut wanted: BTreeSet<String> = BTreeSet::new();
        for number in 0..14_000 {
            if number == 300 {
                while watcher.changes.len() < watcher.changes.max_capacity() {
                    std::thread::yield_now();
                }
            }
            let name = format!("testdir/testfile{number}");
            ground.write(&name, "");
            wanted.insert(ground.path(&name).to_str().unwrap().to_owned());
        }

        watcher.confirms = true;
        let mut is_told = false;
        while !wanted.is_empty() {
            match watcher.next().kind {
                Kind::FileChanged(changed) => {
                    assert!(wanted.remove(changed.path.as_str()), "told twice: {}", changed.path);
                }
                Kind::WatchLost(lost) => {
                    assert_ne!(lost.reason, WatchLossReason::WatcherFailed);
                    is_told = true;
                }
                kind => panic!("{kind:?}"),
            }
        }
        // Whole file systems have a queue without a bound of the kernel's; our own memory of touched paths has one.
        assert!(is_told || watcher.sensor.stats().watch_losses == 0);
        // The scan that the loss ordered may still be under way, and come to the file elsewhere first.
        ground.write("testdir/later", "still watching");
        assert_eq!(watcher.net_of(1), created(&["testdir/later"]));
        watcher.stop();
    });
}

/// wazuh/wazuh#35449, "silent first-scan FIM behaviour": what changed while the agent was off was absorbed by the scan at
/// the start without an alert, and as the stored state was then the changed one, no later scan ever told of it.
#[test]
fn wazuh_35449_what_changed_while_off_is_told_and_not_absorbed() {
    each_way(|ground| {
        ground.write("sudoers", "before");
        ground.write("goes", "1");
        ground.settled().stop();

        ground.write("sudoers", "back door");
        ground.write("cron-back-door", "* * * * * root sh");
        std::fs::remove_file(ground.path("goes")).unwrap();
        let mut watcher = ground.start();

        let mut told = BTreeSet::new();
        while told.len() < 3 {
            let changed = watcher.next_file();
            assert!(
                changed.while_off && changed.not_before.is_some() && changed.actor.is_none(),
                "{changed:?}"
            );
            assert!(told.insert(format!("{:?} {}", changed.action, changed.path)), "told twice");
        }
        let path = |name: &str| ground.path(name).to_str().unwrap().to_owned();
        let wanted = [
            format!("{:?} {}", FileAction::Created, path("cron-back-door")),
            format!("{:?} {}", FileAction::Deleted, path("goes")),
            format!("{:?} {}", FileAction::Modified, path("sudoers")),
        ];
        assert_eq!(told, wanted.into_iter().collect());
        watcher.stop();
        let mut watcher = ground.start();
        watcher.scanned();
        assert_eq!(watcher.net(), [], "told once");
        watcher.stop();
    });
}

/// wazuh/wazuh#15044: its text could not be found. Tried instead: changes made while the first scan is still under way are
/// either in what the scan recorded or told, never neither.
#[test]
fn wazuh_15044_changes_during_the_first_scan_are_not_lost() {
    each_way(|ground| {
        for number in 0..3_000 {
            ground.write(format!("{number:04}"), "before");
        }
        let mut watcher = ground.start();
        for number in (0..3_000).step_by(10) {
            ground.write(format!("{number:04}"), "changed!");
        }
        watcher.taken();
        watcher.until_now();
        watcher.stop();

        // Everything stands in the baseline as it stands on the disk.
        let mut watcher = ground.start();
        watcher.scanned();
        assert_eq!(watcher.net(), []);
        watcher.stop();
    });
}

/// wazuh/wazuh#14434, "Whodata stops triggering alerts on Windows": after 40 minutes to an hour the source of events had dried
/// up, and nobody said so. Here the source is taken away (the watched directory goes, with its watch): it is told as a loss,
/// and when the directory is back so are its changes. The hour itself cannot be tried in a test.
#[test]
fn wazuh_14434_a_source_that_dries_up_is_told_and_comes_back() {
    each_way(|ground| {
        let root = ground.outside("monitored");
        std::fs::create_dir(&root).unwrap();
        let mut settings = ground.settings();
        settings.watch.push(WatchPath { area: Area::Web, path: root.to_str().unwrap().to_owned() });
        let mut watcher = ground.start_with(settings);
        watcher.taken();
        watcher.taken();

        std::fs::rename(&root, ground.outside("taken-away")).unwrap();
        let mut is_lost = false;
        while !is_lost {
            if let Kind::WatchLost(lost) = watcher.next().kind {
                assert_eq!((lost.reason, lost.roots.len()), (WatchLossReason::RootGone, 1));
                is_lost = true;
            }
        }
        std::fs::create_dir(&root).unwrap();
        std::fs::write(root.join("page"), "1").unwrap();

        let wanted = root.join("page");
        while watcher.next_file().path.as_str() != wanted.to_str().unwrap() {}
        std::fs::write(root.join("page"), "2").unwrap();
        let changed = watcher.next_file();
        assert_eq!((changed.path.as_str(), changed.action), (wanted.to_str().unwrap(), FileAction::Modified));
        watcher.stop();
    });
}
