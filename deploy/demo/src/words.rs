//! What is printed, in the reader's language.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write as _;

use fluent_templates::fluent_bundle::FluentValue;
use fluent_templates::{LanguageIdentifier, Loader as _, langid, static_loader};

static_loader! {
    static LOCALES = {
        locales: "./locales",
        fallback_language: "vi",
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

/// The only place of this program that prints.
pub(crate) struct Words {
    language: LanguageIdentifier,
}

impl Words {
    /// `en` is English, everything else Vietnamese.
    pub(crate) fn new(language: &str) -> Self {
        Self { language: if language.starts_with("en") { langid!("en") } else { langid!("vi") } }
    }

    /// The field of an incident that holds its title in this language.
    pub(crate) fn title_key(&self) -> &'static str {
        if self.language == langid!("en") { "title_en" } else { "title_vi" }
    }

    /// One sentence.
    pub(crate) fn text(&self, id: &'static str, values: &[(&'static str, String)]) -> String {
        let values: HashMap<Cow<'static, str>, FluentValue<'_>> = values
            .iter()
            .map(|(name, value)| (Cow::Borrowed(*name), FluentValue::from(value.as_str())))
            .collect();

        LOCALES.lookup_with_args(&self.language, id, &values)
    }

    /// Prints one sentence.
    pub(crate) fn say(&self, id: &'static str, values: &[(&'static str, String)]) {
        self.line(&self.text(id, values));
    }

    /// Prints one line as it is.
    #[expect(clippy::unused_self, reason = "whoever prints holds the words")]
    pub(crate) fn line(&self, text: &str) {
        // Nobody reads any more: the story goes on, its incident stands all the same.
        drop(writeln!(std::io::stdout(), "{text}"));
    }

    /// Prints a failure with its causes.
    #[expect(clippy::unused_self, reason = "whoever prints holds the words")]
    pub(crate) fn fail(&self, error: &anyhow::Error) {
        drop(writeln!(std::io::stderr(), "vonggac-demo: {error:#}"));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn both_languages_have_the_same_sentences() {
        let ids = |text: &'static str| -> Vec<&str> {
            text.lines()
                .filter(|line| line.starts_with("demo-"))
                .filter_map(|line| line.split(' ').next())
                .collect()
        };

        assert_eq!(ids(include_str!("../locales/vi/demo.ftl")), ids(include_str!("../locales/en/demo.ftl")));
    }
}
