//! How a try ended, and when the next one comes.

use std::time::Duration;

/// The first pause after a failed try; it doubles with each.
const FIRST: Duration = Duration::from_secs(5);

/// The longest: a server that comes back is told within the hour.
const LONGEST: Duration = Duration::from_secs(3_600);

/// Why a try failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// Nobody there, or the line broke: whether it arrived is not known. The destination rests.
    Unreachable(String),
    /// The receiver says later. This message rests.
    Later(String),
    /// The receiver says no, or we may not: a person has to look at it.
    Refused(String),
}

/// What a try brought: the receiver's own words.
pub type Tried = Result<String, Failure>;

/// How long to wait after so many failures in a row.
#[must_use]
pub fn pause(failures: u32) -> Duration {
    FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST)
}

/// What a receiver said, in one line that harms no terminal.
#[must_use]
pub fn said(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect();

    line.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour() {
        let secs: Vec<u64> = [1, 2, 3, 4, 10, 11, 40].map(|n| pause(n).as_secs()).to_vec();

        assert_eq!(secs, [5, 10, 20, 40, 2_560, 3_600, 3_600]);
    }
}
