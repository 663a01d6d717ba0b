//! Equal content, things made again, content that changes under our eyes.

use std::fs::File;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::FileAction;

use super::{created, deleted, each_way, metadata, modified, net};

#[test]
fn two_files_of_equal_content_are_two_files() {
    each_way(|ground| {
        let mut watcher = ground.settled();

        ground.write("one", "the same");
        ground.write("two", "the same");
        assert_eq!(watcher.net(), created(&["one", "two"]));
        ground.write("one", "another");
        assert_eq!(watcher.net(), modified(&["one"]));
        std::fs::remove_file(ground.path("two")).unwrap();
        assert_eq!(watcher.net(), deleted(&["two"]));
        watcher.stop();
    });
}

#[test]
fn a_file_deleted_and_made_again_with_other_content_is_one_modification() {
    each_way(|ground| {
        ground.write("a", "before");
        let mut watcher = ground.settled();

        std::fs::remove_file(ground.path("a")).unwrap();
        ground.write("a", "after");

        let told = watcher.seen();
        assert_eq!(net(&told, &ground.path("")), modified(&["a"]));
        assert_eq!(told[0].before.as_ref().unwrap().digest, Some(Digest::of(b"before")));
        watcher.stop();
    });
}

#[test]
fn a_file_deleted_and_made_again_with_equal_content_has_a_new_time_and_nothing_else() {
    each_way(|ground| {
        ground.write("a", "the same");
        let time = std::fs::metadata(ground.path("a")).unwrap().modified().unwrap();
        let mut watcher = ground.settled();

        for _ in 0..5 {
            std::fs::remove_file(ground.path("a")).unwrap();
            ground.write("a", "the same");
        }
        assert_eq!(watcher.net(), metadata(&["a"]));
        std::fs::remove_file(ground.path("a")).unwrap();
        ground.write("a", "the same");
        File::options().write(true).open(ground.path("a")).unwrap().set_modified(time).unwrap();
        assert_eq!(watcher.net(), metadata(&["a"]), "the first time is back");
        watcher.stop();
    });
}

#[test]
fn deletion_told_and_creation_told_when_time_lies_between() {
    each_way(|ground| {
        ground.write("a", "1");
        let mut watcher = ground.settled();

        for turn in 0..5 {
            std::fs::remove_file(ground.path("a")).unwrap();
            assert_eq!(watcher.net(), deleted(&["a"]));
            ground.write("a", &format!("turn {turn}"));
            assert_eq!(watcher.net(), created(&["a"]));
        }
        watcher.stop();
    });
}

/// Large enough that a replacement falls into the reading.
const LARGE: usize = 6 << 20;

#[test]
fn a_file_replaced_while_it_is_hashed_never_has_a_digest_that_no_version_had() {
    each_way(|ground| {
        let versions = [vec![1; LARGE], vec![2; LARGE], vec![3; LARGE + 1]];
        let digests: Vec<Digest> = versions.iter().map(|version| Digest::of(version)).collect();
        std::fs::write(ground.path("a"), &versions[0]).unwrap();
        let mut watcher = ground.settled();

        let replacing = std::thread::spawn({
            let (new, path) = (ground.outside("new"), ground.path("a"));
            move || {
                for turn in 0..90 {
                    std::fs::write(&new, &versions[turn % 3]).unwrap();
                    std::fs::rename(&new, &path).unwrap();
                }
            }
        });
        let mut last = None;
        while !replacing.is_finished() || last != Some(digests[2]) {
            let after = watcher.next_file().after.unwrap();
            assert!(after.digest.is_none_or(|digest| digests.contains(&digest)), "{after:?}");
            last = after.digest;
        }
        replacing.join().unwrap();
        watcher.stop();
    });
}

#[test]
fn a_file_cut_and_filled_in_place_while_it_is_hashed_ends_with_its_last_content() {
    each_way(|ground| {
        std::fs::write(ground.path("a"), vec![1; LARGE]).unwrap();
        let mut watcher = ground.settled();
        let is_done = Arc::new(AtomicBool::new(false));

        let cutting = std::thread::spawn({
            let (path, is_done) = (ground.path("a"), Arc::clone(&is_done));
            move || {
                let file = File::options().write(true).open(path).unwrap();
                for turn in 0..60_u8 {
                    file.set_len(0).unwrap();
                    std::os::unix::fs::FileExt::write_all_at(&file, &vec![turn; LARGE], 0).unwrap();
                }
                is_done.store(true, Ordering::Release);
            }
        });
        let wanted = Digest::of(&vec![59; LARGE]);
        let mut last = None;
        while !is_done.load(Ordering::Acquire) || last != Some(wanted) {
            last = watcher.next_file().after.unwrap().digest;
        }
        cutting.join().unwrap();
        watcher.stop();
    });
}

/// Python is the one program everywhere that writes through a map without code of ours that the compiler cannot check.
#[test]
fn what_is_written_through_a_map_is_told_once_the_file_is_closed() {
    each_way(|ground| {
        ground.write("mapped", &"x".repeat(8_192));
        let mut watcher = ground.settled();

        let script = "import mmap, sys\nf = open(sys.argv[1], 'r+b')\nm = mmap.mmap(f.fileno(), 0)\n\
                      m[4096:4100] = b'evil'\nm.flush()\nm.close()\nf.close()\n";
        let Ok(done) = Command::new("python3").args(["-c", script]).arg(ground.path("mapped")).status()
        else {
            super::super::not_run("no python3, which writes through a map");
            watcher.stop();
            return;
        };
        assert!(done.success());

        let told = watcher.seen();
        let wanted = format!("{}evil{}", "x".repeat(4_096), "x".repeat(8_192 - 4_100));
        assert_eq!(net(&told, &ground.path("")), modified(&["mapped"]));
        let last = told.last().unwrap().after.as_ref().unwrap();
        assert_eq!(last.digest, Some(Digest::of(wanted.as_bytes())));
        watcher.stop();
    });
}

#[test]
fn a_program_in_use_is_replaced_and_the_new_one_is_told() {
    each_way(|ground| {
        std::fs::copy("/bin/sleep", ground.path("program")).unwrap();
        let mut watcher = ground.settled();
        let mut running = Command::new(ground.path("program")).arg("600").spawn().unwrap();

        std::fs::copy("/bin/true", ground.path("program.new")).unwrap();
        std::fs::rename(ground.path("program.new"), ground.path("program")).unwrap();

        let told = watcher.seen();
        assert_eq!(net(&told, &ground.path("")), modified(&["program"]));
        let wanted = Digest::of(&std::fs::read("/bin/true").unwrap());
        let last = told.last().unwrap();
        assert_eq!((last.action, last.after.as_ref().unwrap().digest), (FileAction::Modified, Some(wanted)));
        running.kill().unwrap();
        running.wait().unwrap();
        watcher.stop();
    });
}
