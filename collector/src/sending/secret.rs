//! Passwords and keys of destinations: each a file of our own in the folder of keys, so backups hold it. They are never
//! printed, logged or given out again.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use data_encoding::{BASE64, HEXLOWER};

use super::settings::{Misfit, Settings};
use crate::authority::{make_private_dir, read_private, write_private};
use crate::random;

/// What a webhook's secret begins with.
const PREFIX: &str = "whsec_";

/// A secret; shows nothing of itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// As a person gave it, without the line's end.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(text.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// A new one for a webhook: 32 random bytes.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub fn new_webhook() -> anyhow::Result<Self> {
        Ok(Self(format!("{PREFIX}{}", BASE64.encode(&random::bytes::<32>()?))))
    }

    /// The bytes that sign, if it is a webhook's: `whsec_` and 24 to 64 bytes in base64.
    #[must_use]
    pub fn signing(&self) -> Option<Vec<u8>> {
        let bytes = BASE64.decode(self.0.strip_prefix(PREFIX)?.as_bytes()).ok()?;

        (24..=64).contains(&bytes.len()).then_some(bytes)
    }

    /// The text itself, for the carrier.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// The secret that a carrier needs: a webhook has one always, a new one if none is given.
///
/// # Errors
/// If the system has no randomness to give.
pub fn fitting(settings: &Settings, given: Option<Secret>) -> anyhow::Result<Result<Option<Secret>, Misfit>> {
    Ok(match settings {
        Settings::Webhook { .. } => match given {
            Some(secret) if secret.signing().is_none() => Err(Misfit::Secret),
            Some(secret) => Ok(Some(secret)),
            None => Ok(Some(Secret::new_webhook()?)),
        },
        Settings::Mail { user, .. } => match (user, given) {
            (Some(_), Some(secret)) if !secret.reveal().is_empty() => Ok(Some(secret)),
            (None, None) => Ok(None),
            (Some(_) | None, _) => Err(Misfit::Secret),
        },
        Settings::Syslog { .. } if given.is_some() => Err(Misfit::Secret),
        Settings::Syslog { .. } => Ok(None),
    })
}

fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join("keys").join(format!("send-{name}.secret"))
}

/// Keeps a secret in the data folder and gives the name to find it by.
///
/// # Errors
/// If it cannot be written.
pub fn keep(folder: &Path, secret: &Secret) -> anyhow::Result<String> {
    let name = HEXLOWER.encode(&random::bytes::<8>()?);
    make_private_dir(&folder.join("keys"))?;
    write_private(&path(folder, &name), secret.0.as_bytes())?;

    Ok(name)
}

/// Reads it.
///
/// # Errors
/// If it is not there, or others may read it too.
pub fn read(folder: &Path, name: &str) -> anyhow::Result<Secret> {
    read_private(&path(folder, name)).map(Secret).context("read the destination's secret")
}

/// Removes it; one that is gone already is gone.
pub fn remove(folder: &Path, name: &str) {
    std::fs::remove_file(path(folder, name)).ok();
}

/// Where it lies, for whoever has to give it to the receiver.
#[must_use]
pub fn place(folder: &Path, name: &str) -> PathBuf {
    path(folder, name)
}
