//! Microsoft's month as CVRF 1.1: for each vulnerability the products, and for each product the build that mends it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;
use std::sync::Arc;

use super::item::{Item, Superseded};
use super::json::{cves, moment};
use super::reading::Reading;
use super::windows::{number, numbers, product_name};
use super::xml::{Piece, Xml};
use crate::ecosystem::Ecosystem;
use crate::row::{Advisory, Names, Row, Verdict};
use crate::source::FeedError;

#[derive(Default)]
struct Vulnerability {
    title: String,
    cve: String,
    affected: Vec<String>,
    severity: Option<String>,
    vector: Option<String>,
    remediations: Vec<Remediation>,
    /// What is read now: the type of a status, threat or remediation.
    part: String,
}

#[derive(Default)]
struct Remediation {
    kind: String,
    description: String,
    products: Vec<String>,
    build: Option<String>,
    /// Numbers of the updates that this one takes the place of.
    before: Vec<u32>,
}

/// Reads a month.
pub(super) fn read(body: &mut dyn BufRead, reading: &mut Reading<'_, '_>) -> Result<(), FeedError> {
    let mut xml = Xml::new(body);
    let mut told = BTreeSet::new();
    let mut products: BTreeMap<String, String> = BTreeMap::new();
    let (mut product, mut published) = (String::new(), None);
    loop {
        match xml.next()? {
            Piece::End => return Ok(()),
            Piece::Close => {}
            Piece::Open(element) => match element.name.as_str() {
                "Vulnerability" => {
                    let found = vulnerability(&mut xml)?;
                    rows(&found, &products, published, reading)?;
                    superseded(&found, &products, &mut told, reading)?;
                }
                "FullProductName" => product = element.attribute_or_empty("ProductID").to_owned(),
                _ => {}
            },
            Piece::Text(text) => match xml.path().last().map(String::as_str) {
                Some("FullProductName") => drop(products.insert(product.clone(), product_name(&text))),
                Some("InitialReleaseDate") => published = moment(&text),
                Some("CurrentReleaseDate") => reading.dated(moment(&text)),
                Some(_) | None => {}
            },
        }
    }
}

fn vulnerability(xml: &mut Xml<'_>) -> Result<Vulnerability, FeedError> {
    let mut found = Vulnerability::default();
    xml.inside(&mut |path, piece| match piece {
        Piece::Open(element) => {
            if matches!(element.name.as_str(), "Status" | "Threat") {
                found.part = element.attribute_or_empty("Type").to_owned();
            }
            if element.name == "Remediation" {
                let kind = element.attribute_or_empty("Type").to_owned();
                found.remediations.push(Remediation { kind, ..Remediation::default() });
            }
        }
        Piece::Text(text) => words(&mut found, path, text),
        Piece::Close | Piece::End => {}
    })?;

    Ok(found)
}

fn words(found: &mut Vulnerability, path: &[String], text: &str) {
    let mut ends = path.iter().rev().map(String::as_str);
    let (last, around) = (ends.next().unwrap_or_default(), ends.next().unwrap_or_default());
    match (around, last) {
        ("", "Title") => found.title = text.to_owned(),
        ("", "CVE") => found.cve = text.to_owned(),
        ("Status", "ProductID") if found.part == "Known Affected" => found.affected.push(text.to_owned()),
        ("Threat", "Description") if found.part == "Severity" => {
            found.severity.get_or_insert_with(|| text.to_owned());
        }
        ("ScoreSet", "Vector") => {
            found.vector.get_or_insert_with(|| text.to_owned());
        }
        ("Remediation", word) => {
            let Some(remediation) = found.remediations.last_mut() else { return };
            match word {
                "Description" => remediation.description = text.to_owned(),
                "ProductID" => remediation.products.push(text.to_owned()),
                "FixedBuild" => remediation.build = Some(text.to_owned()),
                "Supercedence" => remediation.before.extend(numbers(text)),
                _ => {}
            }
        }
        (_, _) => {}
    }
}

fn rows(
    found: &Vulnerability,
    products: &BTreeMap<String, String>,
    published: Option<vonggac_protocol::time::Timestamp>,
    reading: &mut Reading<'_, '_>,
) -> Result<(), FeedError> {
    reading.advisory(published, None);
    let advisory = Arc::new(Advisory {
        id: found.cve.clone(),
        cves: cves([found.cve.as_str()]),
        summary: found.title.clone(),
        severity: found.severity.clone(),
        cvss: found.vector.clone(),
        published,
        modified: None,
    });
    let mut given = BTreeSet::new();
    for id in &found.affected {
        let Some(name) = products.get(id) else {
            reading.skip("product that is not in the list of products");
            continue;
        };
        let fixes: Vec<&Remediation> = found
            .remediations
            .iter()
            .filter(|it| it.kind == "Vendor Fix" && it.products.contains(id))
            .collect();
        if fixes.is_empty() {
            reading.row(row(name, Verdict::NoFix, None, &advisory))?;
        }
        for fix in fixes {
            let update = number(&fix.description).map(|number| number.to_string());
            let verdict = match (fix.build.as_deref().and_then(build), &update) {
                (Some(version), _) => Verdict::Fixed(version.to_owned()),
                (None, Some(_)) => Verdict::ByUpdate,
                (None, None) => {
                    reading.skip("fix without a build and without a number");
                    continue;
                }
            };
            if given.insert((id, verdict.clone(), update.clone())) {
                reading.row(row(name, verdict, update, &advisory))?;
            }
        }
    }

    Ok(())
}

/// Tells once which updates take the place of which, product by product.
fn superseded(
    found: &Vulnerability,
    products: &BTreeMap<String, String>,
    told: &mut BTreeSet<Superseded>,
    reading: &mut Reading<'_, '_>,
) -> Result<(), FeedError> {
    for fix in found.remediations.iter().filter(|it| it.kind == "Vendor Fix") {
        let Some(update) = number(&fix.description) else { continue };
        for name in fix.products.iter().filter_map(|id| products.get(id)) {
            for before in fix.before.iter().copied().filter(|before| *before != update) {
                let edge = Superseded { product: name.clone(), update, before };
                if told.insert(edge.clone()) {
                    reading.give(Item::Superseded(edge))?;
                }
            }
        }
    }

    Ok(())
}

fn row(name: &str, verdict: Verdict, update: Option<String>, advisory: &Arc<Advisory>) -> Row {
    Row {
        ecosystem: Ecosystem::Windows(name.to_owned()),
        package: name.to_owned(),
        names: Names::Binary,
        module: None,
        architectures: Vec::new(),
        minor: None,
        introduced: None,
        verdict,
        update,
        note: String::new(),
        advisory: Arc::clone(advisory),
    }
}

/// A build is numbers with dots; sometimes an address stands there.
fn build(text: &str) -> Option<&str> {
    let text = text.trim();
    let plain = text.contains('.') && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');

    plain.then_some(text)
}
