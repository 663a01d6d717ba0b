//! What a snapshot is made by: rules, plans, catalogue and ends of support, as files and as relied upon.

use std::collections::BTreeSet;

use vonggac_rules::catalogue::Catalogue;
use vonggac_rules::plan::Register;
use vonggac_rules::ruleset::{RuleSet, RuleSource};
use vonggac_rules::support::SupportTable;
use vonggac_rules::table::TableFile;
use vonggac_rules::words::Language;

/// The files, and what they say.
#[derive(Debug)]
pub struct Book {
    /// Rule files, in order of path.
    pub sources: Vec<RuleSource>,
    /// The rules.
    pub rules: RuleSet,
    /// Plans and clauses.
    pub register: Register,
    /// Products.
    pub catalogue: Catalogue,
    /// Ends of support.
    pub support: SupportTable,
}

/// Mistakes, as lines for people.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct BrokenBook(pub Vec<String>);

impl Book {
    /// Reads and checks everything. Tables are told apart by path: `plans/…`, `catalogue/support.toml`,
    /// `catalogue/software/…`.
    ///
    /// # Errors
    /// With every mistake of the first kind of file that has one.
    pub fn load(
        mut sources: Vec<RuleSource>,
        tables: &[TableFile],
        language: Language,
    ) -> Result<Self, BrokenBook> {
        let below = |folder: &str| -> Vec<TableFile> {
            tables.iter().filter(|file| file.path.starts_with(folder)).cloned().collect()
        };
        let shown = |mistakes: Vec<vonggac_rules::table::TableMistake>| {
            BrokenBook(mistakes.iter().map(|mistake| mistake.shown(language)).collect())
        };
        let register = Register::load(&below("plans/")).map_err(shown)?;
        let clauses: BTreeSet<&str> = register.clauses().map(|clause| clause.id.as_str()).collect();
        let catalogue = Catalogue::load(&below("catalogue/software/"), &clauses).map_err(shown)?;
        let support = tables.iter().find(|file| file.path == "catalogue/support.toml");
        let support = support
            .ok_or_else(|| BrokenBook(vec!["catalogue/support.toml: ?".to_owned()]))
            .map(SupportTable::load)?;
        let support = support.map_err(shown)?;
        sources.sort_by(|one, other| one.path.cmp(&other.path));
        let clauses = clauses.into_iter().map(str::to_owned).collect();
        let rules = RuleSet::load(sources.clone(), &clauses)
            .map_err(|mistakes| BrokenBook(mistakes.iter().map(|m| m.shown(language)).collect()))?;

        Ok(Self { sources, rules, register, catalogue, support })
    }

    /// Every file, in order of path.
    #[must_use]
    pub fn files(&self) -> Vec<(String, &str)> {
        let rules = self.sources.iter().map(|source| (source.path.clone(), source.text.as_str()));
        let tables = self.register.files().iter().chain(self.catalogue.files()).chain([self.support.file()]);
        let mut files: Vec<(String, &str)> =
            rules.chain(tables.map(|file| (file.path.clone(), file.text.as_str()))).collect();
        files.sort_unstable();

        files
    }

    /// Names of the rules that cite a clause.
    #[must_use]
    pub fn rules_for(&self, clause: &str) -> Vec<&vonggac_rules::ruleset::Rule> {
        self.rules.rules().iter().filter(|rule| rule.clauses.iter().any(|cited| cited == clause)).collect()
    }
}
