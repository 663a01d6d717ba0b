//! From the text of a rule file to rules and their detections, gathering every mistake on the way.
//!
//! | file | subject |
//! |---|---|
//! | `sheet` | a document, its values and their lines |
//! | `sigma` | the Sigma part: log source, fields, counting |
//! | `block` | our own block: people's words, clauses, plan |
//! | `cases` | the tests that a rule carries |

mod block;
mod cases;
mod sheet;
mod sigma;

use std::collections::{BTreeMap, BTreeSet};

use rsigma_eval::EvalError;
use rsigma_parser::{CorrelationRule, SigmaRule};

use crate::mistake::{Code, Mistake};
use crate::ruleset::{RULE_FILE_BYTES_MAX, Rule, RuleSource};
use crate::text::{Document, documents};
use crate::words::Words;
use sheet::Sheet;

/// What was read so far.
#[derive(Default)]
pub(crate) struct Read {
    pub(crate) rules: Vec<Rule>,
    pub(crate) detections: Vec<Detection>,
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
    pub(crate) counted_by: Vec<usize>,
    path: String,
    line: usize,
}

impl Detection {
    /// The mistake of a detection that the engine refuses.
    pub(crate) fn uncompilable(&self, error: &EvalError) -> Mistake {
        let error = sheet::one_line(&error.to_string());

        Mistake {
            path: self.path.clone(),
            line: self.line,
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
}

/// A document of a file, its Sigma part parsed.
struct Parsed<'a> {
    sheet: Sheet<'a>,
    form: Form,
    category: Option<String>,
    /// Name and id, with which correlations refer to it.
    names: Vec<String>,
}

enum Form {
    Detection(Box<SigmaRule>),
    Correlation(Box<CorrelationRule>),
}

/// Reads one file.
pub(crate) fn file(source: &RuleSource, clauses: &BTreeSet<String>, read: &mut Read) {
    if source.text.len() > RULE_FILE_BYTES_MAX {
        read.mistakes.push(too_large(source));
        return;
    }
    let documents = documents(&source.text);
    if documents.is_empty() {
        read.mistakes.push(empty(source));
    }
    let mut parsed: Vec<Parsed<'_>> = Vec::new();
    for document in &documents {
        parsed.extend(parse(source, document, read));
    }
    let counted = counted_names(&parsed);
    let first_detection = read.detections.len();
    for one in &parsed {
        if let Form::Detection(sigma) = &one.form {
            let named = one.names.iter().any(|name| counted.contains(name));
            detection(one, sigma, named, clauses, read);
        }
    }
    let counted_from = &parsed;
    for one in &parsed {
        if let Form::Correlation(correlation) = &one.form {
            counting(one, correlation, counted_from, first_detection, clauses, read);
        }
    }
}

fn parse<'a>(source: &'a RuleSource, document: &'a Document, read: &mut Read) -> Option<Parsed<'a>> {
    let sheet = Sheet::open(&source.path, document, &mut read.mistakes)?;
    sigma::refuse_foreign_forms(&sheet, &mut read.mistakes)?;
    sigma::refuse_unknown_keys(&sheet, &mut read.mistakes);
    let form = sigma::form(&sheet, &mut read.mistakes);
    let names = sigma::names(&sheet, &mut read.taken, &mut read.mistakes);
    let category = match &form {
        Some(Form::Detection(rule)) => sigma::category(&sheet, rule, &mut read.mistakes),
        Some(Form::Correlation(_)) | None => None,
    };
    if form.is_none() {
        // Its own block is read all the same, so that all mistakes are told at once.
        block::read(&sheet, None, false, clauses_unknown(), &mut read.mistakes);
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
            Form::Detection(_) => None,
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
        block::read(&one.sheet, None, false, Some(clauses), &mut read.mistakes);
        return;
    };
    sigma::check_fields(&one.sheet, category, &mut read.mistakes);
    let silent = counted && !one.sheet.has("vonggac");
    let rule = match silent {
        true => None,
        false => block::read(&one.sheet, Some(category), false, Some(clauses), &mut read.mistakes),
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
    correlation: &CorrelationRule,
    parsed: &[Parsed<'_>],
    first_detection: usize,
    clauses: &BTreeSet<String>,
    read: &mut Read,
) {
    let mistakes_before = read.mistakes.len();
    let counted: Vec<&Parsed<'_>> = parsed
        .iter()
        .filter(|other| {
            matches!(other.form, Form::Detection(_))
                && other.names.iter().any(|name| correlation.rules.contains(name))
        })
        .collect();
    let category = sigma::common_category(&one.sheet, correlation, &counted, &mut read.mistakes);
    let count = sigma::count(&one.sheet, correlation, category, &mut read.mistakes);
    let rule = block::read(&one.sheet, category, true, Some(clauses), &mut read.mistakes);
    let (Some(mut rule), Some(count)) = (rule, count) else { return };
    if read.mistakes.len() > mistakes_before {
        return;
    }
    rule.counts = Some(count);
    read.rules.push(rule);
    let at = read.rules.len() - 1;
    for detection in read.detections.iter_mut().skip(first_detection) {
        let names = [Some(&detection.uuid), detection.sigma.name.as_ref()];
        if names.into_iter().flatten().any(|name| correlation.rules.contains(name)) {
            detection.counted_by.push(at);
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
