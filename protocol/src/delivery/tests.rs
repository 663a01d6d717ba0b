//! The pair over a link that loses, doubles, reorders and cuts.

#![expect(clippy::as_conversions, reason = "small numbers of a test world")]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::inbox::{Inbox, Verdict};
use super::outbox::Outbox;
use crate::id::Seq;

#[derive(Clone, Debug)]
enum Step {
    Write(u8),
    DropOldest(u8),
    Send(u8),
    Deliver(u8),
    Double,
    Lose,
    DeliverAck,
    LoseAck,
    Cut,
    Connect,
    Wait,
    CollectorRestoresBackup(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..40_u8).prop_map(Step::Write),
        1 => (1..20_u8).prop_map(Step::DropOldest),
        8 => (1..30_u8).prop_map(Step::Send),
        8 => (0..4_u8).prop_map(Step::Deliver),
        2 => Just(Step::Double),
        2 => Just(Step::Lose),
        6 => Just(Step::DeliverAck),
        2 => Just(Step::LoseAck),
        1 => Just(Step::Cut),
        3 => Just(Step::Connect),
        2 => Just(Step::Wait),
        1 => (1..20_u8).prop_map(Step::CollectorRestoresBackup),
    ]
}

/// One lane, its spool as a span of places, a link as two queues, and the collector's disk.
struct World {
    now: Instant,
    spool: std::ops::Range<u64>,
    outbox: Outbox,
    connected: bool,
    batches: VecDeque<(u64, u64, u64)>,
    acks: VecDeque<(u64, bool)>,
    inbox: Inbox,
    kept: Vec<u64>,
    missing: Vec<u64>,
    holes: Vec<std::ops::RangeInclusive<u64>>,
}

impl World {
    /// A spool that was opened with these holes: so many records, then so many lost places, and again.
    fn new(spans: &[(u8, u8)]) -> Self {
        let (mut end, mut holes) = (1, Vec::new());
        for &(records, lost) in spans {
            end += u64::from(records);
            holes.push(end..=end + u64::from(lost) - 1);
            end += u64::from(lost);
        }
        let mut outbox = Outbox::new(Seq(1), Seq(end));
        for hole in &holes {
            outbox.handle_hole(Seq(*hole.start()), Seq(*hole.end()));
        }
        Self {
            now: epoch(),
            spool: 1..end,
            outbox,
            holes,
            connected: false,
            batches: VecDeque::new(),
            acks: VecDeque::new(),
            inbox: Inbox::default(),
            kept: Vec::new(),
            missing: Vec::new(),
        }
    }

    fn take(&mut self, step: &Step) {
        self.now += Duration::from_secs(1);
        match *step {
            Step::Write(count) => {
                self.spool.end += u64::from(count);
                self.outbox.handle_appended(Seq(self.spool.end));
            }
            Step::DropOldest(count) => {
                self.spool.start = (self.spool.start + u64::from(count)).min(self.spool.end);
                self.outbox.handle_dropped(Seq(self.spool.start));
            }
            Step::Send(count) => self.send(count),
            Step::Deliver(at) => {
                if let Some(batch) =
                    self.batches.remove(usize::from(at).min(self.batches.len().saturating_sub(1)))
                {
                    self.accept(batch);
                }
            }
            Step::Double => {
                if let Some(batch) = self.batches.front().copied() {
                    self.batches.push_back(batch);
                }
            }
            Step::Lose => drop(self.batches.pop_front()),
            Step::DeliverAck => {
                if let Some((kept, resend)) = self.acks.pop_front() {
                    self.outbox.handle_ack(Seq(kept), resend, self.now);
                    self.forget();
                }
            }
            Step::LoseAck => drop(self.acks.pop_front()),
            Step::Cut => self.cut(),
            Step::Connect => self.connect(),
            Step::Wait => {
                if let Some(at) = self.outbox.poll_timeout() {
                    self.now = self.now.max(at);
                    self.outbox.handle_timeout(self.now);
                }
            }
            Step::CollectorRestoresBackup(count) => {
                let back = self.inbox.kept().0.saturating_sub(u64::from(count));
                self.kept.retain(|&seq| seq <= back);
                self.missing.retain(|&seq| seq <= back);
                self.inbox = Inbox::new(Seq(back));
                self.cut();
            }
        }
    }

    fn send(&mut self, count: u8) {
        let Some(due) = self.outbox.poll_transmit() else { return };
        let count = due.count_max.min(usize::from(count));
        assert!(due.first.0 >= self.spool.start, "only what the spool holds is due");
        assert!(due.first.0 + count as u64 <= self.spool.end, "only what was written is due");
        let sent = due.first.0..due.first.0 + count as u64;
        let lost =
            |hole: &std::ops::RangeInclusive<u64>| *hole.start() < sent.end && sent.start <= *hole.end();
        assert!(!self.holes.iter().any(lost), "what is lost is never due");
        self.batches.push_back((due.first.0, due.gap_before, count as u64));
        self.outbox.handle_transmitted(due.first, count, self.now);
    }

