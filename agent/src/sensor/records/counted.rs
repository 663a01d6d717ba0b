//! Facts alike within a short time are one observation with a count. The first is told at once; those that follow within its
//! time are told together at its end. Nothing is left out of a count: where there are too many different ones, the
//! rest is counted without names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vonggac_protocol::observation::{Kind, Observation};
use vonggac_protocol::record::{Login, LoginResult, PrivilegeUsed, ServiceAction, ServiceChanged};
use vonggac_protocol::time::Timestamp;

/// For refusals: a person who guesses is told within a minute.
const REFUSED_MS: i64 = 60_000;
/// For what was granted: programs that log in every minute are six observations an hour.
const GRANTED_MS: i64 = 600_000;
/// Different facts that are counted at the same time; beyond it they are counted without names.
const OPEN_MAX: usize = 256;
/// First ones that are told at once within a minute; beyond it they are counted first.
const AT_ONCE_MAX: u32 = 60;
/// What stands for many different services or units.
const MANY: &str = "*";

/// What follows a first one.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Window {
    /// The kind, with a count of zero.
    kind: Kind,
    /// When the first one was, by the record.
    began: Timestamp,
    /// When it ends, by our clock, if no later record ends it.
    ends: Timestamp,
    /// What was counted since, and from when until when.
    since: Option<(u64, Timestamp, Timestamp)>,
}

/// What is being counted.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Counted {
    open: BTreeMap<Vec<u8>, Window>,
    minute: i64,
    at_once: u32,
}

/// As it is kept over a restart.
#[derive(Serialize, Deserialize)]
struct Kept {
    observation: String,
    began: i64,
    ends: i64,
}

impl Counted {
    /// Takes a kind that was seen; what has no count is told as it is.
    pub fn take(&mut self, at: Timestamp, kind: Kind, now: Timestamp, told: &mut Vec<Observation>) {
        let Some(count) = count_of(&kind) else {
            told.push(Observation { at, kind });
            return;
        };
        let bare = with_count(&kind, 0, None);
        let key = minicbor::to_vec(&bare).expect("a Vec takes any number of bytes");
        let length = length_of(&bare);
        if let Some(window) = self.open.get_mut(&key) {
            if at.0 <= window.began.0.saturating_add(length) {
                window.add(count, at);
                return;
            }
            told.extend(window.close());
            self.open.remove(&key);
        }
        if self.open.len() >= OPEN_MAX {
            self.take_nameless(at, &bare, count, now);
            return;
        }
        let ends = Timestamp(now.0.saturating_add(length));
        let mut window = Window { kind: bare, began: at, ends, since: None };
        if self.may_tell(now) {
            told.push(Observation { at, kind });
        } else {
            window.add(count, at);
        }
        self.open.insert(key, window);
    }

    /// One too many: counted with others of its sort.
    fn take_nameless(&mut self, at: Timestamp, bare: &Kind, count: u64, now: Timestamp) {
        let nameless = nameless(bare);
        let ends = Timestamp(now.0.saturating_add(length_of(&nameless)));
        let key = minicbor::to_vec(&nameless).expect("a Vec takes any number of bytes");
        let window =
            self.open.entry(key).or_insert_with(|| Window { kind: nameless, began: at, ends, since: None });
        window.add(count, at);
    }

    fn may_tell(&mut self, now: Timestamp) -> bool {
        let minute = now.0.div_euclid(60_000);
        if self.minute != minute {
            (self.minute, self.at_once) = (minute, 0);
        }
        self.at_once += 1;

        self.at_once <= AT_ONCE_MAX
    }

    /// When the next one ends, by our clock.
    #[must_use]
    pub fn ends(&self) -> Option<Timestamp> {
        self.open.values().map(|window| window.ends).min()
    }

    /// Tells what has ended.
    pub fn end(&mut self, now: Timestamp, told: &mut Vec<Observation>) {
        self.open.retain(|_, window| {
            let is_over = window.ends <= now;
            if is_over {
                told.extend(window.close());
            }

            !is_over
        });
    }

