//! The Sigma part: form, names, log source, fields.

use std::collections::BTreeMap;

use rsigma_parser::{SigmaRule, parse_sigma_yaml};
use yaml_serde::Value;

use super::Form;
use super::sheet::{Part, Sheet, meant, one_line, shown};
use crate::fields::{CATEGORIES, Category, PRODUCT};
use crate::mistake::{Code, Mistake};
use crate::text::Step;

const KEYS: &[&str] = &[
    "title",
    "id",
    "name",
    "related",
    "taxonomy",
    "status",
    "description",
    "license",
    "author",
    "references",
    "date",
    "modified",
    "fields",
    "falsepositives",
    "level",
    "tags",
    "scope",
    "logsource",
    "detection",
    "correlation",
    "filter",
    "vonggac",
];

pub(super) fn refuse_unknown_keys(sheet: &Sheet<'_>, mistakes: &mut Vec<Mistake>) {
    Part { sheet, steps: Vec::new(), values: &sheet.whole }.refuse_keys_but(KEYS, mistakes);
}

/// The parsed Sigma rule.
pub(super) fn form(sheet: &Sheet<'_>, mistakes: &mut Vec<Mistake>) -> Option<Form> {
    let problem = match parse_sigma_yaml(sheet.text()) {
        Err(error) => error.to_string(),
        Ok(mut parsed) => {
            let rule = parsed.rules.pop().map(|rule| Form::Detection(Box::new(rule)));
            let correlation = parsed.correlations.pop().map(|rule| Form::Correlation(Box::new(rule)));
            let filter = parsed.filters.pop().map(|filter| Form::Filter(Box::new(filter)));
            match (parsed.errors.first(), rule.or(correlation).or(filter)) {
                (None, Some(form)) => return Some(form),
                // A level is told by its own code, and hides no other mistake.
                (Some(error), Some(form)) if error.starts_with("invalid level") => return Some(form),
                (Some(error), _) => error.clone(),
                (None, None) => "expected a detection rule, a correlation rule or a filter".to_owned(),
            }
        }
    };
    let problem = one_line(&problem);
    if refuse_old_counting(sheet, mistakes) {
        return None;
    }
    let part = if sheet.has("correlation") { "correlation" } else { "detection" };
    let part = if sheet.has(part) { part } else { "title" };
    mistakes.push(sheet.mistake(
        &[Step::Key(part)],
        Code::R002,
        (
            format!("phần Sigma không đọc được: {problem}"),
            format!("the Sigma part cannot be read: {problem}"),
        ),
        (
            "Theo đặc tả Sigma phiên bản 2; xem docs/adding-a-rule.md",
            "Follow the Sigma specification, version 2",
        ),
    ));

    None
}

/// Refuses what version 2 of Sigma put correlations in the place of; whether there was any.
pub(super) fn refuse_old_counting(sheet: &Sheet<'_>, mistakes: &mut Vec<Mistake>) -> bool {
    let Some(Value::Mapping(detection)) = sheet.whole.get("detection") else { return false };
    let piped = detection.get("condition").and_then(Value::as_str).is_some_and(|text| text.contains('|'));
    let key = match (piped, detection.contains_key("timeframe")) {
        (false, false) => return false,
        (true, _) => "condition",
        (false, true) => "timeframe",
    };
    mistakes.push(sheet.mistake(
        &[Step::Key("detection"), Step::Key(key)],
        Code::R016,
        (
            "đếm bằng `timeframe` và `| count()`/`| near` thuộc Sigma phiên bản 1".to_owned(),
            "counting by `timeframe` and `| count()` or `| near` is of version 1 of Sigma".to_owned(),
        ),
        (
            "Viết một luật `correlation` với `timespan`; xem docs/adding-a-rule.md",
            "Write a `correlation` rule with a `timespan`; see docs/adding-a-rule.md",
        ),
    ));

    true
}

/// Name and id; both are needed and must be new.
pub(super) fn names(
    sheet: &Sheet<'_>,
    taken: &mut BTreeMap<String, String>,
    mistakes: &mut Vec<Mistake>,
) -> Vec<String> {
    let mut names = Vec::new();
    let name: fn(&str) -> bool = is_name;
    for (key, right, vi, en) in [
        ("name", name, "1 đến 64 ký tự a-z, 0-9, gạch nối", "1 to 64 of a-z, 0-9 and hyphens"),
        ("id", is_uuid, "một UUID viết thường", "a UUID in lower case"),
    ] {
        let found = sheet.whole.get(key).and_then(Value::as_str).unwrap_or_default();
        if !right(found) {
            let shown = sheet.whole.get(key).map_or_else(|| "—".to_owned(), shown);
            mistakes.push(sheet.mistake(
                &[Step::Key(key)],
                Code::R012,
                (format!("`{key}` là {shown}, cần {vi}"), format!("`{key}` is {shown}, expected {en}")),
                ("Mỗi luật cần tên và mã riêng", "Every rule needs a name and an id of its own"),
            ));
            continue;
        }
        let place = format!("{}:{}", sheet.path, sheet.line(&[key]));
        if let Some(before) = taken.insert(found.to_owned(), place) {
            mistakes.push(sheet.mistake(
                &[Step::Key(key)],
                Code::R012,
                (
                    format!("`{key}` {found} đã được dùng tại {before}"),
                    format!("`{key}` {found} is used already at {before}"),
                ),
                ("Đặt tên hoặc mã khác", "Choose another"),
            ));
        }
        names.push(found.to_owned());
    }

    names
}

