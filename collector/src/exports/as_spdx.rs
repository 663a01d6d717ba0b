//! A bill as SPDX: the document describes machines, machines contain packages.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bill::{Bill, Entry, Machine, Subject, machine_reference, manager_word};
use super::cyclonedx::Reference;
use super::licence::expressed;
use super::spdx_document::{DOCUMENT, Document, ExternalRef, Package, Relationship, id_of, organisation};

/// The document.
///
/// # Errors
/// Never for what a bill holds.
pub fn document(bill: &Bill) -> serde_json::Result<Document> {
    let name = match &bill.subject {
        Subject::Host(_) => bill.name().to_owned(),
        Subject::Agency(id, name) => format!("{name} ({id})"),
    };
    let mut document = Document::new(name, bill.made_at);
    let mut references = BTreeMap::new();
    let root: Reference = DOCUMENT.to_owned().into();
    let mut ids: BTreeMap<Arc<str>, Reference> = BTreeMap::new();
    for holder in &bill.holders {
        document.packages.push(machine(&holder.machine));
    }
    for entry in &bill.entries {
        let id = id_of("Package", &entry.reference);
        ids.insert(Arc::clone(&entry.reference), id.clone().into());
        document.packages.push(package(entry, id, &mut references));
    }
    for holder in &bill.holders {
        let own: Reference = machine_id(&holder.machine).into();
        document.relationships.push(relation(&root, "DESCRIBES", &own));
        let held = holder.holds.iter().filter_map(|held| ids.get(held));
        document.relationships.extend(held.map(|held| relation(&own, "CONTAINS", held)));
    }
    document.extract(references);

    document.sealed()
}

fn relation(one: &Reference, kind: &'static str, other: &Reference) -> Relationship {
    Relationship {
        spdx_element_id: one.clone(),
        relationship_type: kind,
        related_spdx_element: other.clone(),
    }
}

fn machine_id(machine: &Machine) -> String {
    id_of("Host", &machine_reference(machine.id))
}

fn machine(machine: &Machine) -> Package {
    let mut package = Package::new(machine_id(machine), &machine.name);
    package.primary_package_purpose = Some("DEVICE");
    let inventory = match machine.inventory_at {
        Some(at) => format!("Inventory of {at}."),
        None => "No inventory is known: that nothing is listed says nothing.".to_owned(),
    };
    let system = if machine.system_name.is_empty() { "not described" } else { &machine.system_name };
    package.comment = format!("Host {} of {}; {system}. {inventory}", machine.id, machine.agency);

    package
}

fn package(entry: &Entry, id: String, references: &mut BTreeMap<String, String>) -> Package {
    let own = &entry.package;
    let mut package = Package::new(id, &own.name);
    package.version_info.clone_from(&own.version);
    if let Some(vendor) = own.vendor.as_deref().filter(|vendor| !vendor.trim().is_empty()) {
        package.supplier = organisation(vendor);
    }
    if let Some(said) = own.licence.as_deref().filter(|said| !said.is_empty()) {
        let found = expressed(said);
        package.license_declared = found.expression;
        for (id, text) in found.references {
            references.entry(id).or_insert(text);
        }
    }
    let source = match (&own.source, &own.source_version) {
        (None, None) => String::new(),
        (name, version) => {
            let name = name.as_deref().unwrap_or(&own.name);
            format!("; source {name} {}", version.as_deref().unwrap_or(&own.version))
        }
    };
    package.source_info =
        format!("{} {}{source}", manager_word(own.manager), own.architecture).trim().to_owned();
    package.external_refs.extend(entry.purl.clone().map(ExternalRef::purl));

    package
}
