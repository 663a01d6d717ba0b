#![expect(clippy::print_stderr, reason = "a test that could compare nothing says so")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use vonggac_protocol::time::Timestamp;

use super::*;
use crate::sensor::packages;

/// `name architecture installed candidate` of every update that apt lists for this root; `None` where apt cannot be asked.
fn apt_says(root: &Path) -> Option<BTreeSet<String>> {
    let output = Command::new("apt")
        .args(["list", "--upgradable", "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="])
        .arg("-o")
        .arg(format!("Dir={}", root.display()))
        .arg("-o")
        .arg(format!("Dir::State::status={}", root.join("var/lib/dpkg/status").display()))
        .env("LC_ALL", "C")
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).unwrap();
    let update = |line: &str| {
        let (name, rest) = line.split_once('/')?;
        let mut words = rest.split_whitespace().skip(1);
        let (candidate, architecture) = (words.next()?, words.next()?);
        let installed = line.rsplit_once("from: ")?.1.trim_end_matches(']');
        Some(format!("{name} {architecture} {installed} {candidate}"))
    };

    Some(text.lines().filter_map(update).collect())
}

fn ours(patches: &Patches) -> BTreeSet<String> {
    let update = |update: &vonggac_protocol::patch::PendingUpdate| {
        format!("{} {} {} {}", update.name, update.architecture, update.installed, update.candidate)
    };

    patches.state.pending.iter().map(update).collect()
}

#[test]
fn this_machines_pending_updates_are_those_that_apt_lists() {
    let root = Path::new("/");
    let Some(theirs) = apt_says(root) else {
        eprintln!("no apt on this machine: nothing was compared");
        return;
    };
    let installed = packages::read(root).unwrap().packages;

    let patches = read(root, Timestamp(0), &installed, "none", None);

    if patches.state.lists_at.is_none() {
        eprintln!("apt has no lists on this machine: nothing was compared");
        return;
    }
    assert_eq!(ours(&patches), theirs);
    eprintln!(
        "pending: ours {}, apt {}; security {:?}; lists of {:?}; last update {:?}; problems {:?}",
        patches.state.pending_count,
        theirs.len(),
        patches.state.security_count,
        patches.state.lists_at,
        patches.state.last_update,
        patches.problems
    );
}