    fn accept(&mut self, (first, gap, count): (u64, u64, u64)) {
        match self.inbox.handle_batch(Seq(first), gap, usize::try_from(count).unwrap()) {
            Verdict::Keep { skip, missing } => {
                if let Some((from, to)) = missing {
                    self.missing.extend(from.0..=to.0);
                }
                self.kept.extend(first + skip as u64..first + count);
                self.acks.push_back((self.inbox.kept().0, false));
            }
            Verdict::Known => self.acks.push_back((self.inbox.kept().0, false)),
            Verdict::OutOfOrder => self.acks.push_back((self.inbox.kept().0, true)),
        }
    }

    fn forget(&mut self) {
        self.spool.start = self.spool.start.max((self.outbox.kept().0 + 1).min(self.spool.end));
        self.outbox.handle_dropped(Seq(self.spool.start));
    }

    fn cut(&mut self) {
        self.batches.clear();
        self.acks.clear();
        self.connected = false;
        self.outbox.handle_disconnected();
    }

    fn connect(&mut self) {
        self.cut();
        self.connected = true;
        self.outbox.handle_connected(self.inbox.kept());
        self.forget();
    }

    fn check(&self) {
        assert!(self.kept.windows(2).all(|pair| pair[0] < pair[1]), "kept once and in order");
        let mut places: Vec<u64> = self.kept.iter().chain(&self.missing).copied().collect();
        places.sort_unstable();
        assert!(places.iter().copied().eq(1..=self.inbox.kept().0), "every place is kept or named missing");
    }

    fn settle(&mut self) {
        self.connect();
        for _ in 0..10_000 {
            self.send(255);
            self.take(&Step::Deliver(0));
            self.take(&Step::DeliverAck);
            if self.outbox.waiting() == 0 {
                for hole in &self.holes {
                    assert!(!self.kept.iter().any(|seq| hole.contains(seq)), "what is lost does not arrive");
                }
                return;
            }
        }
        panic!("a good link delivers everything");
    }
}

fn epoch() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant can only be had from a clock; the test adds to it"
    )]
    Instant::now()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_record_is_kept_once_in_order_or_named_missing(
        spans in proptest::collection::vec((1..20_u8, 1..20_u8), 0..4),
        steps in proptest::collection::vec(step(), 1..200),
    ) {
        let mut world = World::new(&spans);

        for step in &steps {
            world.take(step);
            world.check();
        }
        // Whatever was dropped, the agent has one thing more to say: that it dropped it.
        world.take(&Step::Write(1));
        world.settle();

        world.check();
        prop_assert_eq!(world.inbox.kept().0 + 1, world.spool.end);
    }
}

#[test]
fn a_doubled_batch_is_kept_once() {
    let mut inbox = Inbox::default();

    let first = inbox.handle_batch(Seq(1), 0, 3);
    let again = inbox.handle_batch(Seq(1), 0, 3);
    let overlapping = inbox.handle_batch(Seq(2), 0, 4);

    assert_eq!(first, Verdict::Keep { skip: 0, missing: None });
    assert_eq!(again, Verdict::Known);
    assert_eq!(overlapping, Verdict::Keep { skip: 2, missing: None });
}

#[test]
fn a_gap_that_nobody_named_is_not_passed_over() {
    let mut inbox = Inbox::new(Seq(3));

    assert_eq!(inbox.handle_batch(Seq(6), 0, 1), Verdict::OutOfOrder);
    assert_eq!(inbox.handle_batch(Seq(6), 2, 1), Verdict::Keep { skip: 0, missing: Some((Seq(4), Seq(5))) });
}

#[test]
fn a_late_acknowledgement_after_the_deadline_is_not_answered_with_what_it_confirms() {
    let start = epoch();
    let mut outbox = Outbox::new(Seq(1), Seq(9));
    outbox.handle_connected(Seq(0));
    outbox.handle_transmitted(Seq(1), 4, start);
    let at = outbox.poll_timeout().unwrap();
    outbox.handle_timeout(at);

    outbox.handle_ack(Seq(4), false, at);

    assert_eq!(outbox.poll_transmit().unwrap().first, Seq(5));
}

#[test]
fn a_call_to_send_again_that_was_overtaken_is_ignored() {
    let start = epoch();
    let mut outbox = Outbox::new(Seq(1), Seq(9));
    outbox.handle_connected(Seq(0));
    outbox.handle_transmitted(Seq(1), 4, start);
    outbox.handle_ack(Seq(4), false, start);

    outbox.handle_ack(Seq(2), true, start);

    assert_eq!((outbox.kept(), outbox.poll_transmit().unwrap().first), (Seq(4), Seq(5)));
}
