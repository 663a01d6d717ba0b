//! Names made of names: UUID version 5 (RFC 9562, section 5.5). The same thing has the same name in every file.

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

/// A namespace.
pub type Namespace = [u8; 16];

/// The namespace of everything that we name ourselves.
pub const OURS: Namespace =
    [0x7a, 0x3a, 0xcf, 0xa1, 0x8b, 0x0b, 0x4e, 0x39, 0x99, 0x37, 0x27, 0xc5, 0x4c, 0xe4, 0x55, 0xde];

/// The namespace in which STIX 2.1 names observables (section 2.9).
pub const STIX: Namespace =
    [0x00, 0xab, 0xed, 0xb4, 0xaa, 0x42, 0x46, 0x6c, 0x9c, 0x01, 0xfe, 0xd2, 0x33, 0x15, 0xa9, 0xb7];

/// The UUID of a name in a namespace. SHA-1 here tells things apart; it protects nothing.
#[must_use]
pub fn named(namespace: &Namespace, name: &str) -> String {
    let mut hasher = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    hasher.update(namespace);
    hasher.update(name.as_bytes());
    let mut bytes = [0_u8; 16];
    for (to, from) in bytes.iter_mut().zip(hasher.finish().as_ref()) {
        *to = *from;
    }
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;

    written(&bytes)
}

/// A UUID as text.
#[must_use]
pub fn written(bytes: &[u8; 16]) -> String {
    let hex = data_encoding::HEXLOWER.encode(bytes);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();

    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_standard_comes_out() {
        // RFC 9562, appendix A.4: the namespace of domain names and www.example.com.
        let dns =
            [0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8];

        assert_eq!(named(&dns, "www.example.com"), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
    }
}
