//! Passwords: argon2id, never kept, never logged.

use anyhow::{Context as _, anyhow};
use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};

use super::state::Desk;

/// Characters a password has at least.
pub const PASSWORD_MIN: usize = 12;

/// Bytes of a password at most: hashing must not be a way to keep us busy.
pub const PASSWORD_BYTES_MAX: usize = 1_024;

/// A hash of no password anybody has: an unknown name takes as long to refuse as a wrong password.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$dm9uZ2dhYy1ub2JvZHk$Hd0pLC2EJ1qDrhJ9ICHPCWoZyiOwsX0bSPsXgRQWzvE";

/// Whether a password may be set.
#[must_use]
pub fn is_fit(password: &str) -> bool {
    password.chars().count() >= PASSWORD_MIN && password.len() <= PASSWORD_BYTES_MAX
}

/// Its hash in PHC form.
///
/// # Errors
/// If the system has no randomness.
pub async fn hash(desk: &Desk, password: String) -> anyhow::Result<String> {
    let _permit = desk.hashes.acquire().await.context("the desk is closed")?;
    tokio::task::spawn_blocking(move || {
        let salt = SaltString::encode_b64(&crate::random::bytes::<16>()?)
            .map_err(|error| anyhow!("make a salt: {error}"))?;
        let hash = Argon2::default()
            .hash_password(password.as_bytes(), &salt)
            .map_err(|error| anyhow!("hash a password: {error}"))?;

        Ok(hash.to_string())
    })
    .await?
}

/// Whether this is the password of that hash; with no hash, no, after as long.
///
/// # Errors
/// If the kept hash is not one.
pub async fn matches(desk: &Desk, password: String, hash: Option<String>) -> anyhow::Result<bool> {
    if password.len() > PASSWORD_BYTES_MAX {
        return Ok(false);
    }
    let _permit = desk.hashes.acquire().await.context("the desk is closed")?;
    tokio::task::spawn_blocking(move || {
        let kept = hash.as_deref().unwrap_or(NOBODYS);
        let parsed = PasswordHash::new(kept).map_err(|error| anyhow!("read a password's hash: {error}"))?;
        let fits = Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();

        Ok(fits && hash.is_some())
    })
    .await?
}
