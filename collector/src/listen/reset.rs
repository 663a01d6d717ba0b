//! The secret behind stateless resets (RFC 9000, section 10.3), kept on disk.
//!
//! An agent whose collector died without a word learns of it from the answer to its next packet, if whoever
//! answers still has the secret of the one that died. Without it the agent waits until its idle time is over.

use std::path::Path;

use aws_lc_rs::hmac;
use quinn_proto::HashedConnectionIdGenerator;

use crate::secret;

const FILE: &str = "reset.key";

/// The secret; equal before and after a restart.
#[derive(Clone)]
pub struct ResetSecret([u8; 32]);

impl std::fmt::Debug for ResetSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ResetSecret(hidden)")
    }
}

impl ResetSecret {
    /// Reads it from this folder, making it if it is not there.
    ///
    /// # Errors
    /// If the file cannot be read or written, others may read it, or it is not what it should be.
    pub fn ensure(folder: &Path) -> anyhow::Result<Self> {
        Ok(Self(secret::ensure(&folder.join(FILE))?))
    }

    /// The key that reset tokens are made with.
    pub(super) fn tokens(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.0)
    }

    /// Connection ids that a later process knows as ours.
    pub(super) fn connection_ids(&self) -> HashedConnectionIdGenerator {
        let derived = hmac::sign(&self.tokens(), b"connection ids");
        let first = derived.as_ref().first_chunk().copied().unwrap_or_default();

        HashedConnectionIdGenerator::from_key(u64::from_be_bytes(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_the_same_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();

        let first = ResetSecret::ensure(folder.path()).unwrap();
        let second = ResetSecret::ensure(folder.path()).unwrap();

        assert_eq!(first.0, second.0);
        assert_ne!(first.0, [0; 32]);
    }
}
