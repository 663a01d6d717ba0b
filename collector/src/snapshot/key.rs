//! The keys that snapshots and bundles of feeds are signed with. Signatures are those of minisign: anybody checks them
//! with its program.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use anyhow::Context as _;
use data_encoding::BASE64;
use minisign::{KeyPair, PublicKey, SecretKey, SignatureBox};

use crate::authority::{make_private_dir, read_private, write_private};

/// The secret key of snapshots, in `keys/`.
pub const SECRET_FILE: &str = "snapshot.key";

/// The public key, beside it; this is what verifiers are given on paper at handover.
pub const PUBLIC_FILE: &str = "snapshot.pub";

/// What a key signs: one key does not serve two ends.
#[derive(Debug, PartialEq, Eq)]
pub struct Purpose {
    secret_file: &'static str,
    public_file: &'static str,
    /// The first line of every signature; it is not signed, so it is always the same.
    comment: &'static str,
    /// The first line of the secret key's file.
    secret_comment: &'static str,
}

/// Compliance snapshots.
pub static SNAPSHOT: Purpose = Purpose {
    secret_file: SECRET_FILE,
    public_file: PUBLIC_FILE,
    comment: "Vong Gac snapshot",
    secret_comment: "vonggac snapshot secret key",
};

/// Bundles of feeds: the province's release role.
pub static FEEDS: Purpose = Purpose {
    secret_file: "feeds.key",
    public_file: "feeds.pub",
    comment: "Vong Gac feeds",
    secret_comment: "vonggac feeds secret key",
};

/// Releases of the agent: the project's release key.
pub static RELEASES: Purpose = Purpose {
    secret_file: "release.key",
    public_file: "release.pub",
    comment: "Vong Gac release",
    secret_comment: "vonggac release secret key",
};

/// A key that signs.
pub struct SigningKey {
    purpose: &'static Purpose,
    secret: SecretKey,
    public: PublicKey,
}

impl SigningKey {
    /// Makes a key and keeps it in this folder, readable by nobody else.
    ///
    /// # Errors
    /// If there is one already, or the files cannot be written.
    pub fn make(folder: &Path) -> anyhow::Result<Self> {
        Self::make_for(&SNAPSHOT, folder)
    }

    /// Likewise, for this purpose.
    ///
    /// # Errors
    /// As [`SigningKey::make`].
    pub fn make_for(purpose: &'static Purpose, folder: &Path) -> anyhow::Result<Self> {
        make_private_dir(folder)?;
        let KeyPair { pk, sk } = KeyPair::generate_unencrypted_keypair().context("make a signing key")?;
        let secret = sk.to_box(Some(purpose.secret_comment))?.into_string();
        write_private(&folder.join(purpose.secret_file), secret.as_bytes())?;
        fs::write(folder.join(purpose.public_file), pk.to_box()?.into_string())
            .context("write the public key")?;
        fs::File::open(folder)?.sync_all()?;

        Ok(Self { purpose, secret: sk, public: pk })
    }

    /// Reads the key of this folder.
    ///
    /// # Errors
    /// If it is not there, others may read it, or it is not a key.
    pub fn load(folder: &Path) -> anyhow::Result<Self> {
        Self::load_for(&SNAPSHOT, folder)
    }

    /// Likewise, for this purpose.
    ///
    /// # Errors
    /// As [`SigningKey::load`].
    pub fn load_for(purpose: &'static Purpose, folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(purpose.secret_file);
        let text = read_private(&path)?;
        let line = text.lines().nth(1).with_context(|| format!("{} has no second line", path.display()))?;
        let bytes = BASE64.decode(line.as_bytes()).context("read the signing key")?;
        let secret = SecretKey::from_bytes(&bytes).context("read the signing key")?;
        let public = PublicKey::from_secret_key(&secret).context("read the signing key")?;

        Ok(Self { purpose, secret, public })
    }

