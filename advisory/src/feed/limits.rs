//! How much of a carried file is taken: a small file may unpack to more than any disk holds.

/// Bounds of one import. What is beyond them is refused whole, with the bound named.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes in all after unpacking.
    pub unpacked_bytes: u64,
    /// Unpacked bytes for each packed one; counted from 64 MiB on.
    pub ratio: u64,
    /// Bytes of one document that is read whole (an OSV or CSAF file).
    pub document_bytes: u64,
    /// Documents in an archive.
    pub documents: u64,
    /// Rows, scores and marks in all.
    pub rows: u64,
}

/// Below this many unpacked bytes no ratio is looked at: tiny files of zeros are nobody's bomb.
pub(super) const RATIO_FREE_BYTES: u64 = 64 * 1024 * 1024;

impl Default for Limits {
    fn default() -> Self {
        Self {
            // The largest archive seen, all of Ubuntu's as OSV, has some gigabytes.
            unpacked_bytes: 16 * 1024 * 1024 * 1024,
            // Advisories as JSON or XML pack to a twentieth or a sixtieth.
            ratio: 250,
            // A kernel vulnerability in Red Hat's VEX has some tens of megabytes.
            document_bytes: 128 * 1024 * 1024,
            documents: 1_000_000,
            rows: 20_000_000,
        }
    }
}
