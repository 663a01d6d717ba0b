//! OVAL of Ubuntu, Red Hat and AlmaLinux: definitions say which tests must hold, tests name an object and a state, objects
//! name packages, states a version. The parts stand one after the other, so they are kept short until the end is read.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::sync::Arc;

use super::debian::is_rejected;
use super::json::{cves, moment};
use super::kind::Kind;
use super::oval_rows::rows;
use super::reading::Reading;
use super::xml::{Element, Piece, Xml};
use crate::row::Advisory;
use crate::source::{FeedError, Place};

/// The only major version of OVAL that there is.
const SCHEMA: &str = "5";

/// A definition, as far as rows are made of it.
#[derive(Default)]
pub(super) struct Definition {
    pub(super) id: String,
    /// `patch`, `vulnerability`, `inventory`, ..
    pub(super) class: String,
    pub(super) title: String,
    pub(super) platforms: Vec<String>,
    /// Source and name: `RHSA`, `RHSA-2022:4765`.
    references: Vec<(String, String)>,
    severity: Option<String>,
    cvss: Option<String>,
    published: Option<String>,
    changed: Option<String>,
    description: String,
    /// CVEs, with the test that each stands for where the definition is one package's.
    cves: Vec<(String, Option<String>)>,
    /// What the vendor intends: the state, and the components it speaks of.
    pub(super) resolutions: Vec<(String, Vec<String>)>,
    pub(super) criteria: Vec<Criterion>,
    /// Products by CPE, where the vendor lists them.
    products: Vec<String>,
}

/// A test that a definition asks for.
pub(super) struct Criterion {
    pub(super) test: String,
    pub(super) comment: String,
    /// The module that must be enabled for it.
    pub(super) module: Option<String>,
}

/// A test: which object must be in which state.
#[derive(Default)]
pub(super) struct Test {
    pub(super) objects: Vec<String>,
    pub(super) states: Vec<String>,
    pub(super) is_absence: bool,
}

/// What a state asks of a package.
#[derive(Default)]
pub(super) struct State {
    /// The version that it must be below.
    pub(super) below: Option<String>,
    pub(super) architectures: Vec<String>,
}

/// Names of packages, or the variable that holds them.
#[derive(Default)]
pub(super) struct Object {
    pub(super) names: Vec<String>,
    pub(super) variables: Vec<String>,
}

/// Everything of a document that rows are made of.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) tests: BTreeMap<String, Test>,
    pub(super) objects: BTreeMap<String, Object>,
    pub(super) states: BTreeMap<String, State>,
    pub(super) variables: BTreeMap<String, Vec<String>>,
}

/// Reads a document.
pub(super) fn read(
    body: &mut dyn BufRead,
    kind: Kind,
    reading: &mut Reading<'_, '_>,
) -> Result<(), FeedError> {
    let mut xml = Xml::new(body);
    let (mut definitions, mut tables) = (Vec::new(), Tables::default());
    loop {
        match xml.next()? {
            Piece::End => break,
            Piece::Close => {}
            Piece::Text(text) => generator(xml.path(), &text, reading)?,
            Piece::Open(element) => section(&mut xml, &element, &mut definitions, &mut tables, reading)?,
        }
    }
    for definition in definitions {
        rows(&definition, kind, &tables, reading)?;
    }

    Ok(())
}

fn generator(path: &[String], text: &str, reading: &mut Reading<'_, '_>) -> Result<(), FeedError> {
    match path.last().map(String::as_str) {
        Some("schema_version") if text.split('.').next() != Some(SCHEMA) => {
            return Err(FeedError::new(Place::Path(path.join("/")), "OVAL 5.x", text));
        }
        Some("timestamp") => reading.dated(moment(text)),
        Some(_) | None => {}
    }

    Ok(())
}

