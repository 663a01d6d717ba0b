//! What a package says of its licences, made an SPDX expression.
//!
//! As Debian's copyright format has it, `and` binds tighter than `or`, and a comma before either loosens it. Commas alone
//! join a list the way its last word says, else as `and`. The result is checked by the `spdx` crate before it counts.

use super::names;

/// Bytes of a text that is still an expression and not a licence.
const TEXT_BYTES_MAX: usize = 2_048;

/// Names and words of one expression.
const TOKENS_MAX: usize = 256;

/// Names of Fedora that hold the words and commas that join names, and names without them.
const PHRASES: [(&str, &str); 3] = [
    ("Redistributable, no modification permitted", "Redistributable-no-modification-permitted"),
    ("BSD with advertising", "BSD-4-Clause-UC"),
    ("zlib with acknowledgement", "zlib-acknowledgement"),
];

/// How deep brackets may nest.
const DEPTH_MAX: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token<'t> {
    Word(&'t str),
    And,
    Or,
    With,
    Comma,
    Open,
    Close,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Licence(String),
    And(Vec<Self>),
    Or(Vec<Self>),
}

/// The SPDX expression that a text means; `None` if it cannot be understood as one.
#[must_use]
pub fn spdx(text: &str) -> Option<String> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let text = PHRASES.iter().fold(text.to_owned(), |text, (phrase, name)| text.replace(phrase, name));
    let text = text.as_str();
    if let Some(whole) =
        names::licence(text).filter(|whole| !whole.starts_with("LicenseRef-") || is_plain(text))
    {
        return checked(whole);
    }
    let tokens = tokens(text);
    if tokens.is_empty() || tokens.len() > TOKENS_MAX {
        return None;
    }
    let mut parser = Parser { tokens: &tokens, at: 0 };
    let node = parser.list(0)?;

    if parser.at == tokens.len() { checked(written(&node)) } else { None }
}

/// All of these expressions together. They are read again, so that brackets stand only where they are needed.
pub(super) fn all_of(expressions: &[String]) -> Option<String> {
    let nodes = expressions.iter().map(|expression| {
        let tokens = tokens(expression);
        let mut parser = Parser { tokens: &tokens, at: 0 };
        let node = parser.list(0).filter(|_| parser.at == tokens.len() && tokens.len() <= TOKENS_MAX);
        // What cannot be read again is put in whole.
        node.or_else(|| {
            spdx::Expression::parse(expression).ok()?;
            Some(Node::Licence(format!("({expression})")))
        })
    });

    checked(written(&joined(nodes.collect::<Option<_>>()?, Node::And)))
}

fn is_plain(text: &str) -> bool {
    tokens(text).iter().all(|token| matches!(token, Token::Word(_)))
}

fn checked(expression: String) -> Option<String> {
    spdx::Expression::parse(&expression).is_ok().then_some(expression)
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for word in text.split_inclusive([' ', '\t', '\n', ',', '(', ')', '|']) {
        let end = word.chars().last().filter(|c| matches!(c, ' ' | '\t' | '\n' | ',' | '(' | ')' | '|'));
        let bare = word.trim_end_matches(|c| Some(c) == end).trim();
        match bare.to_ascii_lowercase().as_str() {
            "" => {}
            "and" | "and/or" | "&" => tokens.push(Token::And),
            "or" => tokens.push(Token::Or),
            "with" => tokens.push(Token::With),
            _ => with_hyphens(bare, &mut tokens),
        }
        match end {
            Some(',') => tokens.push(Token::Comma),
            Some('(') => tokens.push(Token::Open),
            Some(')') => tokens.push(Token::Close),
            Some('|') => tokens.push(Token::Or),
            Some(_) | None => {}
        }
        if tokens.len() > TOKENS_MAX {
            break;
        }
    }

    tokens
}

/// `GPL-2+-with-bison-exception` is written as one word.
fn with_hyphens<'t>(word: &'t str, tokens: &mut Vec<Token<'t>>) {
    let lower = word.to_ascii_lowercase();
    let is_reference = lower.starts_with("licenseref-") || lower.starts_with("additionref-");
    match lower.find("-with-") {
        Some(at) if at > 0 && !is_reference => {
            tokens.extend([Token::Word(&word[..at]), Token::With, Token::Word(&word[at + "-with-".len()..])]);
        }
        Some(_) | None => tokens.push(Token::Word(word)),
    }
}

