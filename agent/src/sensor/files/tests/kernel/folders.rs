//! Many paths at once: made, moved, removed, made again.

use std::collections::BTreeSet;

use vonggac_protocol::assignment::WatchPath;
use vonggac_protocol::file::{Area, FileAction};
use vonggac_protocol::observation::Kind;

use super::{created, deleted, each_way, modified, net};

#[test]
fn directories_made_and_filled_in_one_go_are_told_whole_and_each_path_once() {
    each_way(|ground| {
        let mut watcher = ground.settled();
        let mut wanted = BTreeSet::new();
        for number in 0..400 {
            let dir = format!("d{number}/e");
            std::fs::create_dir_all(ground.path(&dir)).unwrap();
            ground.write(format!("{dir}/f"), &format!("{number}"));
            wanted.extend([format!("d{number}"), dir.clone(), format!("{dir}/f")]);
        }

        let told = net(&watcher.seen(), &ground.path(""));
        assert!(told.iter().all(|(action, _)| *action == FileAction::Created));
        let names: BTreeSet<String> = told.into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, wanted);
        watcher.stop();
    });
}

#[test]
fn a_directory_made_filled_and_renamed_at_once_is_told_under_its_last_name_alone() {
    each_way(|ground| {
        let mut watcher = ground.settled();
        let mut wanted = BTreeSet::new();
        for number in 0..100 {
            let (made, last) = (format!("tmp.{number}"), format!("release-{number}"));
            std::fs::create_dir_all(ground.path(format!("{made}/bin"))).unwrap();
            ground.write(format!("{made}/bin/run"), &format!("{number}"));
            std::fs::rename(ground.path(&made), ground.path(&last)).unwrap();
            wanted.extend([last.clone(), format!("{last}/bin"), format!("{last}/bin/run")]);
        }

        let told = net(&watcher.seen(), &ground.path(""));
        let names: BTreeSet<String> = told.into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, wanted);
        watcher.stop();
    });
}

#[test]
fn a_large_directory_renamed_twice_is_told_at_the_first_and_the_last_place() {
    each_way(|ground| {
        for number in 0..300 {
            std::fs::create_dir_all(ground.path(format!("a/s{}", number % 10))).unwrap();
            ground.write(format!("a/s{}/{number}", number % 10), &format!("{number}"));
        }
        let mut watcher = ground.settled();

        std::fs::rename(ground.path("a"), ground.path("b")).unwrap();
        std::fs::rename(ground.path("b"), ground.path("c")).unwrap();

        let told = watcher.net_of(622);
        let gone: BTreeSet<&str> = told
            .iter()
            .filter(|(action, _)| *action == FileAction::Deleted)
            .map(|(_, name)| name.as_str())
            .collect();
        let come: BTreeSet<&str> = told
            .iter()
            .filter(|(action, _)| *action == FileAction::Created)
            .map(|(_, name)| name.as_str())
            .collect();
        assert_eq!((gone.len(), come.len(), told.len()), (311, 311, 622));
        assert!(
            gone.iter().all(|name| name.starts_with('a')) && come.iter().all(|name| name.starts_with('c'))
        );
        ground.write("c/s3/late", "watched here");
        assert_eq!(watcher.net(), created(&["c/s3/late"]));
        watcher.stop();
    });
}

#[test]
fn a_directory_goes_out_is_changed_there_and_comes_back() {
    each_way(|ground| {
        std::fs::create_dir_all(ground.path("d/sub")).unwrap();
        ground.write("d/sub/stays", "1");
        ground.write("d/sub/changes", "before");
        ground.write("d/sub/goes", "3");
        let mut watcher = ground.settled();

        std::fs::rename(ground.path("d"), ground.outside("d")).unwrap();
        assert_eq!(watcher.net(), deleted(&["d", "d/sub", "d/sub/changes", "d/sub/goes", "d/sub/stays"]));
        std::fs::write(ground.outside("d/sub/changes"), "after!").unwrap();
        std::fs::remove_file(ground.outside("d/sub/goes")).unwrap();
        assert_eq!(watcher.net(), []);
        std::fs::rename(ground.outside("d"), ground.path("d")).unwrap();
        assert_eq!(watcher.net(), created(&["d", "d/sub", "d/sub/changes", "d/sub/stays"]));
        ground.write("d/sub/changes", "again");
        assert_eq!(watcher.net(), modified(&["d/sub/changes"]));
        watcher.stop();
    });
}

#[test]
fn out_and_back_in_one_go_is_no_change() {
    each_way(|ground| {
        std::fs::create_dir_all(ground.path("d/sub")).unwrap();
        ground.write("d/sub/a", "1");
        let mut watcher = ground.settled();

        std::fs::rename(ground.path("d"), ground.outside("d")).unwrap();
        std::fs::rename(ground.outside("d"), ground.path("d")).unwrap();

        assert_eq!(watcher.net(), []);
        ground.write("d/sub/b", "still watched");
        assert_eq!(watcher.net(), created(&["d/sub/b"]));
        watcher.stop();
    });
}

