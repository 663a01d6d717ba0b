//! A disk that is full at each moment of an upgrade, on small file systems of its own: whatever cannot be written, an agent
//! runs and reports, and with room again the upgrade goes through.
//!
//! The story runs in a mount namespace, as root or in a user namespace where it is root, so that nothing of it stays mounted.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use vonggac_agent::upgrade::plan::{Plan, Trial};
use vonggac_tests::programs::wait_for;

use super::{AGENT, PATIENCE, STAND_IN, Story};

/// Set in the process that may mount.
const APART: &str = "VONGGAC_TEST_APART";

/// Longer than a version on a loaded machine takes to report.
const REPORT_WITHIN_SECS: u32 = 20;

/// Runs one test of this module again where it may mount; `false`: nowhere.
fn run_apart(test: &str) -> bool {
    let (_, module) = module_path!().split_once("::").unwrap();
    for how in [&["--mount"][..], &["--user", "--map-root-user", "--mount"]] {
        let may = Command::new("unshare").args(how).args(["mount", "-t", "tmpfs", "none", "/mnt"]).output();
        if !may.is_ok_and(|may| may.status.success()) {
            continue;
        }
        let ended = Command::new("unshare")
            .args(how)
            .arg(std::env::current_exe().unwrap())
            .args([&format!("{module}::{test}"), "--exact", "--nocapture"])
            .env(APART, "1")
            .status()
            .unwrap();
        assert!(ended.success(), "{test} failed in a namespace made by {how:?}");
        return true;
    }

    false
}

fn mount(args: &[&str], path: &Path) -> bool {
    Command::new("mount").args(args).arg(path).output().unwrap().status.success()
}

/// With these options alone: the owner that the kernel shows for one is nobody in a user namespace, and would be refused.
fn remount(options: &str, path: &Path) -> bool {
    mount(&["--options-mode", "ignore", "-o", &format!("remount,{options}")], path)
}

/// A file system of which nothing else takes room.
fn small(path: &Path, size: &str) {
    fs::create_dir_all(path).unwrap();
    assert!(mount(&["-t", "tmpfs", "-o", &format!("size={size},mode=700"), "vonggac-test"], path));
}

/// Writes until nothing more can be written.
fn fill(path: &Path) -> PathBuf {
    let filling = path.join("filling");
    let mut file = File::create(&filling).unwrap();
    for bytes in [vec![0x5a; 1 << 20], vec![0x5a; 1 << 12]] {
        while file.write_all(&bytes).is_ok() {}
    }

    filling
}

/// Makes a small file system no larger than what lies on it: not one more byte, not one more name.
fn close(path: &Path) {
    let shrink = || {
        let found = rustix::fs::statvfs(path).unwrap();
        let (used, names) =
            ((found.f_blocks - found.f_bfree) * found.f_frsize, found.f_files - found.f_ffree);
        remount(&format!("size={used},nr_inodes={names}"), path).then_some(())
    };
    // What is written in between makes it too small for what lies there.
    wait_for("a full file system", PATIENCE, shrink).unwrap();
    assert!(fs::write(path.join("more"), b"more").is_err());
}

fn open(path: &Path, size: &str) {
    assert!(remount(&format!("size={size},nr_inodes=10000"), path));
}

impl Story {
    /// With a disk on which nothing can be written an agent of this version runs, and the collector goes on hearing of it.
    fn must_be_heard(&self, fault: &str, version: &str) {
        let heard = || {
            let host = self.province.get("/api/v1/hosts").ok()?["items"][0].clone();
            let at = host["last_heard_at"].as_str()?.to_owned();
            (host["agent_version"] == version).then_some(at)
        };
        let first = wait_for("an agent that is heard", PATIENCE, heard)
            .unwrap_or_else(|error| panic!("after {fault}: {error}\n{}", self.log()));
        let later = || heard().filter(|at| *at > first && vonggac_agent::keep::is_locked(&self.state()));
        wait_for("an agent that goes on being heard", PATIENCE, later)
            .unwrap_or_else(|error| panic!("after {fault}: {error}\n{}", self.log()));
        eprintln!("{fault}:\n  runs and is heard: {version}\n{}", self.left());
    }

