//! What a host's packages say about licences: classes, shares, products, tools that a plan names.
//!
//! # How it is counted
//!
//! 1. A package that the catalogue knows has the class of its product.
//! 2. Otherwise a Debian or Ubuntu package outside the free archive areas (`non-free`, `non-free-firmware`,
//!    `restricted`, `multiverse`) is free of charge, whatever licence its packaging has.
//! 3. Otherwise the SPDX expression decides: `OR` needs one open part, `AND` needs all. A part is open if OSI or FSF
//!    say so, or if it stands in [`ALSO_OPEN`]; it is not open if it forbids uses ([`NOT_OPEN`]); any other is unknown.
//! 4. Otherwise a package from Debian's or Ubuntu's own free archive is open source by the archive's policy.
//! 5. Otherwise it is unknown, and stays so.
//!
//! The strict share is open source among packages whose class is known; parts of systems are in neither. The wide
//! share counts products that a plan's list names as well. Unknown packages are always told beside both. Packages of
//! languages (wheels, npm modules, Java archives) are parts of programs: counted apart, and in neither share, or one web
//! application would outweigh all that people use.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use vonggac_protocol::package::{Manager, Package};

use crate::catalogue::{Catalogue, LicenceClass};
use crate::words::Words;

/// Licences that Debian and Fedora both take as free, though neither OSI nor FSF has judged them.
pub const ALSO_OPEN: [&str; 20] = [
    "BSD-4-Clause-UC",
    "Beerware",
    "Bitstream-Vera",
    "CC-PDDC",
    "GFDL-1.1-no-invariants-or-later",
    "GFDL-1.2-no-invariants-or-later",
    "GFDL-1.3-no-invariants-or-later",
    "HPND-sell-variant",
    "IJG",
    "ISC-Veillard",
    "Latex2e",
    "MIT-CMU",
    "MIT-feh",
    "SAX-PD",
    "SGI-B-2.0",
    "TCL",
    "Unicode-DFS-2015",
    "bzip2-1.0.6",
    "curl",
    "libpng-2.0",
];

/// Beginnings of SPDX ids that forbid some use, change or sale.
pub const NOT_OPEN: [&str; 9] =
    ["BUSL-", "CC-BY-NC", "CC-BY-ND", "Elastic-", "JSON", "PolyForm-", "SSPL-", "CPOL-", "Aladdin"];

/// How the class of a package is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassBasis {
    /// The catalogue.
    Catalogue,
    /// The archive area it comes from.
    Archive,
    /// Its licence expression.
    Licence,
    /// Nothing says.
    None,
}

/// Packages by class.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct ClassCounts {
    /// Open source.
    pub open_source: u64,
    /// Free of charge.
    pub free_of_charge: u64,
    /// Commercial.
    pub commercial: u64,
    /// Trial.
    pub trial: u64,
    /// Parts of systems.
    pub os_component: u64,
    /// Activators.
    pub activator: u64,
    /// Unknown.
    pub unknown: u64,
}

/// A share, with what it leaves out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Share {
    /// Counted as open.
    pub open: u64,
    /// Counted in all: those whose class is known, without parts of systems.
    pub of: u64,
    /// Not counted, because nothing says what they are.
    pub unknown: u64,
}

/// A product found on a host; once, however many packages it has.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ProductFound {
    /// Its id in the catalogue.
    pub id: String,
    /// Name.
    pub name: Words,
    /// What its licence asks for.
    pub class: LicenceClass,
    /// The package it was recognised by, the first by name.
    pub package: String,
    /// That package's version.
    pub version: String,
    /// Whether it needs an entitlement and none is recorded. Not the same as "without a licence".
    pub no_entitlement_recorded: bool,
}

/// A tool that plans name, and whether the host has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct NamedTool {
    /// The tool, such as `unikey`.
    pub tool: String,
    /// Clauses that name it.
    pub named_by: Vec<String>,
    /// Whether any product of it is installed.
    pub present: bool,
}

