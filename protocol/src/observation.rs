//! A fact seen on a host at a time; never an opinion.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::activation::Activation;
use crate::digest::Digest;
use crate::file::{BaselineTaken, ChangeBurst, FileChanged, FilesInstalled, WatchLost, WatchModeChanged};
use crate::host::{Health, HostDescribed};
use crate::id::Lane;
use crate::limits::OBSERVATION_BYTES_MAX;
use crate::line::BudgetReached;
use crate::package::{PackagesChanged, PackagesListed};
use crate::patch::PatchState;
use crate::posture::Posture;
use crate::record::{AccountChanged, LogGap, Login, PrivilegeUsed, ServiceChanged};
use crate::release::AgentUpgrade;
use crate::renewal::CertificateEnding;
use crate::time::Timestamp;

/// What was seen and when; stamped once, never edited. Its id is its place in the spool.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Observation {
    /// When, by the clock of whoever saw it.
    #[n(0)]
    pub at: Timestamp,
    /// What.
    #[n(1)]
    pub kind: Kind,
}

/// How many kinds there are: their numbers on the wire are all below.
pub const KINDS: u32 = 32;

/// The closed list of what can be observed. Numbers are never reused; a new kind gets the next one.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "the largest kind, a changed path, is also by far the most common"
)]
pub enum Kind {
    /// The agent began to watch.
    #[n(0)]
    AgentStarted(#[n(0)] AgentStarted),
    /// The agent was asked to stop.
    #[n(1)]
    AgentStopped(#[n(0)] AgentStopped),
    /// How our program fares.
    #[n(2)]
    Health(#[n(0)] Health),
    /// The machine.
    #[n(3)]
    HostDescribed(#[n(0)] HostDescribed),
    /// A path changed.
    #[n(4)]
    FileChanged(#[n(0)] FileChanged),
    /// A root was measured whole.
    #[n(5)]
    BaselineTaken(#[n(0)] BaselineTaken),
    /// Changes may have been missed.
    #[n(6)]
    WatchLost(#[n(0)] WatchLost),
    /// The spool ran full and records were dropped.
    #[n(7)]
    SpoolDropped(#[n(0)] SpoolDropped),
    /// Part of a whole inventory.
    #[n(8)]
    PackagesListed(#[n(0)] PackagesListed),
    /// Difference of inventories.
    #[n(9)]
    PackagesChanged(#[n(0)] PackagesChanged),
    /// Patch state.
    #[n(10)]
    PatchState(#[n(0)] PatchState),
    /// An assignment was not acceptable; the last good one stays.
    #[n(11)]
    AssignmentRefused(#[n(0)] AssignmentRefused),
    /// A sensor could not do its work.
    #[n(12)]
    SensorFailed(#[n(0)] SensorFailed),
    /// By the collector: nothing was heard of a host within its promised time.
    #[n(13)]
    AgentSilent(#[n(0)] AgentSilent),
    /// By the collector: a silent host is back.
    #[n(14)]
    AgentHeard(#[n(0)] AgentHeard),
    /// By the collector: one identity was used by two machines.
    #[n(15)]
    IdentityTwice(#[n(0)] IdentityTwice),
    /// By the collector: a host broke the protocol or a limit.
    #[n(16)]
    HostMisbehaved(#[n(0)] HostMisbehaved),
    /// By the collector: records a host had never arrived and no longer exist.
    #[n(17)]
    RecordsMissing(#[n(0)] RecordsMissing),
    /// The package manager changed files.
    #[n(18)]
    FilesInstalled(#[n(0)] FilesInstalled),
    /// Very many files changed in a short time.
    #[n(19)]
    ChangeBurst(#[n(0)] ChangeBurst),
    /// Roots are watched by other means.
    #[n(20)]
    WatchModeChanged(#[n(0)] WatchModeChanged),
    /// The certificate ends soon and could not be renewed.
    #[n(21)]
    CertificateEnding(#[n(0)] CertificateEnding),
    /// A day's budget of bytes on the line is used up.
    #[n(23)]
    BudgetReached(#[n(0)] BudgetReached),
    /// By the collector: a machine came back as an older copy of itself.
    #[n(22)]
    MachineSetBack(#[n(0)] MachineSetBack),
    /// Somebody logged in, or tried to.
    #[n(24)]
    Login(#[n(0)] Login),
    /// Rights of another account were used or refused.
    #[n(25)]
    PrivilegeUsed(#[n(0)] PrivilegeUsed),
    /// An account or a group was changed.
    #[n(26)]
    AccountChanged(#[n(0)] AccountChanged),
    /// A service was started or stopped, or failed.
    #[n(27)]
    ServiceChanged(#[n(0)] ServiceChanged),
    /// Records of the system were gone before they were read.
    #[n(28)]
    LogGap(#[n(0)] LogGap),
    /// How the machine is protected.
    #[n(29)]
    Posture(#[n(0)] Posture),
    /// How Windows and Office are activated.
    #[n(30)]
    Activation(#[n(0)] Activation),
    /// The agent became another version, came back from one, or would not take one.
    #[n(31)]
    AgentUpgrade(#[n(0)] AgentUpgrade),
}

impl Kind {
    /// The queue it travels in.
    #[must_use]
    pub fn lane(&self) -> Lane {
        match self {
            Self::AgentStarted(_)
            | Self::AgentStopped(_)
            | Self::FileChanged(_)
            | Self::WatchLost(_)
            | Self::SpoolDropped(_)
            | Self::AssignmentRefused(_)
            | Self::SensorFailed(_)
            | Self::AgentSilent(_)
            | Self::AgentHeard(_)
            | Self::IdentityTwice(_)
            | Self::HostMisbehaved(_)
            | Self::RecordsMissing(_)
            | Self::FilesInstalled(_)
            | Self::ChangeBurst(_)
            | Self::WatchModeChanged(_)
            | Self::CertificateEnding(_)
            | Self::BudgetReached(_)
            | Self::Login(_)
            | Self::PrivilegeUsed(_)
            | Self::AccountChanged(_)
            | Self::ServiceChanged(_)
            | Self::LogGap(_)
            | Self::AgentUpgrade(_)
            | Self::MachineSetBack(_) => Lane::Prompt,
            Self::Health(_)
            | Self::HostDescribed(_)
            | Self::BaselineTaken(_)
            | Self::PackagesListed(_)
            | Self::PackagesChanged(_)
            | Self::PatchState(_)
            | Self::Posture(_)
            | Self::Activation(_) => Lane::Bulk,
        }
    }

    /// The word for it in rules, the API and the store; the same as its `type` in JSON.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::AgentStarted(_) => "agent_started",
            Self::AgentStopped(_) => "agent_stopped",
            Self::Health(_) => "health",
            Self::HostDescribed(_) => "host_described",
            Self::FileChanged(_) => "file_changed",
            Self::BaselineTaken(_) => "baseline_taken",
            Self::WatchLost(_) => "watch_lost",
            Self::SpoolDropped(_) => "spool_dropped",
            Self::PackagesListed(_) => "packages_listed",
            Self::PackagesChanged(_) => "packages_changed",
            Self::PatchState(_) => "patch_state",
            Self::AssignmentRefused(_) => "assignment_refused",
            Self::SensorFailed(_) => "sensor_failed",
            Self::AgentSilent(_) => "agent_silent",
            Self::AgentHeard(_) => "agent_heard",
            Self::IdentityTwice(_) => "identity_twice",
            Self::HostMisbehaved(_) => "host_misbehaved",
            Self::RecordsMissing(_) => "records_missing",
            Self::FilesInstalled(_) => "files_installed",
            Self::ChangeBurst(_) => "change_burst",
            Self::WatchModeChanged(_) => "watch_mode_changed",
            Self::CertificateEnding(_) => "certificate_ending",
            Self::BudgetReached(_) => "budget_reached",
            Self::MachineSetBack(_) => "machine_set_back",
            Self::Login(_) => "login",
            Self::PrivilegeUsed(_) => "privilege_used",
            Self::AccountChanged(_) => "account_changed",
            Self::ServiceChanged(_) => "service_changed",
            Self::LogGap(_) => "log_gap",
            Self::Posture(_) => "posture",
            Self::Activation(_) => "activation",
            Self::AgentUpgrade(_) => "agent_upgrade",
        }
    }

    /// Whether only a collector may observe it; an agent that sends one misbehaves.
    #[must_use]
    pub fn is_collectors(&self) -> bool {
        matches!(
            self,
            Self::AgentSilent(_)
                | Self::AgentHeard(_)
                | Self::IdentityTwice(_)
                | Self::HostMisbehaved(_)
                | Self::RecordsMissing(_)
                | Self::MachineSetBack(_)
        )
    }
}

/// The agent began to watch.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct AgentStarted {
    /// Version of the program.
    #[n(0)]
    pub version: String,
    /// Whether the run before ended without being asked to.
    #[n(1)]
    pub after_crash: bool,
    /// The last moment the run before is known to have watched; `None` at the first start.
    #[n(2)]
    pub watched_until: Option<Timestamp>,
}

/// The agent was asked to stop.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct AgentStopped {
    /// `service` (the system's service manager or a signal), nothing else so far.
    #[n(0)]
    pub reason: String,
}

/// Records were dropped because the spool reached its disk limit.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct SpoolDropped {
    /// The queue.
    #[n(0)]
    pub lane: Lane,
    /// How many records.
    #[n(1)]
    pub count: u64,
    /// When the first of them was observed.
    #[n(2)]
    pub from: Timestamp,
    /// When the last of them was observed.
    #[n(3)]
    pub until: Timestamp,
}

/// An assignment was not acceptable.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct AssignmentRefused {
    /// Version of the assignment.
    #[n(0)]
    pub version: u64,
    /// Why, in English.
    #[n(1)]
    pub reason: String,
}

/// A sensor could not do its work.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct SensorFailed {
    /// The sensor: `files`, `packages`, `patches`, `licences`, `host`, `records`, `posture`.
    #[n(0)]
    pub sensor: String,
    /// Why, in English, without names of what is watched.
    #[n(1)]
    pub reason: String,
}

/// Nothing was heard of a host within its promised time.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct AgentSilent {
    /// The last sign of life.
    #[n(0)]
    pub last_heard: Timestamp,
    /// The promise, seconds.
    #[n(1)]
    pub promised_secs: u64,
}

/// A silent host is back.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct AgentHeard {
    /// Since when it had been silent.
    #[n(0)]
    pub silent_since: Timestamp,
}

/// One identity was used by two machines.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct IdentityTwice {
    /// Fingerprint of the machine that enrolled.
    #[n(0)]
    pub enrolled: Digest,
    /// Fingerprint of the machine that now used the identity.
    #[n(1)]
    pub found: Digest,
    /// Network address it came from.
    #[n(2)]
    pub address: String,
    /// By what they were told apart.
    #[n(3)]
    pub by: Option<TwiceBy>,
    /// Network address that the identity came from before.
    #[n(4)]
    pub before: Option<String>,
}

/// By what two machines with one identity were told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum TwiceBy {
    /// Another installation of the system.
    #[n(0)]
    Installation,
    /// Other hardware.
    #[n(1)]
    Hardware,
    /// A step of the identity's life that another has already gone beyond.
    #[n(2)]
    Continuity,
}

/// A machine came back as an older copy of itself: a restored backup, a virtual machine set back to a snapshot.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct MachineSetBack {
    /// The step that it came back with; 0 if it had none.
    #[n(0)]
    pub step: u64,
    /// The newest step that was known of it.
    #[n(1)]
    pub newest: u64,
    /// Network address it came from.
    #[n(2)]
    pub address: String,
}

/// A host broke the protocol or a limit; counted, connection closed.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct HostMisbehaved {
    /// What it broke, in English.
    #[n(0)]
    pub reason: String,
    /// How often since the last such observation.
    #[n(1)]
    pub count: u64,
}

/// Records a host had never arrived and no longer exist.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct RecordsMissing {
    /// The queue.
    #[n(0)]
    pub lane: Lane,
    /// First missing place.
    #[n(1)]
    pub first: u64,
    /// Last missing place.
    #[n(2)]
    pub last: u64,
}

/// Bytes that are not an observation we know.
#[derive(Debug, thiserror::Error)]
pub enum DecodeObservationError {
    /// Longer than [`OBSERVATION_BYTES_MAX`].
    #[error("observation of {found} bytes, at most {OBSERVATION_BYTES_MAX} are accepted")]
    TooLong {
        /// Bytes found.
        found: usize,
    },
    /// Not CBOR of this form, or of a kind newer than this program.
    #[error("observation cannot be read")]
    Malformed(#[source] minicbor::decode::Error),
    /// Bytes follow the observation.
    #[error("{0} bytes follow the observation")]
    Trailing(usize),
}

impl Observation {
    /// Its bytes: what is spooled, sent, kept, and what its digest is taken over.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        minicbor::to_vec(self).expect("a Vec takes any number of bytes")
    }

    /// Reads it back.
    ///
    /// # Errors
    /// If the bytes are too many, not of this form, of a kind that this version does not know, or followed by others.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeObservationError> {
        if bytes.len() > OBSERVATION_BYTES_MAX {
            return Err(DecodeObservationError::TooLong { found: bytes.len() });
        }
        let mut decoder = minicbor::Decoder::new(bytes);
        let observation = decoder.decode().map_err(DecodeObservationError::Malformed)?;
        let trailing = bytes.len() - decoder.position();
        if trailing > 0 {
            return Err(DecodeObservationError::Trailing(trailing));
        }

        Ok(observation)
    }
}
