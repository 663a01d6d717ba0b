//! The law as data: the files hold what they must, and the clocks tell what they should.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use vonggac_protocol::time::Timestamp;
use vonggac_rules::finding::Severity;
use vonggac_rules::incident::life::{Milestones, State};
use vonggac_rules::incident::marks::Mark;
use vonggac_rules::profile::clocks::{Clock, Facts, Status, clocks, pressing};
use vonggac_rules::profile::figures::figures;
use vonggac_rules::profile::{Seen, born_under, embedded, files, form, of, read, to_the_minute};
use vonggac_rules::table::TableFile;
use vonggac_rules::words::Language;

const T0: Timestamp = Timestamp(1_795_312_320_000);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

fn facts(severity: Severity, marks: &[Mark]) -> Facts {
    Facts {
        detected: T0,
        severity,
        marks: marks.iter().copied().collect::<BTreeSet<_>>(),
        reached: Milestones::default(),
        reported: BTreeMap::new(),
        pauses: Vec::new(),
        is_void: false,
    }
}

fn clock<'a>(all: &'a [Clock], id: &str) -> &'a Clock {
    all.iter().find(|clock| clock.id == id).unwrap_or_else(|| panic!("no clock {id} in {all:?}"))
}

#[test]
fn the_embedded_profiles_are_whole_and_nothing_in_them_is_told_as_confirmed() {
    let profiles = read::load(&files()).unwrap_or_else(|mistakes| {
        panic!("{:#?}", mistakes.iter().map(|one| one.shown(Language::En)).collect::<Vec<_>>())
    });

    assert_eq!(profiles.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["vn-2017", "vn-2026"]);
    assert_eq!(profiles, embedded());
    for profile in &profiles {
        for duty in &profile.duties {
            let source = &profile.sources[&duty.source];
            assert!(source.seen != Seen::Own && source.confirmed_by.is_none(), "{}", duty.id);
        }
    }
}

#[test]
fn an_incident_is_born_under_the_regime_of_its_day_in_vietnam() {
    let at = |text: &str| born_under(text.parse().unwrap()).id.as_str();

    assert_eq!(at("2018-03-01T00:00:00Z"), "vn-2017");
    assert_eq!(at("2026-08-18T16:59:59Z"), "vn-2017");
    assert_eq!(at("2026-08-18T17:00:00Z"), "vn-2026");
    assert_eq!(at("2011-01-01T00:00:00Z"), "vn-2017");
    assert_eq!(to_the_minute(Timestamp(T0.0 + 25_678)), T0);
}

/// Row BN-2: five days against now, 24 and 72 hours, for the same incident.
#[test]
fn the_same_incident_owes_five_days_under_2017_and_now_24_and_72_hours_under_2026() {
    let facts = facts(Severity::High, &[Mark::Serious, Mark::PublicOrder, Mark::PersonalData]);
    let old = clocks(of("vn-2017").unwrap(), &facts, T0);
    let new = clocks(of("vn-2026").unwrap(), &facts, T0);
    let due = |all: &[Clock], id: &str| clock(all, id).due.map(|due| due.since(T0));

    assert_eq!(due(&old, "notice-5-days"), Some(5 * DAY));
    assert_eq!(due(&old, "serious-5-days"), Some(5 * DAY));
    assert_eq!(due(&new, "at-once"), Some(Duration::ZERO));
    assert_eq!(due(&new, "first-notice-24-hours"), Some(24 * HOUR));
    assert_eq!(due(&new, "report-72-hours"), Some(72 * HOUR));
    assert_eq!(due(&new, "personal-data-72-hours"), Some(72 * HOUR));
    assert!(new.iter().all(|clock| clock.id != "persons-72-hours" && clock.id != "notice-5-days"));
    let plain = clocks(of("vn-2026").unwrap(), &self::facts(Severity::High, &[]), T0);
    assert!(plain.iter().all(|clock| !clock.is_duty), "without a mark nothing is owed: {plain:?}");
    let grave = clocks(of("vn-2026").unwrap(), &self::facts(Severity::Critical, &[]), T0);
    assert_eq!(due(&grave, "first-notice-24-hours"), Some(24 * HOUR), "a critical one counts as serious");
}

