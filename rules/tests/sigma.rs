//! What of Sigma, version 2, goes beyond one detection: searches without a field, placeholders, filters, collection
//! actions, log sources of its taxonomy, correlations of every kind.

use std::collections::BTreeSet;
use std::sync::Arc;

use vonggac_rules::plan::Register;
use vonggac_rules::ruleset::{RuleSet, RuleSource};
use vonggac_rules::trial::run_tests;

const BLOCK: &str = "
falsepositives: [None is known yet.]
level: high
vonggac:
  title_vi: Một luật
  description_vi: Ý nghĩa.
  clauses: [hai-duong-ct-2011/4.a]
  owner: quan-tri-vien
  join: host
  subject: host
  sentence_vi: Máy {host_name}.
  sentence_en: Machine {host_name}.
  falsepositives_vi: [Chưa biết.]
  plan:
    - {who: quan-tri-vien, vi: Kiểm tra., en: Check.}
  tests:
";

/// The head of a rule; names are numbered by their place in the set.
fn head(name: &str, number: u32) -> String {
    format!(
        "title: {name}\nid: 00000000-0000-4000-8000-{number:012}\nname: {name}\ndescription: What it means.\n"
    )
}

fn detection(name: &str, number: u32, category: &str, selection: &str) -> String {
    let head = head(name, number);

    format!(
        "{head}logsource: {{product: vonggac, category: {category}}}\ndetection:\n  selection:\n    {selection}\n  condition: selection\n"
    )
}

fn case(name: &str, fires: bool, observations: &[&str]) -> String {
    let items: String = observations.iter().map(|item| format!("        - {item}\n")).collect();

    format!("    - name: {name}\n      fires: {fires}\n      observations:\n{items}")
}

/// Loads the files and runs the tests of their rules; how many there were.
fn tried(files: &[String]) -> usize {
    let sources = files
        .iter()
        .enumerate()
        .map(|(at, text)| RuleSource { path: format!("{at}.yml"), text: text.clone() });
    let clauses: BTreeSet<String> = Register::embedded().clauses().map(|clause| clause.id.clone()).collect();
    let rules = match RuleSet::load(sources.collect(), &clauses) {
        Ok(rules) => Arc::new(rules),
        Err(mistakes) => panic!("{}", mistakes.iter().map(|m| format!("{m}\n")).collect::<String>()),
    };
    let outcomes = run_tests(&rules);
    let failed: String = outcomes.iter().filter_map(|o| Some(format!("{}\n", o.mistake()?))).collect();
    assert_eq!(failed, "");

    outcomes.len()
}

#[test]
fn a_search_without_a_field_looks_into_every_text() {
    let text = detection("word", 1, "file_changed", "- '*shadow*'\n    - '*sudoers*'")
        + BLOCK
        + &case("trong đường dẫn", true, &["{path: /etc/shadow-}"])
        + &case("trong chương trình", true, &["{path: /etc/x, actor_program: /usr/bin/visudoers}"])
        + &case("không có", false, &["{path: /etc/hosts}"]);

    assert_eq!(tried(&[text]), 3);
}

#[test]
fn placeholders_take_their_values_from_a_document_of_the_set() {
    let values = "placeholders:\n  quan_tri: [root, quantri]\n  goc: /etc\n".to_owned();
    let text = detection(
        "admins",
        1,
        "file_changed",
        "actor_user|expand: '%quan_tri%'\n    path|startswith|expand: '%goc%/'",
    ) + BLOCK
        + &case("người quản trị", true, &["{path: /etc/hosts, actor_user: quantri}"])
        + &case("người khác", false, &["{path: /etc/hosts, actor_user: vanthu}"])
        + &case("nơi khác", false, &["{path: /srv/hosts, actor_user: root}"]);

    assert_eq!(tried(&[text, values]), 3);
}

