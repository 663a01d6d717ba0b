//! What a Windows system starts by itself although no file of its own says so: values of the registry, told as any other
//! change of what persists, with a path that names the place and the digest of the data, never the data.
//!
//! A machine's places make one root (`HKLM`), those of each user whose hive is loaded another (`HKU\S-1-5-…`): when a
//! user leaves, nothing is said of what cannot be seen.
//!
//! | module | subject |
//! |---|---|
//! | [`places`] | which keys and values count; pure |
//! | [`read`] | reading them through anything that looks like a registry |
//! | [`keep`] | comparing them with the baseline |
//! | [`notices`] | being told that one changed |

pub(super) mod keep;
pub(super) mod notices;
mod places;
pub(super) mod read;
#[cfg(test)]
mod tests;

use super::key::Key;

/// The key of the path of a value, whose separators are backslashes on every system.
pub(super) fn key_of(path: &[u8]) -> Key {
    Key::from_stored(path.iter().map(|byte| if *byte == b'\\' { 0 } else { *byte }).collect())
}

/// Whether this key is one of ours and no path of the disk: no drive is called so.
pub(super) fn is_ours(key: &Key) -> bool {
    [read::MACHINE, read::USERS].iter().any(|root| key.is_within(&key_of(root.as_bytes())))
}