#[test]
fn one_directory_takes_the_place_of_another_under_the_same_name() {
    each_way(|ground| {
        for dir in ["live", "next"] {
            std::fs::create_dir_all(ground.path(dir)).unwrap();
            ground.write(format!("{dir}/common"), dir);
            ground.write(format!("{dir}/only-{dir}"), "x");
        }
        let mut watcher = ground.settled();

        std::fs::rename(ground.path("live"), ground.path("old")).unwrap();
        std::fs::rename(ground.path("next"), ground.path("live")).unwrap();

        let wanted = [
            created(&["live/only-next"]),
            deleted(&["live/only-live", "next", "next/common", "next/only-next"]),
            created(&["old", "old/common", "old/only-live"]),
        ];
        let mut wanted = wanted.concat();
        wanted.sort_by(|a, b| a.1.cmp(&b.1));
        let told: Vec<_> = watcher.net().into_iter().filter(|(_, name)| name != "live/common").collect();
        assert_eq!(told, wanted);
        ground.write("old/common", "watched at its new place");
        ground.write("live/common", "and here");
        assert_eq!(watcher.net(), modified(&["live/common", "old/common"]));
        watcher.stop();
    });
}

#[test]
fn a_tree_made_and_removed_again_and_again_leaves_nothing_behind() {
    each_way(|ground| {
        let mut watcher = ground.settled();
        for round in 0..30 {
            std::fs::create_dir_all(ground.path("build/obj/deep")).unwrap();
            ground.write("build/obj/deep/a.o", &format!("{round}"));
            std::fs::remove_dir_all(ground.path("build")).unwrap();
        }

        assert_eq!(watcher.net(), []);
        std::fs::create_dir_all(ground.path("build/obj")).unwrap();
        ground.write("build/obj/last", "1");
        assert_eq!(watcher.net(), created(&["build", "build/obj", "build/obj/last"]));
        watcher.stop();
    });
}

#[test]
fn an_archive_unpacked_by_a_real_program_is_told_file_by_file() {
    each_way(|ground| {
        std::fs::create_dir_all(ground.outside("src/a/b")).unwrap();
        for number in 0..200 {
            std::fs::write(ground.outside(&format!("src/a/b/{number}")), format!("{number}")).unwrap();
        }
        let tar = |args: &[&str]| {
            assert!(std::process::Command::new("tar").args(args).status().unwrap().success());
        };
        let archive = ground.outside("src.tar");
        tar(&["-cf", archive.to_str().unwrap(), "-C", ground.outside("src").to_str().unwrap(), "a"]);
        let mut watcher = ground.settled();

        tar(&["-xf", archive.to_str().unwrap(), "-C", ground.path("").to_str().unwrap()]);

        let told = watcher.net();
        assert_eq!(told.len(), 202);
        assert!(told.iter().all(|(action, _)| *action == FileAction::Created));
        watcher.stop();
    });
}

#[test]
fn a_root_deleted_and_made_again_is_told_whole_both_times() {
    each_way(|ground| {
        let root = ground.outside("site");
        std::fs::create_dir_all(root.join("sub")).unwrap();
        std::fs::write(root.join("sub/a"), "1").unwrap();
        let mut settings = ground.settings();
        settings.watch.push(WatchPath { area: Area::Web, path: root.to_str().unwrap().to_owned() });
        let mut watcher = ground.start_with(settings);
        watcher.taken();
        watcher.taken();

        for turn in 0..3 {
            std::fs::remove_dir_all(&root).unwrap();
            let (mut gone, mut losses) = (BTreeSet::new(), 0);
            while gone.len() < 3 || losses < 1 {
                match watcher.next().kind {
                    Kind::FileChanged(changed) => {
                        assert!(changed.after.is_none(), "{changed:?}");
                        assert!(gone.insert(changed.path), "told twice");
                    }
                    Kind::WatchLost(_) => losses += 1,
                    kind => panic!("{kind:?}"),
                }
            }
            std::fs::create_dir_all(root.join("sub")).unwrap();
            std::fs::write(root.join("sub/a"), format!("turn {turn}")).unwrap();
            let mut come = BTreeSet::new();
            while come.len() < 3 {
                let changed = watcher.next_file();
                assert!(changed.after.is_some(), "{changed:?}");
                come.insert(changed.path);
            }
            assert_eq!(come, gone);
            std::fs::write(root.join("sub/a"), format!("later {turn}")).unwrap();
            let changed = watcher.next_file();
            assert_eq!(changed.path.as_str(), root.join("sub/a").to_str().unwrap());
        }
        watcher.stop();
    });
}

#[test]
fn a_single_file_root_is_deleted_and_made_again() {
    each_way(|ground| {
        let root = ground.outside("own.conf");
        std::fs::write(&root, "1").unwrap();
        let mut settings = ground.settings();
        settings.watch.push(WatchPath { area: Area::Configuration, path: root.to_str().unwrap().to_owned() });
        let mut watcher = ground.start_with(settings);
        watcher.taken();
        watcher.taken();

        for turn in 0..3 {
            std::fs::remove_file(&root).unwrap();
            assert_eq!(watcher.next_file().action, FileAction::Deleted);
            std::fs::write(ground.outside("neighbour"), "nobody's business").unwrap();
            std::fs::write(&root, format!("turn {turn}")).unwrap();
            let changed = watcher.next_file();
            assert_eq!(
                (changed.action, changed.path.as_str()),
                (FileAction::Created, root.to_str().unwrap())
            );
        }
        watcher.stop();
    });
}
