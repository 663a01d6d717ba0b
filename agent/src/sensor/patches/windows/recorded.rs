//! Which updates are installed, by their numbers: the servicing stack's record and the history of Windows Update.

use std::collections::{BTreeMap, BTreeSet};

use vonggac_protocol::limits::WINDOWS_UPDATES_MAX;
use vonggac_protocol::time::Timestamp;

use crate::os::told::{Instance, PastUpdate};

/// Digits of an update's number: the oldest have six.
const DIGITS: std::ops::RangeInclusive<usize> = 6..=8;

/// Numbers in a text: `KB` and six to eight digits, be it in brackets, in any language.
pub(super) fn numbers_in(text: &str) -> Vec<u32> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    for (at, pair) in bytes.windows(2).enumerate() {
        let is_inside = at.checked_sub(1).is_some_and(|before| bytes[before].is_ascii_alphanumeric());
        if is_inside || !pair.eq_ignore_ascii_case(b"kb") {
            continue;
        }
        let digits = bytes[at + 2..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = text.get(at + 2..at + 2 + digits).filter(|_| DIGITS.contains(&digits));
        if let Some(number) = number.and_then(|number| number.parse().ok())
            && !found.contains(&number)
        {
            found.push(number);
        }
    }

    found
}

/// A number as a publisher writes it: `5034122` or `KB5034122`.
pub(super) fn number(text: &str) -> Option<u32> {
    let text = text.trim();
    let digits = text.strip_prefix("KB").or_else(|| text.strip_prefix("kb")).unwrap_or(text);

    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())?
        .filter(|number| *number > 0)
}

/// Installed updates, ascending. `record` and `history` are `None` where they could not be read; without both nothing is
/// known. What the history tells of the time before `since`, when another release ran, does not count.
pub(super) fn installed(
    record: Option<&[Instance]>,
    history: Option<&[PastUpdate]>,
    since: Option<Timestamp>,
) -> Option<Vec<u32>> {
    if record.is_none() && history.is_none() {
        return None;
    }
    let recorded = record.unwrap_or_default().iter().filter_map(|it| number(it.text("HotFixID")?));
    let mut numbers: BTreeSet<u32> = recorded.collect();
    // The newest that succeeded decides: an update may have been taken away again.
    let mut newest: BTreeMap<u32, (Timestamp, bool)> = BTreeMap::new();
    let is_of_release = |past: &&PastUpdate| past.succeeded && since.is_none_or(|since| past.at >= since);
    for past in history.unwrap_or_default().iter().filter(is_of_release) {
        for number in numbers_in(&past.title) {
            let known = newest.entry(number).or_insert((past.at, past.installed));
            if past.at > known.0 {
                *known = (past.at, past.installed);
            }
        }
    }
    numbers.extend(newest.into_iter().filter(|(_, (_, installed))| *installed).map(|(number, _)| number));

    Some(numbers.into_iter().rev().take(WINDOWS_UPDATES_MAX).rev().collect())
}
