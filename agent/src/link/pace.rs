//! How often to show life, and what to do when nobody answers; pure, time passed in.
//!
//! Three things bound the time between two signs of life. The collector's **promise** to notice silence: two beats and
//! a new connection must fit in it. The **assignment**: what is assigned reaches an agent with its next beat. And
//! **translated addresses** (RFC 4787): a translator that forgets does no harm, for the agent speaks first and QUIC
//! moves the connection, but each move costs a proof of the new address, which is dearer than some beats. So the
//! interval is shortened below what the translator remembers only where moves were seen and beats are the cheaper way.

use std::time::{Duration, Instant};

/// Bytes of a beat and its confirmation, headers counted (measured at the socket, IPv4).
const BEAT_BYTES: u64 = 151;

/// Bytes that a move of the connection costs more: a proof of the new address each way, each filled up to 1,200 bytes
/// (RFC 9000, 8.2.1), with headers and confirmations.
const MOVE_BYTES: u64 = 2_700;

/// Intervals that some translators bear: those that keep RFC 4787's two minutes, a minute, half a minute.
const RUNGS: [Duration; 3] = [Duration::from_secs(110), Duration::from_secs(50), Duration::from_secs(25)];

/// So many of the last beats are remembered, and so many of them must have found a new outer address: one does when a
/// machine changes its network.
const REMEMBERED: usize = 4;
const MOVES_ENOUGH: usize = 2;

/// After this the long interval is tried again: networks change.
const TRY_LONG_AFTER: Duration = Duration::from_secs(86_400);

/// A beat without an answer: after the first another local address is taken, after the second the connection is given
/// up. QUIC has sent the beat again five times by then.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
const GIVE_UP_AFTER: Duration = Duration::from_secs(75);

/// A short promise shortens both, but never below this: a satellite and some losses need it.
const ANSWER_WITHIN_LEAST: Duration = Duration::from_secs(5);

/// What to do now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Show life.
    Beat,
    /// Nobody answered: go on from another local address.
    Rebind,
    /// Still nobody: end the connection and begin another.
    GiveUp,
}

/// The rhythm of one agent; outlives its connections.
#[derive(Clone, Debug)]
pub struct Pacing {
    asked: Duration,
    promised: Duration,
    /// Whether the day's budget is used up: beats only as often as was promised.
    spent: bool,
    /// 0: as asked; others: `RUNGS[rung - 1]`.
    rung: usize,
    stepped_at: Option<Instant>,
    /// Whether the outer address was found changed, of the last beats.
    recent: Vec<bool>,
    moved: bool,
    moves: u64,
    beat_at: Instant,
    unanswered: Option<Unanswered>,
}

#[derive(Clone, Copy, Debug)]
struct Unanswered {
    since: Instant,
    rebound: bool,
}

