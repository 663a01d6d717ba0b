//! Real observations weighed with the packs: what fires, what does not, and that it is the same every time.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use proptest::prelude::*;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::{
    Area, BaselineTaken, FileAction, FileChanged, FileKind, FileState, WatchLossReason, WatchLost,
};
use vonggac_protocol::host::Role;
use vonggac_protocol::id::{AgencyId, Epoch, HostId, Lane, ObservationId, Seq};
use vonggac_protocol::observation::{
    AgentSilent, AgentStopped, IdentityTwice, Kind, MachineSetBack, Observation, SpoolDropped,
};
use vonggac_protocol::path::HostPath;
use vonggac_protocol::time::Timestamp;
use vonggac_rules::fields;
use vonggac_rules::finding::{EVIDENCE_MAX, Finding, Severity};
use vonggac_rules::flatten::flatten;
use vonggac_rules::incident::join_key;
use vonggac_rules::judge::{Context, Judge};
use vonggac_rules::packs;
use vonggac_rules::plan::Register;
use vonggac_rules::ruleset::RuleSet;
use vonggac_rules::words::Language;

static RULES: LazyLock<Arc<RuleSet>> = LazyLock::new(|| {
    let clauses: BTreeSet<String> = Register::embedded().clauses().map(|clause| clause.id.clone()).collect();

    Arc::new(RuleSet::load(packs::embedded(), &clauses).unwrap())
});

const START: Timestamp = Timestamp(1_795_312_345_000);

fn state(content: &str, mode: u32) -> FileState {
    FileState {
        kind: FileKind::File,
        size: u64::try_from(content.len()).unwrap(),
        digest: Some(Digest::of(content.as_bytes())),
        mode,
        owner: "root".to_owned(),
        group: "root".to_owned(),
        modified: START,
        changed: START,
        link_target: None,
        attributes: None,
        flags: None,
    }
}

fn change(area: Area, root: &str, path: &str) -> FileChanged {
    FileChanged {
        path: HostPath::from_text(path),
        area,
        root: HostPath::from_text(root),
        action: FileAction::Modified,
        before: Some(state("before", 0o644)),
        after: Some(state("after", 0o644)),
        while_off: false,
        not_before: None,
        actor: None,
        package: None,
        text: None,
    }
}

fn observed(kind: Kind, at: Timestamp) -> Observation {
    Observation { at, kind }
}

fn context(seq: u64, at: Timestamp) -> Context {
    let host = HostId([7; 16]);

    Context {
        id: ObservationId { host, epoch: Epoch(3), lane: Lane::Prompt, seq: Seq(seq) },
        host,
        agency: AgencyId::new("so-tttt").unwrap(),
        host_name: "may-chu-1".to_owned(),
        role: Role::Server,
        at,
    }
}

fn weigh_all(judge: &mut Judge, observations: &[Observation]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (seq, observation) in (1..).zip(observations) {
        findings.extend(judge.weigh(&context(seq, observation.at), observation, observation.at));
    }

    findings
}

fn names(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.rule.as_str()).collect()
}

fn rewrites(count: u64, apart: Duration, while_off: bool) -> Vec<Observation> {
    (0..count)
        .map(|n| {
            let mut one = change(Area::Data, "/srv/dữ liệu", &format!("/srv/dữ liệu/hồ sơ {n}.docx"));
            one.while_off = while_off;
            observed(Kind::FileChanged(one), START.plus(apart * u32::try_from(n).unwrap()))
        })
        .collect()
}

#[test]
fn a_changed_configuration_file_gives_one_low_finding_that_people_can_read() {
    let path = "/etc/nginx/nginx.conf";
    let observations = [observed(Kind::FileChanged(change(Area::Configuration, "/etc", path)), START)];

    let findings = weigh_all(&mut Judge::new(Arc::clone(&RULES)), &observations);

    assert_eq!(names(&findings), ["configuration-changed"]);
    let (finding, rule) = (&findings[0], RULES.rule("configuration-changed").unwrap());
    assert_eq!((finding.severity, finding.subject.as_str()), (Severity::Low, "/etc"));
    assert_eq!(finding.evidence, [context(1, START).id]);
    let told = rule.sentence.fill(Language::Vi, &finding.fields);
    assert_eq!(told, "Trên máy may-chu-1, tệp cấu hình /etc/nginx/nginx.conf đã thay đổi (bị sửa nội dung).");
    assert!(rule.plan_lines(Language::Vi)[0].starts_with("Trong 3 ngày – Cán bộ chuyên trách CNTT: "));
}

