//! What must stay true of this crate's documents and source.

use std::fs;
use std::path::Path;

use vonggac_rules::fields;

#[test]
fn the_page_of_fields_is_the_one_the_code_writes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/observations.md");
    if std::env::var_os("VONGGAC_BLESS").is_some() {
        fs::write(&path, fields::page()).unwrap();
    }

    assert_eq!(fs::read_to_string(path).unwrap(), fields::page());
}

#[test]
fn the_example_of_the_guide_is_a_sound_rule_that_passes_its_tests() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/adding-a-rule.md");
    let guide = fs::read_to_string(guide).unwrap();
    let example = guide.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let clauses =
        vonggac_rules::plan::Register::embedded().clauses().map(|clause| clause.id.clone()).collect();
    let source =
        vonggac_rules::ruleset::RuleSource { path: "example.yml".to_owned(), text: example.to_owned() };

    let rules = vonggac_rules::ruleset::RuleSet::load(vec![source], &clauses);

    let outcomes = vonggac_rules::trial::run_tests(&std::sync::Arc::new(rules.unwrap()));
    assert!(outcomes.len() >= 2 && outcomes.iter().all(|outcome| outcome.passed()), "{outcomes:?}");
}

#[test]
fn nothing_in_this_crate_reads_a_clock_a_file_or_randomness() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut read = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.file_name().is_some_and(|name| name == "tests.rs") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            read += 1;
            for wrong in ["SystemTime", "Instant", "::now()", "std::fs", "std::net", "getrandom", "HashMap"] {
                assert!(!text.contains(wrong), "{} names {wrong}", path.display());
            }
        }
    }

    assert!(read > 15);
}
