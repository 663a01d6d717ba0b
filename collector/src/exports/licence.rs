//! Licence expressions as SPDX 2.3 takes them: what its list does not have becomes a `LicenseRef-…` of the document,
//! with what was said as its text.
//!
//! SPDX 2.3 knows no `AdditionRef-…`, and its validators know `+` only where it is part of an identifier: both become a
//! reference together with the licence they stand at.

use std::collections::BTreeMap;

use spdx::expression::{ExprNode, Operator};
use spdx::{AdditionItem, Expression, LicenseItem, LicenseReq, ParseMode};
use vonggac_protocol::digest::Digest;

/// Bytes of an expression that is read as one; a longer one is a text.
const EXPRESSION_BYTES_MAX: usize = 8 * 1024;

/// Characters of a reference's own name; what is longer is cut and told apart by a digest.
const NAME_MAX: usize = 120;

/// What is left of a longer one.
const NAME_CUT: usize = 60;

/// An expression with what has to be said about its references.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expressed {
    /// The expression.
    pub expression: String,
    /// Each `LicenseRef-…` in it, with the text that stands for it.
    pub references: BTreeMap<String, String>,
}

/// The expression that a package's licence means; what is none becomes one reference with the words as they are.
#[must_use]
pub fn expressed(said: &str) -> Expressed {
    let mode = ParseMode { allow_deprecated: true, ..ParseMode::STRICT };
    let parsed =
        if said.len() > EXPRESSION_BYTES_MAX { None } else { Expression::parse_mode(said, mode).ok() };
    let mut references = BTreeMap::new();
    let written = parsed.and_then(|parsed| written(&parsed, &mut references));
    let expression = written.unwrap_or_else(|| {
        references.clear();
        refer(said, said.to_owned(), &mut references)
    });

    Expressed { expression, references }
}

/// A part of an expression and how loosely it holds together.
struct Part {
    text: String,
    is_or: bool,
}

/// The expression with no more brackets than it needs; the nodes come in postfix order.
fn written(parsed: &Expression, references: &mut BTreeMap<String, String>) -> Option<String> {
    let mut parts: Vec<Part> = Vec::new();
    for node in parsed.iter() {
        match node {
            ExprNode::Req(found) => {
                parts.push(Part { text: one(&found.req, references), is_or: false });
            }
            ExprNode::Op(operator) => {
                let (second, first) = (parts.pop()?, parts.pop()?);
                let (word, is_or) = match operator {
                    Operator::And => (" AND ", false),
                    Operator::Or => (" OR ", true),
                };
                let bracketed = |part: Part| {
                    if part.is_or && !is_or { format!("({})", part.text) } else { part.text }
                };
                parts.push(Part { text: [bracketed(first), bracketed(second)].join(word), is_or });
            }
        }
    }
    let whole = parts.pop()?;

    parts.is_empty().then_some(whole.text)
}

fn one(required: &LicenseReq, references: &mut BTreeMap<String, String>) -> String {
    let said = required.to_string();
    let name = match (&required.license, &required.addition) {
        (LicenseItem::Spdx { or_later, .. }, None | Some(AdditionItem::Spdx(_))) => {
            let needs_plus = *or_later && required.license.to_string().ends_with('+');
            if !needs_plus {
                return said;
            }
            said.replace('+', "-or-later")
        }
        (LicenseItem::Other(own), None) => match &own.doc_ref {
            None => own.lic_ref.clone(),
            Some(document) => format!("{document}-{}", own.lic_ref),
        },
        (_, Some(_)) => said.replace("LicenseRef-", "").replace("AdditionRef-", "").replace('+', "-or-later"),
    };

    refer(&name, said, references)
}