    /// What is kept over a restart.
    #[must_use]
    pub fn keep(&self) -> Vec<serde_json::Value> {
        let kept = |window: &Window| {
            let (count, from, until) = window.since.unwrap_or((0, window.began, window.began));
            let observation = Observation { at: from, kind: with_count(&window.kind, count, Some(until)) };
            serde_json::to_value(Kept {
                observation: data_encoding::BASE64.encode(&observation.encode()),
                began: window.began.0,
                ends: window.ends.0,
            })
        };

        self.open.values().filter_map(|window| kept(window).ok()).collect()
    }

    /// What was kept; what cannot be read is left out.
    #[must_use]
    pub fn restore(kept: &[serde_json::Value]) -> Self {
        let mut counted = Self::default();
        for one in kept.iter().take(2 * OPEN_MAX) {
            let window = Kept::deserialize(one).ok().and_then(|one| {
                let bytes = data_encoding::BASE64.decode(one.observation.as_bytes()).ok()?;
                let observation = Observation::decode(&bytes).ok()?;
                let count = count_of(&observation.kind)?;
                let until = until_of(&observation.kind).unwrap_or(observation.at);
                Some(Window {
                    kind: with_count(&observation.kind, 0, None),
                    began: Timestamp(one.began),
                    ends: Timestamp(one.ends),
                    since: (count > 0).then_some((count, observation.at, until)),
                })
            });
            if let Some(window) = window {
                let key = minicbor::to_vec(&window.kind).expect("a Vec takes any number of bytes");
                counted.open.insert(key, window);
            }
        }

        counted
    }
}

impl Window {
    fn add(&mut self, count: u64, at: Timestamp) {
        let (before, from, until) = self.since.unwrap_or((0, at, at));
        self.since = Some((before.saturating_add(count), from.min(at), until.max(at)));
    }

    fn close(&mut self) -> Option<Observation> {
        let (count, from, until) = self.since.take()?;
        let until = (count > 1).then_some(until);

        Some(Observation { at: from, kind: with_count(&self.kind, count, until) })
    }
}

/// How many it stands for; `None` for kinds that are told one by one.
fn count_of(kind: &Kind) -> Option<u64> {
    count_and_until(kind).map(|(count, _)| count)
}

fn until_of(kind: &Kind) -> Option<Timestamp> {
    count_and_until(kind).and_then(|(_, until)| until)
}

fn count_and_until(kind: &Kind) -> Option<(u64, Option<Timestamp>)> {
    if let Kind::Login(it) = kind {
        return Some((it.count, it.until));
    }
    if let Kind::PrivilegeUsed(it) = kind {
        return Some((it.count, it.until));
    }
    let Kind::ServiceChanged(it) = kind else { return None };

    Some((it.count, it.until))
}

fn with_count(kind: &Kind, count: u64, until: Option<Timestamp>) -> Kind {
    let mut kind = kind.clone();
    if let Kind::Login(it) = &mut kind {
        (it.count, it.until) = (count, until);
    } else if let Kind::PrivilegeUsed(it) = &mut kind {
        (it.count, it.until) = (count, until);
    } else if let Kind::ServiceChanged(it) = &mut kind {
        (it.count, it.until) = (count, until);
    }

    kind
}

fn length_of(kind: &Kind) -> i64 {
    let is_refused = matches!(kind, Kind::Login(it) if it.result == LoginResult::Failed)
        || matches!(kind, Kind::PrivilegeUsed(it) if !it.granted)
        || matches!(kind, Kind::ServiceChanged(it) if it.action == ServiceAction::Failed);

    if is_refused { REFUSED_MS } else { GRANTED_MS }
}

/// The same without what tells it from others of its sort.
fn nameless(kind: &Kind) -> Kind {
    if let Kind::Login(it) = kind {
        return Kind::Login(Login {
            user: None,
            unknown_user: None,
            from: None,
            service: MANY.to_owned(),
            method: None,
            ..it.clone()
        });
    }
    if let Kind::PrivilegeUsed(it) = kind {
        return Kind::PrivilegeUsed(PrivilegeUsed {
            user: None,
            run_as: None,
            program: None,
            denial: None,
            ..it.clone()
        });
    }
    let Kind::ServiceChanged(it) = kind else { return kind.clone() };

    Kind::ServiceChanged(ServiceChanged { unit: MANY.to_owned(), result: None, ..it.clone() })
}
