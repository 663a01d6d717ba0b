//! `package.json` of a module.

use std::borrow::Cow;

use serde::Deserialize;
use vonggac_protocol::package::Manager;

use super::item::Item;

/// Bytes of a `package.json`; the largest real ones have some hundred kilobytes.
pub(super) const BYTES_MAX: u64 = 1024 * 1024;

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    version: Option<Cow<'a, str>>,
    #[serde(default)]
    license: Option<Licence>,
    #[serde(default)]
    licenses: Option<Vec<Licence>>,
}

/// A name, or as it was written long ago: an object with a type. Anything else says nothing.
#[derive(Deserialize)]
#[serde(untagged)]
enum Licence {
    Name(String),
    Typed {
        #[serde(rename = "type")]
        name: String,
    },
    Other(serde::de::IgnoredAny),
}

impl Licence {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) | Self::Typed { name } => Some(name),
            Self::Other(_) => None,
        }
    }
}

/// What a `package.json` is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Read {
    /// A module.
    Module(Item),
    /// One without name or version: a part of a module, no module.
    None,
    /// No JSON, or a name or version that is none.
    Damaged,
}

/// Reads a `package.json`.
#[must_use]
pub fn read(bytes: &[u8]) -> Read {
    let Ok(file) = serde_json::from_slice::<File<'_>>(bytes) else { return Read::Damaged };
    let (Some(name), Some(version)) = (&file.name, &file.version) else { return Read::None };
    let older = file.licenses.as_deref().unwrap_or_default();
    let licence = match (&file.license, older) {
        (Some(licence), _) => licence.name().map(str::to_owned),
        (None, []) => None,
        // The list meant a choice.
        (None, older) => {
            older.iter().map(Licence::name).collect::<Option<Vec<_>>>().map(|names| names.join(" OR "))
        }
    };
    // Words that say there is none, or that it stands elsewhere.
    let licence = licence.filter(|text| *text != "UNLICENSED" && !text.starts_with("SEE LICEN"));

    Item::new(Manager::Npm, name, version, licence.as_deref()).map_or(Read::Damaged, Read::Module)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn licence(field: &str) -> Option<String> {
        let text = format!(r#"{{"name": "@a/b", "version": "1.0.0", "deep": [[1, {{"x": null}}]]{field}}}"#);
        match read(text.as_bytes()) {
            Read::Module(item) => {
                assert_eq!((&*item.name, &*item.version), ("@a/b", "1.0.0"));
                item.licence.map(String::from)
            }
            Read::None | Read::Damaged => panic!("{text}"),
        }
    }

    #[test]
    fn licences_of_every_age_are_read() {
        assert_eq!(licence(r#", "license": "(MIT OR Apache-2.0)""#).as_deref(), Some("(MIT OR Apache-2.0)"));
        assert_eq!(licence(r#", "license": {"type": "ISC", "url": "x"}"#).as_deref(), Some("ISC"));
        assert_eq!(
            licence(r#", "licenses": [{"type": "MIT"}, {"type": "GPL-2.0"}]"#).as_deref(),
            Some("MIT OR GPL-2.0")
        );
        assert_eq!(licence(r#", "license": "UNLICENSED""#), None);
        assert_eq!(licence(r#", "license": "SEE LICENSE IN LICENSE.md""#), None);
        assert_eq!(licence(r#", "license": 7"#), None);
    }

    #[test]
    fn a_part_of_a_module_is_no_module_and_damage_is_told() {
        assert_eq!(read(br#"{"type": "module"}"#), Read::None);
        assert_eq!(read(br#"{"name": "x", "version": "1"#), Read::Damaged);
        assert_eq!(read(br#"{"name": "x y", "version": "1"}"#), Read::Damaged);
        assert_eq!(read(b"7"), Read::Damaged);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _read = read(&bytes);
        }
    }
}
