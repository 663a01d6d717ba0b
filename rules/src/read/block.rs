//! Our own block: the words people read, clauses, owner, plan, subject.

use std::collections::BTreeSet;

use yaml_serde::Value;

use super::cases;
use super::sheet::{Part, Sheet, shown};
use crate::fields::{COMMON, COUNTED, Category, SUBJECT};
use crate::finding::Severity;
use crate::mistake::{Code, Mistake};
use crate::owner::{OWNERS, owner};
use crate::ruleset::{Join, Rule, Step as PlanStep};
use crate::text::Step;
use crate::words::{Piece, Words, pieces};

const KEYS: &[&str] = &[
    "title_vi",
    "description_vi",
    "clauses",
    "owner",
    "join",
    "matter",
    "subject",
    "sentence_vi",
    "sentence_en",
    "falsepositives_vi",
    "plan",
    "tests",
];
const PLAN_KEYS: &[&str] = &["who", "within", "vi", "en"];

/// Reads the block of a rule; `None` if anything in it is missing. Without categories its fields are not judged,
/// without clauses its clauses are not.
pub(super) fn read(
    sheet: &Sheet<'_>,
    categories: &[&Category],
    counts: bool,
    clauses: Option<&BTreeSet<String>>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Rule> {
    let top = Part { sheet, steps: Vec::new(), values: &sheet.whole };
    let title = top.text("title", mistakes);
    let description = top.text("description", mistakes);
    let severity = severity(&top, mistakes);
    let Some(Value::Mapping(values)) = sheet.whole.get("vonggac") else {
        mistakes.push(no_block(sheet));
        return None;
    };
    let part = Part { sheet, steps: vec![Step::Key("vonggac")], values };
    part.refuse_keys_but(KEYS, mistakes);
    let title_vi = part.text("title_vi", mistakes);
    let description_vi = part.text("description_vi", mistakes);
    let sentence_vi = sentence(&part, "sentence_vi", categories, counts, mistakes);
    let sentence_en = sentence(&part, "sentence_en", categories, counts, mistakes);
    let clauses = clause_ids(&part, clauses, mistakes);
    let answers = role(&part, "owner", mistakes);
    let join = join(&part, mistakes);
    let matter = matter(&part, mistakes);
    let subject = subject(&part, categories, mistakes);
    let false_positives = false_positives(&top, &part, mistakes);
    let plan = plan(&part, mistakes);
    let cases = cases::read(&part, categories, mistakes);

    let name = sheet.whole.get("name")?.as_str()?.to_owned();

    Some(Rule {
        matter: matter?.unwrap_or_else(|| name.clone()),
        name,
        uuid: sheet.whole.get("id")?.as_str()?.to_owned(),
        path: sheet.path.to_owned(),
        line: sheet.line(&[]),
        title: Words { vi: title_vi?, en: title? },
        description: Words { vi: description_vi?, en: description? },
        severity: severity?,
        clauses,
        owner: answers?,
        join: join?,
        subject: subject?,
        sentence: Words { vi: sentence_vi?, en: sentence_en? },
        false_positives,
        plan,
        category: categories.first()?.name.to_owned(),
        counts: None,
        cases,
    })
}

fn no_block(sheet: &Sheet<'_>) -> Mistake {
    sheet.mistake(
        &[Step::Key("vonggac")],
        Code::R003,
        ("luật thiếu khối `vonggac`".to_owned(), "the rule has no `vonggac` block".to_owned()),
        (
            "Thêm khối với điều khoản, đầu mối, kế hoạch và kiểm thử; xem docs/adding-a-rule.md",
            "Add the block with clauses, owner, plan and tests; see docs/adding-a-rule.md",
        ),
    )
}

fn severity(top: &Part<'_, '_>, mistakes: &mut Vec<Mistake>) -> Option<Severity> {
    let severity = top.values.get("level").and_then(Value::as_str).and_then(Severity::of_word);
    if severity.is_none() {
        let found = top.values.get("level").map_or_else(|| "—".to_owned(), shown);
        mistakes.push(top.wrong(
            "level",
            Code::R011,
            (
                format!("`level` là {found}, cần low, medium, high hoặc critical"),
                format!("`level` is {found}, expected low, medium, high or critical"),
            ),
            ("Chọn một trong bốn mức độ", "Choose one of the four"),
        ));
    }

    severity
}

fn sentence<'s>(
    part: &Part<'s, '_>,
    key: &'s str,
    categories: &[&Category],
    counts: bool,
    mistakes: &mut Vec<Mistake>,
) -> Option<String> {
    let text = part.text(key, mistakes)?;
    let counted = if counts { COUNTED } else { &[] };
    for piece in pieces(&text) {
        let Piece::Field(name) = piece else { continue };
        let known = name == SUBJECT.name || counted.iter().any(|field| field.name == name);
        let without = categories.iter().find(|category| !known && category.field(name).is_none());
        let Some(category) = without else {
            continue;
        };
        mistakes.push(part.wrong(
            key,
            Code::R009,
            (
                format!("`{{{name}}}` không phải là trường của nguồn `{}`", category.name),
                format!("`{{{name}}}` is no field of log source `{}`", category.name),
            ),
            ("Xem docs/observations.md", "See docs/observations.md"),
        ));
    }

    Some(text)
}

