//! Lost notices are told, and a scan finds what they would have said.

use std::collections::BTreeSet;
use std::time::Duration;

use vonggac_protocol::file::{FileChanged, WatchLossReason, WatchLost};
use vonggac_protocol::observation::Kind;

use super::super::WatchBy;
use super::{FilesSettings, Ground, Watcher};

enum Told {
    Changed(Box<FileChanged>),
    Lost(WatchLost),
    Taken,
}

fn next(watcher: &mut Watcher) -> Told {
    let kind = watcher.next().kind;
    if let Kind::FileChanged(changed) = kind {
        return Told::Changed(Box::new(changed));
    }
    if let Kind::WatchLost(lost) = kind {
        return Told::Lost(lost);
    }
    assert!(matches!(kind, Kind::BaselineTaken(_)), "{kind:?}");

    Told::Taken
}

#[test]
fn a_burst_beyond_every_queue_is_told_as_a_loss_and_nothing_of_it_is_missing() {
    assert!(losses_of_a_burst(WatchBy::Directories) >= 1);
}

#[test]
fn nothing_is_missed_of_a_burst_that_whole_file_systems_tell_of() {
    losses_of_a_burst(WatchBy::Auto);
}

/// Losses told of a burst of which nothing is missed.
fn losses_of_a_burst(watch_by: WatchBy) -> u64 {
    let ground = Ground::new();
    for number in 0..50 {
        std::fs::create_dir(ground.path(format!("d{number}"))).unwrap();
    }
    let mut watcher = ground.start_with(FilesSettings { watch_by, ..ground.settings() });
    watcher.taken();
    // Nobody confirms and nobody listens: the sensor waits, its queue fills.
    watcher.confirms = false;
    let mut wanted = BTreeSet::new();
    for number in 0..12_300 {
        if number == 300 {
            while watcher.changes.len() < watcher.changes.max_capacity() {
                std::thread::yield_now();
            }
        }
        let name = format!("d{}/{number}", number % 50);
        ground.write(&name, "x");
        wanted.insert(ground.path(&name).to_str().unwrap().to_owned());
    }

    watcher.confirms = true;
    let mut losses = 0;
    while !wanted.is_empty() {
        match next(&mut watcher) {
            Told::Changed(changed) => {
                assert!(wanted.remove(changed.path.as_str()), "told twice: {}", changed.path);
            }
            Told::Lost(lost) => {
                let reasons = [WatchLossReason::AgentOverloaded, WatchLossReason::QueueOverflow];
                assert!(reasons.contains(&lost.reason) && lost.roots.is_empty() && lost.until.is_some());
                losses += 1;
            }
            Told::Taken => panic!("taken twice"),
        }
    }
    assert!(watcher.sensor.stats().watch_losses >= losses);
    watcher.stop();

    losses
}

#[test]
fn where_no_watch_is_to_be_had_a_scan_finds_changes_and_the_collector_is_told_once() {
    let ground = Ground::new();
    for number in 0..10 {
        std::fs::create_dir(ground.path(format!("d{number}"))).unwrap();
    }
    let settings = FilesSettings {
        watches_max: 3,
        watch_by: WatchBy::Directories,
        unwatched_rescan_every: Duration::from_millis(200),
        ..ground.settings()
    };
    let mut watcher = ground.start_with(settings);
    let mut lost = 0;
    loop {
        match next(&mut watcher) {
            Told::Lost(loss) => {
                assert_eq!((loss.reason, loss.until), (WatchLossReason::WatchLimit, None));
                lost += 1;
            }
            Told::Taken => break,
            Told::Changed(changed) => panic!("{changed:?}"),
        }
    }

    for number in 0..10 {
        ground.write(format!("d{number}/a"), "x");
    }
    let found: BTreeSet<_> = (0..10).map(|_| watcher.next_file().path.as_str().to_owned()).collect();

    assert_eq!((found.len(), lost), (10, 1));
    watcher.stop();
}

#[test]
fn a_change_that_gave_no_notice_is_found_by_the_regular_scan() {
    let ground = Ground::new();
    ground.write("a", "before");
    // Written through a name outside the watched folder: the kernel tells nobody.
    std::fs::hard_link(ground.path("a"), ground.outside("back-door")).unwrap();
    let settings = FilesSettings { rescan_every: Duration::from_millis(300), ..ground.settings() };
    let mut watcher = ground.start_with(settings);
    watcher.taken();

    std::fs::write(ground.outside("back-door"), "after!").unwrap();

    let changed = watcher.next_file();
    assert!(changed.path.as_str().ends_with("/a") && !changed.while_off);
    watcher.stop();
}