    fn must_have_said(&self, words: &str, times: usize) {
        let said = || (self.log().matches(words).count() >= times).then_some(());
        wait_for(words, PATIENCE, said).unwrap_or_else(|error| panic!("{error}\n{}", self.log()));
    }

    fn plan(&self) -> Plan {
        Plan::load(&self.state()).unwrap()
    }
}

#[test]
fn with_a_full_disk_at_any_moment_an_agent_runs_and_with_room_again_the_upgrade_goes_through() {
    let name = "with_a_full_disk_at_any_moment_an_agent_runs_and_with_room_again_the_upgrade_goes_through";
    if std::env::var_os(APART).is_none() {
        if !run_apart(name) {
            eprintln!(
                "NOT RUN: a full disk. No small file system can be mounted here, not even in a user namespace."
            );
        }
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join(AGENT).join("state");
    small(&state, "256m");
    let mut story = Story::begin_within(folder.path(), REPORT_WITHIN_SECS);
    let own = env!("CARGO_PKG_VERSION");
    let _collector = story.province.serve().unwrap();
    story.release("9.1.0", STAND_IN, "VONGGAC-STAND-IN 9.1.0", &[]);
    story.believe();
    story.start();
    story.must_work("before anything", own);

    story.offer("9.1.0");
    story.wait_for_pieces();
    let filling = fill(&state);
    assert_eq!(story.outcome(), ("refused".to_owned(), "disk".to_owned()));
    story.must_be_heard("a disk that is full while pieces come", own);
    fs::remove_file(filling).unwrap();
    story.kill();
    story.start();
    story.wait_for_outcome("upgraded");
    story.must_work("room again, the same order", "9.1.0");

    the_switch(&mut story, own);
}

/// Full where the small files lie that decide which version runs.
fn the_switch(story: &mut Story, own: &str) {
    let upgrade = story.state().join("upgrade");
    story.kill();
    let aside = story.state().join("aside");
    fs::rename(&upgrade, &aside).unwrap();
    small(&upgrade, "128m");
    let copied = Command::new("cp").arg("-a").arg(aside.join(".")).arg(&upgrade).status().unwrap();
    assert!(copied.success());
    fs::remove_dir_all(aside).unwrap();
    story.release("9.2.0", STAND_IN, "VONGGAC-STAND-IN 9.2.0 slow", &[]);
    story.start();
    story.must_work("versions on a disk of their own", "9.1.0");

    story.offer("9.2.0");
    let arrived = || {
        let mut versions = fs::read_dir(upgrade.join("versions")).ok()?;
        versions.any(|entry| entry.unwrap().file_name().to_string_lossy().starts_with("9.2.0")).then_some(())
    };
    wait_for("the version on the disk", PATIENCE, arrived).unwrap();
    close(&upgrade);
    story.must_have_said("Version could not be planned", 1);
    story.must_be_heard("a disk that is full when the version is to be planned", "9.1.0");

    // As if there had been room for the plan, and no more for counting the start.
    story.kill();
    open(&upgrade, "128m");
    let slot = story.slot("9.2.0");
    let trial = Trial { slot, order: 2, from: "9.1.0".to_owned(), starts: 0 };
    Plan { trial: Some(trial), ..story.plan() }.keep(&story.state()).unwrap();
    close(&upgrade);
    story.start();
    story.must_have_said("nothing is tried now", 1);
    story.must_be_heard("a disk that is full when the launcher counts a start", "9.1.0");
    assert_eq!(story.plan().trial.unwrap().starts, 0, "what was not counted was not begun");

    // It was offered again meanwhile.
    story.must_have_said("Version could not be planned", 2);
    open(&upgrade, "128m");
    story.offer("9.2.0");
    let counted = || (story.plan().trial?.starts == 1).then_some(());
    wait_for("the first start", PATIENCE, counted).unwrap();
    close(&upgrade);
    story.must_have_said("Version on trial did not report in time", 1);
    story.must_be_heard("a disk that is full when the version has reported and is to stay", own);

    story.kill();
    open(&upgrade, "128m");
    story.start();
    story.wait_for_outcome("upgraded");
    story.must_work("room again, the start after", "9.2.0");
}
