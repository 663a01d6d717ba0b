//! Ids made of content: the same document has the same id, another one another.

use std::io;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// The UUID that the JSON of a value gives, as `xxxxxxxx-xxxx-8xxx-…`: version 8 of RFC 9562, SHA-256 cut short.
///
/// # Errors
/// If the value cannot be written as JSON.
pub fn uuid(value: &impl Serialize) -> serde_json::Result<String> {
    let mut hasher = Hashing(Sha256::new());
    serde_json::to_writer(&mut hasher, value)?;
    let mut bytes = [0_u8; 16];
    for (to, from) in bytes.iter_mut().zip(hasher.0.finalize()) {
        *to = from;
    }
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = data_encoding::HEXLOWER.encode(&bytes);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();

    Ok([part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-"))
}

/// The serial number of a CycloneDX document.
///
/// # Errors
/// If the value cannot be written as JSON.
pub fn serial_number(value: &impl Serialize) -> serde_json::Result<String> {
    Ok(format!("urn:uuid:{}", uuid(value)?))
}

struct Hashing(Sha256);

impl io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);

        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_content_has_the_same_id_and_another_one_another() {
        let (one, again, other) = (uuid(&"a").unwrap(), uuid(&"a").unwrap(), uuid(&"b").unwrap());

        assert_eq!(one, again);
        assert_ne!(one, other);
        assert_eq!(one.len(), 36);
        assert_eq!((one.as_bytes()[14], one.as_bytes()[8]), (b'8', b'-'));
    }
}
