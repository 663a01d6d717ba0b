//! Every word that the command line says to a person, and the one place where it says it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::io::Write as _;

use fluent_templates::{LanguageIdentifier, Loader as _, fluent_bundle::FluentValue, langid};
use vonggac_rules::words::Language;

fluent_templates::static_loader! {
    static LOCALES = {
        locales: "./locales",
        fallback_language: "vi",
        // Isolation marks around values are for mixed writing directions; terminals show them as dirt.
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

static VIETNAMESE: LanguageIdentifier = langid!("vi");
static ENGLISH: LanguageIdentifier = langid!("en");

/// The language of what is printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Lang {
    /// Tiếng Việt.
    #[default]
    Vi,
    /// English.
    En,
}

impl Lang {
    /// The same, for texts of rules.
    #[must_use]
    pub fn of_rules(self) -> Language {
        match self {
            Self::Vi => Language::Vi,
            Self::En => Language::En,
        }
    }
}

/// A message of `locales/*/cli.ftl` with its values.
#[must_use]
pub fn message(lang: Lang, id: &str, values: &[(&'static str, &dyn fmt::Display)]) -> String {
    let args: HashMap<Cow<'static, str>, FluentValue<'_>> =
        values.iter().map(|(name, value)| (Cow::Borrowed(*name), value.to_string().into())).collect();
    let language = match lang {
        Lang::Vi => &VIETNAMESE,
        Lang::En => &ENGLISH,
    };

    LOCALES.lookup_with_args(language, id, &args)
}

/// Prints a message to standard output.
pub fn tell(lang: Lang, id: &str, values: &[(&'static str, &dyn fmt::Display)]) {
    line(message(lang, id, values));
}

/// Prints a line to standard output; a closed pipe is nobody's fault.
pub fn line(text: impl fmt::Display) {
    writeln!(std::io::stdout().lock(), "{text}").ok();
}

/// Prints a line to standard error.
pub fn complain(text: impl fmt::Display) {
    writeln!(std::io::stderr().lock(), "{text}").ok();
}

/// Keeps what a host says of itself from moving the cursor or colouring the terminal.
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn ids(text: &str) -> BTreeSet<&str> {
        text.lines()
            .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
            .filter_map(|line| line.split_once(" =").map(|(id, _)| id))
            .collect()
    }

    #[test]
    fn every_message_of_the_command_line_stands_in_both_languages() {
        let vi = include_str!("../locales/vi/cli.ftl");
        let en = include_str!("../locales/en/cli.ftl");

        assert_eq!(ids(vi), ids(en));
        assert!(ids(vi).len() > 20);
    }

    #[test]
    fn no_two_files_of_a_language_have_a_message_of_the_same_name() {
        for language in ["vi", "en"] {
            let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("locales").join(language);
            let mut seen = BTreeSet::new();
            for file in std::fs::read_dir(dir).unwrap() {
                let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
                for id in ids(&text) {
                    assert!(
                        seen.insert(id.to_owned()),
                        "{language}: {id} stands twice: the program would not start"
                    );
                }
            }
        }
    }

    #[test]
    fn a_value_is_put_in_without_marks() {
        assert_eq!(message(Lang::En, "cli-agency-added", &[("agency", &"so-tttt")]), "Agency so-tttt added.");
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb"), "a\u{fffd}[2Jb");
    }
}
