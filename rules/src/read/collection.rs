//! What a document says only together with others: collection actions, placeholders, foreign log sources.
//!
//! All three are settled on the YAML, before the Sigma part is parsed: what comes after sees rules written out in full.

use std::collections::BTreeMap;

use yaml_serde::{Mapping, Value};

use super::mapping;
use super::sheet::{Sheet, meant, shown};
use crate::mistake::{Code, Mistake};
use crate::ruleset::RuleSource;
use crate::text::{Document, Step};

/// Values of one placeholder; more are a table, not a list.
const VALUES_MAX: usize = 1_000;

type Placeholders = BTreeMap<String, Vec<String>>;

/// The documents of all files that hold a rule or a filter, written out in full.
pub(super) fn sheets<'a>(
    files: &'a [(&'a RuleSource, Vec<Document>)],
    mistakes: &mut Vec<Mistake>,
) -> Vec<Sheet<'a>> {
    let mut sheets = Vec::new();
    for (source, documents) in files {
        merged(&source.path, documents, &mut sheets, mistakes);
    }
    let mut placeholders = Placeholders::new();
    let mut rules = Vec::new();
    for sheet in sheets {
        match sheet.has("placeholders") {
            true => define(&sheet, &mut placeholders, mistakes),
            false => rules.push(sheet),
        }
    }
    for sheet in &mut rules {
        expand(sheet, &placeholders, mistakes);
        mapping::apply(sheet);
    }

    rules
}

/// Follows the `action` documents of one file.
fn merged<'a>(
    path: &'a str,
    documents: &'a [Document],
    sheets: &mut Vec<Sheet<'a>>,
    mistakes: &mut Vec<Mistake>,
) {
    let mut global: Option<Mapping> = None;
    let mut previous: Option<Mapping> = None;
    for document in documents {
        let Some(mut sheet) = Sheet::open(path, document, mistakes) else { continue };
        let action = sheet.whole.get("action").cloned();
        let mut own = sheet.whole.clone();
        own.remove("action");
        let whole = match (action.as_ref().map(|action| action.as_str()), &previous) {
            (None, _) => own,
            (Some(Some("global")), _) => {
                global = Some(own);
                continue;
            }
            (Some(Some("reset")), _) => {
                global = None;
                continue;
            }
            (Some(Some("repeat")), Some(previous)) => over(previous.clone(), own),
            (Some(_), _) => {
                mistakes.push(unknown_action(&sheet, action.as_ref()));
                continue;
            }
        };
        let whole = match &global {
            Some(global) => over(global.clone(), whole),
            None => whole,
        };
        if whole != sheet.whole {
            sheet.rewrite(whole.clone());
        }
        previous = Some(whole);
        sheets.push(sheet);
    }
}

fn unknown_action(sheet: &Sheet<'_>, action: Option<&Value>) -> Mistake {
    let found = action.map(shown).unwrap_or_default();

    sheet.mistake(
        &[Step::Key("action")],
        Code::R016,
        (
            format!("`action` là {found}, cần global, reset, hoặc repeat sau một luật"),
            format!("`action` is {found}, expected global, reset, or repeat after a rule"),
        ),
        ("Bỏ `action` và viết đầy đủ từng luật", "Remove `action` and write every rule out in full"),
    )
}

/// One mapping laid over another, key by key.
fn over(mut below: Mapping, above: Mapping) -> Mapping {
    for (key, value) in above {
        let merged = match (below.remove(&key), value) {
            (Some(Value::Mapping(below)), Value::Mapping(above)) => Value::Mapping(over(below, above)),
            (_, value) => value,
        };
        below.insert(key, merged);
    }

    below
}

/// Reads a document that gives placeholders their values.
fn define(sheet: &Sheet<'_>, placeholders: &mut Placeholders, mistakes: &mut Vec<Mistake>) {
    let named = match sheet.whole.get("placeholders") {
        Some(Value::Mapping(named)) if sheet.whole.len() == 1 => named,
        Some(_) | None => {
            mistakes.push(sheet.mistake(
                &[Step::Key("placeholders")],
                Code::R017,
                (
                    "tài liệu `placeholders` chỉ gồm các cặp tên: danh sách giá trị".to_owned(),
                    "a `placeholders` document holds name: list of values, and nothing else".to_owned(),
                ),
                ("Tách các khóa khác sang tài liệu riêng", "Put other keys into a document of their own"),
            ));
            return;
        }
    };
    for (name, value) in named {
        let name = name.as_str().unwrap_or_default();
        let items = items_of(value);
        let values: Option<Vec<String>> = items.iter().map(text_of).collect();
        let sound = values.filter(|values| !values.is_empty() && values.len() <= VALUES_MAX);
        let known = placeholders.contains_key(name);
        match sound {
            Some(values) if !known && !name.is_empty() => {
                placeholders.insert(name.to_owned(), values);
            }
            Some(_) | None => mistakes.push(sheet.mistake(
                &[Step::Key("placeholders"), Step::Key(name)],
                Code::R017,
                (
                    format!("chỗ trống `{name}` cần từ 1 đến {VALUES_MAX} giá trị, chỉ khai báo một lần"),
                    format!("placeholder `{name}` needs 1 to {VALUES_MAX} values, given once"),
                ),
                ("Sửa danh sách giá trị", "Correct the list of values"),
            )),
        }
    }
}

