//! The Sigma part: log source, fields, counting.

use std::collections::BTreeMap;
use std::time::Duration;

use rsigma_parser::{
    ConditionOperator, CorrelationCondition, CorrelationRule, CorrelationType, SigmaRule, WindowMode,
    parse_sigma_yaml,
};
use yaml_serde::Value;

use super::sheet::{Part, Sheet, meant, one_line, shown};
use super::{Form, Parsed};
use crate::fields::{CATEGORIES, Category, PRODUCT};
use crate::mistake::{Code, Mistake};
use crate::ruleset::Count;
use crate::text::Step;
use crate::window::{Measure, THRESHOLD_MAX};

/// The longest span a rule may count over; a judge that starts weighs that much again.
const SPAN_MAX: Duration = Duration::from_secs(7 * 86_400);

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
    "vonggac",
];

/// Forms of Sigma that we do not take.
pub(super) fn refuse_foreign_forms(sheet: &Sheet<'_>, mistakes: &mut Vec<Mistake>) -> Option<()> {
    let foreign = ["action", "filter", "custom_attributes"].into_iter().find(|key| sheet.has(key));
    if let Some(key) = foreign {
        mistakes.push(sheet.mistake(
            &[Step::Key(key)],
            Code::R016,
            (format!("không hỗ trợ dạng Sigma `{key}`"), format!("the Sigma form `{key}` is not supported")),
            ("Viết đầy đủ từng luật phát hiện", "Write every rule out in full"),
        ));
        return None;
    }

    Some(())
}

pub(super) fn refuse_unknown_keys(sheet: &Sheet<'_>, mistakes: &mut Vec<Mistake>) {
    Part { sheet, steps: Vec::new(), values: &sheet.whole }.refuse_keys_but(KEYS, mistakes);
}

