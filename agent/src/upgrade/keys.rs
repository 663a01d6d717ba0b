//! Whom this machine believes: the public keys of releases. They lie beside the configuration, where only an administrator of
//! the machine writes, or are built into the program; no word of a collector changes them.

use std::fs;
use std::io;
use std::path::Path;

use minisign_verify::{PublicKey, Signature};
use vonggac_protocol::limits::RELEASE_MANIFEST_BYTES_MAX;
use vonggac_protocol::release::{Manifest, UpgradeReason};

/// The file beside the configuration: keys as `minisign` writes them, one a line; lines that say `comment:` are passed over.
pub const KEYS_FILE: &str = "release.pub";

/// The key that a build of the project brings along.
const BUILT_IN: Option<&str> = option_env!("VONGGAC_RELEASE_KEY");

/// Keys that are believed; none: no release is taken.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Keys(Vec<String>);

impl Keys {
    /// These keys.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.contains("comment:"));

        Self(lines.filter(|line| PublicKey::from_base64(line).is_ok()).map(str::to_owned).collect())
    }

    /// Those of a configuration at this path, and the built-in one.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub fn beside(config_path: &Path) -> io::Result<Self> {
        let path = config_path.with_file_name(KEYS_FILE);
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };

        Ok(Self::of(&format!("{text}\n{}", BUILT_IN.unwrap_or(""))))
    }

    /// Whether nobody is believed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The manifest of this text, if one of the keys signed it and its words fit each other.
    ///
    /// # Errors
    /// With what is wrong: the signature, or what is signed.
    pub fn open(&self, text: &str, signature: &str) -> Result<Manifest, UpgradeReason> {
        if text.len() > RELEASE_MANIFEST_BYTES_MAX {
            return Err(UpgradeReason::Digest);
        }
        let signature = Signature::decode(signature).map_err(|_| UpgradeReason::Signature)?;
        let signed = |key: &String| {
            PublicKey::from_base64(key)
                .is_ok_and(|key| key.verify(text.as_bytes(), &signature, false).is_ok())
        };
        if !self.0.iter().any(signed) {
            return Err(UpgradeReason::Signature);
        }
        let manifest: Manifest = serde_json::from_str(text).map_err(|_| UpgradeReason::Digest)?;
        manifest.check().map_err(|_| UpgradeReason::Digest)?;

        Ok(manifest)
    }
}
