//! From the text of a rule file to rules and their detections, gathering every mistake on the way.
//!
//! | file | subject |
//! |---|---|
//! | `sheet` | a document, its values and their lines |
//! | `collection` | actions and placeholders: rules written out in full |
//! | `mapping` | log sources of Sigma's taxonomy that are ours by another name |
//! | `sigma` | the Sigma part: form, names, log source, fields |
//! | `correlation` | which rules are counted, and how |
//! | `filter` | what rules leave out |
//! | `block` | our own block: people's words, clauses, plan |
//! | `cases` | the tests that a rule carries |

mod block;
mod cases;
mod collection;
mod correlation;
mod filter;
mod mapping;
mod sheet;
mod sigma;

use std::collections::{BTreeMap, BTreeSet};

use rsigma_eval::EvalError;
use rsigma_parser::{CorrelationRule, FilterRule, SigmaRule};

use crate::mistake::{Code, Mistake};
use crate::ruleset::{CountedBy, RULE_FILE_BYTES_MAX, Rule, RuleSource};
use crate::text::{Document, documents};
use crate::words::Words;
pub(crate) use filter::Filter;
use sheet::Sheet;

/// What was read.
#[derive(Default)]
pub(crate) struct Read {
    pub(crate) rules: Vec<Rule>,
    pub(crate) detections: Vec<Detection>,
    pub(crate) filters: Vec<Filter>,
    /// Counting rules by the counting rule whose conclusions they count.
    pub(crate) chains: BTreeMap<usize, Vec<CountedBy>>,
    pub(crate) mistakes: Vec<Mistake>,
    /// Where each name and id was given.
    taken: BTreeMap<String, String>,
}

/// The compilable part of a rule.
pub(crate) struct Detection {
    pub(crate) sigma: SigmaRule,
    pub(crate) uuid: String,
    pub(crate) category: String,
    /// The rule whose finding a match is.
    pub(crate) rule: Option<usize>,
    /// The rules that count its matches.
    pub(crate) counted_by: Vec<CountedBy>,
    path: String,
    line: usize,
}

impl Detection {
    /// The mistake of a detection that the engine refuses.
    pub(crate) fn uncompilable(&self, error: &EvalError) -> Mistake {
        uncompilable(&self.path, self.line, error)
    }
}

fn uncompilable(path: &str, line: usize, error: &EvalError) -> Mistake {
    let error = sheet::one_line(&error.to_string());

    Mistake {
        path: path.to_owned(),
        line,
        code: Code::R002,
        problem: Words {
            vi: format!("phần detection không biên dịch được: {error}"),
            en: format!("the detection cannot be compiled: {error}"),
        },
        hint: Words {
            vi: "Kiểm tra biểu thức chính quy, dải địa chỉ và toán tử của từng trường".to_owned(),
            en: "Check regular expressions, address ranges and modifiers".to_owned(),
        },
    }
}

/// A document of a file, its Sigma part parsed.
struct Parsed<'a> {
    sheet: Sheet<'a>,
    form: Form,
    category: Option<String>,
    /// Name and id, with which correlations and filters refer to it.
    names: Vec<String>,
}

enum Form {
    Detection(Box<SigmaRule>),
    Correlation(Box<CorrelationRule>),
    Filter(Box<FilterRule>),
}

/// Reads all files: what one of them says may concern rules of another.
pub(crate) fn files(sources: &[RuleSource], clauses: &BTreeSet<String>) -> Read {
    let mut read = Read::default();
    let mut files: Vec<(&RuleSource, Vec<Document>)> = Vec::new();
    for source in sources {
        if source.text.len() > RULE_FILE_BYTES_MAX {
            read.mistakes.push(too_large(source));
            continue;
        }
        let documents = documents(&source.text);
        if documents.is_empty() {
            read.mistakes.push(empty(source));
        }
        files.push((source, documents));
    }
    let sheets = collection::sheets(&files, &mut read.mistakes);
    let mut parsed: Vec<Parsed<'_>> = Vec::new();
    for sheet in sheets {
        parsed.extend(parse(sheet, &mut read));
    }
    let counted = counted_names(&parsed);
    for file in parsed.chunk_by(|one, next| one.sheet.path == next.sheet.path) {
        for one in file {
            if let Form::Detection(sigma) = &one.form {
                let named = one.names.iter().any(|name| counted.contains(name));
                detection(one, sigma, named, clauses, &mut read);
            }
        }
        for one in file {
            if let Form::Correlation(correlation) = &one.form {
                counting(one, correlation, &parsed, clauses, &mut read);
            }
        }
    }
    link(&mut read);
    for one in &parsed {
        if let Form::Filter(rule) = &one.form {
            filter::read(one, rule, &mut read);
        }
    }

    read
}

