//! CSAF 2.0: what Red Hat (advisories and VEX) and Microsoft publish, one document an advisory or a vulnerability.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::BufRead;

use serde::Deserialize;

use super::debian::is_rejected;
use super::json::{moment, parse, whole};
use super::reading::Reading;
use crate::source::{Fault, FeedError, Place};

/// Branches in each other.
const DEPTH_MAX: usize = 16;

const PASSED_OVER: [&str; 57] = [
    "attackComplexity",
    "attackVector",
    "availabilityImpact",
    "confidentialityImpact",
    "environmentalsScore",
    "environmentalScore",
    "environmentalSeverity",
    "exploitCodeMaturity",
    "integrityImpact",
    "privilegesRequired",
    "remediationLevel",
    "reportConfidence",
    "scope",
    "temporalScore",
    "userInteraction",
    "product_ids",
    "acknowledgments",
    "distribution",
    "lang",
    "notes",
    "publisher",
    "references",
    "generator",
    "revision_history",
    "status",
    "version",
    "aliases",
    "cwe",
    "discovery_date",
    "ids",
    "release_date",
    "category",
    "flags",
    "involvements",
    "name",
    "namespace",
    "date",
    "group_ids",
    "restart_required",
    "entitlements",
    "products",
    "product_groups",
    "full_product_names",
    "source_lang",
    "summary",
    "baseScore",
    "baseSeverity",
    "model_numbers",
    "hashes",
    "sbom_urls",
    "serial_numbers",
    "skus",
    "x_generic_uris",
    "recommended",
    "first_affected",
    "first_fixed",
    "last_affected",
];

#[derive(Deserialize)]
pub(super) struct Csaf<'a> {
    #[serde(borrow)]
    pub(super) document: Document<'a>,
    #[serde(borrow)]
    product_tree: Option<ProductTree<'a>>,
    #[serde(borrow, default)]
    pub(super) vulnerabilities: Vec<Vulnerability<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Document<'a> {
    #[serde(borrow)]
    csaf_version: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) title: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) aggregate_severity: Option<Severity<'a>>,
    #[serde(borrow)]
    pub(super) tracking: Tracking<'a>,
}

#[derive(Deserialize)]
pub(super) struct Severity<'a> {
    #[serde(borrow)]
    pub(super) text: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct Tracking<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) current_release_date: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) initial_release_date: Cow<'a, str>,
}

#[derive(Deserialize)]
struct ProductTree<'a> {
    #[serde(borrow, default)]
    branches: Vec<Branch<'a>>,
    #[serde(borrow, default)]
    relationships: Vec<Relationship<'a>>,
}

#[derive(Deserialize)]
struct Branch<'a> {
    #[serde(borrow)]
    category: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    product: Option<ProductText<'a>>,
    #[serde(borrow, default)]
    branches: Vec<Self>,
}

#[derive(Deserialize)]
struct ProductText<'a> {
    #[serde(borrow)]
    product_id: Cow<'a, str>,
    #[serde(borrow)]
    product_identification_helper: Option<Helper<'a>>,
}

#[derive(Deserialize)]
struct Helper<'a> {
    #[serde(borrow)]
    cpe: Option<Cow<'a, str>>,
    #[serde(borrow)]
    purl: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Relationship<'a> {
    #[serde(borrow)]
    full_product_name: FullName<'a>,
    #[serde(borrow)]
    product_reference: Cow<'a, str>,
    #[serde(borrow)]
    relates_to_product_reference: Cow<'a, str>,
}

#[derive(Deserialize)]
struct FullName<'a> {
    #[serde(borrow)]
    product_id: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct Vulnerability<'a> {
    #[serde(borrow)]
    pub(super) cve: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) title: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) product_status: Statuses<'a>,
    #[serde(borrow, default)]
    pub(super) remediations: Vec<Remediation<'a>>,
    #[serde(borrow, default)]
    scores: Vec<Score<'a>>,
    #[serde(borrow, default)]
    pub(super) threats: Vec<Threat<'a>>,
}

