//! What a Windows host tells of its system and its updates: three sources, none of them put together.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::posture::Unknown;
use crate::time::Timestamp;

/// An update that Windows Update itself says is missing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct MissingUpdate {
    /// Its numbers (`5034122` of `KB5034122`); usually one, sometimes none.
    #[n(0)]
    pub numbers: Vec<u32>,
    /// Its title, in the language of the system.
    #[n(1)]
    pub title: String,
    /// Whether Windows Update counts it among the security updates; `None` if that was not told.
    #[n(2)]
    pub security: Option<bool>,
}

/// An answer of Windows Update: what it would install.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct UpdateSearch {
    /// When it was asked.
    #[n(0)]
    pub at: Timestamp,
    /// Date of the data that it searched, where that is a file carried in (`wsusscn2.cab`); `None` for a server's answer.
    #[n(1)]
    pub data_at: Option<Timestamp>,
    /// What is missing, at most [`WINDOWS_UPDATES_MAX`](crate::limits::WINDOWS_UPDATES_MAX).
    #[n(2)]
    pub missing: Vec<MissingUpdate>,
}

/// A place where the system records that it waits for a restart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum RebootSign {
    /// The servicing stack: `Component Based Servicing\RebootPending`.
    #[n(0)]
    Servicing,
    /// The servicing stack is in the middle of it: `RebootInProgress`, `PackagesPending`.
    #[n(1)]
    ServicingGoesOn,
    /// Windows Update: `Auto Update\RebootRequired`.
    #[n(2)]
    WindowsUpdate,
    /// Windows Update, by its own interface.
    #[n(3)]
    WindowsUpdateSays,
    /// Files to be put in place of others at the next start: `PendingFileRenameOperations`.
    #[n(4)]
    FileRenames,
    /// Another name for the machine.
    #[n(5)]
    ComputerName,
    /// A domain joined or left.
    #[n(6)]
    Domain,
    /// The client of Configuration Manager.
    #[n(7)]
    ConfigurationManager,
    /// Roles or features of a server.
    #[n(8)]
    ServerManager,
}

/// A source of what is told of updates.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum UpdateSource {
    /// Updates recorded as installed by the servicing stack (`Win32_QuickFixEngineering`).
    #[n(0)]
    Recorded,
    /// The history of Windows Update.
    #[n(1)]
    History,
    /// What Windows Update says is missing.
    #[n(2)]
    Search,
    /// When Windows Update last searched and installed.
    #[n(3)]
    Results,
    /// Whether a restart is due.
    #[n(4)]
    Reboot,
}

/// A source that gave nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Untold {
    /// Which.
    #[n(0)]
    pub source: UpdateSource,
    /// Why.
    #[n(1)]
    pub unknown: Unknown,
}

/// Whom Windows Update asks; never by address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum UpdateServer {
    /// Microsoft.
    #[n(0)]
    Microsoft,
    /// A server of the organisation (WSUS).
    #[n(1)]
    Managed,
    /// A file carried in.
    #[n(2)]
    File,
}

/// Windows and its updates, as the registry, the servicing stack and Windows Update tell them.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct WindowsState {
    /// `CurrentBuild`: 19045.
    #[n(0)]
    pub build: u32,
    /// `UBR`, the revision: 4291; `None` where the system has none (before 8.1).
    #[n(1)]
    pub revision: Option<u32>,
    /// `ProductName`, as written; it says Windows 10 on Windows 11 too, so it only decides between a client and a server.
    #[n(2)]
    pub product_name: String,
    /// `DisplayVersion` or `ReleaseId`: 22H2.
    #[n(3)]
    pub display_version: Option<String>,
    /// `EditionID`: Enterprise, ServerStandard.
    #[n(4)]
    pub edition: Option<String>,
    /// `InstallationType`: Client, Server, Server Core.
    #[n(5)]
    pub installation: Option<String>,
    /// Architecture of the system: `x64`, `x86`, `arm64`.
    #[n(6)]
    pub architecture: String,
    /// Service pack, for systems that had such.
    #[n(7)]
    pub service_pack: Option<u32>,
    /// Numbers of the updates that the system records as installed, ascending, at most
    /// [`WINDOWS_UPDATES_MAX`](crate::limits::WINDOWS_UPDATES_MAX); `None` if they could not be read.
    #[n(8)]
    pub installed: Option<Vec<u32>>,
    /// What Windows Update said last; `None` if it was never asked or never answered.
    #[n(9)]
    pub search: Option<UpdateSearch>,
    /// Parts that updates are made for singly, as Microsoft names them (`Internet Explorer 11`,
    /// `Microsoft .NET Framework 4.8`); `None` if not looked for.
    #[n(10)]
    pub components: Option<Vec<String>>,
    /// Where the system records that it waits for a restart, in order; empty if nowhere, `None` if not looked for.
    #[n(11)]
    pub reboot: Option<Vec<RebootSign>>,
    /// What gave nothing, and why; empty if all was read, `None` if an older agent tells.
    #[n(12)]
    pub untold: Option<Vec<Untold>>,
    /// Whom Windows Update asks; `None` if that is not told.
    #[n(13)]
    pub server: Option<UpdateServer>,
}
