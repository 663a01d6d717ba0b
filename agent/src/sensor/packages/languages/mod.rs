//! Packages of languages under declared roots: Python wheels and eggs, npm modules, Java archives. Read as files, no
//! interpreter is run, no program of theirs is opened.
//!
//! | file | subject |
//! |---|---|
//! | `finder` | what is found under all roots, and what is remembered for the next time |
//! | `walk` | one walk: what is looked into, within which bounds |
//! | `item` | one package as its own metadata tells it |
//! | `python` | `METADATA` and `PKG-INFO` |
//! | `npm` | `package.json` |
//! | `jar` | `pom.properties` and manifests of Java archives |
//! | `zip` | the directory of a zip archive, and small texts in it |
//! | `owned` | what the system's own package manager brought |
//!
//! What counts once, and what not at all:
//!
//! - A file that dpkg or apk says is its own is not told: its package is in the inventory already, and is judged by the
//!   distribution's advisories. Of rpm's files that is not known, so on its systems roots under `/usr` are left out, all
//!   but `/usr/local`.
//! - One version of one package counts once, however many copies lie under the roots: `copies` tells how many, `place`
//!   the first root.
//! - What a wheel carries inside itself (`_vendor`, jars) is part of that wheel. Links are never followed, so a module
//!   that is only linked to is told where it lies, if that is under a root.

mod finder;
mod item;
mod jar;
mod npm;
mod owned;
mod python;
#[cfg(test)]
mod tests;
mod walk;
mod zip;

pub use finder::{Finder, Languages, Roots};
pub use item::Item;
pub use jar::read as read_jar;
pub use npm::{Read as ReadModule, read as read_npm};
pub use python::read as read_python;
