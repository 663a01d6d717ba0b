//! Which names are accounts. A name that is none is never told: people type passwords where their name belongs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use super::fact::Name;

/// The key under which unknown names are digested.
pub const KEY_BYTES: usize = 32;

/// Bytes of the list of accounts that are read.
const ACCOUNTS_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Longest name of an account that is told; Linux takes 32.
const NAME_BYTES_MAX: usize = 64;

/// A name as it may leave the machine.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Told {
    /// The name of an account.
    pub known: Option<String>,
    /// What stands for a name that is none.
    pub unknown: Option<String>,
}

/// The accounts of a machine, and its key.
pub struct Names {
    accounts: PathBuf,
    read: Option<(SystemTime, BTreeSet<String>)>,
    key: [u8; KEY_BYTES],
}

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Names(hidden)")
    }
}

impl Names {
    /// Of the system under `root`.
    #[must_use]
    pub fn new(root: &Path, key: [u8; KEY_BYTES]) -> Self {
        Self { accounts: root.join("etc/passwd"), read: None, key }
    }

    /// How a name of a record may be told.
    pub fn tell(&mut self, name: Option<&Name>) -> Told {
        match name {
            None => Told::default(),
            Some(Name::Account(name)) if is_plain(name) => Told { known: Some(name.clone()), unknown: None },
            Some(Name::Typed(name)) if is_plain(name) && self.is_account(name) => {
                Told { known: Some(name.clone()), unknown: None }
            }
            Some(Name::Account(name) | Name::Typed(name)) => {
                Told { known: None, unknown: Some(self.digest(name)) }
            }
        }
    }

    fn is_account(&mut self, name: &str) -> bool {
        let Ok(changed) = fs::metadata(&self.accounts).and_then(|data| data.modified()) else { return false };
        if self.read.as_ref().is_none_or(|(at, _)| *at != changed) {
            self.read = Some((changed, read_accounts(&self.accounts)));
        }

        self.read.as_ref().is_some_and(|(_, accounts)| accounts.contains(name))
    }

    /// HMAC-SHA-256 (RFC 2104), its first 64 bits: enough to tell that the same was typed, nothing to guess from.
    fn digest(&self, name: &str) -> String {
        let pad = |byte: u8| {
            let mut block = [byte; 64];
            for (at, key) in self.key.iter().enumerate() {
                block[at] ^= key;
            }
            block
        };
        let inner = Sha256::new().chain_update(pad(0x36)).chain_update(name.as_bytes()).finalize();
        let outer = Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize();

        data_encoding::HEXLOWER.encode(&outer[..8])
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.contains(|letter: char| letter.is_control())
}

fn read_accounts(path: &Path) -> BTreeSet<String> {
    use std::io::Read as _;
    let mut text = Vec::new();
    let read = crate::os::records::open_plain(path)
        .and_then(|file| file.take(ACCOUNTS_BYTES_MAX).read_to_end(&mut text));
    if read.is_err() {
        return BTreeSet::new();
    }

    String::from_utf8_lossy(&text)
        .lines()
        .filter_map(|line| line.split(':').next())
        .filter(|name| !name.is_empty() && !name.starts_with(['#', '+', '-']))
        .map(str::to_owned)
        .collect()
}
