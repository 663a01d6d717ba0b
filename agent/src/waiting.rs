//! A service without an identity: it waits for one, and enrols by itself with what was left for it.
//!
//! A person who runs `enrol` ends the wait as well. What is waited for stands in `waiting.json`, for `status` and
//! `doctor`. A string that an installer left is removed once it did its work, or can do none.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io};

use serde::{Deserialize, Serialize};
use tracing::{info, warn};
use vonggac_protocol::enrolment::EnrolmentString;
use vonggac_protocol::time::Timestamp;

use crate::config::Config;
use crate::identity::Identity;
use crate::os::{LeftBy, LeftString, LifeEvent, machine, settings};
use crate::print::Message;
use crate::status::local;
use crate::{clock, enrol, keep, life};

const FILENAME: &str = "waiting.json";

/// How often an identity and new strings are looked for: somebody who ran `enrol` sits before the machine.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// After how long a first failure is tried again; doubled each time.
const AGAIN_FIRST: Duration = Duration::from_secs(15);

/// The longest pause between two attempts.
const AGAIN_LAST: Duration = Duration::from_secs(60 * 60);

/// A policy reaches all machines of a domain at once: each waits its own time up to this before it asks.
const SPREAD: Duration = Duration::from_secs(30);

/// Refusals after which the same string will never do.
const FINAL: [&str; 5] = [
    "enrol-string",
    "refusal-token-unknown",
    "refusal-token-used",
    "refusal-token-expired",
    "refusal-token-of-another-agency",
];

/// What a service without an identity waits for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Waiting {
    /// Since when this is so.
    pub at: Timestamp,
    /// Who left the string that is tried; `None`: nobody left any.
    pub by: Option<LeftBy>,
    /// Why the last attempt failed: the name of a message.
    pub failed: Option<String>,
    /// When it is tried again.
    pub again_at: Option<Timestamp>,
}

impl Waiting {
    /// What the service of a state folder waits for; `None` if it does not.
    #[must_use]
    pub(crate) fn read(state_dir: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(place(state_dir)).ok()?).ok()
    }

    /// In words.
    #[must_use]
    pub(crate) fn say(&self) -> Message {
        let id = match (self.by, &self.failed) {
            (None, None) => "waiting-nothing",
            (None, Some(_)) => "waiting-nothing-more",
            (Some(LeftBy::Installer), None) => "waiting-installer",
            (Some(LeftBy::Policy), None) => "waiting-policy",
            (Some(LeftBy::Installer), Some(_)) => "waiting-installer-again",
            (Some(LeftBy::Policy), Some(_)) => "waiting-policy-again",
        };
        let mut said = Message::new(id);
        if let Some(again_at) = self.again_at {
            said = said.with("at", local(again_at));
        }
        match &self.failed {
            Some(failed) => said.because(Message::named(failed.clone())),
            None => said,
        }
    }
}

fn place(state_dir: &Path) -> PathBuf {
    state_dir.join(FILENAME)
}

