//! Reports to addressees. A duty counts as reported once every addressee that it names has confirmed: the receipts are
//! kept with it, and the moment is that of the last.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde::{Deserialize, Serialize};
use vonggac_protocol::time::Timestamp;
use vonggac_rules::profile::{self, Duty, Form, Profile};

use super::destinations;
use super::outgoing::{self, Draft, Put};
use crate::sending::letter::{self, Paper};
use crate::sending::settings::Event;
use crate::store::audit::{self, Action, COLLECTOR};
use crate::store::incidents::{Entry, add_entry};
use crate::store::view::incidents::bare;

/// A report as a person has it sent.
pub(in crate::store) struct Ordering<'a> {
    pub(in crate::store) incident: i64,
    pub(in crate::store) profile: &'a Profile,
    pub(in crate::store) duty: &'a Duty,
    pub(in crate::store) form: &'a Form,
    pub(in crate::store) number: &'a str,
    pub(in crate::store) person: &'a str,
    pub(in crate::store) values: &'a BTreeMap<String, String>,
}

/// How ordering went; but for the first nothing may be kept.
pub(in crate::store) enum Ordered {
    /// A message waits for every addressee.
    Queued,
    /// Nobody stands behind these addressees.
    Nobody(Vec<String>),
    /// The queue of this destination is full.
    Full(String),
}

/// What a message carries for its receipt.
#[derive(Serialize, Deserialize)]
struct Carried {
    duty: String,
    role: String,
    number: String,
    person: String,
    filled: BTreeMap<String, String>,
}

/// Puts a report in for every addressee; where one of them cannot have it, none does.
pub(in crate::store) fn order(
    tx: &Transaction<'_>,
    it: &Ordering<'_>,
    roles: &[String],
    now: Timestamp,
) -> anyhow::Result<Ordered> {
    let line = bare(tx, it.incident)?.context("the incident is there")?;
    let (mut ways, mut nobody) = (Vec::new(), Vec::new());
    for role in roles {
        let all = destinations::behind(tx, &line.agency, role)?;
        match all.into_iter().find(|to| to.drills || !line.is_drill) {
            Some(to) if to.waiting + 1 >= outgoing::WAITING_MAX => return Ok(Ordered::Full(to.name)),
            Some(to) => ways.push((role, to)),
            None => nobody.push(role.clone()),
        }
    }
    if !nobody.is_empty() {
        return Ok(Ordered::Nobody(nobody));
    }
    for (role, to) in ways {
        let carried = Carried {
            duty: it.duty.id.clone(),
            role: role.clone(),
            number: it.number.to_owned(),
            person: it.person.to_owned(),
            filled: it.values.clone(),
        };
        // Sending it again is an order of its own.
        let key = format!("incident/{}/report/{}/{role}/{}", it.incident, it.duty.id, line.version);
        let report = Some(serde_json::to_string(&carried)?);
        let draft = Draft {
            key: &key,
            incident: Some(it.incident),
            event: Event::Report,
            is_drill: line.is_drill,
            report,
        };
        let paper = paper(it, role, &line.tlp, line.is_drill);
        if outgoing::put(tx, &to, &draft, || letter::report(&to.settings, &paper, now), now)? == Put::Full {
            anyhow::bail!("the queue of {} filled up in between", to.name);
        }
    }

    Ok(Ordered::Queued)
}

fn paper(it: &Ordering<'_>, role: &str, tlp: &str, is_drill: bool) -> Paper {
    let known = it.form.required.iter().chain(&it.form.optional).filter_map(|id| it.profile.fields.get(id));
    let fields = known.filter_map(|field| {
        let value = it.values.get(&field.id).filter(|value| !value.is_empty())?;
        Some((field.id.clone(), field.name.vi.clone(), value.clone()))
    });
    let name = it.profile.roles.get(role).map(|words| words.vi.clone()).unwrap_or_default();

    Paper {
        incident: it.incident,
        form: it.form.name.vi.clone(),
        duty: (it.duty.id.clone(), it.duty.name.vi.clone()),
        role: (role.to_owned(), name),
        number: it.number.to_owned(),
        fields: fields.collect(),
        tlp: tlp.to_owned(),
        is_drill,
    }
}

/// One receipt, as it is kept with the report.
#[derive(Serialize)]
struct Receipt {
    role: String,
    destination: String,
    message: String,
    at: Timestamp,
    answer: String,
}

/// A message was confirmed: if it was the last of its report, the duty is reported.
pub(super) fn confirmed(tx: &Transaction<'_>, id: i64, now: Timestamp) -> anyhow::Result<()> {
    let found: Option<(Option<String>, Option<i64>)> = tx
        .prepare_cached("SELECT report, incident FROM outgoing WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((Some(report), Some(incident))) = found else { return Ok(()) };
    let last: Carried = serde_json::from_str(&report).context("what a report carries")?;
    let line = bare(tx, incident)?.context("the incident is there")?;
    let duty = profile::of(&line.profile).and_then(|profile| profile.duty(&last.duty));
    let duty = duty.context("the duty of a report")?;
    let receipts = receipts(tx, incident, &last)?;
    let confirmed: BTreeSet<&str> = receipts.iter().map(|receipt| receipt.role.as_str()).collect();
    if !duty.to.iter().all(|role| confirmed.contains(role.as_str())) {
        return Ok(());
    }
    tx.execute(
        "INSERT INTO incident_report (incident, duty, number, sent_at, person, filled, receipt)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            incident,
            last.duty,
            last.number,
            now.0,
            last.person,
            serde_json::to_string(&last.filled)?,
            serde_json::to_string(&receipts)?
        ],
    )?;
    tx.execute("UPDATE incident SET version = version + 1 WHERE id = ?1", [incident])?;
    let entry = Entry { action: "reported", text: &last.number, after: Some(&last.duty), ..Entry::default() };
    add_entry(tx, incident, now, &entry)?;
    let object = format!("incident/{incident}");
    let (agency, detail) = (Some(line.agency.as_str()), last.duty.as_str());

    audit::append(
        tx,
        &Action { at: now, person: COLLECTOR, agency, action: "incident.reported", object: &object, detail },
    )
}

/// What was confirmed of this report: same incident, duty and number.
fn receipts(tx: &Transaction<'_>, incident: i64, last: &Carried) -> anyhow::Result<Vec<Receipt>> {
    let mut query = tx.prepare_cached(
        "SELECT json_extract(o.report, '$.role'), d.name, o.uid, o.ended_at, o.receipt
         FROM outgoing o JOIN destination d ON d.id = o.destination
         WHERE o.incident = ?1 AND o.state = 'sent' AND o.event = 'report'
           AND json_extract(o.report, '$.duty') = ?2 AND json_extract(o.report, '$.number') = ?3 ORDER BY o.id",
    )?;
    let rows = query.query_map(params![incident, last.duty, last.number], |row| {
        Ok(Receipt {
            role: row.get(0)?,
            destination: row.get(1)?,
            message: row.get(2)?,
            at: Timestamp(row.get(3)?),
            answer: row.get(4)?,
        })
    })?;

    rows.collect::<Result<_, _>>().context("read the receipts of a report")
}