#[test]
fn a_filter_leaves_out_what_it_says_for_the_rules_it_names() {
    let rule = |name, number, fires_below_tmp| {
        detection(name, number, "file_changed", "action: created")
            + BLOCK
            + &case("nơi khác", true, &["{path: /etc/x, action: created}"])
            + &case("trong /tmp", fires_below_tmp, &["{path: /tmp/x, action: created}"])
            + &case("hành động khác", false, &["{path: /etc/x, action: deleted}"])
    };
    let filter = head("no-tmp", 3)
        + "logsource: {product: vonggac, category: file_changed}\nfilter:\n  rules: [filtered]\n  tmp: {path|startswith: /tmp/}\n  condition: not tmp\n";

    assert_eq!(tried(&[rule("filtered", 1, false), filter, rule("unfiltered", 2, true)]), 6);
}

#[test]
fn a_filter_for_any_rule_applies_to_all_of_its_log_source() {
    let rule = |name, number| {
        detection(name, number, "file_changed", "action: created")
            + BLOCK
            + &case("nơi khác", true, &["{path: /etc/x, action: created}"])
            + &case("trong /tmp", false, &["{path: /tmp/x, action: created}"])
    };
    let filter = head("no-tmp", 3)
        + "logsource: {product: vonggac}\nfilter:\n  rules: any\n  tmp: {path|startswith: /tmp/}\n  condition: not tmp\n";

    assert_eq!(tried(&[rule("one", 1), rule("two", 2), filter]), 4);
}

#[test]
fn global_repeat_and_reset_write_a_rule_out_in_full() {
    let shared = "action: global\nlogsource: {product: vonggac, category: file_changed}\ndetection: {condition: selection}\ndescription: Shared.\n";
    let first = "title: one\nid: 00000000-0000-4000-8000-000000000001\nname: one\ndetection: {selection: {area: boot}}\n".to_owned()
        + BLOCK
        + &case("khởi động", true, &["{path: /boot/x, area: boot}"])
        + &case("trang", false, &["{path: /srv/x, area: web}"]);
    let again = "action: repeat\ntitle: two\nid: 00000000-0000-4000-8000-000000000002\nname: two\ndetection: {selection: {area: boot, action: deleted}}\nvonggac:\n  tests:\n".to_owned()
        + &case("xóa", true, &["{path: /boot/x, area: boot, action: deleted}"])
        + &case("tạo", false, &["{path: /boot/x, area: boot, action: created}"]);
    let alone = detection("three", 3, "agent_stopped", "host_role: server")
        + BLOCK
        + &case("máy chủ", true, &["{host_role: server}"])
        + &case("máy trạm", false, &["{host_role: workstation}"]);

    assert_eq!(tried(&[[shared, &first, &again, "action: reset\n", &alone].join("---\n")]), 6);
}

#[test]
fn a_rule_for_a_log_source_of_the_taxonomy_is_read_as_one_of_ours() {
    let text = head("cron", 1)
        + "logsource: {product: linux, category: file_event}\ndetection:\n  selection:\n    TargetFilename|startswith: /etc/cron.d/\n  filter:\n    Image|endswith: /dpkg\n  condition: selection and not 1 of filter*\n"
        + BLOCK
        + &case("tạo tệp", true, &["{path: /etc/cron.d/x, action: created, object: file}"])
        + &case(
            "dpkg tạo",
            false,
            &["{path: /etc/cron.d/x, action: created, object: file, actor_program: /usr/bin/dpkg}"],
        )
        + &case("xóa tệp", false, &["{path: /etc/cron.d/x, action: deleted, object: file}"]);

    assert_eq!(tried(&[text]), 3);
}

/// Two detections, of two log sources, and a correlation of them in another file.
fn temporal(kind: &str, tests: &str) -> Vec<String> {
    let stopped = detection("stopped", 1, "agent_stopped", "host_name: '*'");
    let changed = detection("changed", 2, "file_changed", "area: boot");
    let both = head("both", 3)
        + &format!(
            "correlation:\n  type: {kind}\n  rules: [stopped, changed]\n  group-by: [host]\n  timespan: 1m\n"
        )
        + BLOCK
        + tests;

    vec![both, [stopped, changed].join("---\n")]
}