/// What a host's packages say.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SoftwareState {
    /// Packages by class, without those of languages.
    pub packages: ClassCounts,
    /// Packages of languages by class: parts of programs, in no share.
    pub languages: ClassCounts,
    /// Open source by licence.
    pub strict: Share,
    /// Open source by licence, or named by a plan's list.
    pub wide: Share,
    /// Products found, by id.
    pub products: Vec<ProductFound>,
    /// Tools that plans name, by word.
    pub tools: Vec<NamedTool>,
}

impl SoftwareState {
    /// Reads a host's packages; `entitled` are the products for which an entitlement is recorded.
    #[must_use]
    pub fn of<'a>(
        packages: impl IntoIterator<Item = &'a Package>,
        catalogue: &Catalogue,
        entitled: &BTreeSet<String>,
    ) -> Self {
        let (mut counts, mut languages) = (ClassCounts::default(), ClassCounts::default());
        let mut named_more = 0;
        let mut products: BTreeMap<String, ProductFound> = BTreeMap::new();
        for package in packages {
            let (class, _) = class_of(package, catalogue);
            if package.manager.is_language() {
                *languages.of_mut(class) += 1;
                continue;
            }
            *counts.of_mut(class) += 1;
            let Some(product) = catalogue.product_of(package) else { continue };
            if class != LicenceClass::OpenSource && !product.named_by.is_empty() {
                named_more += 1;
            }
            let found = ProductFound {
                id: product.id.clone(),
                name: product.name.clone(),
                class: product.class,
                package: package.name.clone(),
                version: package.version.clone(),
                no_entitlement_recorded: product.entitlement && !entitled.contains(&product.id),
            };
            let known = products.entry(product.id.clone()).or_insert_with(|| found.clone());
            if found.package < known.package {
                *known = found;
            }
        }
        let strict = counts.strict();

        Self {
            packages: counts,
            languages,
            strict,
            wide: Share { open: strict.open + named_more, ..strict },
            tools: named_tools(catalogue, &products),
            products: products.into_values().collect(),
        }
    }

    /// Activators found.
    pub fn activators(&self) -> impl Iterator<Item = &ProductFound> {
        self.products.iter().filter(|found| found.class == LicenceClass::Activator)
    }

    /// Products that need an entitlement and have none recorded.
    pub fn without_entitlement(&self) -> impl Iterator<Item = &ProductFound> {
        self.products.iter().filter(|found| found.no_entitlement_recorded)
    }

    /// Named tools that are not there.
    pub fn missing_tools(&self) -> impl Iterator<Item = &NamedTool> {
        self.tools.iter().filter(|tool| !tool.present)
    }
}

impl ClassCounts {
    fn of_mut(&mut self, class: LicenceClass) -> &mut u64 {
        match class {
            LicenceClass::OpenSource => &mut self.open_source,
            LicenceClass::FreeOfCharge => &mut self.free_of_charge,
            LicenceClass::Commercial => &mut self.commercial,
            LicenceClass::Trial => &mut self.trial,
            LicenceClass::OsComponent => &mut self.os_component,
            LicenceClass::Activator => &mut self.activator,
            LicenceClass::Unknown => &mut self.unknown,
        }
    }

    /// Adds another host's counts.
    pub fn add(&mut self, other: &Self) {
        self.open_source += other.open_source;
        self.free_of_charge += other.free_of_charge;
        self.commercial += other.commercial;
        self.trial += other.trial;
        self.os_component += other.os_component;
        self.activator += other.activator;
        self.unknown += other.unknown;
    }

    /// Open source by licence among packages whose class is known.
    #[must_use]
    pub fn strict(&self) -> Share {
        let closed = self.free_of_charge + self.commercial + self.trial + self.activator;

        Share { open: self.open_source, of: self.open_source + closed, unknown: self.unknown }
    }
}

impl Share {
    /// The share in thousandths, rounded down; `None` where nothing is counted: that is no figure, not zero.
    #[must_use]
    pub fn per_mille(&self) -> Option<u64> {
        (self.open * 1_000).checked_div(self.of)
    }
}

