//! `METADATA` of wheels and `PKG-INFO` of eggs: fields as in mail, up to the first empty line.

use vonggac_protocol::package::Manager;

use super::item::Item;
use crate::sensor::licences;

/// Bytes that are read: descriptions stand behind the fields, or in old eggs among them.
pub(super) const BYTES_MAX: u64 = 64 * 1024;

/// Classifiers that name one licence; those that name a family (`BSD License`) say less than SPDX wants to know.
const CLASSIFIERS: [(&str, &str); 18] = [
    ("Apache Software License", "Apache-2.0"),
    ("BSD License", "LicenseRef-BSD"),
    ("GNU Affero General Public License v3", "AGPL-3.0-only"),
    ("GNU Affero General Public License v3 or later (AGPLv3+)", "AGPL-3.0-or-later"),
    ("GNU General Public License v2 (GPLv2)", "GPL-2.0-only"),
    ("GNU General Public License v2 or later (GPLv2+)", "GPL-2.0-or-later"),
    ("GNU General Public License v3 (GPLv3)", "GPL-3.0-only"),
    ("GNU General Public License v3 or later (GPLv3+)", "GPL-3.0-or-later"),
    ("GNU Lesser General Public License v2 (LGPLv2)", "LGPL-2.0-only"),
    ("GNU Lesser General Public License v2 or later (LGPLv2+)", "LGPL-2.0-or-later"),
    ("GNU Lesser General Public License v3 (LGPLv3)", "LGPL-3.0-only"),
    ("GNU Lesser General Public License v3 or later (LGPLv3+)", "LGPL-3.0-or-later"),
    ("ISC License (ISCL)", "ISC"),
    ("MIT License", "MIT"),
    ("MIT No Attribution License (MIT-0)", "MIT-0"),
    ("Mozilla Public License 2.0 (MPL 2.0)", "MPL-2.0"),
    ("Python Software Foundation License", "PSF-2.0"),
    ("The Unlicense (Unlicense)", "Unlicense"),
];

/// The package that this metadata is of; `None` if it is none.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<Item> {
    let (mut name, mut version, mut expression, mut licence) = (None, None, None, None);
    let mut classified = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        // A line that is no text, or goes on with a value, is of a field that is not read.
        let Some((field, value)) = std::str::from_utf8(line).ok().and_then(|line| line.split_once(':'))
        else {
            continue;
        };
        let value = value.trim();
        match field {
            "Name" => name = name.or(Some(value)),
            "Version" => version = version.or(Some(value)),
            "License-Expression" => expression = expression.or(Some(value)),
            "License" => licence = licence.or(Some(value)),
            "Classifier" => classified.extend(value.strip_prefix("License ::")),
            _ => {}
        }
    }
    let licence = expression.map(str::to_owned).or_else(|| told(licence, &classified));

    Item::new(Manager::Python, name?, version?, licence.as_deref())
}

/// The licence by its field if that is an expression of listed licences, else by the classifiers, else by what words there are.
fn told(licence: Option<&str>, classified: &[&str]) -> Option<String> {
    let written = licence
        .filter(|text| !text.is_empty() && !text.eq_ignore_ascii_case("UNKNOWN"))
        .and_then(licences::of_words);
    if let Some(exact) = written.as_ref().filter(|found| !found.contains("LicenseRef-")) {
        return Some(exact.clone());
    }
    let named: Option<Vec<&str>> = classified
        .iter()
        .map(|text| text.rsplit("::").next().unwrap_or(text).trim())
        .filter(|text| *text != "OSI Approved")
        .map(|text| CLASSIFIERS.iter().find(|(known, _)| *known == text).map(|(_, name)| *name))
        .collect();

    // One is clear. Of several nobody says whether one may choose.
    match named.as_deref() {
        Some([one]) => Some((*one).to_owned()),
        Some(_) | None => written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn licence(fields: &str) -> Option<String> {
        let text = format!("Metadata-Version: 2.1\nName: x\nVersion: 1\n{fields}\nbody\n");
        read(text.as_bytes()).unwrap().licence.map(String::from)
    }

    #[test]
    fn name_and_version_stand_before_the_description() {
        let text = "Metadata-Version: 2.1\r\nName: Django\r\nVersion: 4.2.11\r\nSummary: a\r\n  b: c\r\n\r\nName: other\r\n";

        let item = read(text.as_bytes()).unwrap();

        assert_eq!((&*item.name, &*item.version, item.manager), ("Django", "4.2.11", Manager::Python));
        assert_eq!(read(b"Name: x\n\nVersion: 1\n"), None, "the version is in the description");
        assert_eq!(read(b"Name: x y\nVersion: 1\n"), None, "no name has spaces");
        assert_eq!(read(b""), None);
    }

    #[test]
    fn the_clearest_word_about_the_licence_counts() {
        assert_eq!(
            licence("License: other\nLicense-Expression: MIT AND ISC\n").as_deref(),
            Some("MIT AND ISC")
        );
        assert_eq!(
            licence("License: BSD-3-Clause\nClassifier: License :: OSI Approved :: BSD License\n").as_deref(),
            Some("BSD-3-Clause")
        );
        assert_eq!(
            licence("License: BSD\nClassifier: License :: OSI Approved :: MIT License\n").as_deref(),
            Some("MIT")
        );
        assert_eq!(licence("License: UNKNOWN\n"), None);
        let two = "Classifier: License :: OSI Approved :: MIT License\nClassifier: License :: OSI Approved :: BSD License\n";
        assert_eq!(licence(two), None, "nobody says whether one may choose");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _read = read(&bytes);
        }
    }
}
