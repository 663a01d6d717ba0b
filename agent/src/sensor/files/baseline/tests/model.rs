//! Whatever is done to it, it is a map from keys to entries, in order.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tempfile::TempDir;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::{FileKind, FileState};
use vonggac_protocol::path::HostPath;
use vonggac_protocol::time::Timestamp;

use super::super::super::compare::{Entry, Mark, moment};
use super::super::super::key::Key;
use super::super::{Baseline, Opened, Rows};
use super::all;

#[derive(Clone, Debug)]
enum Step {
    Put(Key, Entry),
    Remove(Key),
    PutMany(BTreeMap<Key, Entry>),
    PutNew(BTreeMap<Key, Entry>),
    PutOrRemove(BTreeMap<Key, Option<Entry>>),
    ForgetTree(Key),
    Reopen,
}

fn keys() -> impl Strategy<Value = Key> {
    let names =
        prop_oneof!["[ab]", "[a-c]{1,3}", "[a-z]{20,60}", Just("ô".repeat(60)), Just("x".repeat(4_000)),];

    proptest::collection::vec(names, 0..4).prop_map(|names| {
        let bytes = names.iter().flat_map(|name| [&[0], name.as_bytes()].concat()).collect();
        Key::from_stored(bytes)
    })
}

fn times() -> impl Strategy<Value = i64> {
    prop_oneof![
        any::<i64>(),
        (0_i64..2_000_000_000).prop_map(|seconds| seconds * 1_000_000_000),
        1_795_000_000_000_000_000_i64..1_795_000_001_000_000_000,
        Just(i64::MIN),
        Just(i64::MAX),
    ]
}

fn digests() -> impl Strategy<Value = Option<Digest>> {
    proptest::option::of(any::<u8>().prop_map(|byte| Digest([byte; 32])))
}

prop_compose! {
    fn entries()(
        kind in prop_oneof![
            Just(FileKind::File), Just(FileKind::Directory), Just(FileKind::Link), Just(FileKind::Other)
        ],
        size in prop_oneof![any::<u64>(), 0_u64..100_000],
        digest in digests(),
        attributes in digests(),
        mode in prop_oneof![Just(0o644), Just(0o755), 0_u32..0o10000],
        flags in proptest::option::of(0_u32..4),
        owner in "root|www-data|[a-z]{1,8}",
        group in "root|",
        (modified_ns, changed_ns, inode) in (times(), times(), any::<u64>()),
        (modified, changed) in (proptest::option::of(any::<i64>()), proptest::option::of(any::<i64>())),
        target in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300)),
    ) -> Entry {
        Entry {
            state: FileState {
                kind,
                size,
                digest,
                mode,
                owner,
                group,
                modified: modified.map_or_else(|| moment(modified_ns), Timestamp),
                changed: changed.map_or_else(|| moment(changed_ns), Timestamp),
                link_target: target.map(|bytes| HostPath::from_bytes(&bytes)),
                attributes,
                flags,
            },
            mark: Mark { modified_ns, changed_ns, inode },
        }
    }
}

fn steps() -> impl Strategy<Value = Step> {
    use proptest::collection::btree_map;

    prop_oneof![
        4 => (keys(), entries()).prop_map(|(key, entry)| Step::Put(key, entry)),
        3 => keys().prop_map(Step::Remove),
        2 => btree_map(keys(), entries(), 0..60).prop_map(Step::PutMany),
        1 => btree_map(keys(), entries(), 0..60).prop_map(Step::PutNew),
        3 => btree_map(keys(), proptest::option::of(entries()), 0..60).prop_map(Step::PutOrRemove),
        1 => keys().prop_map(Step::ForgetTree),
        1 => Just(Step::Reopen),
    ]
}