struct Parser<'t> {
    tokens: &'t [Token<'t>],
    at: usize,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<&'t Token<'t>> {
        self.tokens.get(self.at)
    }

    fn eat(&mut self, token: &Token<'_>) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);

        found
    }

    /// Parts joined by commas, with or without a word behind them.
    fn list(&mut self, depth: usize) -> Option<Node> {
        if depth > DEPTH_MAX {
            return None;
        }
        let mut parts = vec![self.any_of(depth)?];
        let mut joints = Vec::new();
        while self.eat(&Token::Comma) {
            joints.push(match self.peek() {
                Some(Token::And) => Some(true),
                Some(Token::Or) => Some(false),
                Some(Token::Word(_) | Token::With | Token::Comma | Token::Open | Token::Close) | None => None,
            });
            if joints.last().is_some_and(Option::is_some) {
                self.at += 1;
            }
            parts.push(self.any_of(depth)?);
        }

        // A bare comma takes the next word of the list. In `A, B and C` that word stands inside the last part.
        let inside = parts.last().map(|last| !matches!(last, Node::Or(_)));
        let mut word = if joints.iter().all(Option::is_none) { inside } else { Some(true) };
        for joint in joints.iter_mut().rev() {
            word = joint.or(word);
            *joint = word;
        }
        let mut parts = parts.into_iter();
        let mut whole = parts.next()?;
        for (part, joint) in parts.zip(joints) {
            whole = joined(vec![whole, part], if joint == Some(false) { Node::Or } else { Node::And });
        }

        Some(whole)
    }

    fn any_of(&mut self, depth: usize) -> Option<Node> {
        let mut parts = vec![self.all_of(depth)?];
        while self.eat(&Token::Or) {
            parts.push(self.all_of(depth)?);
        }

        Some(joined(parts, Node::Or))
    }

    fn all_of(&mut self, depth: usize) -> Option<Node> {
        let mut parts = vec![self.one(depth)?];
        while self.eat(&Token::And) {
            parts.push(self.one(depth)?);
        }

        Some(joined(parts, Node::And))
    }

    fn one(&mut self, depth: usize) -> Option<Node> {
        if self.eat(&Token::Open) {
            let inner = self.list(depth + 1)?;
            return self.eat(&Token::Close).then_some(inner);
        }
        let licence = names::licence(&self.words()?)?;
        if !self.eat(&Token::With) {
            return match spdx::Expression::parse(&licence).ok()?.requirements().count() {
                1 => Some(Node::Licence(licence)),
                _ => Some(Node::Or(licence.split(" OR ").map(|one| Node::Licence(one.to_owned())).collect())),
            };
        }
        let exception = names::exception(&self.words()?, &licence)?;

        (!licence.contains(' ')).then(|| Node::Licence(format!("{licence} WITH {exception}")))
    }

    fn words(&mut self) -> Option<String> {
        let mut words = Vec::new();
        while let Some(Token::Word(word)) = self.peek() {
            words.push(*word);
            self.at += 1;
        }

        (!words.is_empty()).then(|| words.join(" "))
    }
}

/// One node of several, those of the same kind taken in, doubles left out.
fn joined(parts: Vec<Node>, kind: fn(Vec<Node>) -> Node) -> Node {
    let mut flat: Vec<Node> = Vec::new();
    let of_kind = std::mem::discriminant(&kind(Vec::new()));
    for part in parts {
        let alike = std::mem::discriminant(&part) == of_kind;
        let inner = match part {
            Node::And(inner) | Node::Or(inner) if alike => inner,
            other @ (Node::Licence(_) | Node::And(_) | Node::Or(_)) => vec![other],
        };
        for node in inner {
            if !flat.contains(&node) {
                flat.push(node);
            }
        }
    }
    match (flat.len(), flat.pop()) {
        (1, Some(only)) => only,
        (_, Some(last)) => {
            flat.push(last);
            kind(flat)
        }
        (_, None) => kind(flat),
    }
}

