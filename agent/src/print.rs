//! Every word that this program says to a person, and the one place where it says it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::io::Write as _;

use fluent_templates::{LanguageIdentifier, Loader as _, fluent_bundle::FluentValue, langid};

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
    /// Vietnamese, the first language of this program.
    #[default]
    Vi,
    /// English.
    En,
}

impl Lang {
    fn id(self) -> &'static LanguageIdentifier {
        match self {
            Self::Vi => &VIETNAMESE,
            Self::En => &ENGLISH,
        }
    }
}

/// Something to say, and optionally what caused it. As an error its `Display` is English, for logs; a person gets
/// [`Message::say`].
#[derive(Debug)]
pub struct Message {
    id: Cow<'static, str>,
    args: Vec<(&'static str, String)>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Message {
    /// The message of this name in `locales/*/*.ftl`.
    #[must_use]
    pub fn new(id: &'static str) -> Self {
        Self { id: Cow::Borrowed(id), args: Vec::new(), source: None }
    }

    /// The message of a name that comes from a file of ours.
    #[must_use]
    pub fn named(id: String) -> Self {
        Self { id: Cow::Owned(id), args: Vec::new(), source: None }
    }

    /// With a value put in.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.args.push((name, value.to_string()));
        self
    }

    /// With its cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The message in a language, without its cause.
    #[must_use]
    pub fn say(&self, lang: Lang) -> String {
        let args: HashMap<Cow<'static, str>, FluentValue<'_>> = self
            .args
            .iter()
            .map(|(name, value)| (Cow::Borrowed(*name), FluentValue::from(value.as_str())))
            .collect();

        LOCALES.lookup_with_args(lang.id(), &self.id, &args)
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.say(Lang::En))
    }
}

impl Error for Message {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| {
            let source: &(dyn Error + 'static) = source;
            source
        })
    }
}

/// An error with all its causes, each in the language where it is one of our messages.
#[must_use]
pub fn chain(error: &(dyn Error + 'static), lang: Lang) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        if !text.is_empty() {
            text.push_str(": ");
        }
        match cause.downcast_ref::<Message>() {
            Some(message) => text.push_str(&message.say(lang)),
            None => text.push_str(&cause.to_string()),
        }
        next = cause.source();
    }

    text
}

/// A number of bytes for a person, such as `12,3 MiB`, with the comma of Vietnamese.
#[must_use]
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let (mut tenths, mut unit) = (count.saturating_mul(10) / 1024, 0);
    if count < 1024 {
        return format!("{count} byte");
    }
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }

    format!("{},{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// Prints a line to standard output; a closed pipe is nobody's fault.
pub fn line(text: impl fmt::Display) {
    writeln!(std::io::stdout().lock(), "{text}").ok();
}

/// Prints a message to standard output.
pub fn tell(lang: Lang, message: &Message) {
    line(message.say(lang));
}

/// Prints a line to standard error.
pub fn complain(text: impl fmt::Display) {
    writeln!(std::io::stderr().lock(), "{text}").ok();
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
    fn every_message_stands_in_both_languages() {
        let vi = include_str!("../locales/vi/agent.ftl");
        let en = include_str!("../locales/en/agent.ftl");

        assert_eq!(ids(vi), ids(en));
        assert!(ids(vi).len() > 20);
    }

    #[test]
    fn a_cause_is_said_after_its_effect_in_the_same_language() {
        let error = Message::new("enrol-failed").because(Message::new("refusal-token-used"));

        let said = chain(&error, Lang::Vi);

        let (effect, cause) = (Message::new("enrol-failed"), Message::new("refusal-token-used"));
        assert_eq!(said, format!("{}: {}", effect.say(Lang::Vi), cause.say(Lang::Vi)));
        assert_ne!(effect.say(Lang::Vi), effect.say(Lang::En));
    }
}
