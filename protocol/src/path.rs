//! Paths of a host, exactly as its file system has them, in text.

use std::fmt;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// A path on a host. UTF-8 stays as it is; every other byte is written `\x{NN}`, and so is the backslash
/// of a literal `\x{`, so that the exact bytes can always be had back. The bytes of a Windows
/// path are WTF-8, so that each of the three bytes of a lone surrogate is written so, too. At most [`PATH_BYTES_MAX`](crate::limits::PATH_BYTES_MAX) bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Encode, Decode, Serialize, Deserialize)]
#[cbor(transparent)]
#[serde(transparent)]
pub struct HostPath(#[n(0)] String);

impl HostPath {
    /// The path made of these bytes, as Unix systems have it.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut text = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            text.push_str(&chunk.valid().replace(r"\x{", r"\x{5C}x{"));
            for byte in chunk.invalid() {
                text.push_str(&format!("\\x{{{byte:02X}}}"));
            }
        }

        Self(text)
    }

    /// The path whose text this is already.
    #[must_use]
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The bytes that [`from_bytes`](Self::from_bytes) was given.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len());
        let mut rest = self.0.as_str();
        while let Some(at) = rest.find(r"\x{") {
            let escape = rest.get(at + 3..at + 5).and_then(|digits| u8::from_str_radix(digits, 16).ok());
            bytes.extend_from_slice(&rest.as_bytes()[..at]);
            match escape {
                Some(byte) if rest.as_bytes().get(at + 5) == Some(&b'}') => {
                    bytes.push(byte);
                    rest = &rest[at + 6..];
                }
                Some(_) | None => {
                    bytes.extend_from_slice(br"\x{");
                    rest = &rest[at + 3..];
                }
            }
        }
        bytes.extend_from_slice(rest.as_bytes());

        bytes
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_bytes_can_be_had_back(bytes: Vec<u8>) {
            proptest::prop_assert_eq!(HostPath::from_bytes(&bytes).to_bytes(), bytes);
        }
    }

    #[test]
    fn a_literal_escape_is_kept_apart_from_ours() {
        let literal = br"/a\x{41}\xff";

        assert_eq!(HostPath::from_bytes(literal).to_bytes(), literal);
    }

    #[test]
    fn vietnamese_names_stay_readable() {
        assert_eq!(HostPath::from_bytes("/dữ liệu/Hoà Bình".as_bytes()).as_str(), "/dữ liệu/Hoà Bình");
    }
}
