//! Every word a person reads is in a Fluent file, in both languages.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn console() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/console")
}

fn keys(language: &str) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for file in std::fs::read_dir(console().join("locales").join(language)).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for line in text.lines().filter(|line| line.starts_with(|letter: char| letter.is_ascii_lowercase())) {
            let key = line.split_once(" =").unwrap().0.to_owned();
            assert!(keys.insert(key.clone()), "{language} has {key} twice");
        }
    }

    keys
}

fn templates() -> Vec<(String, String)> {
    let read = |file: std::io::Result<std::fs::DirEntry>| {
        let path = file.unwrap().path();
        (path.display().to_string(), std::fs::read_to_string(path).unwrap())
    };

    std::fs::read_dir(console().join("templates")).unwrap().map(read).collect()
}

/// The text without what stands between `open` and `close`.
fn without(text: &str, open: &str, close: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(open) {
        kept.push_str(before);
        rest = after.split_once(close).unwrap_or_else(|| panic!("{open} without {close} in {after:.60}")).1;
    }
    kept.push_str(rest);

    kept
}

#[test]
fn both_languages_have_the_same_keys() {
    let (vi, en) = (keys("vi"), keys("en"));

    assert!(vi.len() > 300);
    assert_eq!(vi.symmetric_difference(&en).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn templates_hold_no_words_of_their_own() {
    for (name, text) in templates() {
        let text = without(&without(&without(&text, "{#", "#}"), "{%", "%}"), "{{", "}}");
        for attribute in ["title=\"", "placeholder=\"", "aria-label=\"", "alt=\""] {
            for value in text.split(attribute).skip(1) {
                let value = value.split_once('"').unwrap().0;
                assert!(!value.contains(char::is_alphabetic), "{name}: {attribute}{value}");
            }
        }
        let words = without(&text, "<", ">");
        let found: String = words.chars().filter(|letter| letter.is_alphabetic()).collect();
        assert_eq!(found, "", "{name}");
    }
}

#[test]
fn every_key_that_a_template_says_exists() {
    let known = keys("vi");
    for (name, text) in templates() {
        for call in [".say(\"", ".with(\""] {
            for key in text.split(call).skip(1).map(|rest| rest.split_once('"').unwrap().0) {
                assert!(known.contains(key), "{name}: {key}");
            }
        }
        for list in text.split(".of_list(\"").skip(1).map(|rest| rest.split_once('"').unwrap().0) {
            assert!(known.iter().any(|key| key.starts_with(&format!("{list}-"))), "{name}: {list}");
        }
    }
}
