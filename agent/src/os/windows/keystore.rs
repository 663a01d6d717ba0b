//! Sealing what must open on this machine alone, by the system's data protection (DPAPI) in the scope of the machine.
//!
//! What is sealed so does not open on another machine, nor from a copy of the file alone in a backup: the master key
//! lies with the system's own secrets. Whoever runs as administrator on this machine opens it, and a copy of the whole
//! disk is this machine (docs/decisions/0046).
#![expect(unsafe_code, reason = "data protection is called by plain functions of the system")]

use std::ffi::OsStr;
use std::io;
use std::ptr;

use windows_sys::Win32::Foundation::LocalFree;
use windows_sys::Win32::Security::Cryptography::{
    CRYPT_INTEGER_BLOB, CRYPTPROTECT_LOCAL_MACHINE, CRYPTPROTECT_UI_FORBIDDEN, CryptProtectData,
    CryptUnprotectData,
};

use super::settings;

/// What a sealed file begins with; no PEM text does.
const MARK: &[u8] = b"VGSEAL1\0";

/// Binds what is sealed to our purpose and to this installation of the system.
fn entropy() -> io::Result<Vec<u8>> {
    const KEY: &str = r"SOFTWARE\Microsoft\Cryptography";
    let installation = settings::text(KEY, OsStr::new("MachineGuid"))?.unwrap_or_default();

    Ok(format!("vonggac agent key\0{}", installation.to_ascii_lowercase()).into_bytes())
}

/// Seals a text; `true`: it is sealed.
///
/// # Errors
/// If the system refuses.
pub fn seal(text: &[u8]) -> io::Result<(Vec<u8>, bool)> {
    let mut kept = MARK.to_vec();
    kept.extend(call(text, &entropy()?, Way::Seal)?);

    Ok((kept, true))
}

/// Opens what was sealed here; what was never sealed is given back as it is.
///
/// # Errors
/// If it was sealed on another machine or by another installation of the system, or is damaged.
pub fn open(kept: &[u8]) -> io::Result<Vec<u8>> {
    match kept.strip_prefix(MARK) {
        Some(sealed) => call(sealed, &entropy()?, Way::Open),
        None => Ok(kept.to_vec()),
    }
}

#[derive(Clone, Copy)]
enum Way {
    Seal,
    Open,
}

fn call(from: &[u8], entropy: &[u8], way: Way) -> io::Result<Vec<u8>> {
    let blob = |bytes: &[u8]| -> io::Result<CRYPT_INTEGER_BLOB> {
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        Ok(CRYPT_INTEGER_BLOB { cbData: length, pbData: bytes.as_ptr().cast_mut() })
    };
    let (from, entropy) = (blob(from)?, blob(entropy)?);
    let mut into = CRYPT_INTEGER_BLOB { cbData: 0, pbData: ptr::null_mut() };
    let (none, forbidden) = (ptr::null(), CRYPTPROTECT_UI_FORBIDDEN);
    // SAFETY: the blobs of what goes in live until after the call, which only reads them; `into` takes memory that the
    // system gives, freed below. No description, no prompt.
    let done = unsafe {
        match way {
            Way::Seal => CryptProtectData(
                &raw const from,
                none,
                &raw const entropy,
                none.cast(),
                ptr::null(),
                forbidden | CRYPTPROTECT_LOCAL_MACHINE,
                &raw mut into,
            ),
            Way::Open => CryptUnprotectData(
                &raw const from,
                ptr::null_mut(),
                &raw const entropy,
                none.cast(),
                ptr::null(),
                forbidden,
                &raw mut into,
            ),
        }
    };
    if done == 0 || into.pbData.is_null() {
        return Err(io::Error::last_os_error());
    }
    let length = usize::try_from(into.cbData).map_err(io::Error::other)?;
    // SAFETY: the system gave so many bytes. They are wiped before the memory goes back: they may be a key.
    let bytes = unsafe {
        let given = std::slice::from_raw_parts_mut(into.pbData, length);
        let bytes = given.to_vec();
        given.fill(0);
        std::hint::black_box(given.as_ptr());
        LocalFree(into.pbData.cast());
        bytes
    };

    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_does_not_show_and_opens_again() {
        let (kept, sealed) = seal(b"-----BEGIN PRIVATE KEY-----").unwrap();

        assert!(sealed);
        assert!(!kept.windows(7).any(|part| part == b"PRIVATE"));
        assert_eq!(open(&kept).unwrap(), b"-----BEGIN PRIVATE KEY-----");
    }

    #[test]
    fn another_installation_and_damage_do_not_open_it_and_plain_text_stays_plain() {
        let sealed = call(b"key", b"vonggac agent key\0of another installation", Way::Seal).unwrap();
        assert!(open(&[MARK, &sealed].concat()).is_err());

        let (mut kept, _) = seal(b"key").unwrap();
        let last = kept.len() - 1;
        kept[last] ^= 1;
        assert!(open(&kept).is_err() || open(&kept).unwrap() != b"key");
        assert!(open(&kept[..MARK.len()]).is_err());
        assert_eq!(open(b"-----BEGIN").unwrap(), b"-----BEGIN");
    }
}
