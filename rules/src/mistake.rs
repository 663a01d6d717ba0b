//! What is wrong in a rule file, told so that its author can mend it without us.

use std::fmt;

use serde::Serialize;

use crate::words::{Language, Words};

/// The kinds of mistakes; a code is never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub enum Code {
    /// The file is not YAML.
    R001,
    /// A Sigma part is missing or malformed.
    R002,
    /// The `vonggac` block is missing.
    R003,
    /// A key that we do not know.
    R004,
    /// A key of our block is missing or has the wrong form.
    R005,
    /// A clause that is in no register.
    R006,
    /// An owner that we do not know.
    R007,
    /// A log source that no observation has.
    R008,
    /// A field that the log source does not have.
    R009,
    /// A test is missing: one that must fire and one that must not.
    R010,
    /// A level that is none of the four.
    R011,
    /// A name or id is missing, malformed or used twice.
    R012,
    /// A correlation that we cannot count.
    R013,
    /// The file is larger than a rule can be.
    R014,
    /// A test of the rule does not come out as it says.
    R015,
    /// A form of Sigma that we do not take: an unknown action, counting as in version 1, nested values.
    R016,
    /// A placeholder without values.
    R017,
    /// A filter that applies to nothing.
    R018,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// One mistake in one place.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Mistake {
    /// The file, as the caller named it.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// Kind.
    pub code: Code,
    /// What is wrong and what was expected.
    pub problem: Words,
    /// What to do.
    pub hint: Words,
}

impl Mistake {
    /// As one line of text: `path:line: R004: problem; hint`.
    #[must_use]
    pub fn shown(&self, language: Language) -> String {
        let (problem, hint) = (self.problem.of(language), self.hint.of(language));

        format!("{}:{}: {}: {problem}. {hint}", self.path, self.line, self.code)
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown(Language::En))
    }
}
