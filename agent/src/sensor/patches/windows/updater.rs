//! What Windows Update says is missing: asked in the background, told with the age of its answer.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use vonggac_protocol::limits::{TEXT_BYTES_MAX, WINDOWS_UPDATES_MAX};
use vonggac_protocol::posture::{Unknown, Why};
use vonggac_protocol::time::Timestamp;
use vonggac_protocol::windows::{MissingUpdate, UpdateSearch};

use super::recorded::{number, numbers_in};
use crate::os::told::{AskWhom, OfferedUpdate, UpdaterAnswer, UpdaterResults};
use crate::sensor::within::{begin, ended};

/// Category of security updates, the same in every language.
const SECURITY: &str = "0fa1201d-4330-4fa8-8ae9-b877473b6441";

/// An answer is asked for anew after so long, though nothing seems to have changed.
const ASK_AGAIN: Duration = Duration::from_secs(86_400);

/// After a failure it is not asked again before that: a search takes the machine minutes.
const ASK_AFTER_FAILURE: Duration = Duration::from_secs(4 * 3_600);

/// Asks Windows Update; may take many minutes.
pub type Ask = Arc<dyn Fn(&AskWhom) -> Result<UpdaterAnswer, Unknown> + Send + Sync>;

/// Windows Update, as it is asked.
pub struct Updater {
    /// `None`: it is not to be asked.
    whom: Option<AskWhom>,
    ask: Ask,
    running: Option<Running>,
    /// What the last question rested upon, and when it was asked.
    asked: Option<(UpdaterResults, Instant)>,
    answer: Option<UpdateSearch>,
    failed: Option<Unknown>,
}

struct Running {
    told: Receiver<Result<UpdaterAnswer, Unknown>>,
    /// How old the answer will be.
    at: Timestamp,
}

impl fmt::Debug for Updater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Updater").field("is_running", &self.running.is_some()).finish_non_exhaustive()
    }
}

impl Updater {
    /// Asks `whom`; `None`: nobody. `answer` is what was told before this start.
    #[must_use]
    pub fn new(whom: Option<AskWhom>, ask: Ask, answer: Option<UpdateSearch>) -> Self {
        Self { whom, ask, running: None, asked: None, answer, failed: None }
    }

    /// Whether an answer is still to come.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Whether a file is asked.
    #[must_use]
    pub fn asks_file(&self) -> bool {
        matches!(self.whom, Some(AskWhom::File(_)))
    }

    /// Asks if it is time to, and waits at most `wait` for the answer. `results` is when it last searched and installed
    /// by itself. The newest answer stands, and why there is none newer.
    pub fn look(
        &mut self,
        results: &Result<UpdaterResults, Unknown>,
        now: Timestamp,
        instant: Instant,
        wait: Duration,
    ) -> (Option<&UpdateSearch>, Option<&Unknown>) {
        let whom = self.whom.clone();
        match whom {
            None => {
                self.failed = Some(Unknown {
                    why: Why::NotAvailable,
                    detail: Some("not to be asked, by the agent's configuration".to_owned()),
                });
            }
            Some(whom) if self.running.is_none() && self.is_due(results, instant) => {
                self.begin(whom, results, now, instant);
            }
            Some(_) => {}
        }
        if let Some(running) = &self.running {
            match running.told.recv_timeout(wait) {
                Ok(Ok(answer)) => self.take(answer),
                Ok(Err(unknown)) => self.fail(unknown),
                Err(RecvTimeoutError::Disconnected) => self.fail(ended()),
                Err(RecvTimeoutError::Timeout) if self.answer.is_none() => {
                    self.failed = Some(crate::sensor::within::no_answer());
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }

        (self.answer.as_ref(), self.failed.as_ref())
    }

    fn is_due(&self, results: &Result<UpdaterResults, Unknown>, instant: Instant) -> bool {
        let Some((before, at)) = &self.asked else { return true };
        let since = instant.duration_since(*at);
        if self.failed.is_some() {
            return since >= ASK_AFTER_FAILURE;
        }

        since >= ASK_AGAIN || results.as_ref().is_ok_and(|results| results != before)
    }

    fn begin(
        &mut self,
        whom: AskWhom,
        results: &Result<UpdaterResults, Unknown>,
        now: Timestamp,
        instant: Instant,
    ) {
        let known = results.clone().unwrap_or_default();
        self.asked = Some((known, instant));
        // What lies in its store is as old as its last search.
        let at = match (&whom, known.searched_at) {
            (AskWhom::Store, Some(searched_at)) => searched_at,
            (AskWhom::Store, None) => {
                let unknown = results.as_ref().err().cloned();
                return self.fail(unknown.unwrap_or_else(|| Unknown {
                    why: Why::Failed,
                    detail: Some("no search of its own is recorded".to_owned()),
                }));
            }
            (AskWhom::Server | AskWhom::File(_), _) => now,
        };
        let ask = Arc::clone(&self.ask);
        match begin("windows-update", move || ask(&whom)) {
            Ok(told) => self.running = Some(Running { told, at }),
            Err(unknown) => self.fail(unknown),
        }
    }

    fn take(&mut self, answer: UpdaterAnswer) {
        let Some(running) = self.running.take() else { return };
        self.failed = None;
        self.answer =
            Some(UpdateSearch { at: running.at, data_at: answer.data_at, missing: missing(answer.offered) });
    }

    fn fail(&mut self, unknown: Unknown) {
        self.running = None;
        self.failed = Some(unknown);
    }
}

/// What is missing, without what another of the same answer takes the place of.
pub(super) fn missing(offered: Vec<OfferedUpdate>) -> Vec<MissingUpdate> {
    let by_others = |update: &OfferedUpdate| -> BTreeSet<String> {
        update.supersedes.iter().filter(|id| **id != update.id).map(|id| id.to_ascii_lowercase()).collect()
    };
    let superseded: BTreeSet<String> = offered.iter().flat_map(by_others).collect();
    let mut missing: Vec<_> = offered
        .into_iter()
        .filter(|update| !superseded.contains(&update.id.to_ascii_lowercase()))
        .map(told)
        .collect();
    missing.sort();
    missing.dedup();
    // Security updates are the last to be left out.
    missing.sort_by_key(|update| update.security == Some(false));
    missing.truncate(WINDOWS_UPDATES_MAX);
    missing.sort();

    missing
}

fn told(update: OfferedUpdate) -> MissingUpdate {
    let mut numbers: Vec<u32> = update.numbers.iter().filter_map(|text| number(text)).collect();
    if numbers.is_empty() {
        numbers = numbers_in(&update.title);
    }
    numbers.sort_unstable();
    numbers.dedup();
    numbers.truncate(WINDOWS_UPDATES_MAX);
    let is_security = |id: &String| id.trim_matches(['{', '}']).eq_ignore_ascii_case(SECURITY);
    let security = update.categories.iter().any(is_security) || !update.severity.trim().is_empty();
    let is_told = security || !update.categories.is_empty();

    MissingUpdate { numbers, title: shortened(update.title), security: is_told.then_some(security) }
}

/// A title without control characters, cut where it is longer than any real one.
fn shortened(title: String) -> String {
    let mut plain: String = title.chars().filter(|c| !c.is_control()).collect();
    if plain.len() > TEXT_BYTES_MAX {
        plain.truncate(plain.floor_char_boundary(TEXT_BYTES_MAX));
    }

    plain
}
