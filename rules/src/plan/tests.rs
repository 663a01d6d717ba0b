use std::collections::BTreeSet;

use super::*;

#[test]
fn the_register_of_this_build_has_no_mistake_and_all_239_clauses() {
    let register = Register::load(&embedded()).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));

    let count = |plan: &str| register.clauses().filter(|clause| clause.plan == plan).count();

    assert_eq!(register.clauses().count(), 239);
    assert_eq!(register.plans().len(), 5);
    assert_eq!(
        [
            "lang-son-19-2015",
            "lao-cai-332-2017",
            "bac-ninh-388-2018",
            "hai-duong-ct-2011",
            "thai-binh-qd-2015"
        ]
        .map(count),
        [56, 65, 49, 23, 46]
    );
    assert!(register.clause("lang-son-19-2015/II.4.5").unwrap().is(Measure::Auto));
}

#[test]
fn the_ids_are_those_of_the_mission_where_the_mission_is_at_hand() {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/mission/clauses.csv");
    let Ok(text) = std::fs::read_to_string(beside) else {
        // The register itself carries the list; the mission is compared where it lies beside.
        return;
    };
    // Rows begin with an id; a quotation that goes on over lines has none.
    let mission: BTreeSet<&str> = text
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').next())
        .filter(|id| id.contains('/'))
        .collect();

    let register = Register::embedded();
    let ours: BTreeSet<&str> = register.clauses().map(|clause| clause.id.as_str()).collect();

    assert_eq!(ours, mission);
}

#[test]
fn no_two_clauses_of_a_plan_have_the_same_line() {
    let register = Register::embedded();
    let mut seen = BTreeSet::new();

    for clause in register.clauses() {
        assert!(seen.insert((clause.plan.clone(), clause.title.vi.clone())), "{}", clause.id);
    }
}

#[test]
fn a_mistake_is_told_with_file_and_line() {
    let broken = |from: &str, to: &str| {
        let mut files = embedded();
        let file = files.iter_mut().find(|file| file.path.contains("hai-duong")).unwrap();
        assert!(file.text.contains(from), "{from}");
        file.text = file.text.replacen(from, to, 1);
        let mistakes = Register::load(&files).unwrap_err();
        assert!(mistakes[0].path.contains("hai-duong"), "{mistakes:?}");
        mistakes[0].clone()
    };
    let line = |text: &str| {
        let whole = embedded().into_iter().find(|file| file.path.contains("hai-duong")).unwrap().text;
        1 + whole[..whole.find(text).unwrap()].matches('\n').count()
    };

    let owner = broken("owners = [\"ubnd-tinh\"", "owners = [\"nobody\"");
    assert_eq!(owner.line, line("owners = [\"ubnd-tinh\""), "{owner:?}");
    assert!(owner.problem.en.contains("nobody"));
    let twice = broken("\"hai-duong-ct-2011/2.b\"", "\"hai-duong-ct-2011/2.a\"");
    assert!(twice.problem.en.contains("twice"));
    let key = broken("theme = ", "thme = ");
    assert!(key.problem.en.contains("thme"), "{key:?}");
    let day = broken("start = \"2011-01-01\"", "start = \"2011-13-01\"");
    assert!(day.problem.en.contains("not a day"));
    let foreign = broken("\"hai-duong-ct-2011/5.a\"", "\"lao-cai-332-2017/5.a\"");
    assert!(foreign.problem.en.contains("must begin with"));
    broken("measurable = [\"auto\"]", "measurable = []");
    broken("measurable = [\"auto\"]", "measurable = [\"guess\"]");
    broken("[plan]", "[plan");
}

#[test]
fn the_digest_follows_the_text_and_not_the_order_of_files() {
    let mut files = embedded();
    let first = Register::load(&files).unwrap().digest();
    files.reverse();
    assert_eq!(Register::load(&files).unwrap().digest(), first);

    files[0].text.push('\n');
    assert_ne!(Register::load(&files).unwrap().digest(), first);
}

#[test]
fn every_role_that_rules_may_name_has_a_name_in_the_terms() {
    let register = Register::embedded();

    for owner in crate::owner::OWNERS {
        assert!(register.terms().roles.contains_key(owner.id), "{}", owner.id);
    }
}
