//! Rows of Red Hat's CSAF: only of the plain Enterprise Linux; its extended and other products are counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::csaf::{Csaf, Products, Remediation, Vulnerability};
use super::debian::is_rejected;
use super::json::{cves, is_cve, moment};
use super::reading::Reading;
use crate::ecosystem::Ecosystem;
use crate::row::{Advisory, Names, Row, Verdict};
use crate::source::FeedError;

/// A package of a system, as far as a row needs it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Component {
    ecosystem: Ecosystem,
    name: String,
    names: Names,
    module: Option<String>,
    version: Option<String>,
}

/// Gives the rows of a document out.
pub(super) fn rows(
    csaf: &Csaf<'_>,
    products: &Products,
    reading: &mut Reading<'_, '_>,
) -> Result<(), FeedError> {
    let tracking = &csaf.document.tracking;
    // A notice mends several vulnerabilities at once; a VEX document is one vulnerability with many notices.
    let is_notice = !is_cve(&tracking.id);
    let mut advisories = Advisories { csaf, made: BTreeMap::new() };
    let mut given: BTreeSet<(String, Component)> = BTreeSet::new();
    for vulnerability in &csaf.vulnerabilities {
        if vulnerability.title.as_deref().is_some_and(is_rejected) {
            reading.skip("rejected");
            continue;
        }
        let notices = notices(vulnerability);
        for id in &vulnerability.product_status.fixed {
            let Some(component) = component(id, products, reading) else { continue };
            let Some(version) = component.version.clone() else {
                reading.skip("fixed without a version");
                continue;
            };
            let notice = if is_notice { Some(&*tracking.id) } else { notices.get(&**id).copied() };
            let advisory = advisories.of(notice, vulnerability);
            if given.insert((advisory.id.clone(), component.clone())) {
                reading.row(row(component, Verdict::Fixed(version), String::new(), advisory))?;
            }
        }
        for id in &vulnerability.product_status.known_affected {
            let Some(component) = component(id, products, reading) else { continue };
            let advisory = advisories.of(is_notice.then_some(&*tracking.id), vulnerability);
            let (verdict, note) = intended(vulnerability, id);
            reading.row(row(component, verdict, note, advisory))?;
        }
        for id in &vulnerability.product_status.known_not_affected {
            let Some(component) = component(id, products, reading) else { continue };
            let advisory = advisories.of(is_notice.then_some(&*tracking.id), vulnerability);
            reading.row(row(component, Verdict::NotAffected, String::new(), advisory))?;
        }
        for _ in &vulnerability.product_status.under_investigation {
            reading.skip("under investigation");
        }
    }

    Ok(())
}

fn row(component: Component, verdict: Verdict, note: String, advisory: Arc<Advisory>) -> Row {
    Row {
        ecosystem: component.ecosystem,
        package: component.name,
        names: component.names,
        module: component.module,
        architectures: Vec::new(),
        minor: None,
        introduced: None,
        verdict,
        update: None,
        note,
        advisory,
    }
}

/// Advisories of a document by name, made once.
struct Advisories<'a> {
    csaf: &'a Csaf<'a>,
    made: BTreeMap<String, Arc<Advisory>>,
}

impl Advisories<'_> {
    fn of(&mut self, notice: Option<&str>, vulnerability: &Vulnerability<'_>) -> Arc<Advisory> {
        let document = &self.csaf.document;
        let id = notice.unwrap_or_else(|| vulnerability.cve.as_deref().unwrap_or(&document.tracking.id));
        if let Some(made) = self.made.get(id) {
            return Arc::clone(made);
        }
        // What a notice mends stands in the document that is the notice; elsewhere only this vulnerability is known of it.
        let all = self.csaf.vulnerabilities.iter().filter(|_| *id == document.tracking.id);
        let named = all.chain(std::iter::once(vulnerability)).filter_map(|it| it.cve.as_deref());
        let impact = vulnerability.threats.iter().find(|threat| threat.category == "impact");
        let severity =
            document.aggregate_severity.as_ref().map(|severity| severity.text.clone().into_owned());
        let advisory = Arc::new(Advisory {
            id: id.to_owned(),
            cves: cves(named),
            summary: document.title.clone().into_owned(),
            severity: severity.or_else(|| impact.map(|threat| threat.details.clone().into_owned())),
            cvss: vulnerability.cvss(),
            published: moment(&document.tracking.initial_release_date),
            modified: moment(&document.tracking.current_release_date),
        });
        self.made.insert(id.to_owned(), Arc::clone(&advisory));

        advisory
    }
}

