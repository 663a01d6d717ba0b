//! A report on the form of the profile of law: what the page to print and the file for a word processor both say.

use std::collections::BTreeMap;

use vonggac_rules::profile::{self, form};

use crate::desk::words::Language;
use crate::store::view::incidents::IncidentLine;

/// The language of official papers.
pub const VI: Language = Language::Vi;

/// A report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Paper {
    /// The incident's number.
    pub incident: i64,
    /// The form's name.
    pub form: String,
    /// `initial`, `update` or `final`.
    pub kind: String,
    /// What it is owed for.
    pub duty: String,
    /// Whom it is for: roles.
    pub to: Vec<String>,
    /// Where the form comes from, and how that is known.
    pub source: String,
    /// Who may read it.
    pub tlp: String,
    /// Whether it is a drill.
    pub is_drill: bool,
    /// Name and value of each field of the form, in its order.
    pub rows: Vec<(String, String)>,
    /// Names of the required fields that are empty: with one of them it is no report yet.
    pub missing: Vec<String>,
}

impl Paper {
    /// The report of a duty; `None` if the incident's profile has no such duty.
    #[must_use]
    pub fn of(line: &IncidentLine, duty: &str, values: &BTreeMap<String, String>) -> Option<Self> {
        let regime = profile::of(&line.profile)?;
        let duty = regime.duty(duty)?;
        let form = regime.form(&duty.form)?;
        let known = form.required.iter().chain(&form.optional).filter_map(|id| regime.fields.get(id));
        let rows = known.filter_map(|field| {
            let value = values.get(&field.id).cloned().unwrap_or_default();
            (!value.is_empty() || form.required.contains(&field.id)).then(|| (field.name.vi.clone(), value))
        });
        let source = regime.sources.get(&form.source);

        Some(Self {
            incident: line.id,
            form: form.name.vi.clone(),
            kind: form.kind.clone(),
            duty: duty.name.vi.clone(),
            to: duty.to.iter().filter_map(|role| Some(regime.roles.get(role)?.vi.clone())).collect(),
            source: source.map_or_else(String::new, |source| {
                format!("{} – {}", source.name.vi, VI.of_list("source", source.seen.word()))
            }),
            tlp: line.tlp.clone(),
            is_drill: line.is_drill,
            rows: rows.collect(),
            missing: form::missing(regime, form, values).iter().map(|field| field.name.vi.clone()).collect(),
        })
    }
}
