//! Any order of operations against a model.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<(bool, u16)>),
    Forget(bool, u8),
    DropOldest,
    Reopen,
    /// Reopened after a cut at any byte of what the last append wrote to the prompt lane.
    PowerCut(u16),
    Renew,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => proptest::collection::vec((any::<bool>(), 0..900_u16), 1..20).prop_map(Step::Append),
        3 => (any::<bool>(), any::<u8>()).prop_map(|(lane, share)| Step::Forget(lane, share)),
        1 => Just(Step::DropOldest),
        2 => Just(Step::Reopen),
        2 => any::<u16>().prop_map(Step::PowerCut),
        1 => Just(Step::Renew),
    ]
}

#[derive(Default)]
struct Model {
    kept: BTreeMap<Lane, BTreeMap<u64, Vec<u8>>>,
    next: BTreeMap<Lane, u64>,
}

fn lane_of(flag: bool) -> Lane {
    if flag { Lane::Prompt } else { Lane::Bulk }
}

impl Model {
    fn check(&self, spool: &mut Spool) {
        for lane in Lane::ALL {
            let kept: Vec<(u64, Vec<u8>)> = self
                .kept
                .get(&lane)
                .into_iter()
                .flatten()
                .map(|(seq, bytes)| (*seq, bytes.clone()))
                .collect();
            assert_eq!(spool.waiting(lane), u64::try_from(kept.len()).unwrap());
            assert_eq!(spool.span(lane).next.0, self.next.get(&lane).copied().unwrap_or(1));
            assert_eq!(read_all(spool, lane), kept);
        }
    }

    fn append(&mut self, spool: &mut Spool, sizes: &[(bool, u16)], number: &mut u8) {
        let records: Vec<Record> = sizes
            .iter()
            .map(|(lane, size)| {
                *number = number.wrapping_add(1);
                Record { lane: lane_of(*lane), at: Timestamp(0), bytes: vec![*number; usize::from(*size)] }
            })
            .collect();
        let appended = spool.append(&records).unwrap();
        for dropped in appended.dropped {
            self.drop_before(dropped.lane, dropped.kept_from);
        }
        for (record, (lane, seq)) in records.into_iter().zip(appended.places) {
            let next = self.next.entry(lane).or_insert(1);
            assert_eq!((lane, seq.0), (record.lane, *next));
            *next += 1;
            self.kept.entry(lane).or_default().insert(seq.0, record.bytes);
        }
    }

    fn drop_before(&mut self, lane: Lane, kept_from: Seq) {
        self.kept.entry(lane).or_default().retain(|seq, _| *seq >= kept_from.0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_spool_keeps_what_the_model_keeps(steps in proptest::collection::vec(step(), 1..25)) {
        let (folder, dir, spool) = new_spool();
        let mut spool = Some(spool);
        let (mut model, mut number, mut epoch) = (Model::default(), 0, EPOCH.0);
        for step in steps {
            let mut open_now = spool.take().unwrap();
            match step {
                Step::Append(sizes) => model.append(&mut open_now, &sizes, &mut number),
                Step::Forget(lane, share) => {
                    let lane = lane_of(lane);
                    let Span { kept_from, next } = open_now.span(lane);
                    let up_to = Seq(kept_from.0 + (next.0 - kept_from.0) * u64::from(share) / 255 - 1);
                    open_now.forget(lane, up_to).unwrap();
                    model.drop_before(lane, up_to.next());
                }
                Step::DropOldest => {
                    if let Some(dropped) = open_now.drop_oldest().unwrap() {
                        let before = model.kept.get(&dropped.lane).map_or(0, BTreeMap::len);
                        model.drop_before(dropped.lane, dropped.kept_from);
                        let after = model.kept.get(&dropped.lane).map_or(0, BTreeMap::len);
                        prop_assert_eq!(dropped.count, u64::try_from(before - after).unwrap());
                    }
                }
                Step::Reopen => {
                    drop(open_now);
                    open_now = open(&dir).0;
                    prop_assert_eq!(open_now.epoch(), Epoch(epoch));
                }
                Step::PowerCut(at) => {
                    open_now = power_cut(open_now, &dir, folder.path(), at);
                }
                Step::Renew => {
                    epoch += 1;
                    open_now.renew(Epoch(epoch)).unwrap();
                    for lane in Lane::ALL {
                        let kept = std::mem::take(model.kept.entry(lane).or_default());
                        model.next.insert(lane, u64::try_from(kept.len()).unwrap() + 1);
                        model.kept.insert(lane, (1..).zip(kept.into_values()).collect());
                    }
                }
            }
            model.check(&mut open_now);
            spool = Some(open_now);
        }
    }
}

/// Writes a group that is never synced, of which the disk keeps a part, perhaps with the room that was taken for it: none
/// of it counts, all before it does.
fn power_cut(mut spool: Spool, dir: &Path, folder: &Path, at: u16) -> Spool {
    let group: Vec<Record> = (0..5).map(|number| record(Lane::Prompt, number)).collect();
    let (before, place) = (spool.prompt.newest_bytes(), spool.prompt.newest_path());
    let packed = pack_lanes(&group);
    spool.write(&group, &packed, 0).unwrap();
    let copy = folder.join("after-the-cut");
    copy_folder(dir, &copy);
    drop(spool);
    std::fs::remove_dir_all(dir).unwrap();
    std::fs::rename(&copy, dir).unwrap();
    // Only files that were there before the group survive, cut inside the group's block or before it.
    let newest = std::fs::read_dir(dir.join("prompt")).unwrap().map(|entry| entry.unwrap().path());
    for path in newest.filter(|path| path.extension().is_some_and(|end| end == "seg") && *path > place) {
        std::fs::remove_file(path).unwrap();
    }
    let length = std::fs::metadata(&place).unwrap().len();
    let first = packed[0][0].bytes().min(length - before);
    let kept = if first == 0 { before } else { before + u64::from(at) % first };
    let file = std::fs::OpenOptions::new().write(true).open(&place).unwrap();
    file.set_len(kept).unwrap();
    if at.is_multiple_of(2) {
        file.set_len(kept + 3000).unwrap();
    }

    open(dir).0
}
