//! An agent that died between spool and baseline tells nothing twice.

use vonggac_protocol::file::{FileAction, FileChanged};
use vonggac_protocol::id::{Epoch, Seq};
use vonggac_protocol::observation::{Kind, Observation};

use super::super::behind::{SpoolPlace, Spooled};
use super::{Ground, Watcher, summary};

/// What reached the disk of the spool before the agent died.
struct Kept {
    epoch: Epoch,
    records: Vec<Observation>,
}

impl Spooled for Kept {
    fn end(&self) -> SpoolPlace {
        SpoolPlace { epoch: self.epoch, seq: Seq(u64::try_from(self.records.len()).unwrap()) }
    }

    fn after(&mut self, seq: Seq) -> Vec<(Seq, Option<Observation>)> {
        let from = usize::try_from(seq.0).unwrap();

        (seq.0 + 1..)
            .zip(self.records.iter().skip(from))
            .take(2)
            .map(|(s, o)| (Seq(s), Some(o.clone())))
            .collect()
    }
}

/// Spools what it is told, and confirms only the first of it.
fn die_after_spooling(watcher: &mut Watcher, kept: &mut Kept, count: usize, confirmed: usize) {
    watcher.confirms = false;
    for number in 0..count {
        let (ticket, observation) = watcher.next_with_ticket().unwrap();
        kept.records.push(observation);
        if number < confirmed {
            watcher.sensor.confirm_at(ticket, Some(kept.end()));
        }
    }
}

/// A ground whose files are known, with an empty spool that the baseline knows of.
fn ground(kept: &mut Kept) -> (Ground, Watcher) {
    let ground = Ground::new();
    for name in ["a", "b", "c"] {
        ground.write(name, "before");
    }
    ground.settled().stop();
    let mut watcher = ground.start_behind(kept);
    watcher.scanned();
    watcher.until_now();

    (ground, watcher)
}

/// What the scan at the start finds.
fn told_at_start(watcher: &mut Watcher) -> Vec<FileChanged> {
    let mut told = watcher.until_now();
    while !watcher.sensor.stats().is_scanned {
        told.extend(watcher.until_now());
    }
    told.extend(watcher.until_now());

    told
}

fn change(ground: &Ground) {
    ground.write("a", "after!");
    std::fs::remove_file(ground.path("b")).unwrap();
    ground.write("new", "x");
    ground.write("c", "after that");
}

#[test]
fn what_was_spooled_is_not_told_again_though_the_baseline_never_heard_of_it() {
    let mut kept = Kept { epoch: Epoch(7), records: Vec::new() };
    let (ground, mut watcher) = ground(&mut kept);
    change(&ground);
    die_after_spooling(&mut watcher, &mut kept, 4, 1);
    watcher.stop();

    let mut watcher = ground.start_behind(&mut kept);

    assert_eq!(summary(&told_at_start(&mut watcher), &ground.path("")), []);
    assert_eq!(watcher.sensor.absorbed().map(|place| place.epoch), Some(Epoch(7)));
    watcher.stop();
}

#[test]
fn what_changed_after_the_agent_died_is_told_against_what_was_spooled() {
    let mut kept = Kept { epoch: Epoch(7), records: Vec::new() };
    let (ground, mut watcher) = ground(&mut kept);
    change(&ground);
    die_after_spooling(&mut watcher, &mut kept, 4, 0);
    watcher.stop();
    ground.write("a", "third!");
    std::fs::remove_file(ground.path("new")).unwrap();

    let mut watcher = ground.start_behind(&mut kept);
    let told = told_at_start(&mut watcher);

    let expected = [(FileAction::Modified, "a".to_owned()), (FileAction::Deleted, "new".to_owned())];
    assert_eq!(summary(&told, &ground.path("")), expected);
    watcher.stop();
}

#[test]
fn another_life_of_the_spool_says_nothing_of_places_and_all_is_told_again() {
    let mut kept = Kept { epoch: Epoch(7), records: Vec::new() };
    let (ground, mut watcher) = ground(&mut kept);
    change(&ground);
    die_after_spooling(&mut watcher, &mut kept, 4, 0);
    watcher.stop();
    kept.epoch = Epoch(8);

    let mut watcher = ground.start_behind(&mut kept);

    assert_eq!(told_at_start(&mut watcher).len(), 4);
    watcher.stop();
}

#[test]
fn a_root_whose_baseline_was_spooled_is_taken_though_the_agent_died_before_it_knew() {
    let mut kept = Kept { epoch: Epoch(7), records: Vec::new() };
    let ground = Ground::new();
    ground.write("a", "before");
    let mut watcher = ground.start_behind(&mut kept);
    watcher.confirms = false;
    while !kept.records.iter().any(|told| matches!(told.kind, Kind::BaselineTaken(_))) {
        kept.records.push(watcher.next_with_ticket().unwrap().1);
    }
    watcher.stop();
    ground.write("a", "after!");
    ground.write("new", "x");

    let mut watcher = ground.start_behind(&mut kept);
    let told = told_at_start(&mut watcher);

    let expected = [(FileAction::Modified, "a".to_owned()), (FileAction::Created, "new".to_owned())];
    assert_eq!(summary(&told, &ground.path("")), expected);
    watcher.stop();
}
