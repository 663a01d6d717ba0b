//! The key under which serial numbers and network addresses of machines are kept.
//!
//! An agent sends digests of them. Such a value is short, and whoever has its bare digest finds it by trying; so only its
//! HMAC under a key of this installation is kept, which no database alone gives away. UUIDs cannot be tried and stay as sent.

use std::path::Path;

use anyhow::ensure;
use aws_lc_rs::hmac;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::machine::MachineMarks;

use crate::secret;
use crate::store::{Store, machines};

const FILE: &str = "marks.key";

/// The key; cheap to clone.
#[derive(Clone)]
pub struct MarkKey(hmac::Key);

impl std::fmt::Debug for MarkKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MarkKey(hidden)")
    }
}

impl MarkKey {
    /// Reads it from this folder, making it at the first time; what an older program kept in the store is sealed then.
    ///
    /// # Errors
    /// If the file cannot be read or written, is not what it should be, or is not the one that this store was sealed with.
    pub async fn ensure(folder: &Path, store: &Store) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        let key = Self(hmac::Key::new(hmac::HMAC_SHA256, &secret::ensure(&path)?));
        let own = key.clone();
        let is_its_own = store.write(move |tx| machines::seal(tx, &own)).await?;
        ensure!(
            is_its_own,
            "{} is not the key that machines are known by in this store: put back the one of the same backup",
            path.display()
        );

        Ok(key)
    }

    /// What is kept of a digest.
    #[must_use]
    pub fn sealed(&self, mark: Digest) -> Digest {
        self.sign(&mark.0)
    }

    /// Seals what could be found by trying.
    pub fn seal(&self, marks: &mut MachineMarks) {
        for mark in marks.serials.iter_mut().chain(&mut marks.network) {
            *mark = self.sealed(*mark);
        }
        // Their order would tell which address is the lowest.
        marks.network.sort_unstable();
    }

    /// Tells this key from another.
    pub(crate) fn proof(&self) -> Digest {
        self.sign(b"vonggac marks")
    }

    fn sign(&self, bytes: &[u8]) -> Digest {
        let signed = hmac::sign(&self.0, bytes);

        Digest(signed.as_ref().first_chunk().copied().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use vonggac_protocol::id::{AgencyId, HostId};
    use vonggac_protocol::time::Timestamp;

    use super::*;
    use crate::session::twice::Known;
    use crate::store::agencies::{self, Level};
    use crate::store::forbidden;
    use crate::store::hosts::{self, HostState};

    #[tokio::test]
    async fn what_could_be_found_by_trying_is_kept_under_a_key_that_stays() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("collector.db")).unwrap();
        let keys = folder.path().join("keys");
        let bare = MachineMarks {
            installation: Some(Digest([1; 32])),
            hardware: Some(Digest([2; 32])),
            serials: vec![Digest([3; 32])],
            network: vec![Digest([4; 32])],
        };
        let mut marks = bare.clone();

        MarkKey::ensure(&keys, &store).await.unwrap().seal(&mut marks);

        let key = MarkKey::ensure(&keys, &store).await.unwrap();
        assert_eq!(marks.serials, [key.sealed(Digest([3; 32]))]);
        assert_eq!(marks.network, [key.sealed(Digest([4; 32]))]);
        assert_eq!((marks.installation, marks.hardware), (bare.installation, bare.hardware));
        assert!(marks.serials != bare.serials && marks.network != bare.network);
    }

    #[tokio::test]
    async fn what_an_older_program_kept_bare_is_sealed_once_and_still_known() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("collector.db")).unwrap();
        let (host, agency, at) = (HostId([7; 16]), AgencyId::new("so-tttt").unwrap(), Timestamp(1));
        let bare = MachineMarks { serials: vec![Digest([3; 32])], ..MachineMarks::default() };
        let kept = Known { marks: Some(bare.clone()), ..Known::default() };
        store
            .write(move |tx| {
                agencies::add(tx, &agency, "x", Level::Department, at)?;
                hosts::add(tx, host, &agency, "may-1", HostState::Active, 180, at)?;
                machines::keep(tx, host, &kept, at)?;
                let entry = "INSERT INTO forbidden (mark, reason, person, at) VALUES (?1, 'x', 'y', 1)";
                tx.execute(entry, [[3; 32]])?;
                Ok(())
            })
            .await
            .unwrap();

        let key = MarkKey::ensure(folder.path(), &store).await.unwrap();
        MarkKey::ensure(folder.path(), &store).await.unwrap();

        let mut sealed = bare.clone();
        key.seal(&mut sealed);
        let wanted = Some(sealed.clone());
        assert_eq!(store.read(move |db| machines::known(db, host)).await.unwrap().marks, wanted);
        let named = |marks| store.read(move |db| forbidden::names(db, "so-tttt", "may-1", Some(&marks)));
        assert_eq!((named(sealed).await.unwrap(), named(bare).await.unwrap()), (Some(1), None));
    }

    #[tokio::test]
    async fn another_key_is_refused_with_the_name_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("collector.db")).unwrap();
        let keys = folder.path().join("keys");
        MarkKey::ensure(&keys, &store).await.unwrap();
        fs::remove_file(keys.join(FILE)).unwrap();

        let refused = MarkKey::ensure(&keys, &store).await.unwrap_err().to_string();

        assert!(refused.contains("marks.key is not the key"), "{refused}");
    }
}