fn clause_ids(
    part: &Part<'_, '_>,
    known: Option<&BTreeSet<String>>,
    mistakes: &mut Vec<Mistake>,
) -> Vec<String> {
    let mut ids = Vec::new();
    for (at, item) in part.list("clauses", mistakes).iter().enumerate() {
        let id = item.as_str().unwrap_or_default();
        if item.as_str().is_none() || known.is_some_and(|known| !known.contains(id)) {
            let found = shown(item);
            mistakes.push(part.sheet.mistake(
                &[Step::Key("vonggac"), Step::Key("clauses"), Step::Item(at)],
                Code::R006,
                (
                    format!("không có điều khoản `{found}` trong rules/plans"),
                    format!("there is no clause `{found}` in rules/plans"),
                ),
                (
                    "Ghi đúng mã điều khoản, ví dụ bac-ninh-388-2018/III.6.e",
                    "Give its id, such as bac-ninh-388-2018/III.6.e",
                ),
            ));
        }
        ids.push(id.to_owned());
    }

    ids
}

fn role<'s>(part: &Part<'s, '_>, key: &'s str, mistakes: &mut Vec<Mistake>) -> Option<String> {
    let text = part.text(key, mistakes)?;
    if owner(&text).is_none() {
        let known: Vec<&str> = OWNERS.iter().map(|owner| owner.id).collect();
        let known = known.join(", ");
        mistakes.push(part.wrong(
            key,
            Code::R007,
            (
                format!("không có vai trò `{text}`; cần một trong {known}"),
                format!("there is no role `{text}`; expected one of {known}"),
            ),
            ("Chọn một vai trò trong danh sách", "Choose a role of the list"),
        ));
    }

    Some(text)
}

fn join(part: &Part<'_, '_>, mistakes: &mut Vec<Mistake>) -> Option<Join> {
    match part.text("join", mistakes)?.as_str() {
        "host" => Some(Join::Host),
        "agency" => Some(Join::Agency),
        other => {
            mistakes.push(part.wrong(
                "join",
                Code::R005,
                (
                    format!("`join` là {other}, cần host hoặc agency"),
                    format!("`join` is {other}, expected host or agency"),
                ),
                ("Chọn một trong hai", "Choose one of the two"),
            ));
            None
        }
    }
}

/// A word that rules share whose findings belong into one incident; `Some(None)` if there is none.
fn matter(part: &Part<'_, '_>, mistakes: &mut Vec<Mistake>) -> Option<Option<String>> {
    if part.values.get("matter").is_none() {
        return Some(None);
    }
    let word = part.text("matter", mistakes)?;
    if word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        return Some(Some(word));
    }
    mistakes.push(part.wrong(
        "matter",
        Code::R005,
        (
            format!("`matter` là {word}, cần chữ thường, chữ số và gạch nối"),
            format!("`matter` is {word}, expected lower-case letters, digits and hyphens"),
        ),
        ("Chọn một từ chung cho các luật này", "Choose a word that these rules share"),
    ));

    None
}

