//! A stop that is asked for at any moment.

use std::collections::BTreeSet;

use vonggac_protocol::observation::Kind;

use super::Ground;

#[test]
fn a_stop_in_the_middle_of_a_scan_is_no_failure_and_loses_nothing() {
    const FILES: usize = 1_500;
    let ground = Ground::new();
    for number in 0..FILES {
        ground.write(format!("file{number}"), "before");
    }
    ground.settled().stop();

    for number in 0..FILES {
        ground.write(format!("file{number}"), "changed while off");
    }
    // Nothing is confirmed, so each start finds all of it again. The scanning thread may end before the one that tells.
    for words in (0..250).step_by(5) {
        let mut watcher = ground.start();
        watcher.confirms = false;
        for _ in 0..words {
            watcher.next();
        }
        watcher.stop();
    }

    let mut watcher = ground.start();
    let mut told = BTreeSet::new();
    while told.len() < FILES {
        if let Kind::FileChanged(changed) = watcher.next().kind {
            assert!(changed.while_off, "{changed:?}");
            told.insert(changed.path);
        }
    }
    watcher.stop();
}
