//! A text in Vietnamese and English, with `{field}` places to fill.

use serde::Serialize;
use serde_json::{Map, Value};

/// Which language a person reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Language {
    /// Vietnamese, the first language of every text.
    #[default]
    Vi,
    /// English.
    En,
}

/// One text in both languages.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize)]
pub struct Words {
    /// Vietnamese.
    pub vi: String,
    /// English.
    pub en: String,
}

impl Words {
    /// The text in one language.
    #[must_use]
    pub fn of(&self, language: Language) -> &str {
        match language {
            Language::Vi => &self.vi,
            Language::En => &self.en,
        }
    }

    /// The text with every `{field}` replaced by that field's value; a field without a value becomes `…`.
    ///
    /// The values come from hosts: escape the result for where it is shown.
    #[must_use]
    pub fn fill(&self, language: Language, fields: &Map<String, Value>) -> String {
        let mut filled = String::new();
        for piece in pieces(self.of(language)) {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Field(name) => match fields.get(name) {
                    None | Some(Value::Null) => filled.push('…'),
                    Some(Value::String(text)) => filled.push_str(term(name, text, language)),
                    Some(value) => filled.push_str(&shown(value, language)),
                },
            }
        }

        filled
    }
}

/// The word for a value of a closed list; any other text is shown as it is.
fn term<'t>(field: &str, text: &'t str, language: Language) -> &'t str {
    match (language, field, text) {
        (Language::Vi, "action", "created") => "mới xuất hiện",
        (Language::Vi, "action", "modified") => "bị sửa nội dung",
        (Language::Vi, "action", "metadata_changed") => "bị đổi thuộc tính",
        (Language::En, "action", "metadata_changed") => "metadata changed",
        (Language::Vi, "action", "deleted") => "bị xóa",
        _ => text,
    }
}

/// A field's value as people read it.
fn shown(value: &Value, language: Language) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => (if language == Language::Vi { "có" } else { "yes" }).to_owned(),
        Value::Bool(false) => (if language == Language::Vi { "không" } else { "no" }).to_owned(),
        Value::Array(items) => items.iter().map(|item| shown(item, language)).collect::<Vec<_>>().join(", "),
        Value::Number(number) => match language {
            Language::Vi => number.to_string().replace('.', ","),
            Language::En => number.to_string(),
        },
        Value::Null | Value::Object(_) => value.to_string(),
    }
}

/// A piece of a template.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Piece<'a> {
    /// Shown as it is.
    Text(&'a str),
    /// The name between braces.
    Field(&'a str),
}

/// The pieces of a template; a brace without its partner is text.
pub(crate) fn pieces(template: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let Some(length) = rest[open..].find('}') else { break };
        pieces.push(Piece::Text(&rest[..open]));
        pieces.push(Piece::Field(&rest[open + 1..open + length]));
        rest = &rest[open + length + 1..];
    }
    pieces.push(Piece::Text(rest));

    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_to_a_file_is_told_in_the_readers_language() {
        let words = Words { vi: "{action}".to_owned(), en: "{action}".to_owned() };
        let fields = serde_json::json!({"action": "modified"});

        assert_eq!(words.fill(Language::Vi, fields.as_object().unwrap()), "bị sửa nội dung");
        assert_eq!(words.fill(Language::En, fields.as_object().unwrap()), "modified");
    }

    #[test]
    fn fields_are_filled_and_a_missing_one_is_shown_as_missing() {
        let words = Words { vi: "Tệp {path} ({share}), {gone}{".to_owned(), en: String::new() };
        let fields = serde_json::json!({"path": "/etc/passwd", "share": 0.5});

        let filled = words.fill(Language::Vi, fields.as_object().unwrap());

        assert_eq!(filled, "Tệp /etc/passwd (0,5), …{");
    }
}
