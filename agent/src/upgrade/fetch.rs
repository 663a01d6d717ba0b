//! A release on its way here: what is asked for, what is kept, what is refused. Runs in the link, which reaches nothing but the
//! state folder; everything here waits for the disk and is called where that is allowed.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tracing::warn;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::release::{
    self, AgentUpgrade, Manifest, Platform, ReleaseOffer, ReleasePiece, ReleaseWanted, UpgradeOutcome,
    UpgradeReason, Version,
};
use vonggac_protocol::time::Timestamp;

use super::keys::Keys;
use super::plan::{Plan, Slot};
use super::shelf::{Shelf, slot_of};

/// A piece that did not come within this is asked for again.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);

/// Pieces that may come wrong before the release is refused: the line has its own sums, so it is not the line.
const WRONG_MAX: u32 = 3;

/// What becoming another version needs.
#[derive(Clone, Debug)]
pub struct Upgrades {
    /// Whom this machine believes.
    pub keys: Keys,
    /// The version that runs.
    pub own: Version,
    /// Where the agent keeps what it must remember.
    pub state_dir: PathBuf,
}

/// A release that did not come to be tried.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// What is told of it.
    pub told: AgentUpgrade,
    /// Whether it may be tried again under the same order: the machine's state was in the way, not the release.
    pub again: bool,
}

/// A program that is whole on the disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arrived {
    /// Which.
    pub slot: Slot,
    /// By which order.
    pub order: u64,
}

/// What a step came to.
#[derive(Debug)]
pub enum Step {
    /// Pieces are to be asked for.
    Fetching(Box<Fetch>),
    /// It is whole.
    Arrived(Arrived),
    /// It will not be tried.
    Refused(Refused),
    /// Not now: its time has not come.
    Later,
    /// It is known already, or withdrawn.
    Done,
}

/// A release of which pieces are missing.
#[derive(Clone, Debug)]
pub struct Fetch {
    offer: ReleaseOffer,
    manifest: Manifest,
    missing: BTreeSet<u32>,
    asked: Option<(u32, Instant)>,
    wrong: u32,
}

impl Upgrades {
    /// Weighs an offer, and what of it is on the disk already.
    ///
    /// # Errors
    /// If the plan or the folder cannot be read.
    pub fn begin(&self, offer: ReleaseOffer, now: Timestamp) -> io::Result<Step> {
        let plan = Plan::load(&self.state_dir)?;
        if plan.closed.contains(&offer.order) {
            return Ok(Step::Done);
        }
        let manifest = match self.keys.open(&offer.manifest, &offer.signature) {
            Ok(manifest) => manifest,
            Err(reason) => return Ok(Step::Refused(self.refused("?", offer.order, reason))),
        };
        let slot = slot_of(&manifest);
        let refuse = |reason| Ok(Step::Refused(self.refused(&manifest.version, offer.order, reason)));
        if manifest.platform != Platform::own() {
            return refuse(UpgradeReason::Platform);
        }
        if Version::parse(&manifest.version).is_none_or(|version| version <= self.own) {
            return refuse(UpgradeReason::NotNewer);
        }
        if plan.unwanted.contains(&slot) {
            return refuse(UpgradeReason::Person);
        }
        if manifest.not_before > now {
            return Ok(Step::Later);
        }
        let shelf = Shelf::of(&self.state_dir);
        if shelf.is_sound(&slot, &self.keys) {
            return Ok(Step::Arrived(Arrived { slot, order: offer.order }));
        }
        if !shelf.has_room(&manifest)? {
            return refuse(UpgradeReason::Disk);
        }
        let missing = shelf.missing(&manifest)?;
        let fetch = Box::new(Fetch { offer, manifest, missing, asked: None, wrong: 0 });

        self.shelve_if_whole(fetch)
    }

    fn refused(&self, version: &str, order: u64, reason: UpgradeReason) -> Refused {
        let told = AgentUpgrade {
            outcome: UpgradeOutcome::Refused,
            from: self.own.to_string(),
            to: version.to_owned(),
            reason: Some(reason),
            order: Some(order),
        };

        Refused { told, again: reason == UpgradeReason::Disk }
    }

    /// Takes a piece that was asked for; others change nothing.
    ///
    /// # Errors
    /// If the disk refuses for another reason than that it is full.
    pub fn take(&self, mut fetch: Box<Fetch>, piece: &ReleasePiece) -> io::Result<Step> {
        let is_asked = fetch.asked.is_some_and(|(number, _)| number == piece.piece);
        if piece.sha256 != fetch.manifest.sha256 || !is_asked {
            return Ok(Step::Fetching(fetch));
        }
        fetch.asked = None;
        if piece.packed.is_empty() {
            return Ok(Step::Done);
        }
        let at = usize::try_from(piece.piece).unwrap_or(usize::MAX);
        let expected = fetch.manifest.pieces.get(at);
        let bytes = match release::unpack_piece(&piece.packed) {
            Ok(bytes) if Some(&Digest::of(&bytes)) == expected => bytes,
            Ok(_) | Err(_) => {
                fetch.wrong += 1;
                warn!(piece = piece.piece, "Piece of a release was not what was signed");
                if fetch.wrong < WRONG_MAX {
                    return Ok(Step::Fetching(fetch));
                }
                let (version, order) = (&fetch.manifest.version, fetch.offer.order);
                return Ok(Step::Refused(self.refused(version, order, UpgradeReason::Digest)));
            }
        };
        match Shelf::of(&self.state_dir).keep_piece(&fetch.manifest, piece.piece, &bytes) {
            Ok(()) => {
                fetch.missing.remove(&piece.piece);
                self.shelve_if_whole(fetch)
            }
            Err(error) => self.unless_full(&fetch, error),
        }
    }

    fn shelve_if_whole(&self, fetch: Box<Fetch>) -> io::Result<Step> {
        if !fetch.missing.is_empty() {
            return Ok(Step::Fetching(fetch));
        }
        match Shelf::of(&self.state_dir).shelve(&fetch.manifest, &fetch.offer) {
            Ok(true) => {
                Ok(Step::Arrived(Arrived { slot: slot_of(&fetch.manifest), order: fetch.offer.order }))
            }
            Ok(false) => {
                let (version, order) = (&fetch.manifest.version, fetch.offer.order);
                Ok(Step::Refused(self.refused(version, order, UpgradeReason::Digest)))
            }
            Err(error) => self.unless_full(&fetch, error),
        }
    }

    fn unless_full(&self, fetch: &Fetch, error: io::Error) -> io::Result<Step> {
        if !matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            return Err(error);
        }
        let (version, order) = (&fetch.manifest.version, fetch.offer.order);

        Ok(Step::Refused(self.refused(version, order, UpgradeReason::Disk)))
    }
}

impl Fetch {
    /// The piece to ask for now, if one is due.
    pub fn poll(&mut self, now: Instant) -> Option<ReleaseWanted> {
        if self.asked.is_some_and(|(_, at)| now.saturating_duration_since(at) < ANSWER_WITHIN) {
            return None;
        }
        let piece = *self.missing.first()?;
        self.asked = Some((piece, now));

        Some(ReleaseWanted { sha256: self.manifest.sha256, piece })
    }

    /// When to poll again if nothing comes; `None`: nothing was asked for.
    #[must_use]
    pub fn poll_at(&self) -> Option<Instant> {
        self.asked.and_then(|(_, at)| at.checked_add(ANSWER_WITHIN))
    }
}
