//! Files that carry a signature, of feeds, rules and releases alike: the keys that are believed, and the one way in.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use clap::Args;

use super::Setting;
use crate::clock;
use crate::envelope::RefuseEnvelopeError;
use crate::print::plain;
use crate::snapshot::key;
use crate::store::audit::OPERATOR;
use crate::store::feeds;

/// A public key that somebody decides to believe.
#[derive(Args, Debug)]
pub(super) struct Trust {
    /// Khóa công khai / public key
    key: String,
    /// Khóa của ai / whose it is
    #[arg(long)]
    name: String,
    /// Người quyết định / the person who decided it
    #[arg(long, default_value = OPERATOR)]
    by: String,
}

impl Trust {
    pub(super) async fn run(self, setting: &Setting) -> anyhow::Result<()> {
        let Self { key, name, by } = self;
        ensure!(key::is_public(&key), "{}", setting.say("feed-no-key", &[("key", &plain(&key))]));
        let (now, told) = (clock::now(), name.clone());
        setting.store()?.write(move |tx| feeds::trust(tx, key.trim(), &name, &by, now)).await?;
        setting.tell("feed-trusted", &[("name", &plain(&told))]);

        Ok(())
    }
}

/// What a signed file holds, and its bytes: of at most so many bytes, by a key that is believed.
pub(super) async fn open<T>(
    setting: &Setting,
    path: &Path,
    bytes_max: u64,
    opened: impl FnOnce(&[u8], &BTreeSet<String>) -> Result<T, RefuseEnvelopeError>,
) -> anyhow::Result<(T, Vec<u8>)> {
    let bytes = read(path, bytes_max)?;
    let trusted = setting.store()?.read(feeds::trusted).await?;
    let found = opened(&bytes, &trusted).with_context(|| format!("{} is refused", path.display()))?;

    Ok((found, bytes))
}

/// The bytes of a file, which says nothing true of its size if it is a pipe or grows.
fn read(path: &Path, bytes_max: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    file.take(bytes_max.saturating_add(1))
        .read_to_end(&mut bytes)
        .with_context(|| format!("read {}", path.display()))?;
    let fits = u64::try_from(bytes.len()).is_ok_and(|length| length <= bytes_max);
    ensure!(fits, "{}: at most {bytes_max} bytes are read", path.display());

    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_a_byte_too_many_is_refused_and_one_that_never_ends_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"12345").unwrap();

        assert_eq!(read(&path, 5).unwrap(), b"12345");
        assert!(read(&path, 4).is_err());
        assert!(read(Path::new("/dev/zero"), 1024).is_err());
    }
}
