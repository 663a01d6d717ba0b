//! A burst of rewrites against the real kernel: told once, within seconds, with the process where the system tells.

use std::process::Command;

use vonggac_protocol::file::{Actor, ChangeBurst};
use vonggac_protocol::observation::Kind;

use super::super::{FilesSettings, WatchBy};
use super::{Ground, Watcher};

const FILES: usize = 300;

/// Rewrites every file from one process of its own, as ransomware does.
fn rewrite_all(ground: &Ground) -> u32 {
    let script = "for f in \"$1\"/file-*; do echo locked > \"$f\"; done";
    let mut child = Command::new("sh").args(["-c", script, "sh"]).arg(ground.path("")).spawn().unwrap();
    let process = child.id();
    assert!(child.wait().unwrap().success());

    process
}

/// The bursts told until the changes of all files were told.
fn bursts(watcher: &mut Watcher) -> Vec<ChangeBurst> {
    let (mut changed, mut bursts) = (0, Vec::new());
    while changed < FILES || bursts.is_empty() {
        let kind = watcher.next().kind;
        changed += usize::from(matches!(kind, Kind::FileChanged(_)));
        if let Kind::ChangeBurst(burst) = kind {
            bursts.push(burst);
        }
    }

    bursts
}

fn burst_by(watch_by: WatchBy) -> (Vec<ChangeBurst>, u32) {
    let ground = Ground::new();
    (0..FILES).for_each(|n| ground.write(format!("file-{n:03}"), "as it was"));
    let mut watcher = ground.start_with(FilesSettings { watch_by, ..ground.settings() });
    watcher.taken();
    watcher.scanned();

    let process = rewrite_all(&ground);
    let told = bursts(&mut watcher);
    watcher.stop();

    (told, process)
}

#[test]
fn a_process_that_rewrites_three_hundred_files_is_told_as_one_burst_at_the_hundredth() {
    let (told, _) = burst_by(WatchBy::Directories);

    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].rewritten, told[0].renamed, &told[0].actor), (100, 0, &None));
}

#[test]
fn the_burst_names_the_process_where_the_system_tells_it_and_never_another() {
    let (told, process) = burst_by(WatchBy::Auto);

    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].rewritten, 100);
    let named = told[0].actor.as_ref().map(|actor: &Actor| actor.process);
    assert!(named.is_none_or(|named| named == process), "{named:?} is not {process}");
}
