//! Days of a server in fast motion, with real programs; the whole month is `measure fim-month`.

use std::path::Path;

use vonggac_tests::measure::month;

#[test]
fn a_few_days_of_upgrades_rotation_windows_reboots_and_power_cuts_miss_nothing_and_invent_nothing() {
    let outcome = month::live(Path::new(env!("CARGO_BIN_EXE_measure")), 3, 7).unwrap();

    assert!(outcome.bad_acts >= 3, "{outcome:?}");
    assert!(outcome.missed.is_empty(), "{outcome:?}");
    assert!(outcome.false_findings.is_empty() && outcome.false_incidents == 0, "{outcome:?}");
}
