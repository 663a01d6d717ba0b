//! A document, its values and their lines.

use serde::Deserialize as _;
use yaml_serde::{Mapping, Value};

use crate::mistake::{Code, Mistake};
use crate::nearest::nearest;
use crate::text::{Document, Step};
use crate::words::Words;

/// One document of a file, whose value is a mapping.
pub(super) struct Sheet<'a> {
    /// The file.
    pub(super) path: &'a str,
    document: &'a Document,
    /// Its text, if it says more than what is written: see `collection`.
    rewritten: Option<String>,
    /// Its keys and values.
    pub(super) whole: Mapping,
}

impl<'a> Sheet<'a> {
    /// Reads the YAML; `None` with a mistake if it cannot be read.
    pub(super) fn open(path: &'a str, document: &'a Document, mistakes: &mut Vec<Mistake>) -> Option<Self> {
        let mut wrong = |line: usize, vi: String, en: String| {
            mistakes.push(Mistake {
                path: path.to_owned(),
                line,
                code: Code::R001,
                problem: Words { vi, en },
                hint: Words {
                    vi: "Một luật là một tài liệu YAML gồm các cặp khóa: giá trị, thụt lề bằng dấu cách"
                        .to_owned(),
                    en: "A rule is one YAML document of key: value pairs, indented by spaces".to_owned(),
                },
            });
        };
        let mut read = yaml_serde::Deserializer::from_str(&document.text);
        let value = match read.next().map(Value::deserialize) {
            Some(Ok(value)) => value,
            Some(Err(error)) => {
                let line = error.location().map_or(0, |location| location.line().saturating_sub(1));
                // Its own line numbers count from the document, ours from the file.
                let error = error.to_string();
                let error = one_line(error.split(" at line ").next().unwrap_or_default());
                wrong(
                    document.first + line,
                    format!("YAML không đọc được: {error}"),
                    format!("not YAML: {error}"),
                );
                return None;
            }
            None => Value::Null,
        };
        let Value::Mapping(whole) = value else {
            wrong(
                document.first,
                "cần các cặp khóa: giá trị ở mức ngoài cùng".to_owned(),
                "expected key: value pairs at the outermost level".to_owned(),
            );
            return None;
        };

        Some(Self { path, document, rewritten: None, whole })
    }

    /// The text of the document.
    pub(super) fn text(&self) -> &str {
        self.rewritten.as_ref().unwrap_or(&self.document.text)
    }

    /// Puts other keys and values in the place of those that are written; lines stay those of the file.
    pub(super) fn rewrite(&mut self, whole: Mapping) {
        self.rewritten = yaml_serde::to_string(&whole).ok();
        self.whole = whole;
    }

    /// Whether the outermost level has this key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.whole.contains_key(key)
    }

    /// The line of these nested keys.
    pub(super) fn line(&self, keys: &[&str]) -> usize {
        let steps: Vec<Step<'_>> = keys.iter().map(|key| Step::Key(key)).collect();

        self.document.line_of(&steps)
    }

    /// A mistake at the place that the steps lead to.
    pub(super) fn mistake(
        &self,
        steps: &[Step<'_>],
        code: Code,
        problem: (String, String),
        hint: (&str, &str),
    ) -> Mistake {
        Mistake {
            path: self.path.to_owned(),
            line: self.document.line_of(steps),
            code,
            problem: Words { vi: problem.0, en: problem.1 },
            hint: Words { vi: hint.0.to_owned(), en: hint.1.to_owned() },
        }
    }
}

/// A mapping within a sheet, and how it was reached; asks for keys and notes what is wrong with them.
pub(super) struct Part<'s, 'a> {
    pub(super) sheet: &'s Sheet<'a>,
    pub(super) steps: Vec<Step<'s>>,
    pub(super) values: &'s Mapping,
}

