//! The register: plans of provinces, their clauses, and the terms that these use.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use toml::Spanned;
use vonggac_protocol::digest::Digest;

use crate::clause::{Clause, Measure, Priority};
use crate::table::{self, TableFile, TableMistake};
use crate::words::Words;

/// A title longer than this is a quotation, not a line.
const TITLE_CHARS_MAX: usize = 140;

/// A plan: a directive, decision or plan of a province, as a register of clauses.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Plan {
    /// Its word, `lang-son-19-2015`.
    pub id: String,
    /// Version of our register of it; grows with every change.
    pub version: u32,
    /// The province.
    pub province: Words,
    /// What it is, in our own words.
    pub title: Words,
    /// Number of the document, where it is known.
    pub number: Option<String>,
    /// Day of the document, `YYYY-MM-DD`, where it is known.
    pub date: Option<String>,
    /// From which day its clauses count, `YYYY-MM-DD`.
    pub start: String,
    /// What is not known about it.
    pub note: Option<Words>,
}

/// Words that clauses use, with their names.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Terms {
    /// Roles of an organisation, never persons.
    pub roles: BTreeMap<String, Words>,
    /// Themes.
    pub themes: BTreeMap<String, Words>,
    /// Records to be imported (`C.…`) or signed (`A.…`).
    pub records: BTreeMap<String, Words>,
}

