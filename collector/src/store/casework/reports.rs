//! Fields of forms, and reports that were sent.

use rusqlite::{Transaction, params};
use vonggac_protocol::time::Timestamp;
use vonggac_rules::profile::{self, form};

use super::{Deed, Done, Kept, NOTE_MAX, Refusal, Standing, Went, refused};
use crate::store::sending::reports::{Ordered, Ordering, order};
use crate::store::view::casefile;

/// Characters of a letter's number at most.
const NUMBER_MAX: usize = 120;

pub(super) fn fill(
    tx: &Transaction<'_>,
    deed: &Deed<'_>,
    standing: &Standing,
    field: &str,
    value: &str,
) -> Went {
    let known = profile::of(&standing.profile).and_then(|profile| profile.fields.get(field));
    // T0 is a fact; nobody writes another over it.
    if known.is_none_or(|field| field.filled == Some(profile::Filled::DetectedAt)) {
        return refused(Refusal::NoSuchDuty);
    }
    if value.chars().count() > NOTE_MAX {
        return Ok(Err(Done::BadNote));
    }
    let before = casefile::values(tx, deed.incident)?.remove(field).unwrap_or_default();
    tx.execute(
        "INSERT INTO incident_value VALUES (?1, ?2, ?3) ON CONFLICT (incident, field) DO UPDATE SET value = excluded.value",
        params![deed.incident, field, value.trim()],
    )?;

    Ok(Ok(Kept::new("filled", field).from(before).to(value.trim())))
}

pub(super) fn report(
    tx: &Transaction<'_>,
    deed: &Deed<'_>,
    standing: &Standing,
    duty: &str,
    number: &str,
    sent_at: Option<Timestamp>,
) -> Went {
    let found = profile::of(&standing.profile)
        .and_then(|profile| profile.duty(duty).and_then(|duty| Some((profile, profile.form(&duty.form)?))));
    let Some((profile, form)) = found else { return refused(Refusal::NoSuchDuty) };
    if number.trim().is_empty() || number.chars().count() > NUMBER_MAX {
        return Ok(Err(Done::BadNote));
    }
    let sent_at = sent_at.unwrap_or(deed.at);
    if sent_at > deed.at || sent_at < standing.detected_at {
        return refused(Refusal::BadMoment);
    }
    let values = casefile::filled(tx, deed.incident)?;
    let missing = form::missing(profile, form, &values);
    if !missing.is_empty() {
        return refused(Refusal::Missing(missing.iter().map(|field| field.id.clone()).collect()));
    }
    tx.execute(
        "INSERT INTO incident_report (incident, duty, number, sent_at, person, filled) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![deed.incident, duty, number.trim(), sent_at.0, deed.person, serde_json::to_string(&values)?],
    )?;

    Ok(Ok(Kept::new("reported", number).to(duty)))
}

/// Puts the report on its way to every addressee.
pub(super) fn send(
    tx: &Transaction<'_>,
    deed: &Deed<'_>,
    standing: &Standing,
    (duty, number): (&str, &str),
    to: &[String],
) -> Went {
    let found = profile::of(&standing.profile).and_then(|profile| {
        profile.duty(duty).and_then(|duty| Some((profile, duty, profile.form(&duty.form)?)))
    });
    let Some((profile, duty, form)) = found else { return refused(Refusal::NoSuchDuty) };
    if to.iter().any(|role| !duty.to.contains(role)) {
        return refused(Refusal::NoSuchDuty);
    }
    if number.trim().is_empty() || number.chars().count() > NUMBER_MAX {
        return Ok(Err(Done::BadNote));
    }
    let values = casefile::filled(tx, deed.incident)?;
    let missing = form::missing(profile, form, &values);
    if !missing.is_empty() {
        return refused(Refusal::Missing(missing.iter().map(|field| field.id.clone()).collect()));
    }
    let roles = if to.is_empty() { &duty.to } else { to };
    let ordering = Ordering {
        incident: deed.incident,
        profile,
        duty,
        form,
        number: number.trim(),
        person: deed.person,
        values: &values,
    };
    match order(tx, &ordering, roles, deed.at)? {
        Ordered::Queued => Ok(Ok(Kept::new("report_ordered", number).to(duty.id.as_str()))),
        Ordered::Nobody(roles) => refused(Refusal::NoDestination(roles)),
        Ordered::Full(destination) => refused(Refusal::QueueFull(destination)),
    }
}
