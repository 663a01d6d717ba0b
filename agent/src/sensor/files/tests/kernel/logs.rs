//! Growing, rotation, compression, sparse files.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt;
use std::process::Command;

use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::FileAction;

use super::{created, deleted, each_way, modified};

fn append(path: &std::path::Path, text: &str) {
    File::options().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn a_growing_file_is_told_as_it_stands_at_the_end() {
    each_way(|ground| {
        ground.write("access.log", "");
        let mut watcher = ground.settled();
        let mut text = String::new();
        for line in 0..2_000 {
            let line = format!("line {line}\n");
            append(&ground.path("access.log"), &line);
            text.push_str(&line);
        }

        let told = watcher.seen();
        assert_eq!(super::net(&told, &ground.path("")), modified(&["access.log"]));
        assert_eq!(told.last().unwrap().after.as_ref().unwrap().digest, Some(Digest::of(text.as_bytes())));
        watcher.stop();
    });
}

#[test]
fn rotation_by_renaming_moves_every_generation_one_on() {
    each_way(|ground| {
        ground.write("app.log", "today");
        ground.write("app.log.1", "yesterday..");
        let mut watcher = ground.settled();

        std::fs::rename(ground.path("app.log.1"), ground.path("app.log.2")).unwrap();
        std::fs::rename(ground.path("app.log"), ground.path("app.log.1")).unwrap();
        append(&ground.path("app.log"), "a new day has begun");

        let wanted = [modified(&["app.log", "app.log.1"]), created(&["app.log.2"])].concat();
        assert_eq!(watcher.net(), wanted);
        watcher.stop();
    });
}

#[test]
fn a_writer_that_keeps_the_old_log_open_is_told_under_its_new_name() {
    each_way(|ground| {
        ground.write("app.log", "today");
        let mut watcher = ground.settled();
        let mut held = File::options().append(true).open(ground.path("app.log")).unwrap();

        std::fs::rename(ground.path("app.log"), ground.path("app.log.1")).unwrap();
        ground.write("app.log", "");
        assert_eq!(watcher.net(), [modified(&["app.log"]), created(&["app.log.1"])].concat());
        held.write_all(b" and a late line").unwrap();
        held.sync_all().unwrap();

        assert_eq!(watcher.net(), modified(&["app.log.1"]));
        drop(held);
        watcher.stop();
    });
}

#[test]
fn rotation_by_copy_and_truncation_is_told_of_both() {
    each_way(|ground| {
        ground.write("app.log", "today, long enough to shrink");
        let mut watcher = ground.settled();

        std::fs::copy(ground.path("app.log"), ground.path("app.log.1")).unwrap();
        File::options().write(true).open(ground.path("app.log")).unwrap().set_len(0).unwrap();

        let told = watcher.seen();
        assert_eq!(
            super::net(&told, &ground.path("")),
            [modified(&["app.log"]), created(&["app.log.1"])].concat()
        );
        let last = told.iter().rfind(|changed| changed.action == FileAction::Modified).unwrap();
        assert_eq!(last.after.as_ref().unwrap().digest, Some(Digest::of(b"")));
        watcher.stop();
    });
}

#[test]
fn compression_puts_one_file_in_the_place_of_another() {
    each_way(|ground| {
        ground.write("app.log.1", &"the same line again and again\n".repeat(5_000));
        let mut watcher = ground.settled();

        let done = Command::new("gzip").arg(ground.path("app.log.1")).status().unwrap();
        assert!(done.success());

        assert_eq!(watcher.net(), [deleted(&["app.log.1"]), created(&["app.log.1.gz"])].concat());
        watcher.stop();
    });
}

#[test]
fn a_sparse_file_is_hashed_as_it_reads_and_a_byte_in_its_hole_is_seen() {
    each_way(|ground| {
        let mut watcher = ground.settled();
        let length = 8 * 1024 * 1024;
        let file = File::create(ground.path("image")).unwrap();
        file.set_len(length).unwrap();
        drop(file);

        let told = watcher.seen();
        let mut zeros = vec![0; usize::try_from(length).unwrap()];
        assert_eq!(super::net(&told, &ground.path("")), created(&["image"]));
        let state = told.last().unwrap().after.as_ref().unwrap();
        assert_eq!((state.size, state.digest), (length, Some(Digest::of(&zeros))));

        let mut file = File::options().write(true).open(ground.path("image")).unwrap();
        file.seek(SeekFrom::Start(length / 2)).unwrap();
        file.write_all(&[7]).unwrap();
        drop(file);
        zeros[usize::try_from(length / 2).unwrap()] = 7;
        let told = watcher.seen();
        assert_eq!(told.last().unwrap().after.as_ref().unwrap().digest, Some(Digest::of(&zeros)));
        watcher.stop();
    });
}

#[test]
fn a_file_made_smaller_and_larger_again_ends_with_its_last_content() {
    each_way(|ground| {
        ground.write("table", &"x".repeat(300_000));
        let mut watcher = ground.settled();
        let file = File::options().write(true).open(ground.path("table")).unwrap();
        for length in [10, 200_000, 0, 4_096, 1] {
            file.set_len(length).unwrap();
        }
        file.write_all_at(b"the end", 0).unwrap();
        drop(file);

        let told = watcher.seen();
        assert_eq!(super::net(&told, &ground.path("")), modified(&["table"]));
        assert_eq!(told.last().unwrap().after.as_ref().unwrap().digest, Some(Digest::of(b"the end")));
        watcher.stop();
    });
}
