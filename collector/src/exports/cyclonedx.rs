//! CycloneDX 1.6 as JSON: the parts of it that this program writes.
//!
//! Field order is the order of the file, so the same content gives the same bytes; nothing in it is random. The serial
//! number is made of the content by [`Bom::sealed`].

use std::sync::Arc;

use serde::{Serialize, Serializer};
use vonggac_protocol::time::Timestamp;

use super::seal::serial_number;

/// A bill of materials.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bom {
    #[serde(rename = "$schema")]
    schema: &'static str,
    bom_format: &'static str,
    spec_version: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    serial_number: String,
    version: u32,
    /// What it is about, when and by what it was made.
    pub metadata: Metadata,
    /// What there is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<Component>,
    /// What holds what.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
    /// What is known to be missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub compositions: Vec<Composition>,
    /// Weaknesses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vulnerabilities: Vec<Vulnerability>,
}

impl Bom {
    /// An empty one.
    #[must_use]
    pub fn new(metadata: Metadata) -> Self {
        Self {
            schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
            bom_format: "CycloneDX",
            spec_version: "1.6",
            serial_number: String::new(),
            version: 1,
            metadata,
            components: Vec::new(),
            dependencies: Vec::new(),
            compositions: Vec::new(),
            vulnerabilities: Vec::new(),
        }
    }

    /// The same with the serial number that its content gives it.
    ///
    /// # Errors
    /// Never for values of these types: strings and numbers can be written.
    pub fn sealed(mut self) -> serde_json::Result<Self> {
        self.serial_number = String::new();
        self.serial_number = serial_number(&self)?;

        Ok(self)
    }

    /// Its serial number, `urn:uuid:…`; empty before it is sealed.
    #[must_use]
    pub fn serial(&self) -> &str {
        &self.serial_number
    }
}

/// What names a component within the document. Many dependencies share one text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Reference(pub Arc<str>);

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl From<String> for Reference {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

/// When, by what, about what.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Metadata {
    /// When it was made.
    pub timestamp: Timestamp,
    /// What made it.
    pub tools: Tools,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<Component>,
}

/// Programs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Tools {
    /// The programs.
    pub components: Vec<Component>,
}

impl Tools {
    /// This program.
    #[must_use]
    pub fn own() -> Self {
        let mut own = Component::new(ComponentType::Application, None, "vonggac-collector");
        own.version = env!("CARGO_PKG_VERSION").to_owned();

        Self { components: vec![own] }
    }
}

/// What a component is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComponentType {
    /// A program.
    Application,
    /// A package of a system, or a library.
    Library,
    /// What runs others; here: the machines of an agency together.
    Platform,
    /// A system.
    OperatingSystem,
    /// A machine.
    Device,
}

/// One component.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Component {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: ComponentType,
    /// Its name within the document.
    #[serde(rename = "bom-ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
    /// Who supplies it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supplier: Option<Organisation>,
    /// Its name.
    pub name: String,
    /// Its version; empty: none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Its licence; none: not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<LicenceChoice>,
    /// Its package URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purl: Option<String>,
    /// What else is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<Property>,
}

impl Component {
    /// One with a name and nothing else.
    #[must_use]
    pub fn new(kind: ComponentType, reference: Option<Reference>, name: impl Into<String>) -> Self {
        Self {
            kind,
            reference,
            supplier: None,
            name: name.into(),
            version: String::new(),
            licenses: Vec::new(),
            purl: None,
            properties: Vec::new(),
        }
    }
}

/// An organisation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Organisation {
    /// Its name.
    pub name: String,
}

/// A licence, always as an expression.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LicenceChoice {
    /// The SPDX expression.
    pub expression: String,
    /// Always `declared`: it is what the package says of itself.
    pub acknowledgement: &'static str,
}

impl LicenceChoice {
    /// What a package says of itself.
    #[must_use]
    pub fn declared(expression: String) -> Self {
        Self { expression, acknowledgement: "declared" }
    }
}

/// A name and a value.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Property {
    /// Name, with our prefix: `vonggac:…`.
    pub name: String,
    /// Value.
    pub value: String,
}

impl Property {
    /// A property of ours.
    #[must_use]
    pub fn own(name: &str, value: impl Into<String>) -> Self {
        Self { name: format!("vonggac:{name}"), value: value.into() }
    }
}

/// What a component holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dependency {
    /// The component.
    #[serde(rename = "ref")]
    pub reference: Reference,
    /// What it holds; each once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<Reference>,
}

/// How much is known about some components.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Composition {
    /// How much.
    pub aggregate: Aggregate,
    /// The components of which it is said.
    pub assemblies: Vec<Reference>,
}

/// How much is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// Something is left out.
    Incomplete,
    /// Nothing is known.
    Unknown,
}

/// A weakness and what is affected.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Vulnerability {
    /// Its name within the document.
    #[serde(rename = "bom-ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
    /// Its id: a CVE, or that of an advisory.
    pub id: String,
    /// Who says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<VulnerabilitySource>,
    /// Other names of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<VulnerabilityReference>,
    /// How bad.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ratings: Vec<Rating>,
    /// What it is about.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What to do.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub recommendation: String,
    /// What a person decided about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub analysis: Option<Analysis>,
    /// What is affected.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub affects: Vec<Affected>,
    /// What else is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<Property>,
}

/// Who publishes a weakness.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct VulnerabilitySource {
    /// Its name.
    pub name: String,
}

/// Another name of a weakness.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct VulnerabilityReference {
    /// The id.
    pub id: String,
    /// Whose id that is.
    pub source: VulnerabilitySource,
}

/// How bad a weakness is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Rating {
    /// Who says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<VulnerabilitySource>,
    /// How bad.
    pub severity: Severity,
}

/// How bad.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Critical.
    Critical,
    /// High.
    High,
    /// Medium.
    Medium,
    /// Low.
    Low,
    /// Said to be none.
    None,
    /// A word that is none of these.
    Unknown,
}

impl Severity {
    /// The publisher's word as one of these.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word.trim().to_ascii_lowercase().as_str() {
            "critical" => Self::Critical,
            "high" | "important" => Self::High,
            "medium" | "moderate" => Self::Medium,
            "low" => Self::Low,
            "none" => Self::None,
            _ => Self::Unknown,
        }
    }
}

/// What a person decided about a weakness.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Analysis {
    /// How it stands.
    pub state: AnalysisState,
    /// Why it does no harm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub justification: Option<Justification>,
    /// What is done about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub response: Vec<Response>,
    /// In words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// When it was decided first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_issued: Option<Timestamp>,
    /// When it was last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_updated: Option<Timestamp>,
}

/// How a weakness stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AnalysisState {
    /// Mended.
    Resolved,
    /// It is there and can be exploited.
    Exploitable,
    /// Being looked at.
    InTriage,
    /// It was reported by mistake.
    FalsePositive,
    /// It is there but does no harm here.
    NotAffected,
}

/// Why a weakness does no harm.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Justification {
    /// The faulty code is not in it.
    CodeNotPresent,
    /// The faulty code is not run.
    CodeNotReachable,
}

/// What is done about a weakness.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// It cannot be mended.
    CanNotFix,
    /// It will not be mended.
    WillNotFix,
    /// A newer version is to be installed.
    Update,
    /// Something else lessens it.
    WorkaroundAvailable,
}

/// A component that is affected.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Affected {
    /// Its `bom-ref`, or a link into another document.
    #[serde(rename = "ref")]
    pub reference: Reference,
}
