//! What an installer or an administrator left for us in the registry.
#![expect(unsafe_code, reason = "values are removed by plain functions of the system")]

use std::ffi::OsStr;
use std::io;

use windows_sys::Win32::Foundation::{ERROR_FILE_NOT_FOUND, ERROR_SUCCESS};
use windows_sys::Win32::System::Registry::{
    HKEY_LOCAL_MACHINE, RegDeleteKeyValueW, RegDeleteKeyW, RegDeleteTreeW,
};

use super::manager::wide;
use super::registry::Key;
use crate::os::{LeftBy, LeftString, RegistryRoot, RegistryView};

/// Whether a service of this system waits for its identity, instead of being started once there is one.
pub const WAITS: bool = true;

/// Where the installer leaves what it was told; the MSI gives it to administrators alone.
const INSTALLER: &str = r"SOFTWARE\VongGac\Agent";

/// The key above, which is ours too.
const MAKER: &str = r"SOFTWARE\VongGac";

/// What the domain's policy says (`deploy/windows/policy`).
const POLICY: &str = r"SOFTWARE\Policies\VongGac\Agent";

/// The name of the enrolment string in both.
const ENROL: &str = "Enrol";

const REG_SZ: u32 = 1;

/// A longer value is no enrolment string.
const TEXT_BYTES_MAX: usize = 4096;

/// The enrolment strings that were left, the one to try first in front.
///
/// # Errors
/// If the registry cannot be read.
pub fn left_strings() -> io::Result<Vec<LeftString>> {
    let mut found = Vec::new();
    for (key, by) in [(INSTALLER, LeftBy::Installer), (POLICY, LeftBy::Policy)] {
        if let Some(text) = text(key, OsStr::new(ENROL))? {
            let text = text.trim().to_owned();
            if !text.is_empty() {
                found.push(LeftString { text, by });
            }
        }
    }

    Ok(found)
}

/// Removes a string that has done its work; that of the policy is not ours to remove.
///
/// # Errors
/// If it is there and the system refuses.
pub fn used(by: LeftBy) -> io::Result<()> {
    match by {
        LeftBy::Installer => {
            let (key, name) = (wide(INSTALLER), wide(ENROL));
            // SAFETY: both names end with a zero.
            gone(unsafe { RegDeleteKeyValueW(HKEY_LOCAL_MACHINE, key.as_ptr(), name.as_ptr()) })
        }
        LeftBy::Policy => Ok(()),
    }
}

/// Removes everything that was left for us; that of the policy is not ours to remove.
///
/// # Errors
/// If the system refuses.
pub fn forget() -> io::Result<()> {
    let (own, above) = (wide(INSTALLER), wide(MAKER));
    // SAFETY: the name ends with a zero.
    gone(unsafe { RegDeleteTreeW(HKEY_LOCAL_MACHINE, own.as_ptr()) })?;
    // SAFETY: the name ends with a zero. Refused if somebody else keeps something there, and that is right.
    unsafe { RegDeleteKeyW(HKEY_LOCAL_MACHINE, above.as_ptr()) };

    Ok(())
}

fn gone(said: u32) -> io::Result<()> {
    match said {
        ERROR_SUCCESS | ERROR_FILE_NOT_FOUND => Ok(()),
        code => Err(io::Error::from_raw_os_error(i32::try_from(code).unwrap_or(0))),
    }
}

/// A plain text of the machine's part of the registry; `None` if there is none.
///
/// # Errors
/// If the registry cannot be read.
pub(super) fn text(key: &str, name: &OsStr) -> io::Result<Option<String>> {
    let key = match Key::open(RegistryRoot::LocalMachine, key, RegistryView::Bits64) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let value = key.value(name)?.filter(|value| value.kind == REG_SZ && value.bytes.len() <= TEXT_BYTES_MAX);
    let Some(value) = value else { return Ok(None) };
    let units: Vec<u16> =
        value.bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    let text = String::from_utf16_lossy(&units);

    Ok(Some(text.split('\0').next().unwrap_or_default().to_owned()))
}