fn subject(part: &Part<'_, '_>, categories: &[&Category], mistakes: &mut Vec<Mistake>) -> Option<String> {
    let subject = part.text("subject", mistakes)?;
    if let Some(category) = categories.iter().find(|category| category.field(&subject).is_none()) {
        let fields: Vec<&str> = category.fields.iter().chain(COMMON).map(|field| field.name).collect();
        let (source, fields) = (category.name, fields.join(", "));
        mistakes.push(part.wrong(
            "subject",
            Code::R009,
            (
                format!("`subject` là {subject}, cần một trường của nguồn `{source}`: {fields}"),
                format!("`subject` is {subject}, expected a field of log source `{source}`: {fields}"),
            ),
            ("`host` nghĩa là chính máy đó", "`host` means the host itself"),
        ));
    }

    Some(subject)
}

fn false_positives(top: &Part<'_, '_>, part: &Part<'_, '_>, mistakes: &mut Vec<Mistake>) -> Vec<Words> {
    let texts = |part: &Part<'_, '_>, key| match part.values.get(key) {
        Some(Value::Sequence(items)) => {
            items.iter().map(|item| item.as_str().unwrap_or_default().to_owned()).collect()
        }
        Some(_) | None => Vec::new(),
    };
    let en: Vec<String> = texts(top, "falsepositives");
    let vi: Vec<String> = texts(part, "falsepositives_vi");
    if en.is_empty() || en.len() != vi.len() || en.iter().chain(&vi).any(|text| text.trim().is_empty()) {
        mistakes.push(part.wrong(
            "falsepositives_vi",
            Code::R005,
            (
                "cần `falsepositives` (tiếng Anh) và `falsepositives_vi` có cùng số mục, ít nhất một mục".to_owned(),
                "expected `falsepositives` (English) and `falsepositives_vi` with equally many items, at least one"
                    .to_owned(),
            ),
            (
                "Nêu những trường hợp báo động giả đã biết, hoặc ghi rõ là chưa biết trường hợp nào",
                "Tell which false positives are known, or say that none is known yet",
            ),
        ));
    }

    vi.into_iter().zip(en).map(|(vi, en)| Words { vi, en }).collect()
}

fn plan(part: &Part<'_, '_>, mistakes: &mut Vec<Mistake>) -> Vec<PlanStep> {
    let mut plan = Vec::new();
    // A province's own rule may come before its plan: it judges, and the missing plan is told as `R.PLAN.MISSING`.
    if !part.values.contains_key("plan") {
        return plan;
    }
    for step in part.parts("plan", mistakes) {
        step.refuse_keys_but(PLAN_KEYS, mistakes);
        let who = role(&step, "who", mistakes);
        let (vi, en) = (step.text("vi", mistakes), step.text("en", mistakes));
        let within_secs = match step.values.get("within") {
            None => None,
            Some(_) => within(&step, mistakes),
        };
        if let (Some(who), Some(vi), Some(en)) = (who, vi, en) {
            plan.push(PlanStep { who, within_secs, text: Words { vi, en } });
        }
    }

    plan
}

fn within(step: &Part<'_, '_>, mistakes: &mut Vec<Mistake>) -> Option<u64> {
    let text = step.text("within", mistakes)?;
    match rsigma_parser::Timespan::parse(&text) {
        Ok(span) if span.seconds > 0 => Some(span.seconds),
        Ok(_) | Err(_) => {
            mistakes.push(step.wrong(
                "within",
                Code::R005,
                (
                    format!("`within` là {text}, cần một khoảng thời gian như 15m, 4h, 7d"),
                    format!("`within` is {text}, expected a span such as 15m, 4h, 7d"),
                ),
                ("Sửa khoảng thời gian", "Correct the span"),
            ));
            None
        }
    }
}