/// The class of one package, and how it is known; the order is that of this module's description.
#[must_use]
pub fn class_of(package: &Package, catalogue: &Catalogue) -> (LicenceClass, ClassBasis) {
    if let Some(product) = catalogue.product_of(package)
        && product.class != LicenceClass::Unknown
    {
        return (product.class, ClassBasis::Catalogue);
    }
    let area = match (&package.manager, &package.section) {
        (Manager::Dpkg, Some(section)) => section.split_once('/').map_or("main", |(area, _)| area),
        _ => "",
    };
    if ["non-free", "non-free-firmware", "restricted", "multiverse"].contains(&area) {
        return (LicenceClass::FreeOfCharge, ClassBasis::Archive);
    }
    match package.licence.as_deref().map_or(Openness::Unknown, openness) {
        Openness::Open => return (LicenceClass::OpenSource, ClassBasis::Licence),
        Openness::Closed => return (LicenceClass::FreeOfCharge, ClassBasis::Licence),
        Openness::Unknown => {}
    }
    let vendor = package.vendor.as_deref().unwrap_or_default();
    let theirs = ["Debian", "Ubuntu"].iter().any(|name| vendor.contains(name));
    if theirs && ["main", "universe", "contrib"].contains(&area) {
        return (LicenceClass::OpenSource, ClassBasis::Archive);
    }

    (LicenceClass::Unknown, ClassBasis::None)
}

/// What an expression comes to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Openness {
    Closed,
    Unknown,
    Open,
}

/// `OR` takes the better side, `AND` the worse one; an expression that cannot be read is unknown.
fn openness(expression: &str) -> Openness {
    let Ok(expression) = spdx::Expression::parse_mode(expression, spdx::ParseMode::LAX) else {
        return Openness::Unknown;
    };
    let mut stack = Vec::new();
    for node in expression.iter() {
        let value = match node {
            spdx::expression::ExprNode::Req(part) => {
                part.req.license.id().map_or(Openness::Unknown, part_openness)
            }
            spdx::expression::ExprNode::Op(operator) => {
                let (Some(right), Some(left)) = (stack.pop(), stack.pop()) else {
                    return Openness::Unknown;
                };
                match operator {
                    spdx::expression::Operator::And => Ord::min(left, right),
                    spdx::expression::Operator::Or => Ord::max(left, right),
                }
            }
        };
        stack.push(value);
    }

    stack.pop().unwrap_or(Openness::Unknown)
}

fn part_openness(id: spdx::LicenseId) -> Openness {
    if NOT_OPEN.iter().any(|start| id.name.starts_with(start)) {
        Openness::Closed
    } else if id.is_osi_approved() || id.is_fsf_free_libre() || ALSO_OPEN.contains(&id.name) {
        Openness::Open
    } else {
        Openness::Unknown
    }
}

