//! Numbers and text at a place of a buffer, never beyond it. Everything is little-endian.

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// Two bytes.
#[must_use]
pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

/// Four bytes.
#[must_use]
pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

/// Four bytes, as a length or place.
#[must_use]
pub fn length_at(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32_at(bytes, at)?).ok()
}

/// How far the next entry of a buffer lies behind this one of `own` bytes, by its first four bytes; 0: this is the last. `None`:
/// it would begin within this one, which the system never writes and which would make a buffer hold more than its bytes.
#[must_use]
pub fn step(entry: &[u8], own: usize) -> Option<usize> {
    length_at(entry, 0).filter(|next| *next == 0 || *next >= own)
}

/// Eight bytes.
#[must_use]
pub fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}

/// Eight bytes, signed.
#[must_use]
pub fn i64_at(bytes: &[u8], at: usize) -> Option<i64> {
    array(bytes, at).map(i64::from_le_bytes)
}

/// Sixteen bytes.
#[must_use]
pub fn u128_at(bytes: &[u8], at: usize) -> Option<u128> {
    array(bytes, at).map(u128::from_le_bytes)
}

/// The sixteen-bit units that these bytes hold; a last odd byte is left out.
#[must_use]
pub fn units(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).filter_map(|pair| u16_at(pair, 0)).collect()
}

/// `length` bytes of sixteen-bit units at a place; `None` if they are not there.
#[must_use]
pub fn units_at(bytes: &[u8], at: usize, length: usize) -> Option<Vec<u16>> {
    bytes.get(at..at.checked_add(length)?).map(units)
}

/// Nanoseconds since 1970 of a count of 100 nanoseconds since 1601; `None` for 0, which stands for "not kept".
#[must_use]
pub fn moment_ns(ticks: i64) -> Option<i64> {
    const TICKS_TO_1970: i64 = 116_444_736_000_000_000;

    (ticks > 0).then(|| ticks.saturating_sub(TICKS_TO_1970).saturating_mul(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_beyond_the_end() {
        assert_eq!(u32_at(&[1, 0, 0], 0), None);
        assert_eq!(u16_at(&[1, 0, 2], 1), Some(0x200));
        assert_eq!(u64_at(&[0; 8], usize::MAX), None);
        assert_eq!(units_at(&[65, 0, 66, 0], 2, 4), None);
        assert_eq!(units_at(&[65, 0, 66, 0], 2, 2), Some(vec![66]));
    }

    #[test]
    fn moments_are_counted_from_1970() {
        assert_eq!(moment_ns(116_444_736_000_000_000), Some(0));
        assert_eq!(moment_ns(116_444_736_000_000_001), Some(100));
        assert_eq!(moment_ns(0), None);
        assert_eq!(moment_ns(i64::MAX), Some(i64::MAX));
    }
}
