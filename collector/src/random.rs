//! The one place where randomness enters this program.

use anyhow::anyhow;

/// So many random bytes from the system.
///
/// # Errors
/// If the system has none to give.
pub fn bytes<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("ask the system for randomness: {error}"))?;

    Ok(bytes)
}
