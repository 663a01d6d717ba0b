//! The last inventory that was handed to the spool, kept on disk so that a restart sends differences only.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use anyhow::Context as _;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::package::{Package, inventory_digest};

use super::database::PACKAGES_MAX;

/// Writes the inventory beside its place, syncs it, and moves it there.
///
/// # Errors
/// If the folder cannot be written.
pub fn save(path: &Path, packages: &BTreeSet<Package>) -> anyhow::Result<()> {
    let mut bytes = inventory_digest(packages).0.to_vec();
    for package in packages {
        minicbor::encode(package, &mut bytes).expect("a Vec takes any number of bytes");
    }
    let beside = path.with_extension("new");
    let mut file = File::create(&beside).context("create the kept inventory")?;
    file.write_all(&bytes).context("write the kept inventory")?;
    file.sync_all().context("sync the kept inventory")?;
    crate::os::disk::rename(&beside, path).context("put the kept inventory in its place")?;

    Ok(())
}

/// Reads it back; `None` if there is none, or if it is not what [`save`] wrote, so that the whole is sent anew.
///
/// # Errors
/// If the file is there and the system does not let us read it.
pub fn load(path: &Path) -> anyhow::Result<Option<BTreeSet<Package>>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).context("read the kept inventory"),
    };

    Ok(decode(&bytes))
}

fn decode(bytes: &[u8]) -> Option<BTreeSet<Package>> {
    let (digest, entries) = bytes.split_first_chunk::<32>()?;
    let mut decoder = minicbor::Decoder::new(entries);
    let mut packages = BTreeSet::new();
    while decoder.position() < entries.len() && packages.len() <= PACKAGES_MAX {
        packages.insert(decoder.decode().ok()?);
    }

    (inventory_digest(&packages) == Digest(*digest)).then_some(packages)
}
