//! What authors are told about wrong rule files: golden files beside the wrong rules.
//!
//! `VONGGAC_BLESS=1 cargo test -p vonggac-rules --test mistakes` writes them anew; review the difference.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use vonggac_rules::plan::Register;
use vonggac_rules::ruleset::{RuleSet, RuleSource};
use vonggac_rules::words::Language;

fn wrong_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yml"));
    files.sort();

    files
}

fn told(path: &Path, clauses: &BTreeSet<String>) -> String {
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    let text = fs::read_to_string(path).unwrap();
    let Err(mistakes) = RuleSet::load(vec![RuleSource { path: name.clone(), text }], clauses) else {
        panic!("{name} is taken for sound");
    };

    mistakes
        .iter()
        .map(|mistake| format!("{}\n{}\n", mistake.shown(Language::Vi), mistake.shown(Language::En)))
        .collect()
}

#[test]
fn every_wrong_rule_is_told_with_code_line_expectation_and_hint() {
    let clauses: BTreeSet<String> = Register::embedded().clauses().map(|clause| clause.id.clone()).collect();
    let bless = std::env::var_os("VONGGAC_BLESS").is_some();
    let mut different = Vec::new();
    for path in wrong_files() {
        let told = told(&path, &clauses);
        let golden = path.with_extension("txt");
        if bless {
            fs::write(&golden, &told).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != told {
            different.push(format!("{}:\n{told}", golden.display()));
        }
    }

    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn the_wrong_rules_show_many_kinds_of_mistakes() {
    let mut codes = BTreeSet::new();
    for path in wrong_files() {
        let golden = fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
        codes.extend(golden.lines().filter_map(|line| line.split(": ").nth(1)).map(str::to_owned));
    }

    assert!(codes.iter().filter(|code| code.starts_with('R')).count() >= 12, "{codes:?}");
}

#[test]
fn ten_different_mistakes_of_one_file_are_told_at_once() {
    let clauses: BTreeSet<String> = Register::embedded().clauses().map(|clause| clause.id.clone()).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes/ten.yml");
    let text = fs::read_to_string(path).unwrap();

    let Err(mistakes) = RuleSet::load(vec![RuleSource { path: "ten.yml".to_owned(), text }], &clauses) else {
        panic!("ten mistakes are taken for sound");
    };

    let places: BTreeSet<usize> = mistakes.iter().map(|mistake| mistake.line).collect();
    let problems: BTreeSet<&str> = mistakes.iter().map(|mistake| mistake.problem.en.as_str()).collect();
    assert!(places.len() >= 10 && problems.len() >= 10, "{mistakes:?}");
    assert!(mistakes.iter().all(|mistake| !mistake.hint.vi.is_empty() && !mistake.hint.en.is_empty()));
}