impl Pacing {
    /// Before any connection.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            asked: Duration::from_secs(240),
            promised: Duration::from_secs(600),
            spent: false,
            rung: 0,
            stepped_at: None,
            recent: Vec::new(),
            moved: false,
            moves: 0,
            beat_at: now,
            unanswered: None,
        }
    }

    /// A connection stands: what was promised, and what is asked for. The next beat is due an interval later.
    pub fn handle_connected(&mut self, asked: Duration, promised: Duration, now: Instant) {
        self.asked = asked;
        self.promised = promised;
        self.unanswered = None;
        self.moved = false;
        self.beat_at = now + self.interval();
    }

    /// Something else is asked for.
    pub fn handle_asked(&mut self, asked: Duration, now: Instant) {
        self.asked = asked;
        self.beat_at = self.beat_at.min(now + self.interval());
    }

    /// Whether the day's budget is used up.
    pub fn handle_spent(&mut self, spent: bool) {
        self.spent = spent;
    }

    /// Something was sent that the peer has to confirm.
    pub fn handle_sent(&mut self, now: Instant) {
        self.unanswered.get_or_insert(Unanswered { since: now, rebound: false });
    }

    /// The peer was heard.
    pub fn handle_heard(&mut self) {
        self.unanswered = None;
    }

    /// The collector says that our packets come from elsewhere than before.
    pub fn handle_moved(&mut self) {
        self.moved = true;
        self.moves += 1;
    }

    /// What is due now. [`Step::Beat`] is given once; the caller sends the beat.
    pub fn poll_step(&mut self, now: Instant) -> Option<Step> {
        if let Some(unanswered) = &mut self.unanswered {
            let waited = now.saturating_duration_since(unanswered.since);
            if waited >= give_up_after(self.promised) {
                return Some(Step::GiveUp);
            }
            if waited >= answer_within(self.promised) && !unanswered.rebound {
                unanswered.rebound = true;
                return Some(Step::Rebind);
            }
        }
        if now < self.beat_at {
            return None;
        }
        self.learn(now);
        self.beat_at = now + self.interval();
        self.handle_sent(now);

        Some(Step::Beat)
    }

    /// When to ask again at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        let next = self.unanswered.map(|unanswered| {
            let wait = if unanswered.rebound { give_up_after } else { answer_within };
            unanswered.since + wait(self.promised)
        });

        next.map_or(self.beat_at, |next| next.min(self.beat_at))
    }

    /// Time between two beats.
    #[must_use]
    pub fn interval(&self) -> Duration {
        let longest = self.longest();
        if self.spent {
            return self.promised * 2 / 5;
        }

        self.rung.checked_sub(1).and_then(|at| RUNGS.get(at)).map_or(longest, |rung| longest.min(*rung))
    }

    /// How often the outer address was found changed.
    #[must_use]
    pub fn moves(&self) -> u64 {
        self.moves
    }

    /// The longest interval that serves assignment and promise: two beats fit, and a fifth of the promise is left for
    /// noticing that nobody answers and for a new connection.
    fn longest(&self) -> Duration {
        self.asked.min(self.promised * 2 / 5)
    }

    /// Takes in what the beat before found, before the next one.
    fn learn(&mut self, now: Instant) {
        self.recent.push(std::mem::take(&mut self.moved));
        if self.recent.len() > REMEMBERED {
            self.recent.remove(0);
        }
        let long_ago = |at: Instant| now.saturating_duration_since(at) >= TRY_LONG_AFTER;
        if self.recent.iter().filter(|moved| **moved).count() >= MOVES_ENOUGH {
            self.rung = self.next_rung();
            self.stepped_at = Some(now);
            self.recent.clear();
        } else if self.rung > 0 && self.stepped_at.is_some_and(long_ago) {
            self.rung = 0;
            self.stepped_at = Some(now);
            self.recent.clear();
        }
    }

    /// The longest rung below the present one where beats cost less than moves would at the long interval; back to the
    /// long one if there is none.
    fn next_rung(&self) -> usize {
        let longest = self.longest();
        let at_present = self.interval();
        let cheaper = |rung: Duration| {
            u128::from(BEAT_BYTES) * longest.as_millis()
                < u128::from(BEAT_BYTES + MOVE_BYTES) * rung.as_millis()
        };

        RUNGS.iter().position(|rung| *rung < at_present && cheaper(*rung)).map_or(0, |at| at + 1)
    }
}

fn answer_within(promised: Duration) -> Duration {
    (promised / 20).clamp(ANSWER_WITHIN_LEAST, ANSWER_WITHIN)
}

