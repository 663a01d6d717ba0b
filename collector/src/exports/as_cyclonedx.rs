//! A bill as CycloneDX: machines are components that depend on their packages; weaknesses name the packages.

use std::sync::Arc;

use super::bill::{Bill, Entry, Holder, Machine, Subject, Weakness, machine_reference, manager_word};
use super::cyclonedx::{
    Affected, Aggregate, Bom, Component, ComponentType, Composition, Dependency, LicenceChoice, Metadata,
    Organisation, Property, Rating, Reference, Severity, Tools, Vulnerability, VulnerabilityReference,
    VulnerabilitySource,
};
use super::licence::expressed;

/// The document.
///
/// # Errors
/// Never for what a bill holds.
pub fn bom(bill: &Bill) -> serde_json::Result<Bom> {
    let mut bom = skeleton(bill, |_| true);
    bom.vulnerabilities = bill.weaknesses.iter().map(vulnerability).collect();

    bom.sealed()
}

/// Machines, packages and who holds what, of those packages that `is_in`.
pub(super) fn skeleton(bill: &Bill, is_in: impl Fn(&Arc<str>) -> bool) -> Bom {
    let (subject, rest) = subject(bill);
    let mut bom =
        Bom::new(Metadata { timestamp: bill.made_at, tools: Tools::own(), component: Some(subject) });
    bom.components = rest;
    bom.components.extend(bill.entries.iter().filter(|entry| is_in(&entry.reference)).map(component));
    bom.dependencies = dependencies(bill, is_in);
    bom.compositions = unknown(bill);

    bom
}

/// What the document is about, and the machines that stand beside their packages.
fn subject(bill: &Bill) -> (Component, Vec<Component>) {
    match &bill.subject {
        Subject::Host(id) => {
            let own = bill.holders.iter().find(|holder| holder.machine.id == *id);
            let whole = own.map(|holder| machine(&holder.machine));
            let nameless = || {
                let reference = machine_reference(*id).into();
                Component::new(ComponentType::Device, Some(reference), id.to_string())
            };
            (whole.unwrap_or_else(nameless), Vec::new())
        }
        Subject::Agency(id, name) => {
            let reference = agency_reference(id).into();
            let mut whole = Component::new(ComponentType::Platform, Some(reference), name.clone());
            whole.properties.push(Property::own("agency", id));
            (whole, bill.holders.iter().map(|holder| machine(&holder.machine)).collect())
        }
    }
}

fn agency_reference(id: &str) -> String {
    format!("agency:{id}")
}

fn machine(machine: &Machine) -> Component {
    let reference = machine_reference(machine.id).into();
    let mut component = Component::new(ComponentType::Device, Some(reference), machine.name.clone());
    let known = [
        ("agency", machine.agency.clone()),
        ("system", machine.system_name.clone()),
        ("inventory_at", machine.inventory_at.map(|at| at.to_string()).unwrap_or_default()),
    ];
    component.properties = properties(known);

    component
}

fn component(entry: &Entry) -> Component {
    let package = &entry.package;
    let reference = Some(Reference(Arc::clone(&entry.reference)));
    let mut component = Component::new(ComponentType::Library, reference, package.name.clone());
    let vendor = package.vendor.as_deref().filter(|vendor| !vendor.is_empty());
    component.supplier = vendor.map(|vendor| Organisation { name: vendor.to_owned() });
    component.version.clone_from(&package.version);
    let licence = package.licence.as_deref().filter(|licence| !licence.is_empty());
    component.licenses.extend(licence.map(|said| LicenceChoice::declared(expressed(said).expression)));
    component.purl.clone_from(&entry.purl);
    component.properties = properties([
        ("manager", manager_word(package.manager).to_owned()),
        ("architecture", package.architecture.clone()),
        ("source", package.source.clone().unwrap_or_default()),
        ("source_version", package.source_version.clone().unwrap_or_default()),
        ("section", package.section.clone().unwrap_or_default()),
        ("origin", package.origin.clone().unwrap_or_default()),
        ("module", package.module.clone().unwrap_or_default()),
    ]);

    component
}

fn days<'a>(days: impl Iterator<Item = &'a str>) -> String {
    days.collect::<Vec<_>>().join(" ")
}

/// Those that have a value.
pub(super) fn properties<const N: usize>(known: [(&str, String); N]) -> Vec<Property> {
    let said = known.into_iter().filter(|(_, value)| !value.is_empty());

    said.map(|(name, value)| Property::own(name, value)).collect()
}

fn dependencies(bill: &Bill, is_in: impl Fn(&Arc<str>) -> bool) -> Vec<Dependency> {
    let machines = bill.holders.iter().map(|Holder { machine, holds }| Dependency {
        reference: machine_reference(machine.id).into(),
        depends_on: holds.iter().filter(|held| is_in(held)).map(|held| Reference(Arc::clone(held))).collect(),
    });
    let whole = match &bill.subject {
        Subject::Host(_) => None,
        Subject::Agency(id, _) => Some(Dependency {
            reference: agency_reference(id).into(),
            depends_on: bill
                .holders
                .iter()
                .map(|holder| machine_reference(holder.machine.id).into())
                .collect(),
        }),
    };

    whole.into_iter().chain(machines).collect()
}

/// Package managers do not know everything: what is told of a machine is not complete; without an inventory nothing is
/// known.
fn unknown(bill: &Bill) -> Vec<Composition> {
    let of = |aggregate, has_inventory: bool| Composition {
        aggregate,
        assemblies: bill
            .holders
            .iter()
            .filter(|holder| holder.machine.inventory_at.is_some() == has_inventory)
            .map(|holder| machine_reference(holder.machine.id).into())
            .collect(),
    };
    let mut both = vec![of(Aggregate::Incomplete, true), of(Aggregate::Unknown, false)];
    both.retain(|composition| !composition.assemblies.is_empty());

    both
}

/// A weakness as CycloneDX has it; also of use to a document of decisions.
#[must_use]
pub fn vulnerability(weakness: &Weakness) -> Vulnerability {
    let line = &weakness.line;
    let source = || VulnerabilitySource { name: line.feed.clone() };
    let others = line.cves.iter().filter(|cve| **cve != line.advisory);
    let recommendation =
        line.fixed.as_ref().map(|fixed| format!("{} {fixed}", line.package)).unwrap_or_default();

    Vulnerability {
        reference: None,
        id: line.advisory.clone(),
        source: Some(source()),
        references: others
            .map(|cve| VulnerabilityReference {
                id: cve.clone(),
                source: VulnerabilitySource { name: "CVE".to_owned() },
            })
            .collect(),
        ratings: line
            .severity
            .iter()
            .map(|word| Rating { source: Some(source()), severity: Severity::of(word) })
            .collect(),
        description: line.summary.clone(),
        recommendation,
        analysis: None,
        affects: weakness
            .affects
            .iter()
            .map(|affected| Affected { reference: Reference(Arc::clone(affected)) })
            .collect(),
        properties: properties([
            ("state", line.state.to_owned()),
            ("feed_dated", line.feed_dated.map(|at| at.to_string()).unwrap_or_default()),
            ("note", line.note.clone()),
            ("exploited", if line.exploited { "true".to_owned() } else { String::new() }),
            ("also_told_by", line.also_told()),
            ("contradicted_by", line.contradicted_by.clone().unwrap_or_default()),
            ("accepted_until", days(line.accepted.iter().map(|accepted| accepted.last_day.as_str()))),
        ]),
    }
}