#[test]
fn a_temporal_correlation_waits_for_every_rule_in_any_order() {
    let tests =
        case("cả hai", true, &["{kind: agent_stopped}", "{kind: file_changed, path: /boot/x, area: boot}"])
            + &case(
                "thứ tự khác",
                true,
                &["{kind: file_changed, path: /boot/x, area: boot}", "{kind: agent_stopped}"],
            )
            + &case("chỉ một", false, &["{kind: agent_stopped}", "{kind: agent_stopped}"])
            + &case(
                "hai máy",
                false,
                &[
                    "{kind: agent_stopped, host: a}",
                    "{kind: file_changed, host: b, path: /boot/x, area: boot}",
                ],
            )
            + &case(
                "quá lâu",
                false,
                &["{kind: agent_stopped}", "{kind: file_changed, path: /boot/x, area: boot, at_secs: 100}"],
            );

    assert_eq!(tried(&temporal("temporal", &tests)), 5);
}

#[test]
fn an_ordered_correlation_waits_for_the_rules_in_their_order() {
    let tests = case(
        "đúng thứ tự",
        true,
        &["{kind: agent_stopped}", "{kind: file_changed, path: /boot/x, area: boot}"],
    ) + &case(
        "ngược thứ tự",
        false,
        &["{kind: file_changed, path: /boot/x, area: boot}", "{kind: agent_stopped}"],
    );

    assert_eq!(tried(&temporal("temporal_ordered", &tests)), 2);
}

#[test]
fn a_field_may_have_another_name_in_each_counted_rule() {
    let one = detection("one", 1, "file_changed", "area: boot");
    let two = detection("two", 2, "file_changed", "area: web");
    let both = head("both", 3)
        + "correlation:\n  type: temporal\n  rules: [one, two]\n  aliases:\n    who: {one: actor_user, two: after_owner}\n  group-by: [who]\n  timespan: 1m\n"
        + BLOCK
        + &case(
            "cùng người",
            true,
            &["{path: /boot/x, area: boot, actor_user: an}", "{path: /srv/x, area: web, after_owner: an}"],
        )
        + &case(
            "khác người",
            false,
            &["{path: /boot/x, area: boot, actor_user: an}", "{path: /srv/x, area: web, after_owner: binh}"],
        );

    assert_eq!(tried(&[[one, two, both].join("---\n")]), 2);
}

#[test]
fn a_correlation_may_count_what_another_concludes() {
    let one = detection("one", 1, "file_changed", "area: boot");
    let burst = head("burst", 2)
        + "correlation:\n  type: event_count\n  rules: [one]\n  group-by: [host]\n  timespan: 10s\n  condition: {gte: 3}\n"
        + BLOCK
        + &case(
            "ba lần",
            true,
            &["{path: /a, area: boot}", "{path: /b, area: boot}", "{path: /c, area: boot}"],
        )
        + &case("hai lần", false, &["{path: /a, area: boot}", "{path: /b, area: boot}"]);
    let machines = head("machines", 3)
        + "correlation:\n  type: value_count\n  rules: [burst]\n  timespan: 1h\n  condition: {field: host, gte: 2}\n"
        + BLOCK
        + &case(
            "hai máy",
            true,
            &[
                "{path: /a, area: boot, host: a}",
                "{path: /b, area: boot, host: a}",
                "{path: /c, area: boot, host: a}",
                "{path: /a, area: boot, host: b}",
                "{path: /b, area: boot, host: b}",
                "{path: /c, area: boot, host: b}",
            ],
        )
        + &case(
            "một máy",
            false,
            &[
                "{path: /a, area: boot, host: a}",
                "{path: /b, area: boot, host: a}",
                "{path: /c, area: boot, host: a}",
            ],
        );

    assert_eq!(tried(&[[one, burst, machines].join("---\n")]), 4);
}
