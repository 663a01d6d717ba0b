//! A root measured anew: every difference first, then by whom and why, once.

use std::fs::FileTimes;
use std::time::SystemTime;

use vonggac_protocol::assignment::RebaselineOrder;
use vonggac_protocol::file::{BaselineTaken, FileAction};
use vonggac_protocol::observation::Kind;

use super::super::baseline::Baseline;
use super::super::key::Key;
use super::{Ground, Watcher};

fn order(number: u64, root: &str) -> RebaselineOrder {
    let (by, reason) = ("chi".to_owned(), "sau bảo trì".to_owned());

    RebaselineOrder { number, root: root.to_owned(), by, reason }
}

/// Actions told until the root is taken, and the taking.
fn retaken(watcher: &mut Watcher) -> (Vec<FileAction>, BaselineTaken) {
    let mut actions = Vec::new();
    loop {
        let kind = watcher.next().kind;
        if let Kind::FileChanged(changed) = &kind {
            actions.push(changed.action);
        }
        if let Kind::BaselineTaken(taken) = kind {
            return (actions, taken);
        }
    }
}

#[test]
fn a_root_is_measured_anew_by_a_named_person_and_the_history_keeps_who_and_what_was_before() {
    let ground = Ground::new();
    ground.write("a", "one");
    let mut watcher = ground.start();
    let first = watcher.taken();
    watcher.scanned();

    watcher.sensor.rebaseline(vec![order(1, "*")]);
    let (_, again) = retaken(&mut watcher);

    assert_eq!((again.by.as_deref(), again.reason.as_deref()), (Some("chi"), Some("sau bảo trì")));
    assert_eq!(again.previous, Some(first.digest));
    watcher.stop();
    let (baseline, _) = Baseline::open(&ground.settings().baseline_path).unwrap();
    let root = Key::of(&ground.outside("watched"));
    let by: Vec<_> = baseline.history(&root).unwrap().into_iter().map(|taking| taking.by).collect();
    assert_eq!(by, [None, Some("chi".to_owned())]);
}

#[test]
fn an_order_is_done_once_also_after_a_restart_and_the_next_number_is_done_again() {
    let ground = Ground::new();
    ground.write("a", "one");
    let mut watcher = ground.settled();
    watcher.scanned();
    watcher.sensor.rebaseline(vec![order(1, "*")]);
    retaken(&mut watcher);
    watcher.until_now();
    watcher.stop();

    let mut watcher = ground.start();
    watcher
        .sensor
        .rebaseline(vec![order(1, "*"), order(2, ground.path("").to_str().unwrap().trim_end_matches('/'))]);
    let (_, taken) = retaken(&mut watcher);
    assert_eq!(taken.by.as_deref(), Some("chi"));
    watcher.sensor.rebaseline(vec![order(1, "*"), order(2, "*")]);
    // Were one of them done once more, it would be told before what is written after it is settled twice.
    for _ in 0..3 {
        watcher.until_now();
    }
    watcher.stop();
    let (baseline, _) = Baseline::open(&ground.settings().baseline_path).unwrap();
    assert_eq!(baseline.history(&Key::of(&ground.outside("watched"))).unwrap().len(), 3);
}

#[test]
fn what_was_forged_while_the_agent_was_off_is_told_before_the_root_is_taken_anew() {
    let ground = Ground::new();
    ground.write("a", "good");
    let mut watcher = ground.settled();
    watcher.scanned();
    watcher.until_now();
    watcher.stop();
    let times = std::fs::metadata(ground.path("a")).unwrap().modified().unwrap();
    ground.write("a", "evil");
    let file = std::fs::File::options().write(true).open(ground.path("a")).unwrap();
    file.set_times(FileTimes::new().set_modified(times).set_accessed(SystemTime::UNIX_EPOCH)).unwrap();

    let mut watcher = ground.start();
    watcher.sensor.rebaseline(vec![order(1, "*")]);
    let (actions, _) = retaken(&mut watcher);
    watcher.stop();

    assert_eq!(actions, [FileAction::Modified]);
}
