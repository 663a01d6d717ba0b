//! The catalogue of software: which product a package is, its licence class, and whose list names it.
//!
//! A product is found by the package manager's own name: exactly, or by the beginning of it. Exact beats beginning,
//! a longer beginning beats a shorter one, and a stated publisher beats none. Two products that would match alike
//! are a mistake of the file. There are no regular expressions: a name cannot make matching slow.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use toml::Spanned;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::package::{Manager, Package};

use crate::table::{self, TableFile, TableMistake};
use crate::words::Words;

/// What a licence asks for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LicenceClass {
    /// Open source by its own licence.
    OpenSource,
    /// Costs nothing, but is not open source.
    FreeOfCharge,
    /// Has to be bought.
    Commercial,
    /// Has to be bought after a trial.
    Trial,
    /// Part of a system or of another product; counted with neither.
    OsComponent,
    /// A tool for using software without its licence.
    Activator,
    /// Not known. Never counted as one of the others.
    Unknown,
}

/// A product.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Product {
    /// Stable word, such as `mozilla.firefox`.
    pub id: String,
    /// Name.
    pub name: Words,
    /// Publisher.
    pub publisher: Words,
    /// What it is for: a word.
    pub category: String,
    /// What its licence asks for.
    pub class: LicenceClass,
    /// Its licence as an SPDX expression, where there is one.
    pub spdx: Option<String>,
    /// Whether an agency needs an entitlement to use it.
    pub entitlement: bool,
    /// The kind of tool that a plan wants on every client, such as `unikey` or `office`.
    pub tool: Option<String>,
    /// Clauses whose list names it, whatever its licence.
    pub named_by: Vec<String>,
}

/// The catalogue, checked whole.
#[derive(Clone, Debug)]
pub struct Catalogue {
    products: BTreeMap<String, Product>,
    exact: BTreeMap<(Manager, String), Vec<Matcher>>,
    starts: BTreeMap<(Manager, String), Vec<Matcher>>,
    longest: usize,
    files: Vec<TableFile>,
    digest: Digest,
}

