//! Log sources of Sigma's taxonomy that are ours by another name: a rule written for them is read as one of ours.

use yaml_serde::{Mapping, Value};

use super::sheet::Sheet;
use crate::fields::PRODUCT;

/// One log source of the taxonomy.
struct Source {
    /// `category` of the taxonomy.
    category: &'static str,
    /// The category of ours.
    ours: &'static str,
    /// What of ours it is.
    actions: &'static [&'static str],
}

/// Products whose files an agent watches.
const PRODUCTS: &[&str] = &["linux", "windows"];

const SOURCES: &[Source] = &[
    Source { category: "file_event", ours: "file_changed", actions: &["created"] },
    Source { category: "file_change", ours: "file_changed", actions: &["modified", "metadata_changed"] },
    Source { category: "file_delete", ours: "file_changed", actions: &["deleted"] },
];

/// Fields of the taxonomy, and ours.
const FIELDS: &[(&str, &str)] = &[
    ("TargetFilename", "path"),
    ("Image", "actor_program"),
    ("User", "actor_user"),
    ("ProcessId", "actor_process"),
];

/// The selection that says which of our events are meant; `them` leaves out what begins with an underscore.
const SELECTION: &str = "_vonggac_source";

/// Rewrites a rule for such a log source: ours, our fields, and only the events that are meant.
pub(super) fn apply(sheet: &mut Sheet<'_>) {
    let Some(source) = source(&sheet.whole) else { return };
    let mut whole = sheet.whole.clone();
    if let Some(Value::Mapping(detection)) = whole.get_mut("detection") {
        let selections: Vec<Value> = detection.keys().cloned().collect();
        for name in selections.iter().filter(|name| name.as_str() != Some("condition")) {
            if let Some(selection) = detection.get_mut(name) {
                rename(selection);
            }
        }
        let mut events = Mapping::new();
        events.insert("object".into(), "file".into());
        let actions = source.actions.iter().map(|action| Value::from(*action)).collect();
        events.insert("action".into(), Value::Sequence(actions));
        detection.insert(SELECTION.into(), Value::Mapping(events));
        if let Some(condition) = detection.get_mut("condition") {
            restrict(condition);
        }
    }
    let mut logsource = Mapping::new();
    logsource.insert("product".into(), PRODUCT.into());
    logsource.insert("category".into(), source.ours.into());
    whole.insert("logsource".into(), Value::Mapping(logsource));
    sheet.rewrite(whole);
}

fn source(whole: &Mapping) -> Option<&'static Source> {
    let Some(Value::Mapping(logsource)) = whole.get("logsource") else { return None };
    let text = |key: &str| logsource.get(key).and_then(Value::as_str);
    if !PRODUCTS.contains(&text("product")?) || logsource.contains_key("service") {
        return None;
    }
    let category = text("category")?;

    SOURCES.iter().find(|source| source.category == category)
}

fn rename(selection: &mut Value) {
    match selection {
        Value::Mapping(items) => {
            let mut renamed = Mapping::new();
            for (key, value) in std::mem::take(items) {
                let text = key.as_str().unwrap_or_default();
                let (name, modifiers) = text.split_at(text.find('|').unwrap_or(text.len()));
                let ours = FIELDS.iter().find(|(theirs, _)| *theirs == name).map(|(_, ours)| *ours);
                let key = ours.map_or_else(|| key.clone(), |ours| format!("{ours}{modifiers}").into());
                renamed.insert(key, value);
            }
            *items = renamed;
        }
        Value::Sequence(items) => items.iter_mut().for_each(rename),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Tagged(_) => {}
    }
}

fn restrict(condition: &mut Value) {
    match condition {
        Value::String(text) => *text = format!("{SELECTION} and ({text})"),
        Value::Sequence(items) => items.iter_mut().for_each(restrict),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Mapping(_) | Value::Tagged(_) => {}
    }
}
