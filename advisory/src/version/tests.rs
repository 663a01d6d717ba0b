use std::cmp::Ordering;

use proptest::prelude::*;

use super::*;

/// Texts in rising order; each pair is compared both ways.
fn rising(order: Order, versions: &[&str]) {
    for (at, low) in versions.iter().enumerate() {
        assert_eq!(order.compare(low, low), Ok(Ordering::Equal), "{low}");
        for high in versions.iter().skip(at + 1) {
            assert_eq!(order.compare(low, high), Ok(Ordering::Less), "{low} < {high}");
            assert_eq!(order.compare(high, low), Ok(Ordering::Greater), "{high} > {low}");
        }
    }
}

fn equal(order: Order, versions: &[&str]) {
    for left in versions {
        for right in versions {
            assert_eq!(order.compare(left, right), Ok(Ordering::Equal), "{left} = {right}");
        }
    }
}

#[test]
fn a_tilde_is_before_the_end_and_an_epoch_before_all_on_debian() {
    rising(
        Order::Debian,
        &[
            "1.0~~",
            "1.0~~a",
            "1.0~rc1-1",
            "1.0",
            "1.0-1~bpo12+1",
            "1.0-1",
            "1.0-1+deb12u1",
            "1.0-1.1",
            "1.0a",
            "1.0+b",
            "1.2",
            "1.10",
            "1:0.1",
        ],
    );
    equal(Order::Debian, &["1.0", "0:1.0", "1.0-0", "1.00-00"]);
}

#[test]
fn a_caret_is_after_the_end_and_letters_before_numbers_on_rpm() {
    rising(
        Order::Rpm,
        &[
            "1.0~rc1-1",
            "1.0-1.el9",
            "1.0-1.el9_2.1",
            "1.0^git1-1",
            "1.0.a-1",
            "1.0.1-1",
            "1.10-1",
            "0002:0.1-1",
        ],
    );
    equal(Order::Rpm, &["1.0-1", "0:1.0-1", "1_0-1", "1.00-01"]);
}

#[test]
fn a_later_number_with_a_zero_before_it_is_a_text_on_alpine() {
    rising(
        Order::Alpine,
        &[
            "1.0_alpha",
            "1.0_rc1",
            "1.0_rc2",
            "1.0",
            "1.0-r1",
            "1.0~abc",
            "1.0_git1",
            "1.0_p1",
            "1.0b",
            "1.0.1",
            "1.01",
            "1.1",
            "1.10",
            "02",
        ],
    );
    equal(Order::Alpine, &["1.0-r1", "01.0-r01"]);
    rising(Order::Alpine, &["6.6.4", "6.6.4_p1-r0", "6.6.4p1-r0", "6.6.4p1-r1", "6.6.4p2-r0"]);
    assert!(Order::Alpine.key("edge").is_err());
}

#[test]
fn a_pre_release_is_before_its_release_in_semantic_versions() {
    rising(
        Order::SemVer,
        &[
            "0.9",
            "1.0.0-1",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-rc.1",
            "1.0.0",
            "1.0.1",
        ],
    );
    equal(Order::SemVer, &["v1.2.0+a", "1.2", "1.2.0"]);
    assert!(Order::SemVer.key("1.x").is_err());
}

#[test]
fn python_orders_dev_pre_post_and_local() {
    rising(
        Order::Pep440,
        &[
            "old-one",
            "1.0.dev1",
            "1.0a1.dev1",
            "1.0a1",
            "1.0b2",
            "1.0rc1",
            "1.0",
            "1.0+a",
            "1.0+1",
            "1.0-1",
            "1.0.post2",
            "1.1",
            "1!0",
        ],
    );
    equal(Order::Pep440, &["1.0RC1", "v1.0-c.1", "1.0.0.preview_1"]);
}

#[test]
fn builds_are_numbers_and_missing_ones_are_zero() {
    rising(Order::Numbers, &["10.0.9", "10.0.19045", "10.0.19045.3803", "10.0.19045.10000"]);
    equal(Order::Numbers, &["6.3", "6.3.0", "06.3.0.0"]);
    assert!(Order::Numbers.key("10.0.x").is_err());
}

#[test]
fn what_is_no_version_is_refused_in_every_order() {
    let long = "1".repeat(VERSION_MAX + 1);
    for order in [Order::Debian, Order::Rpm, Order::Alpine, Order::SemVer, Order::Pep440, Order::Numbers] {
        for text in ["", "  ", "1.0 beta", "1\u{7}", &long] {
            assert!(order.key(text).is_err(), "{order:?} {text}");
        }
    }
    assert!(Order::Debian.key("a:1").is_err());
    assert!(Order::Debian.key("1:").is_err());
}

#[test]
fn letters_that_no_policy_knows_still_have_an_order_on_debian() {
    rising(Order::Debian, &["1a", "1+", "1[", "1{", "1é", "1מּ", "1\u{10ffff}"]);
}

#[test]
fn numbers_may_be_longer_than_any_machine_counts() {
    let long = |figure: char, times: usize| figure.to_string().repeat(times);
    rising(
        Order::Debian,
        &[
            &long('9', 253),
            &long('1', 254),
            &long('1', 255),
            &long('2', 255),
            &long('1', 256),
            &long('9', 900),
        ],
    );
}

proptest! {
    /// The keys agree with two crates that do it otherwise.
    #[test]
    fn debian_keys_agree_with_a_comparison_written_by_others(
        left in "([0-9]{1,2}:)?[0-9][0-9a-bZ.+~-]{0,7}", right in "([0-9]{1,2}:)?[0-9][0-9a-bZ.+~-]{0,7}",
    ) {
        prop_assert_eq!(Order::Debian.compare(&left, &right), Ok(deb_version::compare_versions(&left, &right)));
    }

    #[test]
    fn rpm_keys_agree_with_a_comparison_written_by_others(
        left in "([0-9]{1,2}:)?[0-9][0-9a-bZ.+~^_]{0,7}-[0-9][0-9a-b._~^]{0,4}",
        right in "([0-9]{1,2}:)?[0-9][0-9a-bZ.+~^_]{0,7}-[0-9][0-9a-b._~^]{0,4}",
    ) {
        prop_assert_eq!(Order::Rpm.compare(&left, &right), Ok(rpm_version::rpm_evr_compare(&left, &right)));
    }

    /// Any text has a key or is refused; none brings the program down.
    #[test]
    fn any_text_is_taken_or_refused(text in any::<String>()) {
        for order in [Order::Debian, Order::Rpm, Order::Alpine, Order::SemVer, Order::Pep440, Order::Numbers] {
            if let Ok(key) = order.key(&text) {
                prop_assert!(!key.as_bytes().is_empty());
            }
        }
    }
}