#[derive(Deserialize, Default)]
pub(super) struct Statuses<'a> {
    #[serde(borrow, default)]
    pub(super) fixed: Vec<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) known_affected: Vec<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) known_not_affected: Vec<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) under_investigation: Vec<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(super) struct Remediation<'a> {
    #[serde(borrow)]
    pub(super) category: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) details: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) url: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) product_ids: Vec<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Score<'a> {
    #[serde(borrow)]
    cvss_v3: Option<Vector<'a>>,
    #[serde(borrow)]
    cvss_v4: Option<Vector<'a>>,
}

#[derive(Deserialize)]
struct Vector<'a> {
    #[serde(borrow, rename = "vectorString")]
    vector: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct Threat<'a> {
    #[serde(borrow)]
    pub(super) category: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) details: Cow<'a, str>,
}

impl Vulnerability<'_> {
    pub(super) fn cvss(&self) -> Option<String> {
        let mut vectors =
            self.scores.iter().filter_map(|score| score.cvss_v4.as_ref().or(score.cvss_v3.as_ref()));

        vectors.next().map(|vector| vector.vector.clone().into_owned())
    }
}

/// A product of the tree.
#[derive(Default)]
pub(super) struct Product {
    /// Kind and name of the branches that lead to it, the outermost first.
    pub(super) path: Vec<(String, String)>,
    pub(super) cpe: Option<String>,
    pub(super) purl: Option<String>,
}

/// All products of a document by their ids.
#[derive(Default)]
pub(super) struct Products {
    pub(super) of: BTreeMap<String, Product>,
    /// Of a product that is a part of another: which, and of which.
    pub(super) parts: BTreeMap<String, (String, String)>,
}

impl Products {
    fn add(&mut self, branches: &[Branch<'_>], path: &mut Vec<(String, String)>) -> Result<(), FeedError> {
        if path.len() >= DEPTH_MAX {
            let place = Place::Path("product_tree.branches".to_owned());
            return Err(FeedError::new(place, format!("at most {DEPTH_MAX} branches in each other"), "more")
                .of(Fault::Bound));
        }
        for branch in branches {
            path.push((branch.category.clone().into_owned(), branch.name.clone().into_owned()));
            if let Some(product) = &branch.product {
                let helper = product.product_identification_helper.as_ref();
                let found = Product {
                    path: path.clone(),
                    cpe: helper.and_then(|helper| helper.cpe.as_deref()).map(str::to_owned),
                    purl: helper.and_then(|helper| helper.purl.as_deref()).map(str::to_owned),
                };
                self.of.insert(product.product_id.clone().into_owned(), found);
            }
            self.add(&branch.branches, path)?;
            path.pop();
        }

        Ok(())
    }
}

/// What makes a publisher's rows of a document.
type Rows = fn(&Csaf<'_>, &Products, &mut Reading<'_, '_>) -> Result<(), FeedError>;

/// Reads a document.
pub(super) fn read(
    body: &mut dyn BufRead,
    rows: Rows,
    reading: &mut Reading<'_, '_>,
) -> Result<(), FeedError> {
    let bytes = whole(body, reading)?;
    let csaf: Csaf<'_> = parse(&bytes, &PASSED_OVER, reading)?;
    let version = &csaf.document.csaf_version;
    if version != "2.0" && version != "2.1" {
        return Err(FeedError::new(
            Place::Path("document.csaf_version".to_owned()),
            "CSAF 2.0 or 2.1",
            version,
        )
        .of(Fault::Form));
    }
    if is_rejected(&csaf.document.title) {
        reading.skip("rejected");
        return Ok(());
    }
    let tracking = &csaf.document.tracking;
    let (published, changed) =
        (moment(&tracking.initial_release_date), moment(&tracking.current_release_date));
    reading.advisory(published, changed);
    let mut products = Products::default();
    if let Some(tree) = &csaf.product_tree {
        products.add(&tree.branches, &mut Vec::new())?;
        for relation in &tree.relationships {
            let of = (
                relation.product_reference.clone().into_owned(),
                relation.relates_to_product_reference.clone().into_owned(),
            );
            products.parts.insert(relation.full_product_name.product_id.clone().into_owned(), of);
        }
    }

    rows(&csaf, &products, reading)
}
