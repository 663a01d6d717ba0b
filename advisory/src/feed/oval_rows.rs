//! Rows of OVAL definitions.

use std::sync::Arc;

use super::kind::Kind;
use super::oval::{Criterion, Definition, State, Tables, Test};
use super::reading::Reading;
use crate::ecosystem::{Channel, Ecosystem};
use crate::row::{Advisory, Names, Row, Verdict};
use crate::source::FeedError;

/// Gives the rows of a definition out.
pub(super) fn rows(
    definition: &Definition,
    kind: Kind,
    tables: &Tables,
    reading: &mut Reading<'_, '_>,
) -> Result<(), FeedError> {
    if !matches!(definition.class.as_str(), "patch" | "vulnerability") {
        reading
            .skip(format!("definition of class {}", definition.class.chars().take(20).collect::<String>()));
        return Ok(());
    }
    if definition.is_rejected() {
        reading.skip("rejected");
        return Ok(());
    }
    if definition.is_of_other_product() {
        reading.skip("product outside enterprise_linux");
        return Ok(());
    }
    let Some(ecosystem) = ecosystem(definition, kind) else {
        let platform = definition.platforms.first().map_or("none", String::as_str);
        reading.skip(format!("platform {}", platform.chars().take(60).collect::<String>()));
        return Ok(());
    };
    let mut advisory: Option<(Option<&str>, Arc<Advisory>)> = None;
    for criterion in &definition.criteria {
        let Some(test) = tables.tests.get(&criterion.test) else {
            reading.skip("criterion without its test");
            continue;
        };
        let Some(said) = said(definition, kind, criterion, test, tables) else { continue };
        // A package's definition has an advisory for each of its tests.
        let own = definition.is_of_package().then_some(criterion.test.as_str());
        if advisory.as_ref().is_none_or(|(of, _)| *of != own) {
            let made = definition.advisory(&criterion.test);
            reading.advisory(made.published, made.modified);
            advisory = Some((own, made));
        }
        let Some((_, advisory)) = &advisory else { continue };
        for package in names(test, tables) {
            let verdict = said.verdict.clone().unwrap_or_else(|| intended(definition, &package));
            let ecosystem = match (&ecosystem, &verdict) {
                (Ecosystem::Ubuntu(year, month, _), Verdict::Fixed(version)) if is_esm(version) => {
                    Ecosystem::Ubuntu(*year, *month, Channel::Pro)
                }
                (other, _) => other.clone(),
            };
            reading.row(Row {
                ecosystem,
                package,
                names: Names::Binary,
                module: criterion.module.clone(),
                architectures: said.architectures.clone(),
                minor: None,
                introduced: None,
                verdict,
                update: None,
                note: said.note.clone(),
                advisory: Arc::clone(advisory),
            })?;
        }
    }

    Ok(())
}

/// What a criterion says of the packages it names.
struct Said {
    /// `None`: what the definition says of the component.
    verdict: Option<Verdict>,
    architectures: Vec<String>,
    note: String,
}

/// `None` if it says nothing of versions: who signed a package, which system it is.
fn said(
    definition: &Definition,
    kind: Kind,
    criterion: &Criterion,
    test: &Test,
    tables: &Tables,
) -> Option<Said> {
    if test.is_absence {
        return None;
    }
    let states: Vec<&State> = test.states.iter().filter_map(|id| tables.states.get(id)).collect();
    if let Some(state) = states.iter().find(|state| state.below.is_some()) {
        let version = state.below.as_deref().unwrap_or_default();
        let version = version.strip_prefix("0:").unwrap_or(version).to_owned();
        let architectures = state.architectures.clone();
        return Some(Said { verdict: Some(Verdict::Fixed(version)), architectures, note: String::new() });
    }
    if !states.is_empty() || !test.states.is_empty() || definition.class != "vulnerability" {
        return None;
    }
    let (verdict, note) = if kind == Kind::OvalUbuntu {
        (Some(intended_by(&criterion.comment)), criterion.comment.chars().take(200).collect())
    } else if criterion.comment.ends_with(" is installed") {
        (None, definition.resolutions.first().map(|(state, _)| state.clone()).unwrap_or_default())
    } else {
        return None;
    };

    Some(Said { verdict, architectures: Vec::new(), note })
}

/// What Red Hat says of a component that has no fix.
fn intended(definition: &Definition, package: &str) -> Verdict {
    if definition.id.contains(".unaffected:") {
        return Verdict::NotAffected;
    }
    let of = definition.resolutions.iter().find(|(_, components)| {
        components.iter().any(|component| component.rsplit('/').next() == Some(package))
    });
    match of.or_else(|| definition.resolutions.first()).map(|(state, _)| state.as_str()) {
        Some("Will not fix") => Verdict::WillNotFix,
        Some("Out of support scope") => Verdict::EndOfLife,
        Some("Not affected") => Verdict::NotAffected,
        Some(_) | None => Verdict::NoFix,
    }
}

/// What Ubuntu's comment says where no version mends it.
fn intended_by(comment: &str) -> Verdict {
    if comment.contains("is not affected") || comment.contains("was not affected") {
        Verdict::NotAffected
    } else if comment.contains("decision has been made to ignore") || comment.contains("(ignored") {
        Verdict::WillNotFix
    } else if comment.contains("end of life") || comment.contains("end-of-life") {
        Verdict::EndOfLife
    } else {
        Verdict::NoFix
    }
}

fn is_esm(version: &str) -> bool {
    version.contains("+esm") || version.contains("~esm")
}

fn ecosystem(definition: &Definition, kind: Kind) -> Option<Ecosystem> {
    let installed = |system: &str| {
        definition.criteria.iter().find_map(|criterion| {
            let rest = criterion.comment.strip_prefix(system)?.strip_prefix(' ')?;
            rest.strip_suffix(" is installed")?.parse::<u16>().ok()
        })
    };
    if kind == Kind::OvalUbuntu {
        let platform = definition.platforms.first()?.strip_prefix("Ubuntu ")?;
        let release = platform.strip_suffix(" LTS").unwrap_or(platform);
        return format!("Ubuntu:{release}").parse().ok();
    }
    if kind == Kind::OvalAlmaLinux {
        return installed("AlmaLinux").map(Ecosystem::AlmaLinux);
    }

    installed("Red Hat Enterprise Linux").map(Ecosystem::RedHat)
}

/// The packages that a test is about.
fn names(test: &Test, tables: &Tables) -> Vec<String> {
    let objects = test.objects.iter().filter_map(|id| tables.objects.get(id));
    let mut names = Vec::new();
    for object in objects {
        names.extend(object.names.iter().cloned());
        let variables = object.variables.iter().filter_map(|id| tables.variables.get(id));
        names.extend(variables.flatten().map(|value| in_pattern(value)));
    }
    names.sort();
    names.dedup();

    names
}

/// Ubuntu's variables hold names, or patterns for lines of a manifest: `^openssh-client(?::\w+|)\s+(.*)$`.
fn in_pattern(value: &str) -> String {
    let value = value.strip_prefix('^').unwrap_or(value);

    value.split("(?:").next().unwrap_or(value).replace("\\", "")
}
