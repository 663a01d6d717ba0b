//! What the inventory asks of the system itself and not of its files: Windows Update, and how the machine is protected.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use vonggac_protocol::patch::PatchState;
use vonggac_protocol::posture::{Posture, Unknown, Why};
use vonggac_protocol::time::Timestamp;

use crate::os::told::AskWhom;
use crate::os::{updates, wmi};
use crate::registry::OfThisMachine;
use crate::sensor::patches::windows::{Sources, Updater, read};
use crate::sensor::{posture, within};

/// How long a reading waits for an answer of Windows Update; a longer search comes with a later reading.
const SEARCH_WAIT: Duration = Duration::from_secs(20);

/// How long its history, and what a class of management data holds, is waited for.
const ANSWER_MAX: Duration = Duration::from_secs(120);

/// So often the inventory is read again soon because a search goes on; later its answer waits for the usual reading.
const SOON_MAX: u32 = 10;

/// The system, as it is asked.
#[derive(Debug)]
pub(super) struct System {
    updater: Updater,
    soon: u32,
}

impl System {
    /// Asks Windows Update in this way, if at all. `told` is the patch state told last.
    pub(super) fn new(whom: Option<AskWhom>, told: Option<&PatchState>) -> Self {
        let answer = told.and_then(|told| told.windows.as_ref()).and_then(|it| it.search.clone());

        Self { updater: Updater::new(whom, Arc::new(updates::search), answer), soon: 0 }
    }

    /// The patch state, where the system itself tells it; `None` where a package manager does. Blocks.
    pub(super) fn patches(
        &mut self,
        now: Timestamp,
        instant: Instant,
        previous: Option<&PatchState>,
    ) -> Option<std::io::Result<PatchState>> {
        if !wmi::AVAILABLE {
            return None;
        }
        let hotfixes = || wmi::ask(r"root\CIMV2", "Win32_QuickFixEngineering", &["HotFixID"]);
        let sources = Sources {
            record: within::within("installed-updates", ANSWER_MAX, hotfixes),
            history: within::within("update-history", ANSWER_MAX, updates::history),
            results: within::within("update-results", ANSWER_MAX, updates::results),
            restart: within::within("update-restart", ANSWER_MAX, updates::restart_required),
        };
        let times = (now, instant, SEARCH_WAIT);

        Some(read(&OfThisMachine, sources, &mut self.updater, previous, times))
    }

    /// Whether an answer is expected soon enough to read again for it.
    pub(super) fn is_soon(&mut self) -> bool {
        self.soon = if self.updater.is_running() { self.soon.saturating_add(1) } else { 0 };

        (1..=SOON_MAX).contains(&self.soon)
    }
}

/// How the machine is protected, if that is to be told: it differs from what was told before by more than moments that
/// pass by themselves, or it is time to tell it again. A system that knows nothing of it tells nothing. Blocks.
pub(super) fn posture_to_tell(root: &Path, told: Option<&Posture>, due: bool) -> Option<Posture> {
    let found = posture::steadied(posture::read(root), told);
    let is_silent = |unknown: Option<&Unknown>| unknown.is_some_and(|it| it.why == Why::NotAvailable);
    let knows_nothing = [
        found.anti_malware.unknown(),
        found.firewall.unknown(),
        found.volumes.unknown(),
        found.backups.unknown(),
    ]
    .into_iter()
    .all(is_silent);
    let differs = told.is_none_or(|told| told.without_moments() != found.without_moments());

    (due || differs).then_some(found).filter(|_| !(knows_nothing && told.is_none()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_posture_is_told_when_it_changed_and_when_it_is_due_but_not_for_newer_signatures_alone() {
        let root = tempfile::tempdir().unwrap();
        let clam = root.path().join("var/lib/clamav");
        fs::create_dir_all(&clam).unwrap();
        let sign = |day: u32| {
            let text = format!("ClamAV-VDB:{day} Nov 2026 09-24 +0000:278{day}:1:90:x:y:z:1\n");
            fs::write(clam.join("daily.cvd"), text).unwrap();
        };
        sign(20);
        let first = posture_to_tell(root.path(), None, false).unwrap();
        sign(21);

        let newer = posture_to_tell(root.path(), Some(&first), false);
        let due = posture_to_tell(root.path(), Some(&first), true);
        fs::create_dir_all(root.path().join("opt/eset/efs")).unwrap();
        let changed = posture_to_tell(root.path(), Some(&first), false);

        if wmi::AVAILABLE {
            return;
        }
        assert_eq!(newer, None);
        assert_ne!(due.as_ref(), Some(&first));
        assert_eq!(changed.unwrap().anti_malware.known().unwrap().len(), 2);
    }

    #[test]
    fn a_system_that_knows_nothing_of_its_protection_tells_nothing() {
        let root = tempfile::tempdir().unwrap();

        let told = posture_to_tell(root.path(), None, true);

        assert_eq!(told.is_some(), wmi::AVAILABLE);
    }
}
