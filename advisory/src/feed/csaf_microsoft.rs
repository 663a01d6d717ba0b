//! Rows of Microsoft's CSAF: a product, the build below which it is affected, the update that brings that build.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::csaf::{Csaf, Product, Products, Vulnerability};
use super::json::{cves, moment};
use super::reading::Reading;
use super::windows::{number, product_name};
use crate::ecosystem::Ecosystem;
use crate::row::{Advisory, Names, Row, Verdict};
use crate::source::FeedError;

/// Gives the rows of a document out.
pub(super) fn rows(
    csaf: &Csaf<'_>,
    products: &Products,
    reading: &mut Reading<'_, '_>,
) -> Result<(), FeedError> {
    let document = &csaf.document;
    for vulnerability in &csaf.vulnerabilities {
        let id = vulnerability.cve.as_deref().unwrap_or(&document.tracking.id);
        let title = vulnerability.title.as_deref().unwrap_or(&document.title);
        let advisory = Arc::new(Advisory {
            id: id.to_owned(),
            cves: cves([id]),
            summary: title.to_owned(),
            severity: document.aggregate_severity.as_ref().map(|severity| severity.text.clone().into_owned()),
            cvss: vulnerability.cvss(),
            published: moment(&document.tracking.initial_release_date),
            modified: moment(&document.tracking.current_release_date),
        });
        let updates = updates(vulnerability);
        for affected in &vulnerability.product_status.known_affected {
            let Some(product) = products.of.get(&**affected) else {
                reading.skip("component of another system");
                continue;
            };
            let Some(name) = name(product) else {
                reading.skip("product without a name");
                continue;
            };
            let below = product.path.last().and_then(|(_, text)| text.strip_prefix('<'));
            let update = updates.get(&**affected).cloned();
            let verdict = match (below, &update) {
                (Some(build), _) => Verdict::Fixed(build.trim().to_owned()),
                (None, Some(_)) => Verdict::ByUpdate,
                (None, None) => Verdict::NoFix,
            };
            let name = product_name(name);
            reading.row(Row {
                ecosystem: Ecosystem::Windows(name.clone()),
                package: name,
                names: Names::Binary,
                module: None,
                architectures: Vec::new(),
                minor: None,
                introduced: None,
                verdict,
                update,
                note: String::new(),
                advisory: Arc::clone(&advisory),
            })?;
        }
    }

    Ok(())
}

fn name(product: &Product) -> Option<&str> {
    let mut named = product.path.iter().rev().filter(|(category, _)| category == "product_name");

    named.next().map(|(_, name)| name.as_str())
}

/// The numbered update for each product, from addresses such as `https://support.microsoft.com/help/5055518`.
fn updates<'a>(vulnerability: &'a Vulnerability<'_>) -> BTreeMap<&'a str, String> {
    let mut found = BTreeMap::new();
    for remediation in
        vulnerability.remediations.iter().filter(|remediation| remediation.category == "vendor_fix")
    {
        let last = remediation.url.as_deref().and_then(|url| url.trim_end_matches('/').rsplit('/').next());
        if let Some(number) = last.and_then(number) {
            found.extend(remediation.product_ids.iter().map(|id| (&**id, number.to_string())));
        }
    }

    found
}