impl<'s> Part<'s, '_> {
    fn at(&self, key: &'s str) -> Vec<Step<'s>> {
        let mut steps = self.steps.clone();
        steps.push(Step::Key(key));

        steps
    }

    /// Notes every key that is not one of these.
    pub(super) fn refuse_keys_but(&self, known: &[&str], mistakes: &mut Vec<Mistake>) {
        for key in self.values.keys() {
            let shown = shown(key);
            if key.as_str().is_some_and(|key| known.contains(&key)) {
                continue;
            }
            let mut steps = self.steps.clone();
            steps.push(Step::Key(&shown));
            let (vi, en) = meant(&shown, known.iter().copied());
            let known = known.join(", ");
            mistakes.push(self.sheet.mistake(
                &steps,
                Code::R004,
                (
                    format!("không có khóa `{shown}`; các khóa hợp lệ: {known}"),
                    format!("there is no key `{shown}`; expected one of {known}"),
                ),
                (
                    &vi.unwrap_or_else(|| "Sửa tên khóa hoặc bỏ dòng này".to_owned()),
                    &en.unwrap_or_else(|| "Correct the key or remove the line".to_owned()),
                ),
            ));
        }
    }

    /// Notes that the value of a key is not what it should be.
    pub(super) fn wrong(
        &self,
        key: &'s str,
        code: Code,
        problem: (String, String),
        hint: (&str, &str),
    ) -> Mistake {
        self.sheet.mistake(&self.at(key), code, problem, hint)
    }

    fn missing(&self, key: &'s str, vi: &str, en: &str, mistakes: &mut Vec<Mistake>) {
        let (problem, hint) = match self.values.get(key) {
            None => (
                (format!("thiếu khóa `{key}`: cần {vi}"), format!("`{key}` is missing: expected {en}")),
                ("Thêm khóa này", "Add the key"),
            ),
            Some(found) => {
                let found = shown(found);
                (
                    (format!("`{key}` là {found}, cần {vi}"), format!("`{key}` is {found}, expected {en}")),
                    ("Sửa giá trị của khóa", "Correct the value"),
                )
            }
        };
        mistakes.push(self.wrong(key, Code::R005, problem, hint));
    }

    /// A text that is not empty.
    pub(super) fn text(&self, key: &'s str, mistakes: &mut Vec<Mistake>) -> Option<String> {
        match self.values.get(key).and_then(Value::as_str).map(str::trim) {
            Some(text) if !text.is_empty() => Some(text.to_owned()),
            Some(_) | None => {
                self.missing(key, "một đoạn văn bản", "a text", mistakes);
                None
            }
        }
    }

    /// A truth value.
    pub(super) fn truth(&self, key: &'s str, mistakes: &mut Vec<Mistake>) -> Option<bool> {
        let truth = self.values.get(key).and_then(Value::as_bool);
        if truth.is_none() {
            self.missing(key, "true hoặc false", "true or false", mistakes);
        }

        truth
    }

    /// A whole number within limits; `None` without a mistake if the key is not there.
    pub(super) fn number(&self, key: &'s str, most: u64, mistakes: &mut Vec<Mistake>) -> Option<u64> {
        let value = self.values.get(key)?;
        match value.as_u64() {
            Some(number) if (1..=most).contains(&number) => Some(number),
            Some(_) | None => {
                let (vi, en) = (format!("một số từ 1 đến {most}"), format!("a number from 1 to {most}"));
                self.missing(key, &vi, &en, mistakes);
                None
            }
        }
    }

    /// The items of a list; none and a mistake if it is no list, or empty where it must not be.
    pub(super) fn list(&self, key: &'s str, mistakes: &mut Vec<Mistake>) -> &'s [Value] {
        match self.values.get(key) {
            Some(Value::Sequence(items)) if !items.is_empty() => items,
            Some(_) | None => {
                self.missing(key, "một danh sách không rỗng", "a list that is not empty", mistakes);
                &[]
            }
        }
    }

    /// The items of a list of mappings.
    pub(super) fn parts(&self, key: &'s str, mistakes: &mut Vec<Mistake>) -> Vec<Self> {
        let mut parts = Vec::new();
        for (at, item) in self.list(key, mistakes).iter().enumerate() {
            let mut steps = self.at(key);
            steps.push(Step::Item(at));
            match item {
                Value::Mapping(values) => parts.push(Part { sheet: self.sheet, steps, values }),
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::String(_)
                | Value::Sequence(_)
                | Value::Tagged(_) => {
                    let found = shown(item);
                    mistakes.push(self.sheet.mistake(
                        &steps,
                        Code::R005,
                        (
                            format!("mục này là {found}, cần các cặp khóa: giá trị"),
                            format!("this item is {found}, expected key: value pairs"),
                        ),
                        ("Sửa mục này", "Correct the item"),
                    ));
                }
            }
        }

        parts
    }
}

/// A foreign message on one line, without control characters.
pub(super) fn one_line(message: &str) -> String {
    message
        .split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A hint that names the word that was probably meant.
pub(super) fn meant<'k>(
    found: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> (Option<String>, Option<String>) {
    let word = nearest(found, known, 2);

    (word.map(|word| format!("Có phải là `{word}`?")), word.map(|word| format!("Did you mean `{word}`?")))
}

/// A value in a message, shortened.
pub(super) fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => "rỗng/null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Sequence(items) => format!("[… {}]", items.len()),
        Value::Mapping(values) => format!("{{… {}}}", values.len()),
        Value::Tagged(_) => "!tag".to_owned(),
    };
    let mut short: String = text.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if short.len() < text.len() {
        short.push('…');
    }

    short
}
