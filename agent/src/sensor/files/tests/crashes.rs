//! Spool before baseline, and what a restart says.

use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::FileAction;
use vonggac_protocol::observation::Kind;

use super::{Ground, summary};

#[test]
fn what_was_told_and_not_confirmed_is_told_again_after_a_crash() {
    let ground = Ground::new();
    ground.write("a", "before");
    ground.write("b", "stays");
    ground.settled().stop();

    let mut watcher = ground.start();
    watcher.scanned();
    watcher.confirms = false;
    ground.write("a", "after");
    std::fs::remove_file(ground.path("b")).unwrap();
    ground.write("c", "new");
    let mut first = [watcher.next_file(), watcher.next_file(), watcher.next_file()];
    watcher.stop();

    let mut watcher = ground.start();
    let mut again = [watcher.next_file(), watcher.next_file(), watcher.next_file()];
    first.sort_by(|x, y| x.path.cmp(&y.path));
    again.sort_by(|x, y| x.path.cmp(&y.path));
    for (once, twice) in first.iter().zip(&again) {
        assert_eq!((&once.path, once.action), (&twice.path, twice.action));
        assert_eq!((&once.before, &once.after), (&twice.before, &twice.after));
        assert!(!once.while_off && twice.while_off);
    }
    assert_eq!(watcher.told(), []);
    watcher.stop();
}

#[test]
fn what_was_confirmed_is_not_told_again() {
    let ground = Ground::new();
    ground.write("a", "before");
    let mut watcher = ground.settled();
    ground.write("a", "after");
    assert_eq!(watcher.next_file().action, FileAction::Modified);
    watcher.stop();

    let mut watcher = ground.start();

    assert_eq!(watcher.told(), []);
    watcher.stop();
}

#[test]
fn confirming_one_ticket_moves_the_baseline_no_further() {
    let ground = Ground::new();
    let mut watcher = ground.settled();
    watcher.confirms = false;
    ground.write("a", "1");
    let (ticket, _) = watcher.next_with_ticket().unwrap();
    ground.write("b", "2");
    watcher.next_file();
    watcher.sensor.confirm(ticket);
    watcher.stop();

    let mut watcher = ground.start();
    let told = watcher.until_now();

    assert_eq!(summary(&told, &ground.path("")), [(FileAction::Created, "b".to_owned())]);
    watcher.stop();
}

#[test]
fn a_change_of_an_unconfirmed_change_is_compared_with_what_was_told() {
    let ground = Ground::new();
    let mut watcher = ground.settled();
    watcher.confirms = false;

    ground.write("a", "1");
    assert_eq!(watcher.next_file().action, FileAction::Created);
    ground.write("a", "2");
    let second = watcher.next_file();
    std::fs::remove_file(ground.path("a")).unwrap();
    let third = watcher.next_file();

    assert_eq!(
        (second.action, second.before.unwrap().digest),
        (FileAction::Modified, Some(Digest::of(b"1")))
    );
    assert_eq!((third.action, third.before.unwrap().digest), (FileAction::Deleted, Some(Digest::of(b"2"))));
    watcher.stop();
    let mut watcher = ground.start();
    assert_eq!(watcher.told(), []);
    watcher.stop();
}

#[test]
fn what_changed_while_off_is_told_as_such_with_the_last_watched_moment() {
    let ground = Ground::new();
    std::fs::create_dir(ground.path("d")).unwrap();
    for name in ["d/modified", "d/deleted", "d/touched", "kept"] {
        ground.write(name, "before");
    }
    let mut watcher = ground.settled();
    assert_eq!(watcher.sensor.watched_until(), None);
    watcher.until_now();
    watcher.stop();

    ground.write("d/modified", "after!");
    std::fs::remove_file(ground.path("d/deleted")).unwrap();
    std::fs::File::options()
        .write(true)
        .open(ground.path("d/touched"))
        .unwrap()
        .set_modified(std::time::UNIX_EPOCH)
        .unwrap();
    ground.write("d/made", "x");
    let mut watcher = ground.start();
    let until = watcher.sensor.watched_until();
    let told: Vec<_> = (0..4).map(|_| watcher.next_file()).collect();

    assert!(until.is_some());
    assert!(told.iter().all(|changed| changed.while_off && changed.not_before == until));
    assert_eq!(
        summary(&told, &ground.path("")),
        [
            (FileAction::Deleted, "d/deleted".to_owned()),
            (FileAction::Created, "d/made".to_owned()),
            (FileAction::Modified, "d/modified".to_owned()),
            (FileAction::MetadataChanged, "d/touched".to_owned()),
        ]
    );
    assert_eq!(watcher.told(), []);
    watcher.stop();
}

