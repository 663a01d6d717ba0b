//! The tests that a rule carries.

use serde_json::{Map, Value as Json};
use yaml_serde::Value;

use super::sheet::Part;
use crate::fields::Category;
use crate::mistake::{Code, Mistake};
use crate::ruleset::{Case, CaseEvent};

const KEYS: &[&str] = &["name", "fires", "observations", "repeat", "within_secs"];

/// How often a test may repeat its observations.
const REPEAT_MAX: u64 = 2_000;
/// Observations of one test, repetitions included.
const EVENTS_MAX: u64 = 5_000;
/// A month.
const WITHIN_SECS_MAX: u64 = 30 * 86_400;

/// Reads the tests; there must be one that fires and one that does not.
pub(super) fn read(block: &Part<'_, '_>, categories: &[&Category], mistakes: &mut Vec<Mistake>) -> Vec<Case> {
    let before = mistakes.len();
    let cases: Vec<Case> =
        block.parts("tests", mistakes).iter().filter_map(|part| case(part, categories, mistakes)).collect();
    let whole = cases.iter().any(|case| case.fires) && cases.iter().any(|case| !case.fires);
    if !whole && mistakes.len() == before {
        mistakes.push(block.wrong(
            "tests",
            Code::R010,
            (
                "cần ít nhất một kiểm thử `fires: true` và một kiểm thử `fires: false`".to_owned(),
                "expected at least one test with `fires: true` and one with `fires: false`".to_owned(),
            ),
            (
                "Thêm quan sát phải kích hoạt luật và quan sát không được kích hoạt luật",
                "Add observations that must fire and observations that must not",
            ),
        ));
    }

    cases
}

fn case(part: &Part<'_, '_>, categories: &[&Category], mistakes: &mut Vec<Mistake>) -> Option<Case> {
    part.refuse_keys_but(KEYS, mistakes);
    let name = part.text("name", mistakes);
    let fires = part.truth("fires", mistakes);
    let repeat = part.number("repeat", REPEAT_MAX, mistakes).unwrap_or(1);
    let within_secs = part.number("within_secs", WITHIN_SECS_MAX, mistakes);
    let items = part.parts("observations", mistakes);
    let mut observed = Vec::new();
    for item in &items {
        let category = category(item, categories);
        if let Some(category) = category {
            check_fields(item, category, mistakes);
        }
        observed.push((fields(item, mistakes)?, category));
    }
    let all = repeat.saturating_mul(u64::try_from(observed.len()).ok()?);
    if all > EVENTS_MAX {
        mistakes.push(part.wrong(
            "observations",
            Code::R005,
            (
                format!("kiểm thử có {all} quan sát, tối đa {EVENTS_MAX}"),
                format!("the test has {all} observations, at most {EVENTS_MAX} are accepted"),
            ),
            ("Giảm số quan sát hoặc `repeat`", "Have fewer observations or a smaller `repeat`"),
        ));
        return None;
    }
    let step_ms = within_secs.map_or(1_000, |secs| secs * 1_000 / all.max(1));
    let mut events = Vec::new();
    for turn in 1..=repeat {
        for (fields, category) in &observed {
            let place = u64::try_from(events.len()).ok()?;
            let own = fields.get("at_secs").and_then(Json::as_i64).map(|secs| secs.saturating_mul(1_000));
            let at_ms = own.or_else(|| i64::try_from(place.saturating_mul(step_ms)).ok())?;
            events.push(event(fields, turn, at_ms, *category));
        }
    }
    let line = part.sheet.mistake(&part.steps, Code::R015, (String::new(), String::new()), ("", "")).line;

    Some(Case { name: name?, fires: fires?, events, line })
}

/// The log source of an observation: that of its `kind`, or the rule's first.
fn category<'c>(item: &Part<'_, '_>, categories: &[&'c Category]) -> Option<&'c Category> {
    let kind = item.values.get("kind").and_then(Value::as_str);

    categories.iter().find(|category| Some(category.name) == kind).or_else(|| categories.first()).copied()
}

/// Checks that a test speaks of fields that observations really have.
fn check_fields(item: &Part<'_, '_>, category: &Category, mistakes: &mut Vec<Mistake>) {
    let mut known = vec!["at_secs"];
    known.extend(category.fields.iter().chain(crate::fields::COMMON).map(|field| field.name));
    item.refuse_keys_but(&known, mistakes);
}

fn fields(item: &Part<'_, '_>, mistakes: &mut Vec<Mistake>) -> Option<Map<String, Json>> {
    match serde_json::to_value(Value::Mapping(item.values.clone())) {
        Ok(Json::Object(fields)) => Some(fields),
        Ok(_) | Err(_) => {
            mistakes.push(item.sheet.mistake(
                &item.steps,
                Code::R005,
                (
                    "quan sát phải gồm các cặp trường: giá trị".to_owned(),
                    "an observation must be field: value pairs".to_owned(),
                ),
                ("Sửa quan sát này", "Correct the observation"),
            ));
            None
        }
    }
}

fn event(fields: &Map<String, Json>, turn: u64, at_ms: i64, category: Option<&Category>) -> CaseEvent {
    let mut fields = fields.clone();
    fields.shift_remove("at_secs");
    for value in fields.values_mut() {
        if let Json::String(text) = value
            && text.contains("{n}")
        {
            *text = text.replace("{n}", &turn.to_string());
        }
    }
    let host = fields.get("host").and_then(Json::as_str).unwrap_or("may-thu").to_owned();

    CaseEvent {
        at_ms,
        host,
        category: category.map(|category| category.name.to_owned()).unwrap_or_default(),
        fields,
    }
}