    /// The key of this folder, made if there is none.
    ///
    /// # Errors
    /// As for [`SigningKey::load`] and [`SigningKey::make`].
    pub fn ensure(folder: &Path) -> anyhow::Result<Self> {
        Self::ensure_for(&SNAPSHOT, folder)
    }

    /// Likewise, for this purpose.
    ///
    /// # Errors
    /// As [`SigningKey::ensure`].
    pub fn ensure_for(purpose: &'static Purpose, folder: &Path) -> anyhow::Result<Self> {
        if folder.join(purpose.secret_file).exists() {
            Self::load_for(purpose, folder)
        } else {
            Self::make_for(purpose, folder)
        }
    }

    /// The public key in one line, as `minisign -P` takes it.
    #[must_use]
    pub fn public(&self) -> String {
        self.public.to_base64()
    }

    /// Signs; `comment` is signed as well.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn sign(&self, bytes: &[u8], comment: &str) -> anyhow::Result<String> {
        let signature = minisign::sign(
            Some(&self.public),
            &self.secret,
            Cursor::new(bytes),
            Some(comment),
            Some(self.purpose.comment),
        )
        .context("sign")?;

        Ok(signature.into_string())
    }
}

/// Whether this is a public key in one line.
#[must_use]
pub fn is_public(key: &str) -> bool {
    PublicKey::from_base64(key.trim()).is_ok()
}

/// Why a signature does not hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unsigned {
    /// The public key is not one.
    Key,
    /// The signature is not written as ours are.
    Form,
    /// It is by another key, or of other bytes.
    Other,
}

/// Checks a snapshot's signature with a public key in one line; gives the comment that was signed.
///
/// # Errors
/// If it does not hold.
pub fn check(public: &str, bytes: &[u8], signature: &str) -> Result<String, Unsigned> {
    check_for(&SNAPSHOT, public, bytes, signature)
}

/// Likewise, for what this purpose signs.
///
/// # Errors
/// If it does not hold.
pub fn check_for(purpose: &Purpose, public: &str, bytes: &[u8], signature: &str) -> Result<String, Unsigned> {
    let key = PublicKey::from_base64(public.trim()).map_err(|_| Unsigned::Key)?;
    let signed = SignatureBox::from_string(signature).map_err(|_| Unsigned::Form)?;
    // What the parser is lenient about would be room for change: there is one way to write a signature.
    let comment = signed.untrusted_comment().map_err(|_| Unsigned::Form)?;
    if signed.to_string() != signature || !comment.ends_with(purpose.comment) || !signed.is_prehashed() {
        return Err(Unsigned::Form);
    }
    minisign::verify(&key, &signed, Cursor::new(bytes), true, false, false).map_err(|_| Unsigned::Other)?;

    signed.trusted_comment().map_err(|_| Unsigned::Form)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_signs_again_after_it_was_read_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("keys");
        let made = SigningKey::make(&keys).unwrap();
        let read = SigningKey::ensure(&keys).unwrap();

        let signature = read.sign(b"bytes", "as of now").unwrap();

        assert_eq!(read.public(), made.public());
        assert_eq!(check(&made.public(), b"bytes", &signature).unwrap(), "as of now");
        assert_eq!(check(&made.public(), b"bytez", &signature), Err(Unsigned::Other));
        let mode = fs::metadata(keys.join(SECRET_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(SigningKey::make(&keys).is_err(), "a key is never overwritten");
    }

    #[test]
    fn no_byte_of_a_signature_can_change_without_notice() {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::make(folder.path()).unwrap();
        let signature = key.sign(b"bytes", "as of now").unwrap();

        for at in 0..signature.len() {
            let mut altered = signature.clone().into_bytes();
            altered[at] ^= 1;
            let Ok(altered) = String::from_utf8(altered) else { continue };
            assert!(check(&key.public(), b"bytes", &altered).is_err(), "byte {at}: {altered}");
        }
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        SigningKey::make(folder.path()).unwrap();
        fs::set_permissions(folder.path().join(SECRET_FILE), fs::Permissions::from_mode(0o644)).unwrap();

        assert!(SigningKey::load(folder.path()).is_err());
    }
}
