//! SPDX 2.3 as JSON: the parts of it that this program writes.

use std::collections::BTreeMap;

use serde::Serialize;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::time::Timestamp;

use super::cyclonedx::Reference;
use super::seal;

/// What is not known, and said so.
pub const NO_ASSERTION: &str = "NOASSERTION";

/// The id of the document itself.
pub const DOCUMENT: &str = "SPDXRef-DOCUMENT";

/// A document.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    spdx_version: &'static str,
    data_license: &'static str,
    #[serde(rename = "SPDXID")]
    id: &'static str,
    /// Its name.
    pub name: String,
    document_namespace: String,
    creation_info: CreationInfo,
    /// What there is.
    pub packages: Vec<Package>,
    /// Texts of licences that SPDX does not list.
    #[serde(rename = "hasExtractedLicensingInfos", skip_serializing_if = "Vec::is_empty")]
    pub extracted: Vec<Extracted>,
    /// What holds what.
    pub relationships: Vec<Relationship>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CreationInfo {
    created: String,
    creators: Vec<String>,
    license_list_version: String,
}

impl Document {
    /// A document with everything but its namespace, which [`Self::sealed`] gives it.
    #[must_use]
    pub fn new(name: String, created: Timestamp) -> Self {
        Self {
            spdx_version: "SPDX-2.3",
            data_license: "CC0-1.0",
            id: DOCUMENT,
            name,
            document_namespace: String::new(),
            creation_info: CreationInfo {
                created: whole_seconds(created),
                creators: vec![format!("Tool: vonggac-collector-{}", env!("CARGO_PKG_VERSION"))],
                license_list_version: list_version(spdx::license_version()),
            },
            packages: Vec::new(),
            extracted: Vec::new(),
            relationships: Vec::new(),
        }
    }

    /// The texts of licences, in order of their ids.
    pub fn extract(&mut self, references: BTreeMap<String, String>) {
        self.extracted = references
            .into_iter()
            .map(|(license_id, extracted_text)| Extracted { license_id, extracted_text })
            .collect();
    }

    /// The same with the namespace that its content gives it.
    ///
    /// # Errors
    /// Never for values of these types: strings can be written.
    pub fn sealed(mut self) -> serde_json::Result<Self> {
        self.document_namespace = String::new();
        self.document_namespace = format!("https://spdx.org/spdxdocs/vonggac-{}", seal::uuid(&self)?);

        Ok(self)
    }
}

/// SPDX has two numbers in the version of its list; the crate gives three.
fn list_version(version: &str) -> String {
    version.split('.').take(2).collect::<Vec<_>>().join(".")
}

/// SPDX takes no parts of seconds.
fn whole_seconds(moment: Timestamp) -> String {
    let text = Timestamp(moment.0.div_euclid(1_000).saturating_mul(1_000)).to_string();

    text.replace(".000Z", "Z")
}

/// A package: a machine, or what is installed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Package {
    /// Its id within the document.
    #[serde(rename = "SPDXID")]
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version_info: String,
    /// Who supplies it: `Organization: …`, or not known.
    pub supplier: String,
    /// Where it was had: not known here.
    pub download_location: &'static str,
    /// Files are not listed.
    pub files_analyzed: bool,
    /// What somebody concluded: nobody here does.
    pub license_concluded: &'static str,
    /// What it says of itself.
    pub license_declared: String,
    /// Not read.
    pub copyright_text: &'static str,
    /// Source package, where it differs, and whose database it was in.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source_info: String,
    /// What else is to be said.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// Its package URL.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub external_refs: Vec<ExternalRef>,
    /// What it is: a machine is a `DEVICE`; left out for packages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_package_purpose: Option<&'static str>,
}

impl Package {
    /// One with an id and a name; everything else is not known.
    #[must_use]
    pub fn new(id: String, name: &str) -> Self {
        Self {
            id,
            name: if name.is_empty() { "unnamed".to_owned() } else { name.to_owned() },
            version_info: String::new(),
            supplier: NO_ASSERTION.to_owned(),
            download_location: NO_ASSERTION,
            files_analyzed: false,
            license_concluded: NO_ASSERTION,
            license_declared: NO_ASSERTION.to_owned(),
            copyright_text: NO_ASSERTION,
            source_info: String::new(),
            comment: String::new(),
            external_refs: Vec::new(),
            primary_package_purpose: None,
        }
    }
}

/// An organisation as the supplier. Brackets would be read as those of a mail address.
#[must_use]
pub fn organisation(name: &str) -> String {
    format!("Organization: {}", name.replace('(', "[").replace(')', "]"))
}

/// The id of a thing: its kind, and a digest of what names it.
#[must_use]
pub fn id_of(kind: &str, name: &str) -> String {
    let digest = Digest::of(name.as_bytes()).to_string();

    format!("SPDXRef-{kind}-{}", digest.get(..32).unwrap_or(&digest))
}

/// A name that other programs know.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExternalRef {
    /// The kind of names.
    pub reference_category: &'static str,
    /// The kind of this name.
    pub reference_type: &'static str,
    /// The name.
    pub reference_locator: String,
}

impl ExternalRef {
    /// A package URL.
    #[must_use]
    pub fn purl(url: String) -> Self {
        Self { reference_category: "PACKAGE-MANAGER", reference_type: "purl", reference_locator: url }
    }
}

/// The text of a licence that SPDX does not list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Extracted {
    /// `LicenseRef-…`.
    pub license_id: String,
    /// What the package says.
    pub extracted_text: String,
}

/// What one thing is to another.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Relationship {
    /// The one.
    pub spdx_element_id: Reference,
    /// `DESCRIBES` or `CONTAINS`.
    pub relationship_type: &'static str,
    /// The other.
    pub related_spdx_element: Reference,
}
