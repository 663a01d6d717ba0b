//! Numbers of any length as bytes that sort.

/// Writes decimal digits so that byte order is the order of the numbers: leading zeros away, then how many digits,
/// then the digits. No digits at all are the number 0.
pub(super) fn number(digits: &[u8], out: &mut Vec<u8>) {
    let start = digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len());
    let digits = digits.get(start..).unwrap_or_default();
    match u8::try_from(digits.len()) {
        Ok(length) if length < u8::MAX => out.push(length),
        _ => {
            out.push(u8::MAX);
            // Versions are at most `VERSION_MAX` long.
            out.extend(u16::try_from(digits.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    out.extend_from_slice(digits);
}

/// The digits that a text starts with, and the rest.
pub(super) fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    run(text, |byte| byte.is_ascii_digit())
}

/// The bytes that a text starts with and that are so, and the rest.
pub(super) fn run(text: &[u8], is: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !is(*byte)).unwrap_or(text.len());

    text.split_at(end)
}
