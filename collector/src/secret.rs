//! Secrets of 32 bytes by chance, each in a file of its own that nobody else may read.

use std::path::Path;

use anyhow::Context as _;
use data_encoding::HEXLOWER;

use crate::authority::{make_private_dir, read_private, write_private};
use crate::random;

/// Reads one from this file, making it if it is not there.
///
/// # Errors
/// If the file cannot be read or written, others may read it, or it is not what it should be.
pub fn ensure(path: &Path) -> anyhow::Result<[u8; 32]> {
    if !path.exists() {
        if let Some(folder) = path.parent() {
            make_private_dir(folder)?;
        }
        write_private(path, HEXLOWER.encode(&random::bytes::<32>()?).as_bytes())?;
    }
    let text = read_private(path)?;
    let bytes = HEXLOWER.decode(text.trim().as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());

    bytes.with_context(|| format!("{} holds no 64 hexadecimal digits", path.display()))
}