fn parse<'a>(sheet: Sheet<'a>, read: &mut Read) -> Option<Parsed<'a>> {
    sigma::refuse_unknown_keys(&sheet, &mut read.mistakes);
    let form = sigma::form(&sheet, &mut read.mistakes);
    let names = sigma::names(&sheet, &mut read.taken, &mut read.mistakes);
    let category = match &form {
        Some(Form::Detection(rule)) => sigma::category(&sheet, rule, &mut read.mistakes),
        Some(Form::Correlation(_) | Form::Filter(_)) | None => None,
    };
    if form.is_none() && !sheet.has("filter") {
        // Its own block is read all the same, so that all mistakes are told at once.
        block::read(&sheet, &[], false, clauses_unknown(), &mut read.mistakes);
    }

    Some(Parsed { sheet, form: form?, category, names })
}

/// While the Sigma part cannot be read, clauses are not judged.
fn clauses_unknown() -> Option<&'static BTreeSet<String>> {
    None
}

fn counted_names(parsed: &[Parsed<'_>]) -> BTreeSet<String> {
    parsed
        .iter()
        .filter_map(|one| match &one.form {
            Form::Correlation(correlation) => Some(correlation.rules.clone()),
            Form::Detection(_) | Form::Filter(_) => None,
        })
        .flatten()
        .collect()
}

fn detection(
    one: &Parsed<'_>,
    sigma: &SigmaRule,
    counted: bool,
    clauses: &BTreeSet<String>,
    read: &mut Read,
) {
    let Some(category) = one.category.as_deref().and_then(crate::fields::category) else {
        block::read(&one.sheet, &[], false, Some(clauses), &mut read.mistakes);
        return;
    };
    sigma::refuse_old_counting(&one.sheet, &mut read.mistakes);
    sigma::check_fields(&one.sheet, "detection", category, &mut read.mistakes);
    let silent = counted && !one.sheet.has("vonggac");
    let rule = match silent {
        true => None,
        false => block::read(&one.sheet, &[category], false, Some(clauses), &mut read.mistakes),
    };
    let Some(uuid) = sigma.id.clone() else { return };
    let mut sigma = sigma.clone();
    sigma.custom_attributes.clear();
    let rule = rule.map(|rule| {
        read.rules.push(rule);
        read.rules.len() - 1
    });
    read.detections.push(Detection {
        sigma,
        uuid,
        category: category.name.to_owned(),
        rule,
        counted_by: Vec::new(),
        path: one.sheet.path.to_owned(),
        line: one.sheet.line(&["detection"]),
    });
}

fn counting(
    one: &Parsed<'_>,
    rule: &CorrelationRule,
    parsed: &[Parsed<'_>],
    clauses: &BTreeSet<String>,
    read: &mut Read,
) {
    let mistakes_before = read.mistakes.len();
    let sources = correlation::sources(one, rule, parsed, &mut read.mistakes);
    let count = correlation::count(&one.sheet, rule, sources.as_ref(), &mut read.mistakes);
    let all = correlation::all(sources.as_ref());
    let rule = block::read(&one.sheet, &all, true, Some(clauses), &mut read.mistakes);
    let (Some(mut rule), Some(count)) = (rule, count) else { return };
    if read.mistakes.len() > mistakes_before {
        return;
    }
    rule.counts = Some(count);
    read.rules.push(rule);
}

/// Tells every counted rule who counts it.
fn link(read: &mut Read) {
    let Read { rules, detections, chains, .. } = read;
    for (at, rule) in rules.iter().enumerate() {
        for (step, wanted) in rule.counts.iter().flat_map(|count| &count.rules).enumerate() {
            let by = CountedBy { rule: at, step };
            for detection in detections.iter_mut() {
                let names = [Some(&detection.uuid), detection.sigma.name.as_ref()];
                if names.contains(&Some(wanted)) {
                    detection.counted_by.push(by);
                }
            }
            let counting = |(_, other): &(usize, &Rule)| {
                other.counts.is_some() && (other.name == *wanted || other.uuid == *wanted)
            };
            for (other, _) in rules.iter().enumerate().filter(counting) {
                chains.entry(other).or_default().push(by);
            }
        }
    }
}

fn too_large(source: &RuleSource) -> Mistake {
    let (found, most) = (source.text.len(), RULE_FILE_BYTES_MAX);

    Mistake {
        path: source.path.clone(),
        line: 1,
        code: Code::R014,
        problem: Words {
            vi: format!("tệp dài {found} byte, tối đa {most} byte"),
            en: format!("the file has {found} bytes, at most {most} are accepted"),
        },
        hint: Words {
            vi: "Chia thành nhiều tệp".to_owned(), en: "Split it into several files".to_owned()
        },
    }
}

fn empty(source: &RuleSource) -> Mistake {
    Mistake {
        path: source.path.clone(),
        line: 1,
        code: Code::R001,
        problem: Words {
            vi: "tệp không có luật phát hiện nào".to_owned(),
            en: "the file holds no rule".to_owned(),
        },
        hint: Words {
            vi: "Thêm một luật theo docs/adding-a-rule.md hoặc xóa tệp".to_owned(),
            en: "Add a rule as docs/adding-a-rule.md says, or remove the file".to_owned(),
        },
    }
}
