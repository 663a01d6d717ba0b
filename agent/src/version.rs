//! Which version this program is.

use std::sync::OnceLock;

static SAID: OnceLock<&'static str> = OnceLock::new();

/// The version, as it is told to everybody.
#[must_use]
pub fn own() -> &'static str {
    SAID.get().copied().unwrap_or(env!("CARGO_PKG_VERSION"))
}

/// Makes this program call itself another version, before it does anything else: for programs that stand in for a
/// later one in tests of upgrades. Later calls change nothing.
pub fn stand_in_for(version: &'static str) {
    SAID.get_or_init(|| version);
}
