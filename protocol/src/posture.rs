//! How a machine is protected: anti-malware, firewall, encryption of its disks, backups. Each a known state, or why it is
//! not known; "not known" is never "off".

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Why something is not known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// This system has no means of telling.
    #[n(0)]
    NotAvailable,
    /// The agent's rights do not reach that far.
    #[n(1)]
    Refused,
    /// The system did not answer in time.
    #[n(2)]
    NoAnswer,
    /// The system answered with an error, or with what is not understood.
    #[n(3)]
    Failed,
}

/// What is not known, and why.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Unknown {
    /// Why.
    #[n(0)]
    pub why: Why,
    /// More of it, in English, without names of what is watched: an error's number.
    #[n(1)]
    pub detail: Option<String>,
}

/// A known state, or why it is not known.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact<T> {
    /// It is known.
    #[n(0)]
    Known(#[n(0)] T),
    /// It is not.
    #[n(1)]
    Unknown(#[n(0)] Unknown),
}

impl<T> Fact<T> {
    /// The state, where it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(it) => Some(it),
            Self::Unknown(_) => None,
        }
    }

    /// Why it is not known.
    pub fn unknown(&self) -> Option<&Unknown> {
        match self {
            Self::Known(_) => None,
            Self::Unknown(it) => Some(it),
        }
    }
}

/// Who says how a product stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum ToldBy {
    /// The security centre of Windows.
    #[n(0)]
    SecurityCentre,
    /// Microsoft Defender, of itself.
    #[n(1)]
    Defender,
    /// The product's own files and processes.
    #[n(2)]
    OwnTraces,
}

/// A product against malware.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct AntiMalware {
    /// Its name, as it calls itself.
    #[n(0)]
    pub name: String,
    /// Who says the following.
    #[n(1)]
    pub told_by: ToldBy,
    /// Whether it watches the machine at this moment; `None` if that is not told.
    #[n(2)]
    pub running: Option<bool>,
    /// Whether its signatures are new enough by its own word; `None` if that is not told.
    #[n(3)]
    pub current: Option<bool>,
    /// Version of its signatures.
    #[n(4)]
    pub signatures: Option<String>,
    /// When its signatures were last updated.
    #[n(5)]
    pub signatures_at: Option<Timestamp>,
}

/// One set of rules of a firewall: a profile of Windows, or a firewall of Linux.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Firewall {
    /// `domain`, `private`, `public`; `ufw`, `firewalld`, `nftables`; the name of another maker's product.
    #[n(0)]
    pub name: String,
    /// Whether it filters.
    #[n(1)]
    pub on: bool,
    /// Whether a policy of the domain or the machine sets it, so that a user cannot.
    #[n(2)]
    pub by_policy: bool,
    /// Whether it is of another maker than the system: it filters in the place of the system's.
    #[n(3)]
    pub of_others: bool,
}

/// A fixed volume.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Volume {
    /// `C:`, `/`; empty for one that has no letter.
    #[n(0)]
    pub name: String,
    /// Whether the system lies on it.
    #[n(1)]
    pub system: bool,
    /// Whether it is encrypted and its key protected; `None` if that cannot be told, as while it is locked.
    #[n(2)]
    pub protected: Option<bool>,
    /// Whether all of it is encrypted; an encrypted volume whose key lies open is not protected.
    #[n(3)]
    pub encrypted: Option<bool>,
}

/// Means of backup that the system knows of itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum BackupMeans {
    /// Windows Server Backup, or Windows Backup.
    #[n(0)]
    WindowsBackup,
    /// File History.
    #[n(1)]
    FileHistory,
    /// A shadow copy of a volume: on the same disk, so no backup against its loss.
    #[n(2)]
    ShadowCopy,
    /// A restore point: system files only, on the same disk.
    #[n(3)]
    RestorePoint,
}

/// A backup that the system knows of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Backup {
    /// By which means.
    #[n(0)]
    pub means: BackupMeans,
    /// When the newest was made with success; `None` if it is set up and none is known.
    #[n(1)]
    pub last_at: Option<Timestamp>,
}

/// How a machine is protected. A list that is known and empty means: looked for, and there is none.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Posture {
    /// Products against malware, at most [`POSTURE_ITEMS_MAX`](crate::limits::POSTURE_ITEMS_MAX), as the lists below.
    #[n(0)]
    pub anti_malware: Fact<Vec<AntiMalware>>,
    /// Firewalls of the machine.
    #[n(1)]
    pub firewall: Fact<Vec<Firewall>>,
    /// Fixed volumes.
    #[n(2)]
    pub volumes: Fact<Vec<Volume>>,
    /// Backups that the system knows of; those of programs of other makers it does not.
    #[n(3)]
    pub backups: Fact<Vec<Backup>>,
}

impl Posture {
    /// The same without moments that pass by themselves: two that are equal so tell nothing new but that all goes on.
    #[must_use]
    pub fn without_moments(&self) -> Self {
        let mut plain = self.clone();
        if let Fact::Known(products) = &mut plain.anti_malware {
            for product in products {
                (product.signatures, product.signatures_at) = (None, None);
            }
        }
        if let Fact::Known(backups) = &mut plain.backups {
            for backup in backups {
                backup.last_at = None;
            }
        }

        plain
    }
}
