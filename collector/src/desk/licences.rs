//! Software held against entitlements, as far as somebody sees.

use vonggac_protocol::id::AgencyId;
use vonggac_protocol::package::Package;
use vonggac_rules::catalogue::LicenceClass;
use vonggac_rules::software::{ClassBasis, class_of};

use super::Desk;
use crate::entitlements::survey::{CATALOGUE, Figures, Survey};
use crate::store::agencies;
use crate::store::entitlements::Held;
use crate::store::view::{Scope, Sight};

/// Figures of an agency, or of all in view.
pub(crate) struct Part {
    /// Id and name; `None`: all in view.
    pub(crate) agency: Option<(String, String)>,
    /// The figures.
    pub(crate) figures: Figures,
}

/// One agency with its ledger.
pub(crate) struct OneAgency {
    /// Its figures.
    pub(crate) part: Part,
    /// The lines of its ledger in force.
    pub(crate) ledger: Vec<Held>,
    /// The day in Vietnam.
    pub(crate) today: jiff::civil::Date,
}

/// Every agency in view; all of them together come first where there are several.
pub(crate) async fn all(desk: &Desk, scope: Scope) -> anyhow::Result<Vec<Part>> {
    let (memory, now) = (desk.memory.clone(), desk.now());
    let survey =
        desk.store.read(move |db| Survey::read(db, |agency| scope.covers(agency), &memory, now)).await?;
    let mut parts = Vec::new();
    if survey.agencies.len() > 1 {
        parts.push(Part { agency: None, figures: survey.figures(|_| true) });
    }
    parts.extend(survey.agencies.iter().map(|(id, name, _)| Part {
        agency: Some((id.clone(), name.clone())),
        figures: survey.figures(|agency| agency == id),
    }));

    Ok(parts)
}

/// One agency.
pub(crate) async fn one(desk: &Desk, scope: Scope, agency: String) -> anyhow::Result<Sight<OneAgency>> {
    let Ok(id) = AgencyId::new(&agency) else { return Ok(Sight::Absent) };
    let (memory, now) = (desk.memory.clone(), desk.now());

    desk.store
        .read(move |db| {
            let Some(name) = agencies::name(db, &id)? else { return Ok(Sight::Absent) };
            if !scope.covers(id.as_str()) {
                return Ok(Sight::Neighbours);
            }
            let survey = Survey::read(db, |agency| agency == id.as_str(), &memory, now)?;
            let figures = survey.figures(|_| true);
            let part = Part { agency: Some((id.to_string(), name)), figures };
            Ok(Sight::Seen(OneAgency { part, ledger: survey.ledger, today: survey.today }))
        })
        .await
}

/// Class of a package and how it is known, as words.
pub(crate) fn class(package: &Package) -> (&'static str, &'static str) {
    let (class, basis) = class_of(package, &CATALOGUE);
    let class = match class {
        LicenceClass::OpenSource => "open_source",
        LicenceClass::FreeOfCharge => "free_of_charge",
        LicenceClass::Commercial => "commercial",
        LicenceClass::Trial => "trial",
        LicenceClass::OsComponent => "os_component",
        LicenceClass::Activator => "activator",
        LicenceClass::Unknown => "unknown",
    };
    let basis = match basis {
        ClassBasis::Catalogue => "catalogue",
        ClassBasis::Archive => "archive",
        ClassBasis::Licence => "licence",
        ClassBasis::None => "none",
    };

    (class, basis)
}