/// The notice that mends each product.
fn notices<'a>(vulnerability: &'a Vulnerability<'_>) -> BTreeMap<&'a str, &'a str> {
    let mut found = BTreeMap::new();
    for remediation in
        vulnerability.remediations.iter().filter(|remediation| remediation.category == "vendor_fix")
    {
        let Some(notice) = remediation.url.as_deref().and_then(|url| url.rsplit("/errata/").next()) else {
            continue;
        };
        if notice.starts_with("RH") {
            found.extend(remediation.product_ids.iter().map(|id| (&**id, notice)));
        }
    }

    found
}

/// What Red Hat intends for a product that has no fix.
fn intended(vulnerability: &Vulnerability<'_>, id: &str) -> (Verdict, String) {
    let speaks = |remediation: &&Remediation<'_>| {
        matches!(&*remediation.category, "no_fix_planned" | "none_available")
            && remediation.product_ids.iter().any(|it| it == id)
    };
    let Some(remediation) = vulnerability.remediations.iter().find(speaks) else {
        return (Verdict::NoFix, String::new());
    };
    let verdict = match (&*remediation.category, &*remediation.details) {
        ("no_fix_planned", "Out of support scope") => Verdict::EndOfLife,
        ("no_fix_planned", _) => Verdict::WillNotFix,
        (_, _) => Verdict::NoFix,
    };

    (verdict, remediation.details.chars().take(100).collect())
}

/// The package that a product id means; `None` and counted if it is none of the plain system's.
fn component(id: &str, products: &Products, reading: &mut Reading<'_, '_>) -> Option<Component> {
    let Some((reference, whole)) = products.parts.get(id) else {
        reading.skip("product that is no package of a system");
        return None;
    };
    // A package of a module is a part of the module, which is a part of the system.
    let (module, system) = match products.parts.get(whole) {
        Some((module, system)) => (Some(module), system),
        None => (None, whole),
    };
    let cpe = products.of.get(system).and_then(|product| product.cpe.as_deref()).unwrap_or_default();
    let Some(ecosystem) = system_of(cpe) else {
        let shown: String =
            cpe.split(':').skip(3).take(2).collect::<Vec<_>>().join(":").chars().take(60).collect();
        reading.skip(format!("product {shown}"));
        return None;
    };
    let product = products.of.get(reference);
    let purl = product.and_then(|product| product.purl.as_deref()).and_then(Purl::parse);
    let Some(purl) = purl else {
        reading.skip("package without a purl");
        return None;
    };
    if purl.kind == "rpmmod" || purl.kind == "oci" {
        reading.skip(format!("purl of type {}", purl.kind));
        return None;
    }
    let is_source = purl.architecture == Some("src");
    if is_source && purl.version.is_some() {
        // The binary packages stand beside it.
        return None;
    }
    let module = module
        .and_then(|id| products.of.get(id))
        .and_then(|product| product.purl.as_deref())
        .and_then(stream_of)
        .or_else(|| purl.module.map(|text| text.split(':').take(2).collect::<Vec<_>>().join(":")));

    Some(Component {
        ecosystem,
        name: purl.name.to_owned(),
        names: if is_source { Names::Source } else { Names::Binary },
        module,
        version: purl.version.map(|version| match purl.epoch {
            Some(epoch) => format!("{epoch}:{version}"),
            None => version,
        }),
    })
}

/// `cpe:/o:redhat:enterprise_linux:9::baseos` as a system.
fn system_of(cpe: &str) -> Option<Ecosystem> {
    let mut parts = cpe.split(':').skip(2);
    (parts.next() == Some("redhat") && parts.next() == Some("enterprise_linux"))
        .then(|| parts.next())
        .flatten()
        .and_then(|version| version.parse().ok())
        .map(Ecosystem::RedHat)
}

/// `pkg:rpmmod/redhat/nodejs@20:8090020231019152822:a75119d5` as `nodejs:20`.
fn stream_of(purl: &str) -> Option<String> {
    let purl = Purl::parse(purl).filter(|purl| purl.kind == "rpmmod")?;
    let version = purl.version?;

    Some(format!("{}:{}", purl.name, version.split(':').next()?))
}

/// A package URL, as far as it is needed.
struct Purl<'a> {
    kind: &'a str,
    name: &'a str,
    version: Option<String>,
    architecture: Option<&'a str>,
    epoch: Option<&'a str>,
    module: Option<&'a str>,
}

impl<'a> Purl<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let (kind, rest) = path.strip_prefix("pkg:")?.split_once('/')?;
        let (name, version) =
            rest.rsplit_once('@').map_or((rest, None), |(name, version)| (name, Some(version)));
        let of = |key: &str| query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));

        Some(Self {
            kind,
            name: name.rsplit('/').next().unwrap_or(name),
            version: version.map(|version| {
                version.replace("%2B", "+").replace("%5E", "^").replace("%3A", ":").replace("%7E", "~")
            }),
            architecture: of("arch"),
            epoch: of("epoch").filter(|epoch| *epoch != "0"),
            module: of("rpmmod"),
        })
    }
}
