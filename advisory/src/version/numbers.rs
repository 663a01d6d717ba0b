//! Numbers between dots, missing ones are 0: `10.0.19045.3803`.

use super::BadVersion;
use super::bytes::number;

const END: u8 = 1;
const MORE: u8 = 2;

pub(super) fn write(version: &str, out: &mut Vec<u8>) -> Result<(), BadVersion> {
    let mut parts: Vec<&str> = version.split('.').collect();
    if parts.iter().any(|part| part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(BadVersion("it is not made of numbers between dots"));
    }
    while parts.last().is_some_and(|part| part.bytes().all(|byte| byte == b'0')) {
        parts.pop();
    }
    for part in parts {
        out.push(MORE);
        number(part.as_bytes(), out);
    }
    out.push(END);

    Ok(())
}