/// The items of a list; what is no list is one item.
fn items_of(value: &Value) -> &[Value] {
    value.as_sequence().map_or_else(|| std::slice::from_ref(value), Vec::as_slice)
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => None,
    }
}

/// Puts the values into every `field|expand`.
fn expand(sheet: &mut Sheet<'_>, placeholders: &Placeholders, mistakes: &mut Vec<Mistake>) {
    let mut whole = sheet.whole.clone();
    let mut changed = false;
    for section in ["detection", "filter"] {
        if let Some(selections) = whole.get_mut(section) {
            let mut unknown = Vec::new();
            changed |= expand_in(selections, placeholders, &mut vec![section.to_owned()], &mut unknown);
            for (path, name) in unknown {
                let steps: Vec<Step<'_>> = path.iter().map(|key| Step::Key(key)).collect();
                let (vi, en) = meant(&name, placeholders.keys().map(String::as_str));
                mistakes.push(sheet.mistake(
                    &steps,
                    Code::R017,
                    (
                        format!("chỗ trống `%{name}%` chưa có giá trị"),
                        format!("placeholder `%{name}%` has no values"),
                    ),
                    (
                        &vi.unwrap_or_else(|| "Khai báo trong tài liệu `placeholders`".to_owned()),
                        &en.unwrap_or_else(|| "Give them in a `placeholders` document".to_owned()),
                    ),
                ));
            }
        }
    }
    if changed {
        sheet.rewrite(whole);
    }
}

/// A placeholder without values: the keys that lead to it, and its name.
type Unknown = (Vec<String>, String);

fn expand_in(
    value: &mut Value,
    placeholders: &Placeholders,
    path: &mut Vec<String>,
    unknown: &mut Vec<Unknown>,
) -> bool {
    let mut changed = false;
    match value {
        Value::Mapping(items) => {
            let mut written = Mapping::new();
            for (key, mut value) in std::mem::take(items) {
                path.push(key.as_str().unwrap_or_default().to_owned());
                let parts: Vec<&str> = key.as_str().unwrap_or_default().split('|').collect();
                if parts.iter().skip(1).any(|part| *part == "expand") {
                    let rest: Vec<&str> = parts.into_iter().filter(|part| *part != "expand").collect();
                    let mut names = Vec::new();
                    written
                        .insert(Value::String(rest.join("|")), values_of(&value, placeholders, &mut names));
                    unknown.extend(names.into_iter().map(|name| (path.clone(), name)));
                    changed = true;
                } else {
                    changed |= expand_in(&mut value, placeholders, path, unknown);
                    written.insert(key, value);
                }
                path.pop();
            }
            *items = written;
        }
        Value::Sequence(items) => {
            for item in items {
                changed |= expand_in(item, placeholders, path, unknown);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Tagged(_) => {}
    }

    changed
}

fn values_of(value: &Value, placeholders: &Placeholders, unknown: &mut Vec<String>) -> Value {
    let items = items_of(value);
    let mut written = Vec::new();
    for item in items {
        match item.as_str() {
            Some(text) => written.extend(filled(text, placeholders, unknown).into_iter().map(Value::String)),
            None => written.push(item.clone()),
        }
    }

    Value::Sequence(written)
}

/// A text with each of the values in the place of each `%name%`.
fn filled(text: &str, placeholders: &Placeholders, unknown: &mut Vec<String>) -> Vec<String> {
    let mut texts = vec![String::new()];
    for (at, piece) in text.split('%').enumerate() {
        let is_name = at % 2 == 1 && !piece.is_empty();
        let values = match (is_name, placeholders.get(piece)) {
            (false, _) => vec![piece.to_owned()],
            (true, Some(values)) => values.clone(),
            (true, None) => {
                unknown.push(piece.to_owned());
                return Vec::new();
            }
        };
        texts = texts
            .iter()
            .flat_map(|text| values.iter().map(move |value| format!("{text}{value}")))
            .take(VALUES_MAX)
            .collect();
    }

    texts
}
