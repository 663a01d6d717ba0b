//! Debian's order of versions, for texts that may be anything.

use std::cmp::Ordering;

/// The order of dpkg. A version is ASCII (deb-version(7)), and the crate that orders versions panics at others: what is
/// none stands before all versions, in the order of its bytes.
pub(super) fn compare(left: &str, right: &str) -> Ordering {
    match (left.is_ascii(), right.is_ascii()) {
        (true, true) => deb_version::compare_versions(left, right),
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => left.cmp(right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_version_has_its_place_too() {
        assert_eq!(compare("1:1.0~rc1-1", "1:1.0-1"), Ordering::Less);
        assert_eq!(compare("0", "é1"), Ordering::Greater);
        assert_eq!(compare("é2", "0"), Ordering::Less);
        assert_eq!(compare("1é1", "1é2"), Ordering::Less);
    }
}