fn section(
    xml: &mut Xml<'_>,
    element: &Element,
    definitions: &mut Vec<Definition>,
    tables: &mut Tables,
    reading: &mut Reading<'_, '_>,
) -> Result<(), FeedError> {
    let id = element.attribute_or_empty("id").to_owned();
    let name = element.name.as_str();
    if name == "definition" {
        definitions.push(definition(xml, element)?);
    } else if name.ends_with("_test") {
        tables.tests.insert(id, test(xml, element)?);
    } else if name.ends_with("_object") {
        tables.objects.insert(id, object(xml)?);
    } else if name.ends_with("_state") {
        tables.states.insert(id, state(xml)?);
    } else if name == "constant_variable" {
        let mut values = Vec::new();
        xml.inside(&mut |_, piece| {
            if let Piece::Text(text) = piece {
                values.push(text.clone());
            }
        })?;
        tables.variables.insert(id, values);
    } else if name == "local_variable" {
        xml.inside(&mut |_, _| {})?;
    } else if !KNOWN.contains(&name) {
        reading.skip(format!("unknown element {}", name.chars().take(40).collect::<String>()));
        xml.inside(&mut |_, _| {})?;
    }

    Ok(())
}

/// Elements around the sections.
const KNOWN: [&str; 14] = [
    "oval_definitions",
    "generator",
    "product_name",
    "product_version",
    "schema_version",
    "timestamp",
    "content_version",
    "terms_of_use",
    "definitions",
    "tests",
    "objects",
    "states",
    "variables",
    "notes",
];

fn definition(xml: &mut Xml<'_>, element: &Element) -> Result<Definition, FeedError> {
    let mut found = Definition {
        id: element.attribute_or_empty("id").to_owned(),
        class: element.attribute_or_empty("class").to_owned(),
        ..Definition::default()
    };
    // One entry for each open `criteria`: the module it asks for, and where its criteria begin.
    let mut modules: Vec<(Option<String>, usize)> = Vec::new();
    // Whether each open element is a `criteria`.
    let mut kinds: Vec<bool> = Vec::new();
    xml.inside(&mut |path, piece| match piece {
        Piece::Open(element) => {
            kinds.push(element.name == "criteria");
            match element.name.as_str() {
                "criteria" => {
                    let outer = modules.last().and_then(|(module, _)| module.clone());
                    modules.push((outer, found.criteria.len()));
                }
                "criterion" => criterion(&mut found, element, &mut modules),
                _ => metadata(&mut found, element),
            }
        }
        Piece::Close => {
            if kinds.pop() == Some(true)
                && let Some((Some(module), from)) = modules.pop()
            {
                // The module may stand after what it is asked for.
                for criterion in found.criteria.iter_mut().skip(from).filter(|it| it.module.is_none()) {
                    criterion.module = Some(module.clone());
                }
            }
        }
        Piece::Text(text) => words(&mut found, path, text),
        Piece::End => {}
    })?;

    Ok(found)
}

fn criterion(found: &mut Definition, element: &Element, modules: &mut [(Option<String>, usize)]) {
    let comment = element.attribute_or_empty("comment");
    let enabled = comment.strip_prefix("Module ").and_then(|rest| rest.strip_suffix(" is enabled"));
    if let (Some(module), Some((of, _))) = (enabled, modules.last_mut()) {
        *of = Some(module.to_owned());
        return;
    }
    let module = modules.last().and_then(|(module, _)| module.clone());
    let test = element.attribute_or_empty("test_ref").to_owned();
    found.criteria.push(Criterion { test, comment: comment.to_owned(), module });
}

fn metadata(found: &mut Definition, element: &Element) {
    let of = |name: &str| element.attribute(name).map(str::to_owned);
    match element.name.as_str() {
        "reference" => {
            let source = element.attribute_or_empty("source").to_owned();
            found.references.push((source, element.attribute_or_empty("ref_id").to_owned()));
        }
        "issued" => found.published = of("date"),
        "updated" => found.changed = of("date"),
        "resolution" => found.resolutions.push((element.attribute_or_empty("state").to_owned(), Vec::new())),
        "cve" => {
            found.cves.push((String::new(), of("test_ref")));
            let vector = of("cvss3").or_else(|| of("cvss_vector"));
            // Red Hat writes the score before the vector.
            let vector = vector.and_then(|text| text.find("CVSS:").map(|at| text.split_at(at).1.to_owned()));
            found.cvss = found.cvss.take().or(vector);
            found.severity = found.severity.take().or_else(|| of("priority"));
        }
        _ => {}
    }
}