/// All plans and clauses, checked whole.
#[derive(Clone, Debug)]
pub struct Register {
    plans: Vec<Plan>,
    clauses: BTreeMap<String, Clause>,
    order: Vec<String>,
    terms: Terms,
    files: Vec<TableFile>,
    digest: Digest,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TextFile {
    vi: String,
    en: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TermFile {
    id: Spanned<String>,
    vi: String,
    en: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TermsFile {
    role: Vec<TermFile>,
    theme: Vec<TermFile>,
    record: Vec<TermFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    plan: HeaderFile,
    clause: Vec<ClauseFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderFile {
    id: Spanned<String>,
    version: u32,
    province: TextFile,
    title: TextFile,
    number: Option<String>,
    date: Option<Spanned<String>>,
    start: Spanned<String>,
    note: Option<TextFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClauseFile {
    id: Spanned<String>,
    number: String,
    #[serde(default)]
    part: String,
    title: Spanned<TextFile>,
    theme: Spanned<String>,
    owners: Spanned<Vec<String>>,
    due: TextFile,
    measurable: Spanned<Vec<Measure>>,
    #[serde(default = "no_needs")]
    needs: Spanned<Vec<String>>,
    priority: Priority,
}

fn no_needs() -> Spanned<Vec<String>> {
    Spanned::new(0..0, Vec::new())
}

impl Register {
    /// Reads the files: one `terms.toml`, and a `clauses.toml` for each plan.
    ///
    /// # Errors
    /// Every mistake of every file; a register with a mistake is refused whole.
    pub fn load(files: &[TableFile]) -> Result<Self, Vec<TableMistake>> {
        let mut mistakes = Vec::new();
        let mut terms = Terms::default();
        for file in files.iter().filter(|file| file.name() == "terms.toml") {
            match file.read::<TermsFile>() {
                Ok(written) => terms = checked_terms(file, written, &mut mistakes),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        let mut register = Self {
            plans: Vec::new(),
            clauses: BTreeMap::new(),
            order: Vec::new(),
            terms,
            files: files.to_vec(),
            digest: table::digest(files),
        };
        register.files.sort_unstable();
        let order = register.files.clone();
        for file in order.iter().filter(|file| file.name() != "terms.toml") {
            match file.read::<PlanFile>() {
                Ok(written) => register.take(file, written, &mut mistakes),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        mistakes.sort_unstable();

        if mistakes.is_empty() { Ok(register) } else { Err(mistakes) }
    }

    /// The register that this program was built with.
    ///
    /// # Panics
    /// Never in a released program: a test loads it.
    #[must_use]
    pub fn embedded() -> Self {
        Self::load(&embedded()).expect("a test loads the files of this build")
    }

    /// The clause of this id.
    #[must_use]
    pub fn clause(&self, id: &str) -> Option<&Clause> {
        self.clauses.get(id)
    }

    /// All clauses: plan by plan, in the order of the document.
    pub fn clauses(&self) -> impl Iterator<Item = &Clause> {
        self.order.iter().filter_map(|id| self.clauses.get(id))
    }

    /// All plans, by id.
    #[must_use]
    pub fn plans(&self) -> &[Plan] {
        &self.plans
    }

    /// The plan of this id.
    #[must_use]
    pub fn plan(&self, id: &str) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.id == id)
    }

    /// The words that clauses use.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.terms
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

    fn take(&mut self, file: &TableFile, written: PlanFile, mistakes: &mut Vec<TableMistake>) {
        let header = written.plan;
        let at = header.id.span().start;
        let id = header.id.into_inner();
        if !is_word(&id) || self.plan(&id).is_some() {
            mistakes.push(file.mistake(
                at,
                &format!("mã kế hoạch {id:?} sai mẫu hoặc đã có; cần a-z, 0-9, dấu -"),
                &format!("plan id {id:?} is malformed or used twice; expected a-z, 0-9 and -"),
            ));
        }
        for day in header.date.iter().chain([&header.start]) {
            if !table::is_day(day.get_ref()) {
                mistakes.push(file.mistake(
                    day.span().start,
                    &format!("{:?} không phải ngày dạng YYYY-MM-DD", day.get_ref()),
                    &format!("{:?} is not a day, expected YYYY-MM-DD", day.get_ref()),
                ));
            }
        }
        for clause in written.clause {
            let at = clause.id.span().start;
            let clause = checked_clause(file, &id, clause, &self.terms, mistakes);
            if self.clauses.contains_key(&clause.id) {
                mistakes.push(file.mistake(
                    at,
                    &format!("điều khoản {} có hai lần", clause.id),
                    &format!("clause {} appears twice", clause.id),
                ));
            }
            self.order.push(clause.id.clone());
            self.clauses.insert(clause.id.clone(), clause);
        }
        self.plans.push(Plan {
            id,
            version: header.version,
            province: words(header.province),
            title: words(header.title),
            number: header.number,
            date: header.date.map(Spanned::into_inner),
            start: header.start.into_inner(),
            note: header.note.map(words),
        });
    }
}

fn words(text: TextFile) -> Words {
    Words { vi: text.vi, en: text.en }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

fn checked_terms(file: &TableFile, written: TermsFile, mistakes: &mut Vec<TableMistake>) -> Terms {
    let mut collect = |list: Vec<TermFile>| {
        let mut known = BTreeMap::new();
        for term in list {
            let at = term.id.span().start;
            let id = term.id.into_inner();
            let empty = term.vi.is_empty() || term.en.is_empty();
            if known.insert(id.clone(), Words { vi: term.vi, en: term.en }).is_some() || empty {
                mistakes.push(file.mistake(
                    at,
                    &format!("từ {id:?} có hai lần hoặc thiếu tên"),
                    &format!("word {id:?} appears twice or lacks a name"),
                ));
            }
        }
        known
    };

    Terms { roles: collect(written.role), themes: collect(written.theme), records: collect(written.record) }
}

fn checked_clause(
    file: &TableFile,
    plan: &str,
    written: ClauseFile,
    terms: &Terms,
    mistakes: &mut Vec<TableMistake>,
) -> Clause {
    let at = written.id.span().start;
    let id = written.id.into_inner();
    if !id.strip_prefix(plan).is_some_and(|rest| rest.len() > 1 && rest.starts_with('/')) {
        mistakes.push(file.mistake(
            at,
            &format!("mã {id:?} phải bắt đầu bằng {plan}/"),
            &format!("id {id:?} must begin with {plan}/"),
        ));
    }
    let title = written.title.get_ref();
    for text in [&title.vi, &title.en, &written.due.vi, &written.due.en] {
        if text.trim().is_empty() || text.contains('\n') || text.chars().count() > TITLE_CHARS_MAX {
            mistakes.push(file.mistake(
                written.title.span().start,
                &format!("cần một dòng từ 1 đến {TITLE_CHARS_MAX} chữ, cả tiếng Việt và tiếng Anh"),
                &format!("expected one line of 1 to {TITLE_CHARS_MAX} letters, in Vietnamese and in English"),
            ));
        }
    }
    let mut unknown = |at: usize, word: &str, known: &BTreeMap<String, Words>| {
        if !known.contains_key(word) {
            mistakes.push(file.mistake(
                at,
                &format!("từ {word:?} không có trong terms.toml"),
                &format!("word {word:?} is not in terms.toml"),
            ));
        }
    };
    unknown(written.theme.span().start, written.theme.get_ref(), &terms.themes);
    for owner in written.owners.get_ref() {
        unknown(written.owners.span().start, owner, &terms.roles);
    }
    for record in written.needs.get_ref() {
        unknown(written.needs.span().start, record, &terms.records);
    }
    let distinct: BTreeSet<_> = written.measurable.get_ref().iter().collect();
    if distinct.is_empty()
        || distinct.len() != written.measurable.get_ref().len()
        || written.owners.get_ref().is_empty()
    {
        mistakes.push(file.mistake(
            at,
            "owners và measurable phải có ít nhất một mục, không trùng",
            "owners and measurable need at least one entry, none of them twice",
        ));
    }
    let title = words(written.title.into_inner());

    Clause {
        id,
        plan: plan.to_owned(),
        number: written.number,
        part: written.part,
        title,
        theme: written.theme.into_inner(),
        owners: written.owners.into_inner(),
        due: words(written.due),
        measurable: written.measurable.into_inner(),
        needs: written.needs.into_inner(),
        priority: written.priority,
    }
}

/// The files of this build.
#[must_use]
pub fn embedded() -> Vec<TableFile> {
    [
        ("plans/terms.toml", include_str!("../../plans/terms.toml")),
        ("plans/bac-ninh-388-2018/clauses.toml", include_str!("../../plans/bac-ninh-388-2018/clauses.toml")),
        ("plans/hai-duong-ct-2011/clauses.toml", include_str!("../../plans/hai-duong-ct-2011/clauses.toml")),
        ("plans/lang-son-19-2015/clauses.toml", include_str!("../../plans/lang-son-19-2015/clauses.toml")),
        ("plans/lao-cai-332-2017/clauses.toml", include_str!("../../plans/lao-cai-332-2017/clauses.toml")),
        ("plans/thai-binh-qd-2015/clauses.toml", include_str!("../../plans/thai-binh-qd-2015/clauses.toml")),
    ]
    .map(|(path, text)| TableFile::new(path, text))
    .to_vec()
}

#[cfg(test)]
mod tests;
