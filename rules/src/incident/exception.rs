//! Which findings an exception answers: pure, so that judging again decides the same.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::finding::Finding;

/// Conditions that one exception may have.
pub const CONDITIONS_MAX: usize = 8;

/// Characters of a condition's value at most.
pub const VALUE_MAX: usize = 1_024;

/// Whether every condition fits the finding: field by name, value with `*` for any characters. A list fits if one of
/// its items does; a field that the finding does not have fits nothing.
#[must_use]
pub fn fits(conditions: &BTreeMap<String, String>, finding: &Finding) -> bool {
    conditions.iter().all(|(field, pattern)| match field.as_str() {
        "subject" => is_like(&finding.subject, pattern),
        _ => finding.fields.get(field).is_some_and(|value| value_fits(value, pattern)),
    })
}

fn value_fits(value: &Value, pattern: &str) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => is_like(text, pattern),
        Value::Array(items) => items.iter().any(|item| value_fits(item, pattern)),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => is_like(&value.to_string(), pattern),
    }
}

/// `*` stands for any characters, none too; everything else for itself.
fn is_like(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }

    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vonggac_protocol::id::{AgencyId, HostId};
    use vonggac_protocol::time::Timestamp;

    use super::*;
    use crate::finding::Severity;
    use crate::ruleset::Join;

    fn finding() -> Finding {
        let Value::Object(fields) = json!({ "path": "/srv/www/a.html", "count": 12, "names": ["a", "bà"] })
        else {
            unreachable!("it is an object")
        };
        Finding {
            key: String::new(),
            rule: "r".to_owned(),
            matter: "r".to_owned(),
            severity: Severity::Low,
            join: Join::Host,
            subject: "/srv/www".to_owned(),
            at: Timestamp(0),
            host: HostId([1; 16]),
            agency: AgencyId::new("so-x").unwrap(),
            fields,
            evidence: Vec::new(),
        }
    }

    #[test]
    fn all_conditions_must_fit_and_a_list_fits_by_one_item() {
        let fits = |all: &[(&str, &str)]| {
            let all = all.iter().map(|(field, value)| ((*field).to_owned(), (*value).to_owned())).collect();
            fits(&all, &finding())
        };

        assert!(fits(&[]));
        assert!(fits(&[("subject", "/srv/www"), ("path", "/srv/*.html"), ("count", "12"), ("names", "bà")]));
        for wrong in [("subject", "/srv"), ("path", "/srv/*.htm"), ("count", "1"), ("names", "c"), ("x", "*")]
        {
            assert!(!fits(&[("subject", "*"), wrong]), "{wrong:?}");
        }
    }

    #[test]
    fn a_star_stands_for_any_characters_and_parts_never_overlap() {
        for (text, pattern) in
            [("", ""), ("", "*"), ("abc", "a*c"), ("abc", "*b*"), ("aXbXc", "a*b*c"), ("đá", "đ*")]
        {
            assert!(is_like(text, pattern), "{text} {pattern}");
        }
        for (text, pattern) in [("a", ""), ("aba", "aba*ba"), ("abc", "a*b"), ("ABC", "abc"), ("ab", "ab*b")]
        {
            assert!(!is_like(text, pattern), "{text} {pattern}");
        }
    }
}