fn named_tools(catalogue: &Catalogue, found: &BTreeMap<String, ProductFound>) -> Vec<NamedTool> {
    let mut tools: BTreeMap<&str, (BTreeSet<&str>, bool)> = BTreeMap::new();
    for product in catalogue.products() {
        let Some(tool) = &product.tool else { continue };
        let (named_by, present) = tools.entry(tool).or_default();
        named_by.extend(product.named_by.iter().map(String::as_str));
        *present |= found.contains_key(&product.id);
    }

    let owned = |clauses: BTreeSet<&str>| clauses.into_iter().map(str::to_owned).collect();
    tools
        .into_iter()
        .map(|(tool, (named_by, present))| NamedTool {
            tool: tool.to_owned(),
            named_by: owned(named_by),
            present,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use vonggac_protocol::package::LicenceBasis;

    fn deb(name: &str, section: &str, licence: Option<&str>, vendor: &str) -> Package {
        Package {
            manager: Manager::Dpkg,
            name: name.to_owned(),
            architecture: "amd64".to_owned(),
            version: "1".to_owned(),
            source: None,
            source_version: None,
            section: Some(section.to_owned()),
            vendor: Some(vendor.to_owned()),
            licence: licence.map(str::to_owned),
            licence_basis: LicenceBasis::Unknown,
            installed_at: None,
            in_repository: Some(true),
            origin: None,
            automatic: None,
            module: None,
            place: None,
            copies: None,
            install_source: None,
            users: None,
        }
    }

    #[test]
    fn an_expression_is_open_by_its_parts() {
        for (text, expected) in [
            ("GPL-2.0-or-later", Openness::Open),
            ("GPL-2.0+", Openness::Open),
            ("MIT AND LicenseRef-odd", Openness::Unknown),
            ("MIT OR LicenseRef-odd", Openness::Open),
            ("MIT AND CC-BY-NC-4.0", Openness::Closed),
            ("CC-BY-NC-4.0 OR LicenseRef-odd", Openness::Unknown),
            ("MIT-CMU", Openness::Open),
            ("not a licence", Openness::Unknown),
            ("", Openness::Unknown),
        ] {
            assert_eq!(openness(text), expected, "{text}");
        }
    }

    #[test]
    fn every_id_of_the_own_list_is_an_spdx_id() {
        for id in ALSO_OPEN {
            assert!(spdx::license_id(id).is_some(), "{id}");
        }
    }

    #[test]
    fn the_area_of_the_archive_beats_the_licence_of_the_packaging() {
        let catalogue = Catalogue::embedded();
        let class = |package: &Package| class_of(package, &catalogue);

        assert_eq!(
            class(&deb("firmware-realtek", "non-free-firmware/kernel", Some("MIT"), "Debian Kernel Team")),
            (LicenceClass::FreeOfCharge, ClassBasis::Archive)
        );
        assert_eq!(
            class(&deb("bash", "shells", Some("GPL-3.0-or-later"), "x")),
            (LicenceClass::OpenSource, ClassBasis::Licence)
        );
        assert_eq!(
            class(&deb("odd", "utils", None, "Debian QA Group")),
            (LicenceClass::OpenSource, ClassBasis::Archive)
        );
        assert_eq!(class(&deb("odd", "utils", None, "Acme")), (LicenceClass::Unknown, ClassBasis::None));
        assert_eq!(
            class(&deb("google-chrome-stable", "web", Some("MIT"), "Google LLC")),
            (LicenceClass::FreeOfCharge, ClassBasis::Catalogue)
        );
    }

    #[test]
    fn chrome_counts_in_the_wide_share_only_and_unknown_packages_in_neither() {
        let packages = [
            deb("bash", "shells", Some("GPL-3.0-or-later"), ""),
            deb("google-chrome-stable", "web", None, ""),
            deb("teamviewer", "net", None, ""),
            deb("teamviewer-host", "net", None, ""),
            deb("odd", "utils", None, ""),
            deb("vlmcsd", "net", None, ""),
        ];

        let state = SoftwareState::of(&packages, &Catalogue::embedded(), &BTreeSet::new());

        assert_eq!(state.strict, Share { open: 1, of: 5, unknown: 1 });
        assert_eq!(state.wide, Share { open: 2, of: 5, unknown: 1 });
        assert_eq!(state.strict.per_mille(), Some(200));
        let ids: Vec<&str> = state.products.iter().map(|found| found.id.as_str()).collect();
        assert_eq!(ids, ["activator.kms", "google.chrome", "teamviewer"]);
        assert_eq!(state.activators().count(), 1);
        assert_eq!(
            state.without_entitlement().map(|found| &found.package).collect::<Vec<_>>(),
            ["teamviewer"]
        );
        let missing: Vec<&str> = state.missing_tools().map(|tool| tool.tool.as_str()).collect();
        assert_eq!(missing, ["firefox", "office", "thunderbird", "unikey"]);
        let entitled = BTreeSet::from(["teamviewer".to_owned()]);
        let state = SoftwareState::of(&packages, &Catalogue::embedded(), &entitled);
        assert_eq!(state.without_entitlement().count(), 0);
    }

    #[test]
    fn no_package_gives_no_figure() {
        let state = SoftwareState::of(&[], &Catalogue::embedded(), &BTreeSet::new());

        assert_eq!(state.strict.per_mille(), None);
    }
}
