//! Scores of EPSS: a CSV file of all vulnerabilities, one day's.

use std::io::{BufRead, Read as _};

use super::item::{Item, Score};
use super::json::{is_cve, moment};
use super::reading::Reading;
use super::unpack::torn;
use crate::source::{FeedError, Place};

/// A line names a CVE and two numbers.
const LINE_BYTES_MAX: u64 = 1_024;

/// Reads the file.
pub(super) fn read(body: &mut dyn BufRead, reading: &mut Reading<'_, '_>) -> Result<(), FeedError> {
    let (mut line, mut number) = (String::new(), 0_u64);
    let mut percentiles = None;
    loop {
        line.clear();
        let got = body.take(LINE_BYTES_MAX).read_line(&mut line).map_err(|error| torn("file", &error))?;
        if got == 0 {
            break;
        }
        number += 1;
        let text = line.trim_end_matches(['\r', '\n']).trim_start_matches('\u{feff}');
        let wrong = |expected: &str| FeedError::new(Place::Line(number), expected, text);
        if let Some(comment) = text.strip_prefix('#') {
            reading.dated(comment.split(',').find_map(score_date));
        } else if percentiles.is_none() {
            percentiles = Some(match text {
                "cve,epss,percentile" => true,
                "cve,epss" => false,
                _ => return Err(wrong("cve,epss,percentile")),
            });
        } else if !text.is_empty() {
            let score = score(text, percentiles == Some(true))
                .ok_or_else(|| wrong("a CVE and numbers from 0 to 1"))?;
            reading.summary.advisories += 1;
            reading.give(Item::Score(score))?;
        }
    }
    if percentiles.is_none() {
        return Err(FeedError::new(Place::Line(number + 1), "cve,epss,percentile", "the end of the file"));
    }

    Ok(())
}

fn score_date(part: &str) -> Option<vonggac_protocol::time::Timestamp> {
    let text = part.strip_prefix("score_date:")?;
    // `+0000` is no zone that RFC 3339 knows.
    let text = text.strip_suffix("+0000").map_or_else(|| text.to_owned(), |text| format!("{text}Z"));

    moment(&text)
}

fn score(text: &str, with_percentile: bool) -> Option<Score> {
    let mut fields = text.split(',');
    let cve = fields.next().filter(|cve| is_cve(cve))?.to_owned();
    let millionths = millionths(fields.next()?)?;
    let percentile = if with_percentile { Some(self::millionths(fields.next()?)?) } else { None };

    fields.next().is_none().then_some(Score { cve, millionths, percentile })
}

/// A decimal from 0 to 1 in millionths; finer digits are dropped. Small ones come as `8e-05`.
fn millionths(text: &str) -> Option<u32> {
    if text.contains(['e', 'E']) {
        return small(text);
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let number = whole.parse::<u32>().ok()?.checked_mul(1_000_000)?.checked_add(digits.parse().ok()?)?;

    (number <= 1_000_000).then_some(number)
}

/// `d.ddde-NN`.
fn small(text: &str) -> Option<u32> {
    let (mantissa, exponent) = text.split_once(['e', 'E'])?;
    let places: usize =
        exponent.strip_prefix('-')?.parse().ok().filter(|places| (1..=30).contains(places))?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.len() != 1 || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }

    millionths(&format!("0.{}{whole}{fraction}", "0".repeat(places - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_become_millionths() {
        for (text, number) in [
            ("0.65117", Some(651_170)),
            ("1.0", Some(1_000_000)),
            ("0", Some(0)),
            ("0.9981063485700858", Some(998_106)),
            ("8e-05", Some(80)),
            ("4.2e-04", Some(420)),
            ("1e-1", Some(100_000)),
            ("1.1", None),
            ("-0.1", None),
            ("0.x", None),
            ("1e5", None),
            ("", None),
            ("nan", None),
        ] {
            assert_eq!(millionths(text), number, "{text}");
        }
    }
}