#[test]
fn no_change_below_etc_is_critical_unless_it_lets_somebody_in() {
    for path in ["/etc/passwd", "/etc/hosts", "/etc/apt/sources.list", "/etc/ld.so.cache", "/etc/x.dpkg-new"]
    {
        let observations = [observed(Kind::FileChanged(change(Area::Configuration, "/etc", path)), START)];

        let findings = weigh_all(&mut Judge::new(Arc::clone(&RULES)), &observations);

        assert!(findings.iter().all(|finding| finding.severity < Severity::Critical), "{path}: {findings:?}");
    }
}

#[test]
fn a_burst_of_rewrites_gives_one_critical_finding_with_bounded_evidence() {
    let observations = rewrites(300, Duration::from_millis(100), false);

    let findings = weigh_all(&mut Judge::new(Arc::clone(&RULES)), &observations);

    let bursts: Vec<&Finding> = findings.iter().filter(|finding| finding.rule == "rewrite-burst").collect();
    assert_eq!(bursts.len(), 1);
    assert_eq!((bursts[0].severity, bursts[0].subject.as_str()), (Severity::Critical, "/srv/dữ liệu"));
    assert!(bursts[0].evidence.len() <= EVIDENCE_MAX && bursts[0].evidence.len() >= 30);
    assert_eq!(bursts[0].fields["count"], 30);
    let ordinary: BTreeSet<String> =
        findings.iter().filter(|finding| finding.rule == "data-changed").map(join_key).collect();
    assert_eq!(ordinary.len(), 1, "three hundred like findings are one incident");
}

#[test]
fn neither_slow_work_nor_what_happened_while_off_nor_a_baseline_is_a_burst() {
    let mut observations = rewrites(300, Duration::from_secs(30), false);
    observations.extend(rewrites(300, Duration::from_millis(1), true));
    observations.extend((0..300).map(|n| {
        let taken = BaselineTaken {
            root: HostPath::from_text(format!("/srv/{n}")),
            area: Area::Data,
            paths: 100_000,
            bytes: 1,
            digest: Digest::of(b""),
            unreadable: 0,
            took_ms: 1,
            by: None,
            previous: None,
            reason: None,
        };
        observed(Kind::BaselineTaken(taken), START)
    }));

    let findings = weigh_all(&mut Judge::new(Arc::clone(&RULES)), &observations);

    assert!(!names(&findings).contains(&"rewrite-burst"));
}

#[test]
fn a_host_that_dates_its_observations_into_the_future_is_taken_at_the_moment_of_receipt() {
    let late = START.plus(Duration::from_secs(86_400 * 365));
    let observation = observed(Kind::FileChanged(change(Area::Web, "/var/www", "/var/www/index.html")), late);

    let findings = Judge::new(Arc::clone(&RULES)).weigh(&context(1, late), &observation, START);

    assert_eq!(names(&findings), ["web-page-changed"]);
    assert_eq!(findings[0].at, START);
}

#[test]
fn rules_replaced_while_a_burst_goes_on_lose_nothing_of_it() {
    let observations = rewrites(30, Duration::from_millis(100), false);
    let mut judge = Judge::new(Arc::clone(&RULES));
    let mut findings = weigh_all(&mut judge, &observations[..20]);
    judge.replace(Arc::clone(&RULES));

    for (seq, observation) in (21..).zip(&observations[20..]) {
        findings.extend(judge.weigh(&context(seq, observation.at), observation, observation.at));
    }

    assert!(names(&findings).contains(&"rewrite-burst"));
}