fn take_step(baseline: &mut Baseline, model: &mut BTreeMap<Key, Entry>, dir: &TempDir, step: Step) {
    match step {
        Step::Put(key, entry) => {
            assert_eq!(baseline.put(&key, &entry).unwrap(), !model.contains_key(&key));
            model.insert(key, entry);
        }
        Step::Remove(key) => assert_eq!(baseline.remove(&key).unwrap(), model.remove(&key).is_some()),
        Step::PutMany(many) => {
            let before = model.len();
            let sorted: Vec<_> = many.into_iter().collect();
            let new = baseline.put_many(&sorted).unwrap();
            model.extend(sorted);
            assert_eq!(usize::try_from(new).unwrap(), model.len() - before);
        }
        Step::PutNew(many) => {
            let before = model.len();
            let sorted: Vec<_> = many.into_iter().collect();
            let new = baseline.put_new(&sorted).unwrap();
            for (key, entry) in sorted {
                model.entry(key).or_insert(entry);
            }
            assert_eq!(usize::try_from(new).unwrap(), model.len() - before);
        }
        Step::PutOrRemove(many) => {
            let before = i64::try_from(model.len()).unwrap();
            let sorted: Vec<_> = many.iter().map(|(key, entry)| (key, entry.as_ref())).collect();
            let grown = baseline.put_or_remove(&sorted).unwrap();
            for (key, entry) in many {
                match entry {
                    Some(entry) => drop(model.insert(key, entry)),
                    None => drop(model.remove(&key)),
                }
            }
            assert_eq!(grown, i64::try_from(model.len()).unwrap() - before);
        }
        Step::ForgetTree(key) => {
            baseline.forget_tree(&key).unwrap();
            model.retain(|own, _| !own.is_within(&key));
        }
        Step::Reopen => {
            let (meanwhile, _) = Baseline::open(&dir.path().join("meanwhile.db")).unwrap();
            drop(std::mem::replace(baseline, meanwhile));
            let (reopened, opened) = Baseline::open(&dir.path().join("baseline.db")).unwrap();
            assert_eq!(opened, Opened::Sound);
            *baseline = reopened;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn it_keeps_what_a_map_keeps(steps in proptest::collection::vec(steps(), 1..25), probe in keys()) {
        let dir = tempfile::tempdir().unwrap();
        let (mut baseline, _) = Baseline::open(&dir.path().join("baseline.db")).unwrap();
        let mut model = BTreeMap::new();
        for step in steps {
            take_step(&mut baseline, &mut model, &dir, step);

            prop_assert_eq!(usize::try_from(baseline.count().unwrap()).unwrap(), model.len());
        }
        prop_assert_eq!(&all(&baseline), &model.clone().into_iter().collect::<Vec<_>>());
        prop_assert_eq!(baseline.find(&probe).unwrap(), model.get(&probe).cloned());
        let (first, end) = probe.beneath();
        let beneath: Vec<Key> = model.range(first.clone()..end.clone()).map(|(key, _)| key.clone()).take(7).collect();
        let found = baseline.glances(&first, &end, 7).unwrap();
        prop_assert_eq!(found.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), beneath);
    }

    #[test]
    fn a_stream_that_skips_meets_what_a_map_holds_there(
        many in proptest::collection::btree_map(keys(), entries(), 0..120),
        mut skips in proptest::collection::vec(keys(), 0..12),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (mut baseline, _) = Baseline::open(&dir.path().join("baseline.db")).unwrap();
        baseline.put_many(&many.clone().into_iter().collect::<Vec<_>>()).unwrap();
        skips.sort();
        let mut rows = Rows::of_root(&Key::from_stored(Vec::new()));
        let mut at = Key::from_stored(Vec::new());
        for skip in skips {
            rows.skip_to(&skip).unwrap();
            at = at.max(skip);
            rows.fill(&baseline).unwrap();
            let found = rows.peek().map(|(key, _)| Key::from_stored(key.to_vec()));
            prop_assert_eq!(&found, &many.range(at.clone()..).next().map(|(key, _)| key.clone()));
            if let Some(found) = found {
                rows.pop().unwrap();
                at = found.successor();
            }
        }
    }
}
