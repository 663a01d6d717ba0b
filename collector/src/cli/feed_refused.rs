//! Why a feed or a bundle is refused, in the words of whoever reads it.

use std::fmt::Display;

use vonggac_advisory::source::{Fault, FeedError, Place};

use super::Setting;
use crate::feeds::admit::RefusePartError;
use crate::feeds::bundle::RefuseBundleError;
use crate::feeds::convert::RefuseFileError;
use crate::print::plain;
use crate::store::feeds::OlderBundleError;
use crate::store::rule_packs::OlderPackError;

type Values<'a> = Vec<(&'static str, &'a dyn Display)>;

/// The same error with words of the setting's language, if it is one of ours; what stands before it in the chain, such as
/// the file, goes on to be told.
pub(super) fn worded(setting: &Setting, error: anyhow::Error) -> anyhow::Error {
    let depth = error.chain().position(|cause| text(setting, cause).is_some());
    let Some((depth, words)) =
        depth.and_then(|depth| Some((depth, text(setting, error.chain().nth(depth)?)?)))
    else {
        return error;
    };
    let before: Vec<String> = error.chain().take(depth).map(ToString::to_string).collect();

    before.into_iter().rev().fold(anyhow::Error::msg(words), anyhow::Error::context)
}

fn text(setting: &Setting, cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(error) = cause.downcast_ref::<FeedError>() {
        return Some(of_feed(setting, error));
    }
    if let Some(error) = cause.downcast_ref::<RefuseFileError>() {
        return Some(of_file(setting, error));
    }
    if let Some(error) = cause.downcast_ref::<RefusePartError>() {
        return Some(of_part(setting, error));
    }
    if let Some(error) = cause.downcast_ref::<RefuseBundleError>() {
        return Some(of_bundle(setting, error));
    }
    if let Some(OlderPackError { name, version, held }) = cause.downcast_ref() {
        return Some(
            setting.say("rules-pack-older", &[("name", name), ("version", version), ("held", held)]),
        );
    }
    let OlderBundleError { made_at, newest } = cause.downcast_ref()?;

    Some(setting.say("feed-refused-bundle-older", &[("made", made_at), ("newest", newest)]))
}

fn of_feed(setting: &Setting, error: &FeedError) -> String {
    let word = match error.fault {
        Fault::Torn => "feed-refused-torn",
        Fault::Kind => "feed-refused-kind",
        Fault::Form => "feed-refused-form",
        Fault::Bound => "feed-refused-bound",
        Fault::Wrapping => "feed-refused-wrapping",
        Fault::Content => "feed-refused-content",
    };
    let place = match &error.place {
        Place::Line(line) => setting.say("feed-place-line", &[("line", line)]),
        Place::LineColumn(line, column) => {
            setting.say("feed-place-column", &[("line", line), ("column", column)])
        }
        Place::Offset(offset) => setting.say("feed-place-byte", &[("byte", offset)]),
        Place::Path(path) => plain(path),
        Place::Whole => setting.say("feed-place-whole", &[]),
    };
    let place = match &error.file {
        Some(file) => format!("{}, {place}", plain(file)),
        None => place,
    };
    let (expected, found) = (plain(&error.expected), plain(&error.found));

    setting.say(word, &[("place", &place), ("expected", &expected), ("found", &found)])
}

fn of_file(setting: &Setting, error: &RefuseFileError) -> String {
    let (word, values): (_, Values<'_>) = match error {
        RefuseFileError::NoFile => ("feed-refused-no-file", Vec::new()),
        RefuseFileError::NothingJudged { counted } => {
            ("feed-refused-nothing-judged", vec![("counted", counted)])
        }
        RefuseFileError::NoDate => ("feed-refused-no-date", Vec::new()),
        RefuseFileError::Name(name) => ("feed-refused-name", vec![("name", name)]),
        RefuseFileError::Large { bytes, most } => {
            ("feed-refused-large", vec![("bytes", bytes), ("most", most)])
        }
    };

    setting.say(word, &values)
}

fn of_part(setting: &Setting, error: &RefusePartError) -> String {
    let (word, values): (_, Values<'_>) = match error {
        RefusePartError::Ahead { name, dated } => {
            ("feed-refused-ahead", vec![("name", name), ("dated", dated)])
        }
        RefusePartError::Older { name, dated, held } => {
            ("feed-refused-older", vec![("name", name), ("dated", dated), ("held", held)])
        }
        RefusePartError::Smaller { name, rows, held, lost } if lost.is_empty() => {
            ("feed-refused-smaller", vec![("name", name), ("rows", rows), ("held", held)])
        }
        RefusePartError::Smaller { name, rows, held, lost } => {
            ("feed-refused-silent", vec![("name", name), ("rows", rows), ("held", held), ("lost", lost)])
        }
    };

    setting.say(word, &values)
}

fn of_bundle(setting: &Setting, error: &RefuseBundleError) -> String {
    let (word, values): (_, Values<'_>) = match error {
        RefuseBundleError::Torn { place: Some(place), cause } => {
            ("feed-refused-bundle-torn-at", vec![("place", place), ("cause", cause)])
        }
        RefuseBundleError::Torn { place: None, cause } => {
            ("feed-refused-bundle-torn", vec![("cause", cause)])
        }
        RefuseBundleError::Form(form) => ("feed-refused-bundle-form", vec![("form", form)]),
        RefuseBundleError::Unsigned => ("feed-refused-bundle-unsigned", Vec::new()),
        RefuseBundleError::WrongSignature => ("feed-refused-bundle-signature", Vec::new()),
        RefuseBundleError::Stranger { key, trusted } => {
            ("feed-refused-bundle-stranger", vec![("key", key), ("trusted", trusted)])
        }
    };

    setting.say(word, &values)
}