#[test]
fn what_the_collector_and_the_agent_say_of_themselves_is_heard() {
    let digest = Digest::of(b"x");
    let said = [
        (Kind::AgentSilent(AgentSilent { last_heard: START, promised_secs: 180 }), "agent-silent"),
        (Kind::AgentStopped(AgentStopped { reason: "service".to_owned() }), "agent-stopped"),
        (
            Kind::IdentityTwice(IdentityTwice {
                enrolled: digest,
                found: digest,
                address: "10.0.0.9".to_owned(),
                by: None,
                before: None,
            }),
            "identity-twice",
        ),
        (
            Kind::MachineSetBack(MachineSetBack { step: 3, newest: 9, address: "10.0.0.9".to_owned() }),
            "machine-set-back",
        ),
        (
            Kind::SpoolDropped(SpoolDropped { lane: Lane::Bulk, count: 4, from: START, until: START }),
            "observations-dropped",
        ),
        (
            Kind::WatchLost(WatchLost {
                roots: vec![HostPath::from_text("/etc")],
                reason: WatchLossReason::QueueOverflow,
                from: START,
                until: None,
            }),
            "watch-lost",
        ),
    ];
    for (kind, rule) in said {
        let findings = weigh_all(&mut Judge::new(Arc::clone(&RULES)), &[observed(kind, START)]);

        assert_eq!(names(&findings), [rule]);
        let sentence = RULES.rule(rule).unwrap().sentence.fill(Language::Vi, &findings[0].fields);
        assert!(sentence.contains("may-chu-1"), "{sentence}");
    }
}

#[test]
fn every_field_of_a_file_change_is_declared_and_every_declared_one_can_be_had() {
    let mut whole = change(Area::Programs, "/usr/bin", "/usr/bin/a.b");
    for state in [&mut whole.before, &mut whole.after] {
        let state = state.as_mut().unwrap();
        state.kind = FileKind::Link;
        state.link_target = Some(HostPath::from_text("/x"));
    }
    whole.not_before = Some(START);
    whole.actor = Some(vonggac_protocol::file::Actor {
        process: 1,
        program: Some(HostPath::from_text("/bin/sh")),
        user: Some("root".to_owned()),
        session: Some(2),
    });
    whole.package = Some(vonggac_protocol::file::FromPackage {
        name: "a".to_owned(),
        version: "1".to_owned(),
        verdict: vonggac_protocol::file::PackageVerdict::Differs,
    });
    whole.text = Some(vonggac_protocol::file::TextDifference {
        digest: Digest([0; 32]),
        added: 1,
        removed: 0,
        lines: None,
    });

    let event = flatten(&observed(Kind::FileChanged(whole), START));

    let declared: BTreeSet<&str> =
        fields::category("file_changed").unwrap().fields.iter().map(|field| field.name).collect();
    let found: BTreeSet<&str> = event.keys().map(String::as_str).collect();
    assert_eq!(found, declared);
}

fn any_change() -> impl Strategy<Value = Observation> {
    let areas = prop::sample::select(vec![Area::Data, Area::Web, Area::Configuration, Area::Programs]);
    let actions = prop::sample::select(vec![FileAction::Created, FileAction::Modified, FileAction::Deleted]);

    (areas, actions, 0_u32..60, 0_u64..90_000, any::<bool>()).prop_map(
        |(area, action, file, at, while_off)| {
            let mut one = change(area, "/srv", &format!("/srv/{file}"));
            one.action = action;
            one.while_off = while_off;
            if action == FileAction::Created {
                one.before = None;
            }
            if action == FileAction::Deleted {
                one.after = None;
            }
            observed(Kind::FileChanged(one), START.plus(Duration::from_millis(at)))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn judging_again_gives_the_same_findings_and_a_doubled_observation_no_other(
        observations in prop::collection::vec(any_change(), 1..120),
        doubled in any::<prop::sample::Index>(),
    ) {
        let mut judge = Judge::new(Arc::clone(&RULES));
        let once = weigh_all(&mut judge, &observations);
        let again = weigh_all(&mut Judge::new(Arc::clone(&RULES)), &observations);
        let at = doubled.index(observations.len());
        let seq = u64::try_from(at).unwrap() + 1;

        let twice = judge.weigh(&context(seq, observations[at].at), &observations[at], observations[at].at);

        prop_assert_eq!(&once, &again);
        let keys: BTreeMap<&str, &Finding> = once.iter().map(|finding| (finding.key.as_str(), finding)).collect();
        prop_assert_eq!(keys.len(), once.len(), "no two findings share a key");
        for finding in twice.iter().filter(|finding| finding.rule != "rewrite-burst") {
            prop_assert!(keys.contains_key(finding.key.as_str()));
        }
    }
}