fn written(node: &Node) -> String {
    let list = |parts: &[Node], word: &str| {
        let part = |part: &Node| match part {
            Node::Or(_) if word == " AND " => format!("({})", written(part)),
            Node::Licence(_) | Node::And(_) | Node::Or(_) => written(part),
        };
        parts.iter().map(part).collect::<Vec<_>>().join(word)
    };
    match node {
        Node::Licence(name) => name.clone(),
        Node::And(parts) => list(parts, " AND "),
        Node::Or(parts) => list(parts, " OR "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_of_debian_and_fedora_mean_the_same_in_spdx() {
        let cases = [
            ("GPL-2+", "GPL-2.0-or-later"),
            ("Artistic or GPL-1+", "Artistic-1.0-Perl OR GPL-1.0-or-later"),
            ("GPL-2+ or AFL-2.1, and Expat", "(GPL-2.0-or-later OR AFL-2.1) AND MIT"),
            ("GPL-2+ or AFL-2.1 and Expat", "GPL-2.0-or-later OR AFL-2.1 AND MIT"),
            ("MPL-1.1 or GPL-2+ or LGPL-2.1+", "MPL-1.1 OR GPL-2.0-or-later OR LGPL-2.1-or-later"),
            ("GPL-2+, LGPL-2.1 and MIT", "GPL-2.0-or-later AND LGPL-2.1-only AND MIT"),
            ("GPL-2+, LGPL-2.1 or MIT", "GPL-2.0-or-later OR LGPL-2.1-only OR MIT"),
            ("GPL-2+, LGPL-2.1, or MIT", "GPL-2.0-or-later OR LGPL-2.1-only OR MIT"),
            ("GPL-2+ and GPL-2+", "GPL-2.0-or-later"),
            ("Perl and MIT", "(Artistic-1.0-Perl OR GPL-1.0-or-later) AND MIT"),
            ("GPL-2+ with OpenSSL exception", "GPL-2.0-or-later WITH AdditionRef-OpenSSL-exception"),
            ("GPL-2+-with-bison-exception", "GPL-2.0-or-later WITH Bison-exception-2.2"),
            ("GPL with Classpath exception", "GPL-1.0-or-later WITH Classpath-exception-2.0"),
            ("GPLv2+ and (LGPLv2 or BSD)", "GPL-2.0-or-later AND (LGPL-2.0-only OR LicenseRef-BSD)"),
            ("GPL-2.0-or-later AND MIT", "GPL-2.0-or-later AND MIT"),
            ("BSD with advertising", "BSD-4-Clause-UC"),
            ("LicenseRef-a-with-b AND MIT", "LicenseRef-a-with-b AND MIT"),
            ("MIT WITH AdditionRef-some-with-exception", "MIT WITH AdditionRef-some-with-exception"),
            ("LGPL-2+ | public-domain", "LGPL-2.0-or-later OR LicenseRef-public-domain"),
        ];

        for (written, meant) in cases {
            assert_eq!(spdx(written).as_deref(), Some(meant), "{written}");
        }
    }

    #[test]
    fn expressions_put_together_have_no_more_brackets_than_they_need_and_nothing_twice() {
        let all = |expressions: &[&str]| {
            all_of(&expressions.iter().map(|expression| (*expression).to_owned()).collect::<Vec<_>>())
        };

        assert_eq!(all(&["(MIT OR Zlib)", "ISC"]).as_deref(), Some("(MIT OR Zlib) AND ISC"));
        assert_eq!(all(&["MIT OR Zlib", "ISC"]).as_deref(), Some("(MIT OR Zlib) AND ISC"));
        assert_eq!(
            all(&["MIT AND (Zlib OR ISC)", "MIT"]).as_deref(),
            Some("MIT AND (Zlib OR ISC)"),
            "no brackets around the whole of the first"
        );
        assert_eq!(all(&["MIT OR Zlib"]).as_deref(), Some("MIT OR Zlib"));
        assert_eq!(
            all(&["MIT OR ISC AND Zlib", "GPL-2.0-or-later WITH AdditionRef-OpenSSL-exception"]).as_deref(),
            Some("(MIT OR ISC AND Zlib) AND GPL-2.0-or-later WITH AdditionRef-OpenSSL-exception")
        );
    }

    #[test]
    fn what_is_no_expression_stays_unknown() {
        for text in [
            "",
            " ",
            "and",
            "GPL-2+ and",
            "(MIT",
            "MIT)",
            ",",
            "with",
            "MIT with",
            &"(".repeat(200),
            "((((MIT))))x)",
        ] {
            assert_eq!(spdx(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_comes_out_is_an_spdx_expression(text in "(GPL-2\\+|MIT|and|or|with| |,|\\(|\\)|Expat|[a-z~é]{1,4}){0,30}") {
            if let Some(expression) = spdx(&text) {
                proptest::prop_assert!(spdx::Expression::parse(&expression).is_ok());
                proptest::prop_assert_eq!(spdx(&expression), Some(expression));
            }
        }

        #[test]
        fn no_text_makes_it_panic(text: String) {
            let _read = spdx(&text);
        }
    }
}
