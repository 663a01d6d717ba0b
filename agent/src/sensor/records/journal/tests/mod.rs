//! Against a real journald, and against what journalctl reads of the same files.
#![cfg(unix)]

pub(crate) mod made;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::file::{Entry, Field};
use super::folder::Kept;
use super::place::Places;
use super::{Gap, Journal};
use made::{Journald, can_run, wait_for};

fn folders(root: &Path) -> Vec<(Kept, PathBuf)> {
    let machine = std::fs::read_to_string("/etc/machine-id").unwrap();
    let folder = |folder: &str| root.join(folder).join(machine.trim());

    vec![(Kept::InMemory, folder("run/log/journal")), (Kept::OnDisk, folder("var/log/journal"))]
}

fn open(root: &Path, places: Places) -> Journal {
    Journal::new(folders(root), places)
}

/// The places of a reader that has been there and found nothing: all that comes is read.
fn begun() -> Places {
    let mut places = Places::default();
    places.begun = true;

    places
}

fn messages(entries: &[Entry]) -> Vec<String> {
    let of_tests = entries.iter().filter(|entry| entry.get(Field::Identifier) == Some("said"));

    of_tests.filter_map(|entry| entry.get(Field::Message)).map(str::to_owned).collect()
}

/// Reads until this was read; gives what was read of the test's own.
fn read_until(journal: &mut Journal, last: &str, gaps: &mut Vec<Gap>) -> Vec<String> {
    let mut read = Vec::new();
    wait_for(last, || {
        let progress = journal.read(crate::clock::now()).unwrap();
        assert_eq!(progress.trouble, None);
        read.extend(messages(&progress.entries));
        gaps.extend(progress.gaps);
        read.iter().any(|message| message == last).then_some(())
    });

    read
}

/// What journalctl reads of a folder, as messages in order.
fn journalctl(folder: &Path) -> Vec<BTreeMap<String, serde_json::Value>> {
    let told = Command::new("journalctl")
        .args(["--no-pager", "-o", "json", "--all", "-D"])
        .arg(folder)
        .output()
        .unwrap();

    String::from_utf8(told.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn numbers(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

#[test]
fn every_form_of_file_is_read_as_journalctl_reads_it() {
    if !can_run() {
        return;
    }
    let forms: [&[(&str, &str)]; 4] = [
        &[("SYSTEMD_JOURNAL_COMPACT", "1")],
        &[("SYSTEMD_JOURNAL_COMPACT", "0")],
        &[("SYSTEMD_JOURNAL_KEYED_HASH", "0"), ("SYSTEMD_JOURNAL_COMPRESS", "lz4")],
        &[("SYSTEMD_JOURNAL_COMPRESS", "xz")],
    ];
    for form in forms {
        let folder = tempfile::tempdir().unwrap();
        let journald = Journald::start(folder.path(), "persistent", form);
        for number in 0..300 {
            // Long ones are packed.
            let text = format!("{number} {}", "văn bản dài ".repeat(number % 7 * 40));
            journald.write(&[("SYSLOG_IDENTIFIER", "said"), ("MESSAGE", &text), ("UNIT", "a.service")]);
        }
        journald.say("said", "last");
        let mut journal = open(folder.path(), begun());
        let read = read_until(&mut journal, "last", &mut Vec::new());

        let (_, on_disk) = &folders(folder.path())[1];
        let theirs: Vec<String> = journalctl(on_disk)
            .into_iter()
            .filter(|entry| entry["SYSLOG_IDENTIFIER"] == "said")
            .map(|entry| entry["MESSAGE"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(theirs.len(), 301);
        // Ours keeps the beginning of what is very long.
        assert_eq!(read, theirs, "{form:?}");
    }
}

#[test]
fn what_stood_there_before_the_first_reading_is_passed_over_and_nothing_after_it() {
    if !can_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let journald = Journald::start(folder.path(), "persistent", &[]);
    journald.say("said", "before");
    let mut watched = open(folder.path(), begun());
    read_until(&mut watched, "before", &mut Vec::new());

    let mut journal = open(folder.path(), Places::default());
    let first = journal.read(crate::clock::now()).unwrap();
    journald.say("said", "after");
    let read = read_until(&mut journal, "after", &mut Vec::new());

    assert_eq!((messages(&first.entries), first.gaps), (vec![], vec![]));
    assert_eq!(read, ["after"]);
}

#[test]
fn over_rotations_and_restarts_every_entry_is_read_once() {
    if !can_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let journald = Journald::start(folder.path(), "persistent", &[]);
    let (mut read, mut gaps) = (Vec::new(), Vec::new());
    let mut journal = open(folder.path(), begun());
    for round in 0..6_u32 {
        for number in round * 50..round * 50 + 50 {
            journald.say("said", &number.to_string());
            if number % 20 == 7 {
                journald.signal("USR2");
            }
        }
        // Half the rounds are read while they go on, the others by a reader that starts anew.
        if round % 2 == 0 {
            read.extend(read_until(&mut journal, &(round * 50 + 49).to_string(), &mut gaps));
        } else {
            let kept = serde_json::to_value(journal.places()).unwrap();
            journal = open(folder.path(), serde_json::from_value(kept).unwrap());
        }
    }
    read.extend(read_until(&mut journal, "299", &mut gaps));

    assert_eq!(read, numbers(0..300));
    assert_eq!(gaps, []);
}

#[test]
fn what_moves_from_memory_to_the_disk_is_read_once() {
    if !can_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let journald = Journald::start(folder.path(), "auto", &[]);
    let (mut read, mut gaps) = (Vec::new(), Vec::new());
    let mut journal = open(folder.path(), begun());
    for number in 0..40 {
        journald.say("said", &number.to_string());
    }
    read.extend(read_until(&mut journal, "39", &mut gaps));
    for number in 40..60 {
        journald.say("said", &number.to_string());
    }
    journald.signal("USR1");
    journald.say("said", "60");
    let mut later = open(folder.path(), journal.places().clone());
    read.extend(read_until(&mut later, "60", &mut gaps));

    assert!(folders(folder.path())[1].1.is_dir(), "it was moved");
    assert_eq!(read, numbers(0..61));
    assert_eq!(gaps, []);
}

#[test]
fn entries_that_were_rotated_away_unread_are_a_gap_with_their_number() {
    if !can_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let journald = Journald::start(folder.path(), "persistent", &[]);
    let mut gaps = Vec::new();
    let mut journal = open(folder.path(), begun());
    journald.say("said", "read");
    read_until(&mut journal, "read", &mut gaps);
    let places = journal.places().clone();
    drop(journal);
    let mut watched = open(folder.path(), places.clone());
    for number in 0..30 {
        journald.say("said", &number.to_string());
    }
    read_until(&mut watched, "29", &mut Vec::new());
    journald.signal("USR2");
    journald.say("said", "new");
    read_until(&mut watched, "new", &mut Vec::new());
    for entry in std::fs::read_dir(&folders(folder.path())[1].1).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().contains('@') {
            std::fs::remove_file(path).unwrap();
        }
    }

    let mut journal = open(folder.path(), places);
    let read = read_until(&mut journal, "new", &mut gaps);

    assert_eq!(read, ["new"]);
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    let at_most = gaps[0].at_most.unwrap();
    // journald itself may have said a word or two between.
    assert!((30..=34).contains(&at_most), "{at_most}");
    assert!(gaps[0].from < gaps[0].until);
}
