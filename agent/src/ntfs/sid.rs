//! Owners. Windows names its own accounts in the language it was installed in; a verdict must not depend on that, so
//! the well-known ones have one fixed name here, and everybody else is their number unless this machine itself knows
//! the name.

use super::bytes::u32_at;

/// The longest a SID can be: 15 parts.
pub const BYTES_MAX: usize = 8 + 15 * 4;

/// A SID as text, `S-1-…`; `None` if these bytes are none. Bytes behind it are left alone.
#[must_use]
pub fn text(bytes: &[u8]) -> Option<String> {
    let (first, parts) = (*bytes.first()?, usize::from(*bytes.get(1)?));
    if first != 1 || parts > 15 {
        return None;
    }
    let authority = bytes.get(2..8)?.iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    let mut text =
        if authority >> 32 == 0 { format!("S-1-{authority}") } else { format!("S-1-{authority:#x}") };
    for part in 0..parts {
        text.push_str(&format!("-{}", u32_at(bytes, 8 + part * 4)?));
    }

    Some(text)
}

/// The bytes of the SID that begins here; `None` if these bytes are none.
#[must_use]
pub fn exact(bytes: &[u8]) -> Option<&[u8]> {
    let parts = usize::from(*bytes.get(1)?);
    if *bytes.first()? != 1 || parts > 15 {
        return None;
    }

    bytes.get(..8 + parts * 4)
}

/// The fixed name of a SID that means the same on every machine.
#[must_use]
pub fn well_known(text: &str) -> Option<&'static str> {
    const NAMES: [(&str, &str); 27] = [
        ("S-1-1-0", "Everyone"),
        ("S-1-3-0", "CREATOR OWNER"),
        ("S-1-3-1", "CREATOR GROUP"),
        ("S-1-3-4", "OWNER RIGHTS"),
        ("S-1-5-2", r"NT AUTHORITY\NETWORK"),
        ("S-1-5-4", r"NT AUTHORITY\INTERACTIVE"),
        ("S-1-5-6", r"NT AUTHORITY\SERVICE"),
        ("S-1-5-7", r"NT AUTHORITY\ANONYMOUS LOGON"),
        ("S-1-5-11", r"NT AUTHORITY\Authenticated Users"),
        ("S-1-5-12", r"NT AUTHORITY\RESTRICTED"),
        ("S-1-5-17", r"NT AUTHORITY\IUSR"),
        ("S-1-5-18", r"NT AUTHORITY\SYSTEM"),
        ("S-1-5-19", r"NT AUTHORITY\LOCAL SERVICE"),
        ("S-1-5-20", r"NT AUTHORITY\NETWORK SERVICE"),
        ("S-1-5-32-544", r"BUILTIN\Administrators"),
        ("S-1-5-32-545", r"BUILTIN\Users"),
        ("S-1-5-32-546", r"BUILTIN\Guests"),
        ("S-1-5-32-547", r"BUILTIN\Power Users"),
        ("S-1-5-32-549", r"BUILTIN\Server Operators"),
        ("S-1-5-32-550", r"BUILTIN\Print Operators"),
        ("S-1-5-32-551", r"BUILTIN\Backup Operators"),
        ("S-1-5-32-555", r"BUILTIN\Remote Desktop Users"),
        ("S-1-5-32-568", r"BUILTIN\IIS_IUSRS"),
        ("S-1-15-2-1", r"APPLICATION PACKAGE AUTHORITY\ALL APPLICATION PACKAGES"),
        ("S-1-15-2-2", r"APPLICATION PACKAGE AUTHORITY\ALL RESTRICTED APPLICATION PACKAGES"),
        ("S-1-5-80-0", r"NT SERVICE\ALL SERVICES"),
        ("S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464", r"NT SERVICE\TrustedInstaller"),
    ];

    NAMES.iter().find(|(known, _)| *known == text).map(|(_, name)| *name)
}

/// Whether it is an account of a machine or of a domain, made by whoever runs it.
#[must_use]
pub fn is_account(text: &str) -> bool {
    text.starts_with("S-1-5-21-")
}

/// The machine or domain that an account is of.
#[must_use]
pub fn authority(text: &str) -> Option<&str> {
    text.rsplit_once('-').map(|(authority, _)| authority).filter(|_| is_account(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sid_is_written_as_everybody_writes_it() {
        let system = [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0, 99];
        let administrators = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0];

        assert_eq!(text(&system).unwrap(), "S-1-5-18");
        assert_eq!(exact(&system).unwrap().len(), 12);
        assert_eq!(well_known(&text(&administrators).unwrap()), Some(r"BUILTIN\Administrators"));
        assert_eq!(text(&administrators[..15]), None);
        assert_eq!(text(&[2, 0, 0, 0, 0, 0, 0, 5]), None);
        assert_eq!(text(&[1, 200, 0, 0, 0, 0, 0, 5]), None);
    }

    #[test]
    fn an_account_has_the_authority_of_its_machine() {
        assert_eq!(authority("S-1-5-21-1-2-3-1001"), Some("S-1-5-21-1-2-3"));
        assert_eq!(authority("S-1-5-18"), None);
    }
}
