//! How products of Microsoft are activated on a Windows host, and what is there of tools that pretend it. No product key,
//! and no part of one, is ever told.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::posture::Fact;
use crate::time::Timestamp;

/// What the licensing service says of a product.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum LicenceStatus {
    /// Not licensed.
    #[n(0)]
    Unlicensed,
    /// Licensed.
    #[n(1)]
    Licensed,
    /// In the first days after it was installed.
    #[n(2)]
    FirstGrace,
    /// In the days after its hardware changed, or its volume activation ran out.
    #[n(3)]
    ChangedGrace,
    /// In the days after it was found not to be genuine.
    #[n(4)]
    NotGenuineGrace,
    /// All days are over: it only reminds.
    #[n(5)]
    Notification,
    /// In days that were granted once more.
    #[n(6)]
    ExtendedGrace,
    /// A number that this program does not know.
    #[n(7)]
    Other,
}

/// By which way a product was sold and is activated.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum LicenceChannel {
    /// Singly.
    #[n(0)]
    Retail,
    /// With the machine.
    #[n(1)]
    Oem,
    /// To an organisation, with a key that counts its activations (MAK).
    #[n(2)]
    VolumeMak,
    /// To an organisation, with a key that asks its own server (KMS client, GVLK).
    #[n(3)]
    VolumeKms,
    /// To an organisation, for that server itself (CSVLK).
    #[n(4)]
    VolumeServer,
    /// For some time, to be tried.
    #[n(5)]
    Evaluation,
    /// By subscription.
    #[n(6)]
    Subscription,
    /// Another, or not told.
    #[n(7)]
    Other,
}

/// To what a product belongs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum LicensedFamily {
    /// Windows.
    #[n(0)]
    Windows,
    /// Office.
    #[n(1)]
    Office,
    /// Something else.
    #[n(2)]
    Other,
}

/// One product that has a key, as the licensing service has it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct LicensedProduct {
    /// To what it belongs.
    #[n(0)]
    pub family: LicensedFamily,
    /// Its name, such as `Windows(R), Professional edition`.
    #[n(1)]
    pub name: String,
    /// What the licensing service says of it.
    #[n(2)]
    pub status: LicenceStatus,
    /// By which way it is activated.
    #[n(3)]
    pub channel: LicenceChannel,
    /// Minutes until its days are over; `None` if they do not end.
    #[n(4)]
    pub grace_minutes: Option<u32>,
    /// When it ends for good, for what may only be tried.
    #[n(5)]
    pub ends_at: Option<Timestamp>,
    /// The activation server that it asks, where one was set or found.
    #[n(6)]
    pub server: Option<String>,
    /// The number by which the licensing service says why it is so.
    #[n(7)]
    pub reason: Option<u32>,
}

/// Office as Click-to-Run installed it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct ClickToRun {
    /// Its products, such as `ProPlus2021Volume`.
    #[n(0)]
    pub products: Vec<String>,
    /// Version, such as `16.0.14332.20763`.
    #[n(1)]
    pub version: String,
    /// `x64` or `x86`.
    #[n(2)]
    pub architecture: String,
    /// Update channel, by Microsoft's own word where the address of its updates is a known one (`MonthlyEnterprise`,
    /// `PerpetualVL2021`); `None` otherwise.
    #[n(3)]
    pub channel: Option<String>,
}

/// Where a trace was found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum TraceKind {
    /// A service.
    #[n(0)]
    Service,
    /// A scheduled task.
    #[n(1)]
    Task,
    /// A line of the hosts file.
    #[n(2)]
    HostsFile,
    /// A file or folder.
    #[n(3)]
    File,
    /// A debugger or library put between the system and its licensing service.
    #[n(4)]
    Hook,
    /// The activation server that a product asks.
    #[n(5)]
    Server,
}

/// Something that an activation tool leaves behind. It is evidence to look at, not a verdict.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct ActivatorTrace {
    /// The entry of the agent's list of traces that it matches.
    #[n(0)]
    pub id: String,
    /// Where it was found.
    #[n(1)]
    pub kind: TraceKind,
    /// What was found: a name of a service or task, a host, a path.
    #[n(2)]
    pub found: String,
}

/// How products are activated.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Activation {
    /// Products that have a key, at most [`ACTIVATION_ITEMS_MAX`](crate::limits::ACTIVATION_ITEMS_MAX).
    #[n(0)]
    pub products: Fact<Vec<LicensedProduct>>,
    /// Office by Click-to-Run; `None` if there is none.
    #[n(1)]
    pub office: Option<ClickToRun>,
    /// What activation tools left, at most [`ACTIVATION_ITEMS_MAX`](crate::limits::ACTIVATION_ITEMS_MAX); what could not be
    /// looked into is not among it.
    #[n(2)]
    pub traces: Vec<ActivatorTrace>,
}
