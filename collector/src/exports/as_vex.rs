//! A bill's weaknesses as a document of their own (VEX, CycloneDX 1.6): how each stands, and what a person decided.
//!
//! One statement for each CVE of each package, so that programs that know CVEs only can use it; what has no CVE goes by
//! its advisory. The document holds the packages it speaks of, because a bill made at another moment has another number
//! and could not be pointed into. Its words are English, as those of the audit log; reasons are as people wrote them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vonggac_protocol::id::HostId;
use vonggac_protocol::time::Timestamp;

use super::as_cyclonedx::{properties, skeleton, vulnerability};
use super::bill::{Bill, Weakness};
use super::cyclonedx::{
    Affected, Analysis, AnalysisState, Bom, Justification, Property, Reference, Response, Vulnerability,
    VulnerabilityReference, VulnerabilitySource,
};
use crate::vulnerabilities::accepted::Acceptance;
use crate::vulnerabilities::cleared::Clearance;
use crate::vulnerabilities::report::Also;

/// The document.
///
/// # Errors
/// Never for what a bill holds.
pub fn document(bill: &Bill) -> serde_json::Result<Bom> {
    let mut statements: BTreeMap<Key, Statement> = BTreeMap::new();
    for weakness in &bill.weaknesses {
        for id in ids(&weakness.line.cves, &weakness.line.advisory) {
            let statement = of_weakness(bill, weakness, id);
            add(&mut statements, &weakness.line.package, statement);
        }
    }
    let open: BTreeSet<(String, Arc<str>)> = statements
        .values()
        .flat_map(|it| it.affects.iter().map(|reference| (it.told.id.clone(), Arc::clone(reference))))
        .collect();
    for (clearance, affects) in &bill.cleared {
        for id in ids(&clearance.cves, &clearance.advisory) {
            // Where something else says that it is affected, that stands, with who contradicts it.
            let mut affects = affects.clone();
            affects.retain(|reference| !open.contains(&(id.to_owned(), Arc::clone(reference))));
            if !affects.is_empty() {
                add(&mut statements, &clearance.package, of_clearance(clearance, id, affects));
            }
        }
    }
    let spoken_of: BTreeSet<&Arc<str>> = statements.values().flat_map(|it| &it.affects).collect();
    let mut bom = skeleton(bill, |reference| spoken_of.contains(reference));
    let several = said_differently(&statements);
    bom.vulnerabilities = statements.into_values().map(|statement| statement.written(&several)).collect();

    bom.sealed()
}

/// What is said of one weakness in one package.
struct Statement {
    told: Vulnerability,
    affects: BTreeSet<Arc<str>>,
    /// Of which machines; empty: of all that have the package.
    machines: BTreeSet<HostId>,
}

impl Statement {
    fn written(self, several: &BTreeSet<(String, Arc<str>)>) -> Vulnerability {
        let Self { mut told, affects, machines } = self;
        if affects.iter().any(|reference| several.contains(&(told.id.clone(), Arc::clone(reference)))) {
            told.properties.extend(machines.iter().map(|id| Property::own("host", id.to_string())));
        }
        told.affects =
            affects.into_iter().map(|reference| Affected { reference: Reference(reference) }).collect();

        told
    }
}

type Key = (String, String, String);

/// Statements that say the same become one.
fn add(statements: &mut BTreeMap<Key, Statement>, package: &str, statement: Statement) {
    let analysis = statement.told.analysis.as_ref();
    let said = analysis.map(|it| format!("{:?} {}", it.state, it.detail)).unwrap_or_default();
    match statements.entry((statement.told.id.clone(), package.to_owned(), said)) {
        std::collections::btree_map::Entry::Vacant(free) => {
            free.insert(statement);
        }
        std::collections::btree_map::Entry::Occupied(taken) => {
            let known = taken.into_mut();
            for reference in statement.told.references {
                if !known.told.references.contains(&reference) {
                    known.told.references.push(reference);
                }
            }
            known.affects.extend(statement.affects);
            known.machines.extend(statement.machines);
        }
    }
}

/// Weaknesses of packages of which not the same is said on every machine: there the machines are named.
fn said_differently(statements: &BTreeMap<Key, Statement>) -> BTreeSet<(String, Arc<str>)> {
    let (mut once, mut several) = (BTreeSet::new(), BTreeSet::new());
    for statement in statements.values() {
        for reference in &statement.affects {
            let about = (statement.told.id.clone(), Arc::clone(reference));
            if !once.insert(about.clone()) {
                several.insert(about);
            }
        }
    }

    several
}

fn ids<'a>(cves: &'a [String], advisory: &'a str) -> Vec<&'a str> {
    if cves.is_empty() { vec![advisory] } else { cves.iter().map(String::as_str).collect() }
}

