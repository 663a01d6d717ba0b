//! The rule files that stand in `packs`: read, tried, embedded.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use vonggac_rules::mistake::Mistake;
use vonggac_rules::packs;
use vonggac_rules::plan::Register;
use vonggac_rules::ruleset::{PLAN_CLAUSE, RuleSet, RuleSource};
use vonggac_rules::trial::run_tests;

fn clauses() -> BTreeSet<String> {
    Register::embedded().clauses().map(|clause| clause.id.clone()).collect()
}

fn load(sources: Vec<RuleSource>) -> Result<Arc<RuleSet>, String> {
    let shown =
        |mistakes: Vec<Mistake>| mistakes.iter().map(|mistake| format!("{mistake}\n")).collect::<String>();

    RuleSet::load(sources, &clauses()).map(Arc::new).map_err(shown)
}

fn in_folder(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            in_folder(&path, found);
        } else {
            let below = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap();
            found.insert(below.to_str().unwrap().replace('\\', "/"));
        }
    }
}

#[test]
fn the_embedded_rules_are_those_of_the_folder() {
    let mut found = BTreeSet::new();
    in_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("packs"), &mut found);

    let embedded: BTreeSet<String> = packs::embedded().into_iter().map(|source| source.path).collect();

    assert_eq!(embedded, found);
}

#[test]
fn every_rule_of_the_packs_is_sound_and_passes_its_own_tests() {
    let rules = load(packs::embedded()).unwrap_or_else(|mistakes| panic!("{mistakes}"));

    let outcomes = run_tests(&rules);

    let failed: String = outcomes.iter().filter_map(|o| Some(format!("{}\n", o.mistake()?))).collect();
    assert_eq!(failed, "");
    assert_eq!(rules.without_plan().count(), 0, "every rule of ours says who does what");
    assert!(rules.rules().len() >= 60, "{}", rules.rules().len());
    assert!(outcomes.len() >= 2 * rules.rules().len());
}

#[test]
fn a_wrong_rule_fails_its_own_tests() {
    let mut sources = packs::embedded();
    let boot = sources.iter_mut().find(|source| source.path.ends_with("integrity/boot.yml")).unwrap();
    boot.text = boot.text.replace("area: boot\n", "area: web\n");
    let rules = load(sources).unwrap_or_else(|mistakes| panic!("{mistakes}"));

    let failed: Vec<_> = run_tests(&rules).into_iter().filter_map(|outcome| outcome.mistake()).collect();

    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].to_string().contains("R015"), "{}", failed[0]);
    assert!(failed[0].problem.vi.contains("phải kích hoạt"), "{}", failed[0].problem.vi);
}

#[test]
fn a_set_has_one_digest_whatever_the_order_of_its_files() {
    let mut turned = packs::embedded();
    turned.reverse();
    let mut changed = packs::embedded();
    changed[0].text.push_str("# một chú thích\n");

    let digest = |sources| load(sources).unwrap().digest();

    assert_eq!(digest(turned), digest(packs::embedded()));
    assert_ne!(digest(changed), digest(packs::embedded()));
}

#[test]
fn a_rule_without_a_plan_is_taken_and_named() {
    let clauses = Register::embedded().clauses().map(|clause| clause.id.clone()).collect();
    let mut sources = packs::embedded();
    let late = sources.iter_mut().find(|source| source.path == "packs/patch/late.yml").unwrap();
    let (head, rest) = late.text.split_once("  plan:\n").unwrap();
    late.text = format!("{head}  tests:\n{}", rest.split_once("  tests:\n").unwrap().1);

    let rules = RuleSet::load(sources, &clauses).unwrap();

    let named: Vec<&str> = rules.without_plan().map(|rule| rule.name.as_str()).collect();
    assert_eq!(named, ["security-patches-late"]);
    assert!(Register::embedded().clauses().any(|clause| clause.id == PLAN_CLAUSE));
}
