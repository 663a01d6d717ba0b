//! An incident for others, from what the store holds: the one place where the marks cut it.

use rusqlite::Connection;
use vonggac_protocol::observation::Kind;
use vonggac_protocol::time::Timestamp;
use vonggac_rules::profile;

use super::case::{Case, Done, Machine, Seen, SeenFile, Times};
use super::reveal::Reveal;
use crate::store::installation;
use crate::store::view::incident::{self, Incident};
use crate::store::view::observations::Evidence;
use crate::store::view::words::{Action, State};
use crate::store::view::{Scope, Sight, casefile};

/// Fields of forms that tell of the incident. The others name people, telephones and addresses: they go on the form
/// itself and nowhere else.
const TOLD: [&str; 4] = ["cause", "scope", "remedy", "result"];

/// The incident, as far as its marks let it out.
///
/// # Errors
/// If the store cannot be read.
pub fn case(db: &Connection, scope: &Scope, id: i64) -> anyhow::Result<Sight<Case>> {
    let it = match incident::one(db, scope, id)? {
        Sight::Seen(it) => it,
        Sight::Neighbours => return Ok(Sight::Neighbours),
        Sight::Absent => return Ok(Sight::Absent),
    };
    let reveal = Reveal::of(&it.line.tlp, &it.line.marks);
    let told = if reveal.places { told(db, &it)? } else { Vec::new() };

    Ok(Sight::Seen(cut(installation::read(db)?, it, reveal, told)))
}

fn told(db: &Connection, it: &Incident) -> anyhow::Result<Vec<(String, String)>> {
    let mut values = casefile::values(db, it.line.id)?;
    let Some(profile) = profile::of(&it.line.profile) else { return Ok(Vec::new()) };
    let named = TOLD.iter().filter_map(|id| {
        let (field, value) = (profile.fields.get(*id)?, values.remove(*id)?);
        (!value.trim().is_empty()).then(|| (field.name.vi.clone(), value))
    });

    Ok(named.collect())
}

fn cut(from: installation::Installation, it: Incident, reveal: Reveal, told: Vec<(String, String)>) -> Case {
    let changed = changed(&it);
    let Incident { line, on, evidence, entries, .. } = it;

    Case {
        from,
        id: line.id,
        rule: line.rule,
        title_vi: line.title_vi,
        title_en: line.title_en,
        clauses: line.clauses,
        owner_role: line.owner_role,
        severity: line.severity,
        state: line.state,
        outcome: line.outcome,
        marks: line.marks,
        tlp: line.tlp,
        pap: line.pap,
        is_drill: line.is_drill,
        profile: line.profile,
        merged_into: line.merged_into,
        findings: line.findings,
        host_count: line.host_count,
        times: Times {
            detected: line.detected_at,
            first: line.opened_at,
            last: line.last_at,
            raised: line.raised_at,
            changed,
            acknowledged: line.acknowledged_at,
            contained: line.contained_at,
            resolved: line.resolved_at,
            closed: line.closed_at,
        },
        agency: reveal.whose.then_some((line.agency, line.agency_name)),
        subject: reveal.places.then_some(line.subject).filter(|subject| !subject.is_empty()),
        hosts: on
            .into_iter()
            .filter(|_| reveal.places)
            .map(|host| Machine { id: host.id, name: host.name })
            .collect(),
        seen: evidence.into_iter().map(|evidence| seen(evidence, reveal)).collect(),
        told,
        steps: entries.iter().map(done).collect(),
    }
}

fn changed(it: &Incident) -> Timestamp {
    let entries = it.entries.iter().map(|entry| entry.at);
    // Not the moment of the evidence: that is of the host's clock, which may run ahead.
    let received = it.evidence.iter().map(|seen| seen.received_at);

    entries.chain(received).fold(it.line.raised_at, Ord::max)
}

fn seen(evidence: Evidence, reveal: Reveal) -> Seen {
    let file = match evidence.observation.map(|seen| seen.kind) {
        Some(Kind::FileChanged(change)) => Some(SeenFile {
            path: change.path.to_string(),
            now: change.after.as_ref().and_then(|state| Some((state.digest?, state.size))),
            is_gone: change.after.is_none(),
        }),
        _ => None,
    };
    let machine = Machine { id: evidence.host, name: evidence.host_name };

    Seen {
        at: evidence.at,
        kind: evidence.kind,
        digest: evidence.digest,
        place: reveal.places.then(|| (evidence.id.to_string(), machine)),
        file: file.filter(|_| reveal.places),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the others move nothing")]
fn done(entry: &incident::Entry) -> Done {
    let to = match entry.action {
        Action::Moved => entry.after.as_deref().and_then(State::of),
        Action::Acknowledged | Action::Reopened => Some(State::Acknowledged),
        Action::Closed => Some(State::Closed),
        _ => None,
    };

    Done { entry: entry.id, at: entry.at, action: entry.action, by_person: entry.person.is_some(), to }
}
