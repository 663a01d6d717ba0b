//! The first words of a connection.

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::assignment::Assignment;
use crate::digest::Digest;
use crate::id::{Epoch, Lane, Seq};
use crate::line::Line;
use crate::machine::{MachineTold, NextStep};
use crate::release::Platform;
use crate::renewal::Standing;
use crate::time::Timestamp;

/// Version of the words on the wire; raised only when an old peer could misunderstand.
pub const WIRE_VERSION: u16 = 1;

/// Application protocol of a working connection (RFC 7301).
pub const ALPN_LINK: &[u8] = b"vonggac/1";

/// Application protocol of an enrolment.
pub const ALPN_ENROL: &[u8] = b"vonggac-enrol/1";

/// The name in the collector's certificate, whatever its address is.
pub const COLLECTOR_NAME: &str = "collector.vonggac.internal";

/// Where a lane stands on the agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct LaneSpan {
    /// The lane.
    #[n(0)]
    pub lane: Lane,
    /// First record still on the agent's disk.
    #[n(1)]
    pub kept_from: Seq,
    /// The record that will be written next.
    #[n(2)]
    pub next: Seq,
}

/// What an agent says first. Who it is, its certificate says.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Hello {
    /// [`WIRE_VERSION`] of the agent.
    #[n(0)]
    pub wire: u16,
    /// Version of the agent's program.
    #[n(1)]
    pub version: String,
    /// Digest of the machine's own identity keyed with the host id: tells a clone, tells nothing else.
    #[n(2)]
    pub fingerprint: Digest,
    /// Life of its spool.
    #[n(3)]
    pub epoch: Epoch,
    /// Where its lanes stand.
    #[n(4)]
    pub lanes: Vec<LaneSpan>,
    /// The agent's clock.
    #[n(5)]
    pub now: Timestamp,
    /// Version of the assignment it follows; 0 if none.
    #[n(6)]
    pub assignment: u64,
    /// SHA-256 of the roots it trusts; `None` from an agent that cannot learn new ones.
    #[n(7)]
    pub trusts: Option<Vec<Digest>>,
    /// Whether it wants to be told when its packets come from elsewhere ([`Frame::Outer`](crate::frame::Frame::Outer)).
    #[n(9)]
    pub tell_outer: Option<bool>,
    /// What its machine is, and which step of its life; `None` from agents before it was asked.
    #[n(8)]
    pub machine: Option<MachineTold>,
    /// What it runs on, if it can become another version by itself; `None`: it is not to be offered any.
    #[n(10)]
    pub platform: Option<Platform>,
}

/// How far a lane is kept by the collector.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct LaneMark {
    /// The lane.
    #[n(0)]
    pub lane: Lane,
    /// Everything up to and including this is on the collector's disk; 0 is nothing.
    #[n(1)]
    pub kept: Seq,
    /// SHA-256 of the observation at that place, if it is still there: an agent that has another one at the same
    /// place is an older copy of itself that went on.
    #[n(2)]
    pub digest: Option<Digest>,
}

/// What a collector answers.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Welcome {
    /// [`WIRE_VERSION`] of the collector.
    #[n(0)]
    pub wire: u16,
    /// How far it has kept this epoch.
    #[n(1)]
    pub marks: Vec<LaneMark>,
    /// The collector's clock.
    #[n(2)]
    pub now: Timestamp,
    /// A newer assignment, if there is one.
    #[n(3)]
    pub assignment: Option<Assignment>,
    /// Digest of the package inventory that the collector holds for this host; `None` asks for the whole.
    #[n(4)]
    pub packages: Option<Digest>,
    /// How the certificate of this connection stands; `None` from a collector that does not renew.
    #[n(5)]
    pub standing: Option<Standing>,
    /// The newest [dictionary](crate::frame::dictionary) that it can unpack with, and all before it; `None`: none.
    #[n(8)]
    pub dictionary: Option<u32>,
    /// What the collector knows of the line, and what the agent promises by working on it.
    #[n(7)]
    pub line: Option<Line>,
    /// The next step of the identity's life, to be kept and confirmed.
    #[n(6)]
    pub next_step: Option<NextStep>,
}

/// Why a host or an enrolment is refused. Numbers are never reused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// The certificate is not one of ours, or was revoked.
    #[n(0)]
    IdentityRevoked,
    /// A person must approve the host first.
    #[n(1)]
    WaitingForApproval,
    /// Wire version too old or too new.
    #[n(2)]
    VersionUnknown,
    /// A limit was broken.
    #[n(3)]
    LimitBroken,
    /// Bytes that are not of the protocol.
    #[n(4)]
    Malformed,
    /// The token does not exist.
    #[n(5)]
    TokenUnknown,
    /// The token was used up.
    #[n(6)]
    TokenUsed,
    /// The token's time is over.
    #[n(7)]
    TokenExpired,
    /// The token belongs to another agency.
    #[n(8)]
    TokenOfAnotherAgency,
    /// The same identity came from another machine; both are held until a person decides.
    #[n(9)]
    IdentityHeld,
    /// The collector cannot work now.
    #[n(10)]
    Busy,
    /// The certificate request cannot be used.
    #[n(11)]
    RequestUnusable,
    /// The certificate ended too long ago, or a newer one took its place.
    #[n(15)]
    CertificateExpired,
    /// The machine is on the list of those that are never to be monitored here.
    #[n(12)]
    MachineForbidden,
}

/// A refusal with its reason.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Refusal {
    /// Why.
    #[n(0)]
    pub code: RefusalCode,
    /// More, in English.
    #[n(1)]
    pub detail: String,
    /// When to try again, seconds; `None`: not without a person's help.
    #[n(2)]
    pub retry_after_secs: Option<u32>,
}