fn words(found: &mut Definition, path: &[String], text: &str) {
    match path.last().map(String::as_str) {
        Some("title") => found.title = text.to_owned(),
        Some("platform") => found.platforms.push(text.to_owned()),
        Some("severity") => found.severity = Some(text.to_owned()),
        Some("public_date") => found.published = text.get(..10).map(str::to_owned),
        Some("description") => found.description = text.chars().take(200).collect(),
        Some("cpe") => found.products.push(text.to_owned()),
        Some("component") => {
            if let Some((_, components)) = found.resolutions.last_mut() {
                components.push(text.to_owned());
            }
        }
        Some("cve") => {
            if let Some((name, _)) = found.cves.last_mut() {
                name.push_str(text);
            }
        }
        Some(_) | None => {}
    }
}

fn test(xml: &mut Xml<'_>, element: &Element) -> Result<Test, FeedError> {
    let mut found =
        Test { is_absence: element.attribute("check_existence") == Some("none_exist"), ..Test::default() };
    xml.inside(&mut |_, piece| {
        if let Piece::Open(element) = piece {
            found.objects.extend(element.attribute("object_ref").map(str::to_owned));
            found.states.extend(element.attribute("state_ref").map(str::to_owned));
        }
    })?;

    Ok(found)
}

fn object(xml: &mut Xml<'_>) -> Result<Object, FeedError> {
    let mut found = Object::default();
    xml.inside(&mut |path, piece| match piece {
        Piece::Open(element) => found.variables.extend(element.attribute("var_ref").map(str::to_owned)),
        Piece::Text(text) if path.last().is_some_and(|name| name == "name") => found.names.push(text.clone()),
        Piece::Text(_) | Piece::Close | Piece::End => {}
    })?;

    Ok(found)
}

fn state(xml: &mut Xml<'_>) -> Result<State, FeedError> {
    let (mut found, mut is_below) = (State::default(), false);
    xml.inside(&mut |path, piece| match piece {
        Piece::Open(element) => is_below = element.attribute("operation") == Some("less than"),
        Piece::Text(text) => match path.last().map(String::as_str) {
            Some("evr" | "subexpression") if is_below => found.below = Some(text.clone()),
            Some("arch") => found.architectures = text.split('|').map(str::to_owned).collect(),
            Some(_) | None => {}
        },
        Piece::Close | Piece::End => {}
    })?;

    Ok(found)
}

impl Definition {
    /// The advisory that this is, for the test that a package's definition names for each CVE.
    pub(super) fn advisory(&self, test: &str) -> Arc<Advisory> {
        let own: Vec<&str> = self
            .cves
            .iter()
            .filter(|(_, of)| of.as_deref() == Some(test))
            .map(|(name, _)| name.as_str())
            .collect();
        let references =
            self.references.iter().filter(|(source, _)| source == "CVE").map(|(_, name)| name.as_str());
        let all = if own.is_empty() {
            cves(self.cves.iter().map(|(name, _)| name.as_str()).chain(references))
        } else {
            cves(own.iter().copied())
        };
        let notice = self.references.iter().find(|(source, _)| !matches!(source.as_str(), "CVE" | "Package"));
        let id = own.first().map(|name| (*name).to_owned()).or_else(|| notice.map(|(_, name)| name.clone()));

        Arc::new(Advisory {
            id: id.or_else(|| all.first().cloned()).unwrap_or_else(|| self.id.clone()),
            cves: all,
            summary: self.title.clone(),
            severity: self.severity.clone(),
            cvss: self.cvss.clone(),
            published: self.published.as_deref().and_then(moment),
            modified: self.changed.as_deref().and_then(moment),
        })
    }

    /// Whether it is about a product of Red Hat that is not the plain system: its fixes are not the system's.
    pub(super) fn is_of_other_product(&self) -> bool {
        let of_red_hat = |product: &&String| product.contains(":redhat:");
        let mut listed = self.products.iter().filter(of_red_hat).peekable();

        listed.peek().is_some() && !listed.any(|product| product.contains(":redhat:enterprise_linux:"))
    }

    /// Whether it is about one package with many CVEs, each with a test, and not the other way round.
    pub(super) fn is_of_package(&self) -> bool {
        self.cves.iter().any(|(_, test)| test.is_some())
    }

    /// Whether the numbers it speaks of were never given.
    pub(super) fn is_rejected(&self) -> bool {
        is_rejected(&self.description)
    }
}
