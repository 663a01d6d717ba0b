//! Whatever the text of a rule file: a set of rules or mistakes, never a panic.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use proptest::prelude::*;
use vonggac_rules::packs;
use vonggac_rules::plan::Register;
use vonggac_rules::ruleset::{RuleSet, RuleSource};

fn load(text: String) -> Result<RuleSet, Vec<vonggac_rules::mistake::Mistake>> {
    static CLAUSES: LazyLock<BTreeSet<String>> =
        LazyLock::new(|| Register::embedded().clauses().map(|clause| clause.id.clone()).collect());

    RuleSet::load(vec![RuleSource { path: "x.yml".to_owned(), text }], &CLAUSES)
}

fn real(path: &str) -> String {
    packs::embedded().into_iter().find(|source| source.path.ends_with(path)).unwrap().text
}

/// What a hostile or clumsy author may put in place of a part of a rule.
const PIECES: &[&str] = &[
    "",
    " ",
    "\n",
    "---\n",
    "{",
    "}",
    "[",
    "]",
    ":",
    "- ",
    "&a *a",
    "*a",
    "!!binary x",
    "null",
    "~",
    "1e999",
    "|re: '('",
    "|cidr: x",
    "|unknown: x",
    "1 of *",
    "not not not",
    "((((",
    "{path}",
    "\u{0}",
    "\u{feff}",
    "ủ",
    "'",
    "\"",
    "#",
    "timespan: 99999999999999999999s",
    "gte: -1",
    "repeat: 2000",
    "at_secs: 9223372036854775807",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_text_is_read_or_refused(text in "(?s).{0,400}") {
        drop(load(text));
    }

    #[test]
    fn any_text_with_yaml_marks_is_read_or_refused(
        text in r"([a-z|]{0,8}(:|: |\n|\n  |- |\{|\}|\[|\]|&a|\*a|'|---\n|[0-9]{1,3}|>-\n)){0,40}"
    ) {
        drop(load(text));
    }

    #[test]
    fn a_real_rule_mangled_anywhere_is_read_or_refused(
        burst: bool,
        at in 0.0_f64..1.0,
        length in 0_usize..60,
        piece in 0..PIECES.len(),
    ) {
        let text = real(if burst { "ransomware/burst.yml" } else { "integrity/configuration.yml" });
        let letters: Vec<char> = text.chars().collect();
        #[expect(clippy::as_conversions, reason = "a place within the text")]
        let from = (letters.len() as f64 * at) as usize;
        let until = (from + length).min(letters.len());
        let mangled: String =
            letters[..from].iter().copied().chain(PIECES[piece].chars()).chain(letters[until..].iter().copied()).collect();

        drop(load(mangled));
    }

    #[test]
    fn a_real_rule_without_one_of_its_lines_is_read_or_refused(at in 0.0_f64..1.0, twice: bool) {
        let text = real("ransomware/burst.yml");
        let lines: Vec<&str> = text.lines().collect();
        #[expect(clippy::as_conversions, reason = "a place within the text")]
        let place = (lines.len() as f64 * at) as usize;
        let mut changed = lines.clone();
        if twice { changed.insert(place, lines[place]) } else { changed.remove(place); }

        drop(load(changed.join("\n")));
    }
}

#[test]
fn deep_nesting_is_refused_and_does_not_exhaust_the_stack() {
    let rule = real("integrity/boot.yml");
    for depth in [100, 1_000, 20_000] {
        let brackets = "[".repeat(depth);
        let braces = "{a: ".repeat(depth);
        let indented: String = (0..depth.min(500)).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
        let condition = format!("condition: {}selection{}", "(".repeat(depth), ")".repeat(depth));
        let negated = format!("condition: {}selection", "not ".repeat(depth));
        for text in [
            brackets,
            braces,
            indented,
            rule.replace("condition: selection", &condition),
            rule.replace("condition: selection", &negated),
        ] {
            drop(load(text));
        }
    }
}

#[test]
fn aliases_that_multiply_are_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let items = vec![format!("*a{}", n - 1); 10].join(", ");
        bomb.push_str(&format!("a{n}: &a{n} [{items}]\n"));
    }

    assert!(load(bomb).is_err());
}

#[test]
fn a_file_that_is_too_large_is_refused_unread() {
    let mistakes = load("#".repeat(300_000)).unwrap_err();

    assert_eq!(mistakes.len(), 1);
    assert!(mistakes[0].to_string().contains("R014"));
}
