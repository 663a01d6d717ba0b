use std::path::Path;

use super::*;
use crate::sensor::files::Share;

fn complaint(text: &str, lang: Lang) -> String {
    Config::parse(text).unwrap_err().say(Path::new("agent.toml"), lang)
}

#[test]
fn the_documented_example_holds_the_defaults() {
    let example = include_str!("../../../deploy/agent.toml");

    assert_eq!(Config::parse(example).unwrap(), Config::default());
}

#[test]
fn every_key_of_the_example_is_shown_with_a_usable_value() {
    let example = include_str!("../../../deploy/agent.toml");
    let uncommented: String = example
        .lines()
        .map(|line| line.strip_prefix("#: ").unwrap_or(line))
        .map(|line| format!("{line}\n"))
        .collect();

    let config = Config::parse(&uncommented).unwrap();

    assert!(config.role.is_some() && !config.watch.is_empty() && !config.exclude.0.is_empty());
}

#[test]
fn a_misspelt_key_is_named_with_its_line() {
    let text = "version = 1\nspool_byte_max = 5\n";

    assert!(complaint(text, Lang::En).starts_with(
        "agent.toml:2: the key spool_byte_max is not known, expected one of: `version`, `state_dir`"
    ));
    assert!(complaint(text, Lang::Vi).starts_with("agent.toml:2: không có khóa spool_byte_max"));
}

#[test]
fn every_value_out_of_bounds_is_named_with_line_and_limits() {
    let text = "version = 1\nheartbeat_secs = 1\n[[watch]]\narea = \"web\"\npath = \"srv/web\"\n";

    assert_eq!(
        complaint(text, Lang::En),
        "agent.toml:5: watch.path must be an absolute path without ..\n\
         agent.toml:2: heartbeat_secs is 1, expected 5 to 3600"
    );
}

#[test]
fn another_version_is_refused() {
    assert_eq!(complaint("version = 2", Lang::En), "agent.toml:1: version is 2, expected 1");
    assert_eq!(complaint("", Lang::En), "agent.toml: the key version = 1 is missing");
}

#[test]
fn an_unknown_area_is_answered_with_the_known_ones() {
    let text = "version = 1\n[[watch]]\narea = \"wep\"\npath = \"/srv\"\n";

    assert!(complaint(text, Lang::En).contains("`web`"), "{}", complaint(text, Lang::En));
}

#[test]
fn an_excluded_path_is_repeated_by_no_complaint_and_no_debug_output() {
    let secret = "tai-lieu-mat";
    for wrong in [
        format!("version = 1\nexclude = \"/{secret}\""),
        format!("version = 1\nexclude = [\"{secret}\"]"),
        format!("version = 1\nexclude = [\"/{secret}\", 7]"),
    ] {
        assert!(!complaint(&wrong, Lang::En).contains(secret), "{}", complaint(&wrong, Lang::En));
    }
    let config = Config::parse(&format!("version = 1\nexclude = [\"/{secret}\"]")).unwrap();

    assert!(!format!("{config:?}").contains(secret));
}

#[test]
fn a_text_shares_counts_unless_lines_are_asked_for() {
    let config =
        Config::parse("version = 1\n[[text]]\npath = \"/a\"\n[[text]]\npath = \"/b\"\nshare = \"lines\"\n")
            .unwrap();

    assert_eq!(config.texts.iter().map(|text| text.share).collect::<Vec<_>>(), [Share::Count, Share::Lines]);
}

#[test]
fn what_is_wrong_with_a_text_is_named_with_its_line() {
    let wrong = "version = 1\n[[text]]\npath = \"/a\"\nshare = \"all\"\n";
    let found = complaint(wrong, Lang::En);
    assert!(found.starts_with("agent.toml:4: ") && found.contains("`count`"), "{found}");

    let relative = "version = 1\n[[text]]\npath = \"a\"\n";
    assert_eq!(complaint(relative, Lang::En), "agent.toml:3: text.path must be an absolute path without ..");

    let many = format!("version = 1\n{}", "[[text]]\npath = \"/a\"\n".repeat(65));
    assert_eq!(complaint(&many, Lang::En), "agent.toml: text has 65 entries, at most 64 are accepted");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "(version = 1\n)?[a-z_ =\\[\\]\"\n0-9.{}/]{0,200}") {
        if let Err(error) = Config::parse(&text) {
            proptest::prop_assert!(!error.say(Path::new("x"), Lang::Vi).is_empty());
        }
    }
}