/// Row BN-2: a missing required field blocks sending, by its name.
#[test]
fn a_form_names_every_required_field_that_it_lacks() {
    for (profile, id, fields) in
        [("vn-2017", "initial", 13), ("vn-2017", "final", 9), ("vn-2026", "initial", 8)]
    {
        let profile = of(profile).unwrap();
        let form = profile.form(id).unwrap();
        let mut values: BTreeMap<String, String> =
            form.required.iter().map(|field| (field.clone(), "x".to_owned())).collect();

        assert_eq!(form::missing(profile, form, &BTreeMap::new()).len(), fields);
        assert!(form::missing(profile, form, &values).is_empty());
        values.insert("detected_at".to_owned(), "  ".to_owned());
        let lacking: Vec<_> =
            form::missing(profile, form, &values).iter().map(|field| field.id.as_str()).collect();
        assert_eq!(lacking, ["detected_at"]);
    }
}

#[test]
fn the_warning_comes_before_the_time_is_over_and_what_was_done_late_stays_late() {
    let profile = of("vn-2026").unwrap();
    let mut facts = facts(Severity::High, &[Mark::Serious]);
    let status = |facts: &Facts, after: Duration| {
        clock(&clocks(profile, facts, T0.plus(after)), "first-notice-24-hours").status
    };

    assert_eq!(status(&facts, 18 * HOUR - MINUTE), Status::Running);
    assert_eq!(status(&facts, 18 * HOUR), Status::Near);
    assert_eq!(status(&facts, 24 * HOUR), Status::Near);
    assert_eq!(status(&facts, 24 * HOUR + MINUTE), Status::Over);
    facts.reported.insert("first-notice-24-hours".to_owned(), T0.plus(25 * HOUR));
    assert_eq!(status(&facts, 90 * HOUR), Status::Late);
    facts.reported.insert("first-notice-24-hours".to_owned(), T0.plus(23 * HOUR));
    assert_eq!(status(&facts, 90 * HOUR), Status::Met);
}

#[test]
fn a_pause_rests_the_provinces_own_times_and_never_a_duty() {
    let profile = of("vn-2026").unwrap();
    let mut facts = facts(Severity::Critical, &[]);
    facts.pauses = vec![(T0.plus(HOUR / 2), Some(T0.plus(HOUR)))];
    let ended = clocks(profile, &facts, T0.plus(2 * HOUR));
    facts.pauses.push((T0.plus(3 * HOUR), None));
    let resting = clocks(profile, &facts, T0.plus(9 * HOUR));

    assert_eq!(clock(&ended, "acknowledged").due, Some(T0.plus(HOUR + HOUR / 2)));
    assert_eq!(clock(&ended, "first-notice-24-hours").due, Some(T0.plus(24 * HOUR)));
    assert_eq!(clock(&resting, "contained").status, Status::Paused);
    assert_eq!(clock(&resting, "contained").due, Some(T0.plus(12 * HOUR + HOUR / 2 + 6 * HOUR)));
    assert_eq!(clock(&resting, "acknowledged").status, Status::Over, "its time had passed before the pause");
    assert_eq!(clock(&resting, "first-notice-24-hours").status, Status::Running);
}

#[test]
fn a_false_alarm_owes_nobody_a_report_and_the_pressing_clock_is_the_next_one_due() {
    let profile = of("vn-2026").unwrap();
    let mut facts = facts(Severity::Critical, &[]);
    let open = clocks(profile, &facts, T0);
    facts.reached = facts.reached.after(State::Closed, T0.plus(MINUTE));
    facts.is_void = true;
    let closed = clocks(profile, &facts, T0.plus(80 * HOUR));

    assert_eq!(pressing(&open).unwrap().id, "acknowledged");
    assert!(closed.iter().filter(|clock| clock.is_duty).all(|clock| clock.status == Status::Void));
    assert_eq!(pressing(&closed), None);
}