fn is_name(text: &str) -> bool {
    let letters = text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));

    (1..=64).contains(&text.len()) && letters
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();

    lengths == [8, 4, 4, 4, 12] && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'-'))
}

/// The category of a log source of ours.
pub(super) fn category(sheet: &Sheet<'_>, rule: &SigmaRule, mistakes: &mut Vec<Mistake>) -> Option<String> {
    let source = &rule.logsource;
    let known = source.category.as_deref().and_then(crate::fields::category);
    let (None, true, true, Some(known)) =
        (&source.service, source.product.as_deref() == Some(PRODUCT), source.custom.is_empty(), known)
    else {
        let names: Vec<&str> = CATEGORIES.iter().map(|category| category.name).collect();
        let names = names.join(", ");
        mistakes.push(sheet.mistake(
            &[Step::Key("logsource")],
            Code::R008,
            (
                format!("nguồn nhật ký không có: cần product: {PRODUCT} và category là một trong {names}"),
                format!("no such log source: expected product: {PRODUCT} and category one of {names}"),
            ),
            ("Xem docs/observations.md", "See docs/observations.md"),
        ));
        return None;
    };

    Some(known.name.to_owned())
}

/// Checks every field that the selections of `detection` or `filter` ask for.
pub(super) fn check_fields(
    sheet: &Sheet<'_>,
    section: &str,
    category: &Category,
    mistakes: &mut Vec<Mistake>,
) {
    let Some(Value::Mapping(selections)) = sheet.whole.get(section) else { return };
    for (name, selection) in selections {
        let Some(name) = name.as_str() else { continue };
        if !matches!(name, "condition" | "timeframe" | "rules") {
            let steps = vec![Step::Key(section), Step::Key(name)];
            check_selection(sheet, category, steps, selection, mistakes);
        }
    }
}

fn check_selection<'s>(
    sheet: &Sheet<'_>,
    category: &Category,
    steps: Vec<Step<'s>>,
    selection: &'s Value,
    mistakes: &mut Vec<Mistake>,
) {
    match selection {
        Value::Mapping(items) => {
            for (key, value) in items {
                let Some(key) = key.as_str() else { continue };
                let mut steps = steps.clone();
                steps.push(Step::Key(key));
                check_item(sheet, category, &steps, key, value, mistakes);
            }
        }
        Value::Sequence(alternatives) => {
            for (at, alternative) in alternatives.iter().enumerate() {
                let mut steps = steps.clone();
                steps.push(Step::Item(at));
                check_selection(sheet, category, steps, alternative, mistakes);
            }
        }
        // A search without a field: any text of the event.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Tagged(_) => {}
    }
}

fn check_item(
    sheet: &Sheet<'_>,
    category: &Category,
    steps: &[Step<'_>],
    key: &str,
    value: &Value,
    mistakes: &mut Vec<Mistake>,
) {
    let mut parts = key.split('|');
    let name = parts.next().unwrap_or_default();
    if name.is_empty() {
        // `|all: [..]`, a search without a field.
        return;
    }
    let mut asked = vec![name.to_owned()];
    if parts.any(|modifier| modifier == "fieldref") {
        asked.extend(value.as_str().map(str::to_owned));
    }
    for name in asked.into_iter().filter(|name| category.field(name).is_none()) {
        let fields: Vec<&str> = category.fields.iter().chain(crate::fields::COMMON).map(|f| f.name).collect();
        let (vi, en) = meant(&name, fields.iter().copied());
        let (source, fields) = (category.name, fields.join(", "));
        mistakes.push(sheet.mistake(
            steps,
            Code::R009,
            (
                format!("nguồn `{source}` không có trường `{name}`; các trường: {fields}"),
                format!("log source `{source}` has no field `{name}`; its fields: {fields}"),
            ),
            (
                &vi.unwrap_or_else(|| "Xem docs/observations.md".to_owned()),
                &en.unwrap_or_else(|| "See docs/observations.md".to_owned()),
            ),
        ));
    }
    if matches!(value, Value::Mapping(_)) {
        mistakes.push(sheet.mistake(
            steps,
            Code::R016,
            (
                "giá trị lồng nhau không được hỗ trợ: mọi trường đều phẳng".to_owned(),
                "nested values are not supported: every field is flat".to_owned(),
            ),
            ("Viết `trường: giá trị`", "Write `field: value`"),
        ));
    }
}