fn give_up_after(promised: Duration) -> Duration {
    (promised / 8).clamp(ANSWER_WITHIN_LEAST * 2, GIVE_UP_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMISE: Duration = Duration::from_secs(600);
    const ASKED: Duration = Duration::from_secs(240);
    const DAY: Duration = Duration::from_secs(86_400);

    /// A translator of addresses that forgets after a time of quiet and then takes another port.
    struct Translator {
        forgets_after: Duration,
        last: Option<Instant>,
    }

    /// What a day on such a path costs, and the longest time between two beats.
    fn live(
        pacing: &mut Pacing,
        translator: &mut Translator,
        from: Instant,
        span: Duration,
    ) -> (u64, Duration) {
        let (mut now, mut bytes, mut longest) = (from, 0, Duration::ZERO);
        let mut beat = from;
        while now < from + span {
            now = pacing.poll_timeout().max(now);
            match pacing.poll_step(now) {
                Some(Step::Beat) => {
                    longest = longest.max(now.duration_since(beat));
                    beat = now;
                    bytes += BEAT_BYTES;
                    if translator
                        .last
                        .is_some_and(|last| now.duration_since(last) >= translator.forgets_after)
                    {
                        bytes += MOVE_BYTES;
                        pacing.handle_moved();
                    }
                    translator.last = Some(now);
                    pacing.handle_heard();
                }
                Some(step) => panic!("{step:?} although everything is answered"),
                None => {}
            }
        }

        (bytes, longest)
    }

    fn pacing(now: Instant) -> Pacing {
        let mut pacing = Pacing::new(now);
        pacing.handle_connected(ASKED, PROMISE, now);
        pacing
    }

    fn day_behind(forgets_after: Duration) -> (u64, Duration) {
        let now = crate::clock::instant();
        let mut translator = Translator { forgets_after, last: None };

        live(&mut pacing(now), &mut translator, now, DAY)
    }

    #[test]
    fn a_path_without_translation_costs_under_a_hundred_kilobytes_a_day() {
        let (bytes, longest) = day_behind(DAY * 9);

        assert!(bytes < 56_000, "{bytes}");
        assert_eq!(longest, ASKED);
    }

    #[test]
    fn a_translator_is_outpaced_where_beats_are_cheaper_than_moves() {
        let (two_minutes, longest) = day_behind(Duration::from_secs(120));
        let (one_minute, _) = day_behind(Duration::from_secs(60));
        let (half_a_minute, _) = day_behind(Duration::from_secs(30));
        let (at_once, _) = day_behind(Duration::from_secs(1));
        let always_moved = 360 * (BEAT_BYTES + MOVE_BYTES);

        assert!(two_minutes < 150_000, "{two_minutes}");
        assert!(one_minute < 300_000, "{one_minute}");
        assert!(half_a_minute < 560_000 && half_a_minute < always_moved, "{half_a_minute}");
        assert!(longest <= ASKED);
        // Nothing helps against a translator that forgets at once: trying each rung again and again must not cost much
        // more than bearing it.
        assert!(at_once < always_moved * 5 / 2, "{at_once}");
    }

    #[test]
    fn one_change_of_network_does_not_shorten_the_interval() {
        let now = crate::clock::instant();
        let mut pacing = pacing(now);
        let mut translator = Translator { forgets_after: DAY * 9, last: None };
        live(&mut pacing, &mut translator, now, DAY / 24);

        pacing.handle_moved();
        live(&mut pacing, &mut translator, now + DAY / 24, DAY / 24);

        assert_eq!((pacing.interval(), pacing.moves()), (ASKED, 1));
    }

    #[test]
    fn a_network_that_got_better_is_noticed_within_a_day() {
        let now = crate::clock::instant();
        let mut pacing = pacing(now);
        let mut translator = Translator { forgets_after: Duration::from_secs(30), last: None };
        live(&mut pacing, &mut translator, now, DAY / 2);
        assert_eq!(pacing.interval(), Duration::from_secs(25));

        translator.forgets_after = DAY * 9;
        live(&mut pacing, &mut translator, now + DAY / 2, DAY);

        assert_eq!(pacing.interval(), ASKED);
    }

    #[test]
    fn a_long_interval_is_kept_where_shorter_ones_would_cost_more_than_moves() {
        let now = crate::clock::instant();
        let mut pacing = Pacing::new(now);
        pacing.handle_connected(Duration::from_secs(3_600), Duration::from_secs(9_000), now);
        let mut translator = Translator { forgets_after: Duration::from_secs(120), last: None };

        live(&mut pacing, &mut translator, now, DAY);

        assert_eq!(pacing.interval(), Duration::from_secs(3_600));
    }

    #[test]
    fn two_beats_and_a_new_connection_fit_in_every_promise() {
        let now = crate::clock::instant();
        for promised in [120, 180, 600, 3_600, 86_400].map(Duration::from_secs) {
            let mut pacing = Pacing::new(now);
            pacing.handle_connected(Duration::from_secs(3_600), promised, now);

            let noticed = pacing.interval() * 2 + give_up_after(promised);

            assert!(noticed <= promised * 19 / 20, "{noticed:?} of {promised:?}");
        }
    }

    #[test]
    fn a_collector_that_does_not_answer_is_left_in_time() {
        let now = crate::clock::instant();
        let mut pacing = pacing(now);

        assert_eq!(pacing.poll_step(now + ASKED), Some(Step::Beat));
        assert_eq!(pacing.poll_step(now + ASKED), None);
        assert_eq!(pacing.poll_timeout(), now + ASKED + ANSWER_WITHIN);
        assert_eq!(pacing.poll_step(now + ASKED + ANSWER_WITHIN), Some(Step::Rebind));
        assert_eq!(pacing.poll_step(now + ASKED + ANSWER_WITHIN), None);
        assert_eq!(pacing.poll_step(now + ASKED + GIVE_UP_AFTER), Some(Step::GiveUp));

        pacing.handle_connected(ASKED, PROMISE, now + ASKED * 2);
        assert_eq!(pacing.poll_step(now + ASKED * 2), None);
    }

    #[test]
    fn an_answer_after_a_change_of_the_local_address_keeps_the_connection() {
        let now = crate::clock::instant();
        let mut pacing = pacing(now);
        pacing.poll_step(now + ASKED);
        assert_eq!(pacing.poll_step(now + ASKED + ANSWER_WITHIN), Some(Step::Rebind));

        pacing.handle_heard();

        assert_eq!(pacing.poll_step(now + ASKED + GIVE_UP_AFTER), None);
        assert_eq!(pacing.poll_timeout(), now + ASKED * 2);
    }

    #[test]
    fn a_spent_budget_leaves_only_what_was_promised() {
        let now = crate::clock::instant();
        let mut pacing = pacing(now);
        pacing.handle_asked(Duration::from_secs(30), now);
        assert_eq!(pacing.interval(), Duration::from_secs(30));

        pacing.handle_spent(true);

        assert_eq!(pacing.interval(), PROMISE * 2 / 5);
    }
}