/// Enters a reference and gives its id. What an id cannot hold as it is gets a digest, so one id stands for one text.
fn refer(name: &str, text: String, references: &mut BTreeMap<String, String>) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let plain: String = name.chars().map(|c| if c == ' ' || fits(c) { c } else { '_' }).collect();
    let plain = plain.replace(' ', "-");
    let mut id = format!("LicenseRef-{plain}");
    if plain.is_empty() || plain.contains('_') || plain.len() > NAME_MAX {
        let digest = Digest::of(text.as_bytes()).to_string();
        let begin = plain.replace('_', "-");
        let begin = begin.get(..NAME_CUT).unwrap_or(&begin).trim_matches('-');
        id = format!("LicenseRef-{begin}-{}", digest.get(..16).unwrap_or(&digest));
    }
    references.insert(id.clone(), text);

    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_spdx_knows_stays_and_what_it_does_not_know_becomes_a_reference() {
        let cases = [
            ("MIT", "MIT", vec![]),
            (
                "GPL-2.0-or-later WITH Bison-exception-2.2",
                "GPL-2.0-or-later WITH Bison-exception-2.2",
                vec![],
            ),
            ("((GPL-2.0-or-later OR MIT)) AND Zlib", "(GPL-2.0-or-later OR MIT) AND Zlib", vec![]),
            ("(MIT AND Zlib) OR (ISC)", "MIT AND Zlib OR ISC", vec![]),
            (
                "GPL-2.0-or-later WITH AdditionRef-OpenSSL-exception",
                "LicenseRef-GPL-2.0-or-later-WITH-OpenSSL-exception",
                vec![(
                    "LicenseRef-GPL-2.0-or-later-WITH-OpenSSL-exception",
                    "GPL-2.0-or-later WITH AdditionRef-OpenSSL-exception",
                )],
            ),
            (
                "MPL-1.1+ OR LicenseRef-public-domain",
                "LicenseRef-MPL-1.1-or-later OR LicenseRef-public-domain",
                vec![
                    ("LicenseRef-MPL-1.1-or-later", "MPL-1.1+"),
                    ("LicenseRef-public-domain", "LicenseRef-public-domain"),
                ],
            ),
            (
                "Freeware see EULA",
                "LicenseRef-Freeware-see-EULA",
                vec![("LicenseRef-Freeware-see-EULA", "Freeware see EULA")],
            ),
        ];

        for (said, meant, references) in cases {
            let found = expressed(said);
            let of: Vec<(&str, &str)> =
                found.references.iter().map(|(id, text)| (id.as_str(), text.as_str())).collect();
            assert_eq!((found.expression.as_str(), of), (meant, references), "{said}");
        }
    }

    #[test]
    fn words_of_other_scripts_and_long_texts_are_told_apart() {
        let (one, other) = (expressed("Giấy phép A"), expressed("Giấy phép Ă"));
        let long = expressed(&"x".repeat(9_000));

        assert_ne!(one.expression, other.expression);
        assert!(long.expression.len() < 120);
        assert_eq!(long.references.values().next().map(String::len), Some(9_000));
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_host_says_the_expression_is_one_and_says_the_same_when_read_again(said: String) {
            let found = expressed(&said);

            proptest::prop_assert!(Expression::parse(&found.expression).is_ok(), "{}", found.expression);
            proptest::prop_assert_eq!(&expressed(&found.expression).expression, &found.expression);
        }

        #[test]
        fn a_sound_expression_means_the_same(
            said in "(MIT|Apache-2\\.0|LicenseRef-a)( (AND|OR) (Zlib|ISC|\\(0BSD OR MIT\\)|\\(BSL-1\\.0 AND ISC\\))){0,5}",
            allowed: [bool; 6],
        ) {
            let names = ["MIT", "Apache-2.0", "LicenseRef-a", "Zlib", "ISC", "0BSD"];
            let allows = |required: &LicenseReq| {
                names.iter().position(|name| required.to_string() == *name).is_some_and(|at| allowed[at])
            };
            let before = Expression::parse(&said).unwrap().evaluate(allows);
            let after = Expression::parse(&expressed(&said).expression).unwrap().evaluate(allows);

            proptest::prop_assert_eq!(before, after);
        }
    }
}