#[test]
fn a_content_changed_while_off_under_its_old_time_is_found_by_its_change_time() {
    let ground = Ground::new();
    ground.write("a", "good");
    let mut watcher = ground.settled();
    watcher.until_now();
    watcher.stop();

    let time = std::fs::metadata(ground.path("a")).unwrap().modified().unwrap();
    ground.write("a", "evil");
    std::fs::File::options().write(true).open(ground.path("a")).unwrap().set_modified(time).unwrap();
    let mut watcher = ground.start();

    let changed = watcher.next_file();
    assert_eq!((changed.action, changed.while_off), (FileAction::Modified, true));
    watcher.stop();
}

#[test]
fn a_first_scan_that_was_cut_short_is_finished_and_told_once() {
    let ground = Ground::new();
    for number in 0..300 {
        ground.write(format!("{number}"), "x");
    }
    let mut watcher = ground.start();
    watcher.confirms = false;
    let first = watcher.taken();
    watcher.stop();

    let mut watcher = ground.start();
    let again = watcher.taken();
    watcher.stop();
    let mut watcher = ground.start();
    let told = watcher.told();

    assert_eq!((first.paths, first.digest), (301, again.digest));
    assert_eq!(told, []);
    watcher.stop();
}

#[test]
fn an_unreadable_baseline_is_put_aside_and_told() {
    let ground = Ground::new();
    ground.write("a", "x");
    ground.settled().stop();
    std::fs::write(
        ground.outside("state/baseline.db"),
        "this is no database, and long enough to be read as one",
    )
    .unwrap();

    let mut watcher = ground.start();

    assert!(matches!(watcher.next().kind, Kind::SensorFailed(_)));
    assert_eq!(watcher.taken().paths, 2);
    assert!(ground.outside("state/baseline.db.unreadable-1").exists());
    watcher.stop();
}

#[test]
fn a_damaged_part_of_the_baseline_is_told_and_measured_anew_and_nothing_is_invented() {
    let ground = Ground::new();
    for number in 0..300 {
        ground.write(format!("f-{number:03}"), "before");
    }
    let mut watcher = ground.settled();
    watcher.until_now();
    watcher.stop();
    let db = rusqlite::Connection::open(ground.outside("state/baseline.db")).unwrap();
    let last = "SELECT block FROM place ORDER BY first DESC LIMIT 1";
    db.execute(
        &format!("UPDATE block SET body = CAST(substr(body, 2) || x'00' AS BLOB) WHERE id = ({last})"),
        [],
    )
    .unwrap();
    drop(db);
    ground.write("f-000", "after");
    ground.write("f-299", "after");

    let mut watcher = ground.start();

    let Kind::SensorFailed(failed) = watcher.next().kind else { panic!("damage is told first") };
    assert!(failed.reason.contains("part of the baseline was damaged"), "{}", failed.reason);
    let mut told = Vec::new();
    let taken = loop {
        let kind = watcher.next().kind;
        if let Kind::BaselineTaken(taken) = kind {
            break taken;
        }
        let Kind::FileChanged(changed) = kind else { panic!("unexpected {kind:?}") };
        told.push(changed);
    };
    told.extend(watcher.until_now());
    assert_eq!(summary(&told, &ground.path("")), [(FileAction::Modified, "f-000".to_owned())]);
    // The folder, the files, and the sentinel.
    assert_eq!(taken.paths, 302);
    watcher.stop();
}
