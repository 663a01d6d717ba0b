//! One package as its own metadata tells it.

use vonggac_protocol::package::Manager;

use crate::sensor::packages::database::plain;

/// Bytes of a licence that is still a name and not a text.
const LICENCE_BYTES_MAX: usize = 200;

/// A package as its own metadata tells it; the licence as written there.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Item {
    /// Whose vocabulary.
    pub manager: Manager,
    /// Name; of a Java archive `group:artifact` where its maker says so.
    pub name: Box<str>,
    /// Version as written.
    pub version: Box<str>,
    /// Licence as written; `licences::mark` makes an expression of it.
    pub licence: Option<Box<str>>,
}

impl Item {
    /// `None` if name or version is none.
    pub(super) fn new(manager: Manager, name: &str, version: &str, licence: Option<&str>) -> Option<Self> {
        let word = |text: &str| plain(text).filter(|text| !text.contains(char::is_whitespace));
        let licence = licence.and_then(plain).filter(|text| text.len() <= LICENCE_BYTES_MAX);

        Some(Self {
            manager,
            name: word(name)?.into_boxed_str(),
            version: word(version)?.into_boxed_str(),
            licence: licence.map(String::into_boxed_str),
        })
    }
}
