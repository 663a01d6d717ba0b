//! What readers of JSON share: one document in memory at a time, unknown fields counted, places in complaints.

use std::io::{BufRead, Read as _};

use serde::Deserialize;
use vonggac_protocol::time::Timestamp;

use super::reading::Reading;
use super::unpack::torn;
use crate::source::{Fault, FeedError, Place};

/// One document as bytes; refused if it is beyond the limit.
pub(super) fn whole(body: &mut dyn BufRead, reading: &Reading<'_, '_>) -> Result<Vec<u8>, FeedError> {
    let most = reading.limits.document_bytes;
    let mut bytes = Vec::new();
    body.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| torn("file", &error))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > most {
        return Err(FeedError::new(Place::Whole, format!("at most {most} bytes in one document"), "more")
            .of(Fault::Bound));
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }

    Ok(bytes)
}

/// Reads a document; fields that are not in the structure and not in `passed_over` are counted.
pub(super) fn parse<'de, T: Deserialize<'de>>(
    bytes: &'de [u8],
    passed_over: &[&str],
    reading: &mut Reading<'_, '_>,
) -> Result<T, FeedError> {
    let mut text = serde_json::Deserializer::from_slice(bytes);
    let read = serde_ignored::deserialize(&mut text, |path| count_unknown(&path, passed_over, reading));
    let read = read.map_err(|error| broken(&error))?;
    text.end().map_err(|error| broken(&error))?;

    Ok(read)
}

/// Reads a document front to back; the visitor behind `T` gives things out while it is at it.
pub(super) fn stream<'a, S>(body: &'a mut dyn BufRead, seed: S) -> Result<S::Value, FeedError>
where
    S: serde::de::DeserializeSeed<'a>,
{
    let mut text = serde_json::Deserializer::from_reader(body);
    let value = seed.deserialize(&mut text).map_err(|error| broken(&error))?;
    text.end().map_err(|error| broken(&error))?;

    Ok(value)
}

/// What serde_json complains about, as a place and what it says.
pub(super) fn broken(error: &serde_json::Error) -> FeedError {
    let (line, column) = (error.line(), error.column());
    let place = if line == 0 {
        Place::Whole
    } else {
        Place::LineColumn(u64::try_from(line).unwrap_or(0), u64::try_from(column).unwrap_or(0))
    };
    let text = error.to_string();
    let cause = text.split(" at line ").next().unwrap_or_default();
    let expected =
        if error.is_eof() || error.is_io() { "a whole JSON document" } else { "JSON of the known form" };

    FeedError::new(place, expected, cause)
}

pub(super) fn count_unknown(
    path: &serde_ignored::Path<'_>,
    passed_over: &[&str],
    reading: &mut Reading<'_, '_>,
) {
    let serde_ignored::Path::Map { key, .. } = path else { return };
    if !passed_over.contains(&key.as_str()) {
        let shown: String = key.chars().take(40).collect();
        reading.skip(format!("unknown field {shown}"));
    }
}

/// A moment, or a day taken as its beginning in UTC; `None` if it is neither.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(at) = text.parse() {
        return Some(at);
    }
    if text.len() == 10 {
        return format!("{text}T00:00:00Z").parse().ok();
    }
    // Some write no zone; they mean UTC.
    format!("{text}Z").parse().ok()
}

/// Whether this names a CVE.
pub(super) fn is_cve(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let digits = |part: Option<&str>| {
        part.is_some_and(|part| part.len() >= 4 && part.bytes().all(|b| b.is_ascii_digit()))
    };

    parts.next() == Some("CVE") && digits(parts.next()) && digits(parts.next())
}

/// CVEs of these names, sorted, without doubles.
pub(super) fn cves<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut found: Vec<String> = names.into_iter().filter(|name| is_cve(name)).map(str::to_owned).collect();
    found.sort();
    found.dedup();

    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_feeds_write_them() {
        for text in ["2021-04-06T13:34:17Z", "2024-08-04T10:17:22+00:00", "2025-03-21T07:00:00.000Z"] {
            assert!(moment(text).is_some(), "{text}");
        }
        assert_eq!(moment("2024-10-10T00:45:23").unwrap().to_string(), "2024-10-10T00:45:23.000Z");
        assert_eq!(moment("2024-10-10").unwrap().to_string(), "2024-10-10T00:00:00.000Z");
        assert_eq!(moment("2024-1-1"), None);
        assert_eq!(moment(""), None);
    }

    #[test]
    fn only_real_cve_names_are_taken() {
        assert_eq!(
            cves(["CVE-2024-2", "CVE-2024-10002", "GHSA-x", "CVE-2021-1234", "CVE-2021-1234"]),
            ["CVE-2021-1234", "CVE-2024-10002"]
        );
    }
}