/// Row LS-9: twenty incidents with set times; the means are worked out by hand, three are late.
#[test]
fn mean_times_and_late_ones_of_twenty_incidents_are_those_worked_out_by_hand() {
    let profile = of("vn-2026").unwrap();
    let all = (1..=20_i64).map(|n| {
        let mut facts = facts(Severity::High, &[]);
        // Taken after n × 10 minutes; three of them, 18 to 20, after 5 hours. Resolved after n hours.
        let taken = if n >= 18 { 5 * HOUR } else { 10 * MINUTE * u32::try_from(n).unwrap() };
        facts.reached = Milestones::default()
            .after(State::Acknowledged, T0.plus(taken))
            .after(State::Analysis, T0.plus(5 * HOUR))
            .after(State::Recovered, T0.plus(HOUR * u32::try_from(n).unwrap() + 5 * HOUR));
        (n, profile, facts)
    });
    let figures = figures(all, T0.plus(10 * DAY));

    // (10 + 20 + … + 170) + 3 × 300 = 1530 + 900 = 2430 minutes, by 20: 121.5 minutes.
    assert_eq!(figures.to_acknowledge, Some(Duration::from_secs(7_290)));
    // (1 + 2 + … + 20) = 210 hours, by 20: 10.5, and 5 more.
    assert_eq!(figures.to_resolve, Some(Duration::from_secs(55_800)));
    assert_eq!((figures.incidents, figures.acknowledged, figures.resolved), (20, 20, 20));
    assert_eq!(figures.late, [18, 19, 20]);
    // Each of them is a finding R.SLA.LATE that says which time was missed, and by how much.
    let breaches = figures.breaches.iter().filter(|breach| !breach.is_duty);
    let late: BTreeSet<i64> = breaches.clone().map(|breach| breach.incident).collect();
    assert_eq!(late.into_iter().collect::<Vec<_>>(), [18, 19, 20]);
    for breach in breaches.filter(|breach| breach.clock == "acknowledged") {
        assert_eq!(breach.due.plus(breach.over), T0.plus(5 * HOUR));
    }
}

#[test]
fn a_profile_with_mistakes_is_refused_whole_with_the_line_of_each() {
    let good = files().remove(1).text;
    let bad = good
        .replacen("from = \"2026-08-19\"", "from = \"19/8/2026\"", 1)
        .replacen("within = \"24h\"", "within = \"soon\"", 1)
        .replacen("to = [\"data-body\"]", "to = [\"nobody\"]", 1)
        .replacen("source = \"luat-91-23\"", "source = \"hearsay\"", 1)
        .replacen("filled = \"state\"", "filled = \"mood\"", 1)
        .replacen("\"remedy\", \"result\"]", "\"remedy\", \"outcome\"]", 1);
    let mistakes = read::load(&[TableFile::new("profiles/bad.toml", &bad)]).unwrap_err();
    let line = |part: &str| 1 + bad[..bad.find(part).unwrap()].matches('\n').count();
    let told: Vec<_> = mistakes.iter().map(|one| (one.line, one.problem.en.as_str())).collect();

    assert_eq!(mistakes.len(), 6, "{told:#?}");
    for (part, expected) in [
        ("from = \"19/8/2026\"", "`19/8/2026`: expected a day"),
        ("within = \"soon\"", "`soon`: expected a time"),
        ("to = [\"nobody\"]", "`nobody`: expected one of: data-body"),
        ("source = \"hearsay\"", "`hearsay`: expected one of: luat-91-23"),
        ("filled = \"mood\"", "`mood`: expected one of: agency"),
        ("\"outcome\"]", "`outcome`: there is no such field"),
    ] {
        assert!(
            mistakes.iter().any(|one| one.line == line(part) && one.problem.en.starts_with(expected)),
            "{part}: {told:#?}"
        );
    }
    let broken = read::load(&[TableFile::new("profiles/broken.toml", "id = 3\n")]).unwrap_err();
    assert_eq!((broken.len(), broken[0].line), (1, 1));
}