/// A matcher under its name: a publisher's beginning (may be empty) and the product.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Matcher {
    publisher: String,
    product: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CatalogueFile {
    #[expect(dead_code, reason = "the version is for people and for the digest; its presence is checked")]
    version: u32,
    product: Vec<ProductFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProductFile {
    id: Spanned<String>,
    name: NameFile,
    publisher: NameFile,
    category: String,
    class: LicenceClass,
    spdx: Option<Spanned<String>>,
    #[serde(default)]
    entitlement: bool,
    tool: Option<String>,
    #[serde(default)]
    named_by: Vec<Spanned<String>>,
    #[serde(rename = "match")]
    matchers: Vec<Spanned<MatchFile>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NameFile {
    Same(String),
    Both { vi: String, en: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MatchFile {
    on: On,
    #[serde(default)]
    is: Vec<String>,
    #[serde(default)]
    starts: Vec<String>,
    #[serde(default)]
    publisher: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum On {
    Dpkg,
    Rpm,
    Windows,
    Appx,
}

impl Catalogue {
    /// Reads the files; `clauses` are the ids that `named_by` may cite.
    ///
    /// # Errors
    /// Every mistake of every file; a catalogue with a mistake is refused whole.
    pub fn load(files: &[TableFile], clauses: &BTreeSet<&str>) -> Result<Self, Vec<TableMistake>> {
        let mut catalogue = Self {
            products: BTreeMap::new(),
            exact: BTreeMap::new(),
            starts: BTreeMap::new(),
            longest: 0,
            files: files.to_vec(),
            digest: table::digest(files),
        };
        catalogue.files.sort_unstable();
        let mut mistakes = Vec::new();
        for file in &catalogue.files.clone() {
            match file.read::<CatalogueFile>() {
                Ok(written) => {
                    for product in written.product {
                        catalogue.take(file, product, clauses, &mut mistakes);
                    }
                }
                Err(mistake) => mistakes.push(mistake),
            }
        }
        mistakes.sort_unstable();

        if mistakes.is_empty() { Ok(catalogue) } else { Err(mistakes) }
    }

    /// The catalogue that this program was built with.
    ///
    /// # Panics
    /// Never in a released program: a test loads it.
    #[must_use]
    pub fn embedded() -> Self {
        let register = crate::plan::Register::embedded();
        let clauses = register.clauses().map(|clause| clause.id.as_str()).collect();

        Self::load(&embedded(), &clauses).expect("a test loads the files of this build")
    }

    /// The product that this package is, if the catalogue knows it.
    #[must_use]
    pub fn product_of(&self, package: &Package) -> Option<&Product> {
        let name = folded(package.manager, &package.name);
        let publisher = package.vendor.as_deref().unwrap_or_default().to_lowercase();
        let best = |matchers: Option<&Vec<Matcher>>| {
            let fits = matchers?.iter().filter(|matcher| publisher.starts_with(&matcher.publisher));
            let matcher = fits.max_by_key(|matcher| matcher.publisher.len())?;
            self.products.get(&matcher.product)
        };
        if let Some(product) = best(self.exact.get(&(package.manager, name.clone()))) {
            return Some(product);
        }
        let ends = name.char_indices().map(|(at, letter)| at + letter.len_utf8());
        let mut ends: Vec<usize> = ends.take_while(|end| *end <= self.longest).collect();
        ends.reverse();

        ends.into_iter().find_map(|end| best(self.starts.get(&(package.manager, name[..end].to_owned()))))
    }

    /// The product of this id.
    #[must_use]
    pub fn product(&self, id: &str) -> Option<&Product> {
        self.products.get(id)
    }

    /// All products, by id.
    pub fn products(&self) -> impl Iterator<Item = &Product> {
        self.products.values()
    }

    /// The files it was read from.
    #[must_use]
    pub fn files(&self) -> &[TableFile] {
        &self.files
    }

    /// Digest of its files, see [`table::digest`].
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    fn take(
        &mut self,
        file: &TableFile,
        written: ProductFile,
        clauses: &BTreeSet<&str>,
        mistakes: &mut Vec<TableMistake>,
    ) {
        let at = written.id.span().start;
        let id = written.id.into_inner();
        if let Some(spdx) = &written.spdx
            && spdx::Expression::parse(spdx.get_ref()).is_err()
        {
            mistakes.push(file.mistake(
                spdx.span().start,
                &format!("{:?} không phải biểu thức giấy phép SPDX", spdx.get_ref()),
                &format!("{:?} is not an SPDX licence expression", spdx.get_ref()),
            ));
        }
        for clause in written.named_by.iter().filter(|clause| !clauses.contains(clause.get_ref().as_str())) {
            mistakes.push(file.mistake(
                clause.span().start,
                &format!("không có điều khoản {:?}", clause.get_ref()),
                &format!("there is no clause {:?}", clause.get_ref()),
            ));
        }
        for matcher in written.matchers {
            self.take_matcher(file, &id, &matcher, mistakes);
        }
        let product = Product {
            name: words(written.name),
            publisher: words(written.publisher),
            category: written.category,
            class: written.class,
            spdx: written.spdx.map(Spanned::into_inner),
            entitlement: written.entitlement,
            tool: written.tool,
            named_by: written.named_by.into_iter().map(Spanned::into_inner).collect(),
            id: id.clone(),
        };
        if self.products.insert(id.clone(), product).is_some() {
            mistakes.push(file.mistake(
                at,
                &format!("sản phẩm {id:?} có hai lần"),
                &format!("product {id:?} appears twice"),
            ));
        }
    }

    fn take_matcher(
        &mut self,
        file: &TableFile,
        product: &str,
        written: &Spanned<MatchFile>,
        mistakes: &mut Vec<TableMistake>,
    ) {
        let at = written.span().start;
        let matcher = written.get_ref();
        let manager = match matcher.on {
            On::Dpkg => Manager::Dpkg,
            On::Rpm => Manager::Rpm,
            On::Windows => Manager::WindowsUninstall,
            On::Appx => Manager::WindowsAppx,
        };
        if matcher.is.is_empty() && matcher.starts.is_empty() {
            mistakes.push(file.mistake(at, "cần is hoặc starts", "expected is or starts"));
        }
        let publisher = matcher.publisher.to_lowercase();
        let forms = [(&matcher.is, false), (&matcher.starts, true)];
        for (text, is_start) in
            forms.into_iter().flat_map(|(texts, form)| texts.iter().map(move |t| (t, form)))
        {
            if text.chars().count() < NAME_CHARS_MIN {
                mistakes.push(file.mistake(
                    at,
                    &format!("{text:?} quá ngắn, cần ít nhất {NAME_CHARS_MIN} chữ"),
                    &format!("{text:?} is too short, expected at least {NAME_CHARS_MIN} letters"),
                ));
            }
            let name = folded(manager, text);
            if is_start {
                self.longest = self.longest.max(name.len());
            }
            let index = if is_start { &mut self.starts } else { &mut self.exact };
            let here = index.entry((manager, name)).or_default();
            if let Some(other) = here.iter().find(|other| other.publisher == publisher) {
                mistakes.push(file.mistake(
                    at,
                    &format!("{text:?} khớp cả {product} và {}", other.product),
                    &format!("{text:?} matches both {product} and {}", other.product),
                ));
            }
            here.push(Matcher { publisher: publisher.clone(), product: product.to_owned() });
        }
    }
}

/// A name shorter than this would match by chance.
const NAME_CHARS_MIN: usize = 3;

/// Names as they are compared: Windows does not tell capitals from small letters.
fn folded(manager: Manager, name: &str) -> String {
    match manager {
        Manager::Dpkg
        | Manager::Rpm
        | Manager::Apk
        | Manager::Python
        | Manager::Npm
        | Manager::Jar
        | Manager::Snap
        | Manager::Flatpak => name.to_owned(),
        Manager::WindowsUninstall | Manager::WindowsAppx => name.to_lowercase(),
    }
}

fn words(name: NameFile) -> Words {
    match name {
        NameFile::Same(name) => Words { vi: name.clone(), en: name },
        NameFile::Both { vi, en } => Words { vi, en },
    }
}

/// The files of this build.
#[must_use]
pub fn embedded() -> Vec<TableFile> {
    [
        ("catalogue/software/activators.toml", include_str!("../catalogue/software/activators.toml")),
        ("catalogue/software/microsoft.toml", include_str!("../catalogue/software/microsoft.toml")),
        ("catalogue/software/named.toml", include_str!("../catalogue/software/named.toml")),
        ("catalogue/software/tools.toml", include_str!("../catalogue/software/tools.toml")),
        ("catalogue/software/vietnam.toml", include_str!("../catalogue/software/vietnam.toml")),
    ]
    .map(|(path, text)| TableFile::new(path, text))
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use vonggac_protocol::package::LicenceBasis;

    fn package(manager: Manager, name: &str, vendor: &str) -> Package {
        Package {
            manager,
            name: name.to_owned(),
            architecture: String::new(),
            version: "1".to_owned(),
            source: None,
            source_version: None,
            section: None,
            vendor: Some(vendor.to_owned()),
            licence: None,
            licence_basis: LicenceBasis::Unknown,
            installed_at: None,
            in_repository: None,
            origin: None,
            automatic: None,
            module: None,
            place: None,
            copies: None,
            install_source: None,
            users: None,
        }
    }

    fn catalogue(text: &str) -> Result<Catalogue, Vec<TableMistake>> {
        Catalogue::load(&[TableFile::new("c.toml", text)], &BTreeSet::from(["p/1"]))
    }

    fn product(id: &str, rest: &str) -> String {
        format!(
            "[[product]]\nid = \"{id}\"\nname = \"N\"\npublisher = \"P\"\ncategory = \"c\"\nclass = \"commercial\"\n{rest}\n"
        )
    }

    #[test]
    fn the_catalogue_of_this_build_has_no_mistake_and_finds_what_it_should() {
        let register = crate::plan::Register::embedded();
        let clauses = register.clauses().map(|clause| clause.id.as_str()).collect();
        let catalogue =
            Catalogue::load(&embedded(), &clauses).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
        let found = |manager, name: &str, vendor: &str| {
            catalogue
                .product_of(&package(manager, name, vendor))
                .map_or("none", |product| product.id.as_str())
        };

        assert_eq!(found(Manager::Dpkg, "firefox-esr", ""), "mozilla.firefox");
        assert_eq!(found(Manager::Dpkg, "google-chrome-stable", ""), "google.chrome");
        assert_eq!(found(Manager::Dpkg, "fcitx5-unikey", ""), "unikey-linux");
        assert_eq!(found(Manager::WindowsUninstall, "UniKey 4.3 RC5", ""), "unikey");
        assert_eq!(found(Manager::WindowsUninstall, "KMSPICO v10.2.0", "@ByELDI"), "activator.kms");
        assert_eq!(
            found(
                Manager::WindowsUninstall,
                "Microsoft Office Professional Plus 2016",
                "Microsoft Corporation"
            ),
            "microsoft.office"
        );
        assert_eq!(
            found(Manager::WindowsUninstall, "Microsoft Office Proofing Tools 2016", "Microsoft Corporation"),
            "microsoft.office.component"
        );
        for (name, product) in [
            ("Microsoft Office Word MUI (Vietnamese) 2010", "microsoft.office.component"),
            ("Microsoft Access MUI (English) 2016", "microsoft.office.component"),
            ("Microsoft Office Access 2010", "microsoft.office"),
            ("WinRAR 7.01 (64-bit)", "rarlab.winrar"),
            ("Foxit PDF Reader", "foxit.reader"),
            ("Nitro Pro", "nitro"),
            ("Bitdefender Antivirus Free", "bitdefender.free"),
            ("Bitdefender Endpoint Security Tools", "bitdefender"),
            ("Avast Premium Security", "avast.paid"),
            ("MISA SME.NET 2023", "misa"),
            ("ECUS5VNACCS", "ecus"),
            ("VNPT iOffice", "vnpt.ioffice"),
            ("KMSAuto Net", "activator.kms"),
        ] {
            assert_eq!(found(Manager::WindowsUninstall, name, ""), product, "{name}");
        }
        assert_eq!(found(Manager::WindowsUninstall, "Windows 7 Loader", "Daz"), "activator.toolkit");
        assert_eq!(found(Manager::Dpkg, "bash", ""), "none");
        assert_eq!(found(Manager::Rpm, "Firefox", ""), "none");
        assert!(catalogue.products().count() > 140, "{}", catalogue.products().count());
    }

    #[test]
    fn exact_beats_beginning_longer_beats_shorter_and_a_publisher_beats_none() {
        let text = [
            "version = 1\n".to_owned(),
            product("short", "match = [{ on = \"windows\", starts = [\"Tool\"] }]"),
            product("long", "match = [{ on = \"windows\", starts = [\"Tool Pro\"] }]"),
            product(
                "theirs",
                "match = [{ on = \"windows\", starts = [\"Tool Pro\"], publisher = \"Acme\" }]",
            ),
            product("exact", "match = [{ on = \"windows\", is = [\"Tool Professional\"] }]"),
        ];
        let catalogue = catalogue(&text.concat()).unwrap();
        let found = |name: &str, vendor: &str| {
            let package = package(Manager::WindowsUninstall, name, vendor);
            catalogue.product_of(&package).map(|product| product.id.clone())
        };

        assert_eq!(found("tool 3", "").as_deref(), Some("short"));
        assert_eq!(found("Tool Pro 3", "").as_deref(), Some("long"));
        assert_eq!(found("Tool Pro 3", "ACME Ltd").as_deref(), Some("theirs"));
        assert_eq!(found("TOOL PROFESSIONAL", "ACME Ltd").as_deref(), Some("exact"));
        assert_eq!(found("Too", ""), None);
        assert_eq!(found("Công cụ", ""), None);
    }

    #[test]
    fn a_tie_an_unknown_clause_and_a_wrong_licence_are_mistakes_with_their_lines() {
        let tie = [
            "version = 1\n".to_owned(),
            product("one", "match = [{ on = \"dpkg\", is = [\"abc\"] }]"),
            product("two", "match = [{ on = \"dpkg\", is = [\"abc\"] }]"),
        ];
        let mistakes = catalogue(&tie.concat()).unwrap_err();
        assert!(mistakes[0].problem.en.contains("matches both"), "{mistakes:?}");
        assert_eq!(mistakes[0].line, 15, "{mistakes:?}");

        let wrong = |rest: &str| {
            catalogue(&format!("version = 1\n{}", product("x", rest))).unwrap_err()[0].problem.en.clone()
        };
        assert!(wrong("named_by = [\"p/2\"]\nmatch = []").contains("no clause"));
        assert!(wrong("spdx = \"Nothing\"\nmatch = []").contains("SPDX"));
        assert!(wrong("match = [{ on = \"dpkg\" }]").contains("expected is or starts"));
        assert!(wrong("match = [{ on = \"dpkg\", is = [\"a\"] }]").contains("too short"));
    }
}