/// Returns when there is an identity. `tell` hears of each turn once.
///
/// # Errors
/// Only if what is left cannot be looked at for good.
pub(crate) async fn for_identity(config: &Config, tell: impl Fn(LifeEvent, &str)) -> anyhow::Result<()> {
    let state_dir = &config.state_dir;
    let mut turns = Turns::default();
    let mut told: Option<Waiting> = None;
    while !Identity::stands(state_dir) {
        let left = settings::left_strings().unwrap_or_default();
        turns.look(&left, clock::instant(), spread());
        if let Some(string) = turns.due(&left, clock::instant()) {
            match attempt(config, string).await {
                Ok(()) => {
                    settle(string.by);
                    tell(LifeEvent::Enrolled, "");
                    info!("Enrolled");
                    break;
                }
                Err(error) => {
                    let id = first_id(&error);
                    warn!(error = %format!("{error:#}"), "Enrolment failed");
                    if turns.failed(string, &id, clock::instant(), spread()) {
                        tell(LifeEvent::EnrolmentFailed, &life::short(error.as_ref()));
                    }
                    if string.by == LeftBy::Installer && FINAL.contains(&id.as_str()) {
                        settle(string.by);
                    }
                }
            }
        }
        let waiting = turns.waiting(&left, clock::now(), clock::instant());
        if told.as_ref().map(|told| (told.by, &told.failed)) != Some((waiting.by, &waiting.failed)) {
            tell(LifeEvent::WaitsForEnrolment, waiting.say().id());
            info!(by = ?waiting.by, failed = waiting.failed, "Waits for an identity");
        }
        if told.as_ref() != Some(&waiting) {
            keep_whole(state_dir, &waiting);
            told = Some(waiting);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    // A person's `enrol` makes what an installer left useless: a token is no thing to leave about.
    settle(LeftBy::Installer);
    if let Err(error) = keep::remove_file(&place(state_dir)) {
        warn!(%error, "What was waited for could not be removed");
    }

    Ok(())
}

fn settle(by: LeftBy) {
    if let Err(error) = settings::used(by) {
        warn!(%error, "The enrolment string that was left could not be removed");
    }
}

fn keep_whole(state_dir: &Path, waiting: &Waiting) {
    let kept = crate::os::protect::create_private_dir(state_dir).and_then(|_protection| {
        let text = serde_json::to_vec(waiting).map_err(io::Error::other)?;
        keep::write_view(&place(state_dir), &text)
    });
    if let Err(error) = kept {
        warn!(%error, "What is waited for could not be kept");
    }
}

async fn attempt(config: &Config, string: &LeftString) -> anyhow::Result<()> {
    config.never_enrol.check()?;
    let parsed: EnrolmentString =
        string.text.parse().map_err(|error| Message::new("enrol-string").because(error))?;
    enrol::enrol(&parsed, &machine::name(), &config.state_dir, false).await?;

    Ok(())
}

fn first_id(error: &anyhow::Error) -> String {
    let found = error.chain().find_map(|cause| cause.downcast_ref::<Message>());

    found.map_or_else(|| "enrol-failed".to_owned(), |message| message.id().to_owned())
}

fn spread() -> Duration {
    let share = getrandom::u32().map_or(0.5, |number| f64::from(number) / f64::from(u32::MAX));

    SPREAD.mul_f64(share)
}

/// When which string is tried. A string that was not there before is tried soon, whatever failed until then.
#[derive(Default)]
struct Turns {
    known: Vec<LeftString>,
    useless: Vec<LeftString>,
    next: Option<Instant>,
    failures: u32,
    failed: Option<String>,
    since: Option<Timestamp>,
}

impl Turns {
    fn look(&mut self, left: &[LeftString], now: Instant, spread: Duration) {
        if self.known == left {
            return;
        }
        // One who waits before the machine is not kept waiting.
        let at_once =
            left.iter().any(|string| string.by == LeftBy::Installer && !self.known.contains(string));
        self.next = Some(if at_once { now } else { now + spread });
        self.useless.retain(|string| left.contains(string));
        self.known = left.to_vec();
        self.failures = 0;
    }

    fn first<'a>(&self, left: &'a [LeftString]) -> Option<&'a LeftString> {
        left.iter().find(|string| !self.useless.contains(string))
    }

    fn due<'a>(&self, left: &'a [LeftString], now: Instant) -> Option<&'a LeftString> {
        self.first(left).filter(|_| self.next.is_none_or(|next| next <= now))
    }

    /// Whether this is another failure than the one before.
    fn failed(&mut self, string: &LeftString, id: &str, now: Instant, spread: Duration) -> bool {
        let pause = AGAIN_FIRST.saturating_mul(2_u32.saturating_pow(self.failures.min(16)));
        self.next = Some(now + pause.min(AGAIN_LAST) + spread);
        self.failures += 1;
        if FINAL.contains(&id) {
            self.useless.push(string.clone());
            // The other one's turn.
            self.next = Some(now);
            self.failures = 0;
        }
        let is_other = self.failed.as_deref() != Some(id);
        self.failed = Some(id.to_owned());

        is_other
    }

    fn waiting(&mut self, left: &[LeftString], wall: Timestamp, now: Instant) -> Waiting {
        let by = self.first(left).map(|string| string.by);
        let at = *self.since.get_or_insert(wall);
        let pause = self.next.filter(|_| by.is_some()).map(|next| next.saturating_duration_since(now));
        // To the second, and not told anew while it comes nearer.
        let again_at = pause.map(|pause| Timestamp((wall.plus(pause).0 + 500) / 1000 * 1000));

        Waiting { at, by, failed: self.failed.clone(), again_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &str, by: LeftBy) -> LeftString {
        LeftString { text: text.to_owned(), by }
    }

    const NONE: Duration = Duration::ZERO;

    #[test]
    fn an_installers_string_is_tried_at_once_a_policys_after_its_own_time_and_both_ever_more_seldom() {
        let (mut turns, start) = (Turns::default(), clock::instant());
        let policy = [string("a", LeftBy::Policy)];
        turns.look(&policy, start, SPREAD);
        assert!(turns.due(&policy, start).is_none());
        assert!(turns.due(&policy, start + SPREAD).is_some());

        let both = [string("b", LeftBy::Installer), string("a", LeftBy::Policy)];
        turns.look(&both, start, SPREAD);
        assert!(turns.due(&both, start).is_some_and(|due| due.by == LeftBy::Installer));

        let mut now = start;
        let mut pauses = Vec::new();
        for _ in 0..12 {
            turns.failed(&both[0], "dial-silent", now, NONE);
            let next = turns.next.unwrap();
            pauses.push(next.duration_since(now));
            assert!(turns.due(&both, next - Duration::from_millis(1)).is_none());
            now = next;
        }
        assert_eq!((pauses[0], pauses[1], pauses[11]), (AGAIN_FIRST, AGAIN_FIRST * 2, AGAIN_LAST));
    }

    #[test]
    fn a_string_that_can_never_do_is_not_tried_again_and_another_is() {
        let (mut turns, now) = (Turns::default(), clock::instant());
        let both = [string("b", LeftBy::Installer), string("a", LeftBy::Policy)];
        turns.look(&both, now, NONE);

        assert!(turns.failed(&both[0], "refusal-token-expired", now, NONE));
        turns.look(&both, now, NONE);

        assert_eq!(turns.due(&both, now).map(|due| due.by), Some(LeftBy::Policy));
        assert!(turns.failed(&both[1], "refusal-token-used", now, NONE));
        assert!(turns.due(&both, now + AGAIN_LAST).is_none());
        let waiting = turns.waiting(&both, Timestamp(1_000), now);
        assert_eq!((waiting.by, waiting.say().id()), (None, "waiting-nothing-more"));

        // A new policy, a new turn.
        let new = [string("c", LeftBy::Policy)];
        turns.look(&new, now, NONE);
        assert!(turns.due(&new, now).is_some());
    }

    #[test]
    fn what_is_waited_for_is_said_without_the_string() {
        let (mut turns, now) = (Turns::default(), clock::instant());
        assert_eq!(turns.waiting(&[], Timestamp(0), now).say().id(), "waiting-nothing");
        let left = [string("vg1:secret", LeftBy::Policy)];
        turns.look(&left, now, SPREAD);
        turns.failed(&left[0], "dial-silent", now, NONE);

        let waiting = turns.waiting(&left, Timestamp(1_795_000_000_000), now);

        assert_eq!(waiting.say().id(), "waiting-policy-again");
        assert_eq!(waiting.again_at, Some(Timestamp(1_795_000_015_000)));
        let text = serde_json::to_string(&waiting).unwrap();
        assert!(!text.contains("secret"), "{text}");
        assert_eq!(serde_json::from_str::<Waiting>(&text).unwrap(), waiting);
    }
}
