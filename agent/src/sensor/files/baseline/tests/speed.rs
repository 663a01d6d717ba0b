//! What it costs. Not a test of anything else: run by hand, in release mode, on a quiet machine.
//!
//! ```text
//! VONGGAC_TREE=/usr cargo test --release -p vonggac-agent --lib baseline::tests::speed -- --ignored --nocapture
//! ```

#![expect(clippy::print_stderr, reason = "it prints what it measured")]

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::{FileKind, FileState};
use vonggac_protocol::path::HostPath;

use super::super::super::compare::{Entry, Mark, moment};
use super::super::super::key::Key;
use super::super::{Baseline, Rows};

/// Everything beneath a folder as the sensor would keep it; digests of the names stand for those of the contents.
fn tree(root: &Path) -> Vec<(Key, Entry)> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for name in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = name.path();
            let Ok(data) = path.symlink_metadata() else { continue };
            let kind = match data.file_type() {
                kind if kind.is_dir() => FileKind::Directory,
                kind if kind.is_symlink() => FileKind::Link,
                kind if kind.is_file() => FileKind::File,
                _ => FileKind::Other,
            };
            let (modified_ns, changed_ns) = (
                data.mtime() * 1_000_000_000 + data.mtime_nsec(),
                data.ctime() * 1_000_000_000 + data.ctime_nsec(),
            );
            let target = std::fs::read_link(&path).ok();
            let state = FileState {
                kind,
                size: if kind == FileKind::File { data.len() } else { 0 },
                digest: (kind == FileKind::File).then(|| Digest::of(path.as_os_str().as_encoded_bytes())),
                mode: data.mode() & 0o7777,
                owner: if data.uid() == 0 { "root".into() } else { data.uid().to_string() },
                group: if data.gid() == 0 { "root".into() } else { data.gid().to_string() },
                modified: moment(modified_ns),
                changed: moment(changed_ns),
                link_target: target.map(|target| HostPath::from_bytes(target.as_os_str().as_encoded_bytes())),
                attributes: None,
                flags: None,
            };
            found.push((
                Key::of(&path),
                Entry { state, mark: Mark { modified_ns, changed_ns, inode: data.ino() } },
            ));
            if kind == FileKind::Directory {
                folders.push(path);
            }
        }
    }
    found.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));

    found
}

/// Runs it, and says how many microseconds of processor time each of `count` took.
fn timed<T>(what: &str, count: usize, work: impl FnOnce() -> T) -> T {
    let used = || {
        let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        stat.split(' ').next().unwrap().parse::<u64>().unwrap()
    };
    let before = used();
    let done = work();
    eprintln!("{what}: {} ns", (used() - before) / u64::try_from(count).unwrap());

    done
}

/// Half of them, in no order.
fn scattered(entries: &[(Key, Entry)]) -> Vec<(Key, Entry)> {
    let mut scattered = entries.to_vec();
    let mut at = 0_usize;
    for index in (1..scattered.len()).rev() {
        at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        scattered.swap(index, (at >> 33) % (index + 1));
    }
    scattered.truncate(entries.len() / 2);

    scattered
}

fn changes(baseline: &mut Baseline, entries: &[(Key, Entry)], changed: &[(Key, Entry)]) {
    timed("changed, 2,048 scattered ones at once", changed.len(), || {
        for batch in changed.chunks(2_048) {
            let mut batch = batch.to_vec();
            for (_, entry) in &mut batch {
                entry.mark.changed_ns += 1;
                entry.state.digest = entry.state.digest.map(|_| Digest([7; 32]));
            }
            batch.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
            baseline.put_many(&batch).unwrap();
        }
    });
    timed("changed, 2,048 in order at once", entries.len(), || {
        for batch in entries.chunks(2_048) {
            let mut batch = batch.to_vec();
            for (_, entry) in &mut batch {
                entry.mark.changed_ns += 1;
            }
            baseline.put_many(&batch).unwrap();
        }
    });
    timed("removed, 2,048 scattered ones at once", changed.len(), || {
        for batch in changed.chunks(2_048) {
            let mut batch: Vec<_> = batch.iter().map(|(key, _)| (key, None)).collect();
            batch.sort_unstable_by_key(|(key, _)| *key);
            baseline.put_or_remove(&batch).unwrap();
        }
    });
    timed("put back, 2,048 scattered ones at once", changed.len(), || {
        for batch in changed.chunks(2_048) {
            let mut batch = batch.to_vec();
            batch.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
            baseline.put_many(&batch).unwrap();
        }
    });
}

#[test]
#[ignore = "measures, proves nothing"]
fn what_it_costs_for_each_path() {
    let root = std::env::var("VONGGAC_TREE").unwrap_or_else(|_| "/usr".to_owned());
    let entries = tree(Path::new(&root));
    let count = entries.len();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("baseline.db");
    let (mut baseline, _) = Baseline::open(&path).unwrap();
    eprintln!("{root}: {count} paths");

    timed("first scan, 512 at once", count, || {
        for batch in entries.chunks(512) {
            baseline.put_new(batch).unwrap();
        }
    });
    baseline.wipe_log().unwrap();
    let on_disk = || std::fs::metadata(&path).unwrap().len() / u64::try_from(count).unwrap();
    eprintln!("on disk: {} bytes a path", on_disk());
    timed("compared as a stream", count, || {
        let mut rows = Rows::of_root(&Key::from_stored(Vec::new()));
        let mut wanted = entries.iter();
        while rows.fill(&baseline).unwrap() {
            while let Some((key, glance)) = rows.peek() {
                let (own, entry) = wanted.next().unwrap();
                assert!(
                    key == own.as_bytes() && glance.mark == entry.mark && glance.size == entry.state.size
                );
                rows.pop().unwrap();
            }
        }
    });
    timed("found, one after the other", count, || {
        for (key, entry) in &entries {
            assert_eq!(baseline.find(key).unwrap().unwrap().mark, entry.mark);
        }
    });
    let changed = scattered(&entries);
    changes(&mut baseline, &entries, &changed);
    baseline.wipe_log().unwrap();
    eprintln!("on disk now: {} bytes a path", on_disk());
    drop(baseline);
    timed("opened and checked", count, || drop(Baseline::open(&path).unwrap()));
}