/// The parsed Sigma rule.
pub(super) fn form(sheet: &Sheet<'_>, mistakes: &mut Vec<Mistake>) -> Option<Form> {
    let problem = match parse_sigma_yaml(sheet.text()) {
        Err(error) => error.to_string(),
        Ok(mut parsed) => match (parsed.errors.first(), parsed.rules.pop(), parsed.correlations.pop()) {
            (None, Some(rule), None) => return Some(Form::Detection(Box::new(rule))),
            (None, None, Some(rule)) => return Some(Form::Correlation(Box::new(rule))),
            (Some(error), ..) => error.clone(),
            (None, ..) => "expected one detection rule or one correlation rule".to_owned(),
        },
    };
    let problem = one_line(&problem);
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

/// Checks every field that the detection asks for.
pub(super) fn check_fields(sheet: &Sheet<'_>, category: &Category, mistakes: &mut Vec<Mistake>) {
    let Some(Value::Mapping(selections)) = sheet.whole.get("detection") else { return };
    for (name, selection) in selections {
        let Some(name) = name.as_str() else { continue };
        if !matches!(name, "condition" | "timeframe") {
            let steps = vec![Step::Key("detection"), Step::Key(name)];
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
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Tagged(_) => {
            mistakes.push(sheet.mistake(
                &steps,
                Code::R016,
                (
                    format!("tìm từ khóa không theo trường ({}) không được hỗ trợ", shown(selection)),
                    format!("a search without a field ({}) is not supported", shown(selection)),
                ),
                ("Viết `trường: giá trị`", "Write `field: value`"),
            ));
        }
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

/// The log source that the counted rules share.
pub(super) fn common_category(
    sheet: &Sheet<'_>,
    correlation: &CorrelationRule,
    counted: &[&Parsed<'_>],
    mistakes: &mut Vec<Mistake>,
) -> Option<&'static Category> {
    let missing: Vec<&String> = correlation
        .rules
        .iter()
        .filter(|wanted| !counted.iter().any(|one| one.names.contains(wanted)))
        .collect();
    let mut categories: Vec<&str> = counted.iter().filter_map(|one| one.category.as_deref()).collect();
    categories.sort_unstable();
    categories.dedup();
    if !missing.is_empty() || categories.len() > 1 || correlation.rules.is_empty() {
        let wanted = correlation.rules.join(", ");
        mistakes.push(sheet.mistake(
            &[Step::Key("correlation"), Step::Key("rules")],
            Code::R013,
            (
                format!("`rules` ({wanted}) phải là tên các luật trong cùng tệp và cùng một nguồn nhật ký"),
                format!("`rules` ({wanted}) must name rules of this file that share one log source"),
            ),
            ("Đặt luật được đếm vào cùng tệp", "Put the counted rule into this file"),
        ));
        return None;
    }

    categories.first().and_then(|name| crate::fields::category(name))
}

/// How it counts.
pub(super) fn count(
    sheet: &Sheet<'_>,
    correlation: &CorrelationRule,
    category: Option<&Category>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Count> {
    let before = mistakes.len();
    let mut wrong = |key: &str, vi: String, en: String| {
        mistakes.push(sheet.mistake(
            &[Step::Key("correlation"), Step::Key(key)],
            Code::R013,
            (vi, en),
            ("Xem docs/adding-a-rule.md, mục đếm sự kiện", "See docs/adding-a-rule.md on counting"),
        ));
    };
    let known =
        matches!(correlation.correlation_type, CorrelationType::EventCount | CorrelationType::ValueCount);
    if !known || correlation.window != WindowMode::Sliding || !correlation.aliases.is_empty() {
        let vi = "chỉ hỗ trợ event_count và value_count với cửa sổ trượt, không bí danh";
        let en = "only event_count and value_count over a sliding window, without aliases, are supported";
        wrong("type", vi.to_owned(), en.to_owned());
    }
    let span = Duration::from_secs(correlation.timespan.seconds);
    if span.is_zero() || span > SPAN_MAX {
        let most = SPAN_MAX.as_secs() / 86_400;
        wrong(
            "timespan",
            format!("cần từ 1 giây đến {most} ngày"),
            format!("expected 1 second to {most} days"),
        );
    }
    let (threshold, fields) = threshold(&correlation.condition);
    if !threshold.is_some_and(|threshold| (2..=THRESHOLD_MAX).contains(&threshold)) {
        let vi = format!("cần một điều kiện gte hoặc gt, từ 2 đến {THRESHOLD_MAX}");
        let en = format!("expected one condition, gte or gt, of 2 to {THRESHOLD_MAX}");
        wrong("condition", vi, en);
    }
    let counts_values = correlation.correlation_type == CorrelationType::ValueCount;
    if counts_values != (fields.len() == 1) {
        let vi = "value_count cần đúng một `field`, event_count không có".to_owned();
        wrong("condition", vi, "value_count needs one `field`, event_count has none".to_owned());
    }
    let unknown = |name: &&String| category.is_some_and(|category| category.field(name).is_none());
    if let Some(name) = correlation.group_by.iter().chain(&fields).find(unknown) {
        let vi = format!("nguồn nhật ký không có trường `{name}`");
        wrong("group-by", vi, format!("the log source has no field `{name}`"));
    }
    if mistakes.len() > before {
        return None;
    }

    Some(Count {
        measure: Measure { threshold: threshold?, span },
        group_by: correlation.group_by.clone(),
        distinct: fields.into_iter().next(),
    })
}

fn threshold(condition: &CorrelationCondition) -> (Option<usize>, Vec<String>) {
    let CorrelationCondition::Threshold { predicates, field, .. } = condition else {
        return (None, Vec::new());
    };
    let least = match predicates.as_slice() {
        [(ConditionOperator::Gte, least)] => Some(*least),
        [(ConditionOperator::Gt, below)] => below.checked_add(1),
        _ => None,
    };

    (least.and_then(|least| usize::try_from(least).ok()), field.clone().unwrap_or_default())
}