fn of_weakness(bill: &Bill, weakness: &Weakness, id: &str) -> Statement {
    let line = &weakness.line;
    let mut told = vulnerability(weakness);
    id.clone_into(&mut told.id);
    // Other CVEs of the advisory have statements of their own.
    told.references = if line.advisory == id {
        Vec::new()
    } else {
        vec![reference(line.advisory.clone(), line.feed.clone())]
    };
    let others = line
        .also
        .iter()
        .filter(|it| it.advisory != id && (it.cves.iter().any(|cve| cve == id) || line.cves.is_empty()));
    told.references.extend(others.map(|it| reference(it.advisory.clone(), it.feed.clone())));
    let by_other = |name: &str| {
        line.also.iter().any(|it| {
            it.advisory.eq_ignore_ascii_case(name)
                && (it.cves.iter().any(|cve| cve == id) || line.cves.is_empty())
        })
    };
    let answers = |it: &&Acceptance| {
        [line.advisory.as_str(), id].iter().any(|own| it.name.eq_ignore_ascii_case(own)) || by_other(&it.name)
    };
    let accepted: Vec<&Acceptance> = line.accepted.iter().filter(answers).collect();
    told.analysis =
        Some(if accepted.is_empty() { standing(weakness) } else { accepted_risk(bill, weakness, &accepted) });
    told.properties.retain(|property| property.name != "vonggac:accepted_until");
    if let Some(last) = accepted.iter().map(|it| it.last_day.as_str()).max() {
        told.properties.push(Property::own("accepted_until", last));
    }

    Statement { told, affects: weakness.affects.clone(), machines: weakness.machines.clone() }
}

fn reference(id: String, feed: String) -> VulnerabilityReference {
    VulnerabilityReference { id, source: VulnerabilitySource { name: feed } }
}

fn analysis(state: AnalysisState, response: Vec<Response>, detail: String) -> Analysis {
    Analysis { state, justification: None, response, detail, first_issued: None, last_updated: None }
}

/// How a weakness stands that nobody accepted.
fn standing(weakness: &Weakness) -> Analysis {
    let line = &weakness.line;
    let (state, response, words) = match line.state {
        "fixable" => (AnalysisState::Exploitable, vec![Response::Update], "a newer version mends it"),
        "fixable_in_pro" => (
            AnalysisState::Exploitable,
            vec![Response::Update],
            "a newer version of Ubuntu Pro's archive mends it",
        ),
        "reboot_pending" => (
            AnalysisState::Exploitable,
            vec![Response::Update],
            "the version that mends it is installed; what runs was started before: restart the machine",
        ),
        "not_running" => {
            let words = "the kernel is installed and does not run; booting it would make this exploitable";
            let justification = Some(Justification::CodeNotReachable);
            return Analysis {
                justification,
                ..analysis(AnalysisState::NotAffected, Vec::new(), words.to_owned())
            };
        }
        "no_fix" => (AnalysisState::Exploitable, Vec::new(), "no version is known that mends it"),
        "will_not_fix" => {
            (AnalysisState::Exploitable, vec![Response::WillNotFix], "the publisher will not mend it")
        }
        "end_of_life" => (
            AnalysisState::InTriage,
            vec![Response::CanNotFix],
            "the publisher no longer looks at this package: affected, or not examined",
        ),
        "stream_untold" => {
            (AnalysisState::InTriage, Vec::new(), "which stream of the module is installed is not told")
        }
        _ => (AnalysisState::InTriage, Vec::new(), "what is installed is not told well enough to say"),
    };
    let differing: Vec<String> = line.also.iter().filter(|also| !also.agrees).map(Also::in_short).collect();
    let differing =
        if differing.is_empty() { String::new() } else { format!("; otherwise: {}", differing.join("; ")) };
    match &line.contradicted_by {
        None => analysis(state, response, format!("{words} (by {}){differing}", line.feed)),
        Some(other) => analysis(
            AnalysisState::InTriage,
            response,
            format!("{words} (by {}); {other} says that it is not affected{differing}", line.feed),
        ),
    }
}

/// A weakness that people decided to live with: it is there all the same.
fn accepted_risk(bill: &Bill, weakness: &Weakness, accepted: &[&Acceptance]) -> Analysis {
    let whole = |it: &&Acceptance| {
        let place = match it.extent {
            "host" => "this host",
            "agency" => "the agency",
            _ => "the province",
        };
        let role = bill.roles.get(&it.by).map_or("whose role is not known", String::as_str);
        format!(
            "risk accepted for {place} until {} by a person ({role}) on {}: {}",
            it.last_day,
            vonggac_rules::entitlement::day_of(it.at),
            it.reason
        )
    };
    let mut words: Vec<String> = accepted.iter().map(whole).collect();
    let beneath = standing(weakness);
    words.push(beneath.detail);
    let mut response = beneath.response;
    // What may be done later is not what was decided.
    response.retain(|it| *it != Response::Update);
    if !response.contains(&Response::WillNotFix) {
        response.push(Response::WillNotFix);
    }
    let moments = || accepted.iter().map(|it| it.at);
    let (first_issued, last_updated): (Option<Timestamp>, _) = (moments().min(), moments().max());

    Analysis {
        first_issued,
        last_updated,
        justification: beneath.justification,
        ..analysis(beneath.state, response, words.join("\n"))
    }
}

fn of_clearance(clearance: &Clearance, id: &str, affects: BTreeSet<Arc<str>>) -> Statement {
    let analysis = Analysis {
        justification: Some(Justification::CodeNotPresent),
        ..analysis(AnalysisState::NotAffected, Vec::new(), clearance.words())
    };
    let told = Vulnerability {
        reference: None,
        id: id.to_owned(),
        source: Some(VulnerabilitySource { name: clearance.feed.clone() }),
        references: if clearance.advisory == id {
            Vec::new()
        } else {
            vec![reference(clearance.advisory.clone(), clearance.feed.clone())]
        },
        ratings: Vec::new(),
        description: String::new(),
        recommendation: String::new(),
        analysis: Some(analysis),
        affects: Vec::new(),
        properties: properties([("note", clearance.note.clone())]),
    };

    Statement { told, affects, machines: BTreeSet::new() }
}
