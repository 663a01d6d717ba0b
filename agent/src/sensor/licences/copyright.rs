//! A Debian copyright file: machine-readable, or free text that points at `/usr/share/common-licenses`.

use std::collections::BTreeSet;

use vonggac_protocol::package::LicenceBasis;

use super::{expression, texts};
use crate::sensor::deb822::{Paragraph, Reader};

const COMMON: &str = "/usr/share/common-licenses/";

/// Licences of one file that are told together; more is a list for the collector, not an expression.
const LICENCES_MAX: usize = 24;

/// What the file says of the package as a whole; `None` if it cannot be understood.
#[must_use]
pub fn licence(text: &[u8]) -> Option<(String, LicenceBasis)> {
    let structured = structured(text).map(|licence| (licence, LicenceBasis::CopyrightFile));

    structured.or_else(|| {
        let licence = common(text).or_else(|| texts::licence(text))?;
        Some((licence, LicenceBasis::CommonLicence))
    })
}

/// The licence of `Files: *`, else that of the header, else of all paragraphs together.
fn structured(text: &[u8]) -> Option<String> {
    let (mut star, mut header, mut others) = (None, None, BTreeSet::new());
    let mut each = |paragraph: &Paragraph<3>| {
        let written =
            paragraph.text(2).and_then(|text| text.lines().next()).map(str::trim).filter(|l| !l.is_empty());
        let Some(written) = written else {
            return;
        };
        match paragraph.text(1) {
            Some(files) if files.split_whitespace().any(|pattern| pattern == "*") => {
                star.get_or_insert_with(|| written.to_owned());
            }
            Some(_) => {
                others.insert(written.to_owned());
            }
            None if paragraph.has(0) => header = Some(written.to_owned()),
            None => {}
        }
    };
    let mut reader = Reader::new(["Format", "Files", "License"]);
    reader.feed(text, &mut each);
    reader.finish(&mut each);

    if let Some(whole) = star.or(header) {
        return expression::spdx(&whole);
    }
    if others.is_empty() || others.len() > LICENCES_MAX {
        return None;
    }
    let others: Option<Vec<String>> = others.iter().map(|written| expression::spdx(written)).collect();

    expression::all_of(&others?)
}

/// The licences that a free text points at, all of them; the pair that Perl's packages point at is a choice.
fn common(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices(COMMON) {
        let rest = &text[at + COMMON.len()..];
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '+'))
            .unwrap_or(rest.len());
        let name = rest[..end].trim_end_matches(['.', '-', '+']);
        let gnu = ["GPL", "LGPL", "GFDL"].iter().any(|family| name.starts_with(family));
        let before: String = text[..at].chars().rev().take(LOOK_BACK).collect();
        let before: String =
            before.chars().rev().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
        // A name without a version is a link to the newest text; the version stands in the notice.
        let granted = if name.contains('-') { None } else { texts::last_notice(&before, name) };
        let later = gnu && before.to_lowercase().contains("any later version");
        let plus = if later && name.contains('-') { "+" } else { "" };
        found.insert(granted.unwrap_or_else(|| format!("{name}{plus}")));
        if found.len() > LICENCES_MAX {
            return None;
        }
    }
    let meant = |name: &String| match name.as_str() {
        "Artistic" => Some("Artistic-1.0-Perl".to_owned()),
        "BSD" => Some("BSD-3-Clause".to_owned()),
        known if KNOWN.iter().any(|start| known.starts_with(start)) => expression::spdx(known),
        _ => None,
    };
    let found: Vec<String> = found.iter().filter_map(meant).collect();
    let perl = found.iter().any(|one| one == "Artistic-1.0-Perl")
        && found.iter().all(|one| one.starts_with("Artistic-1.0") || one.starts_with("GPL-"));
    if perl && found.len() > 1 {
        return Some("Artistic-1.0-Perl OR GPL-1.0-or-later".to_owned());
    }
    if found.is_empty() { None } else { expression::all_of(&found) }
}

/// Characters before a reference in which `any later version` belongs to it; the notices of the GPL are shorter.
const LOOK_BACK: usize = 1_200;

/// Names in `/usr/share/common-licenses`.
const KNOWN: [&str; 6] = ["GPL", "LGPL", "GFDL", "Apache-", "MPL-", "CC0-"];

#[cfg(test)]
mod tests {
    use super::*;

    fn known(text: &str) -> Option<(String, LicenceBasis)> {
        licence(text.as_bytes())
    }

    #[test]
    fn the_paragraph_of_all_files_speaks_for_the_package() {
        let text = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nLicense: BSD\n\nFiles: debian/*\nLicense: MIT\n\nFiles: *\nCopyright: x\nLicense: GPL-2+\n long\n text\n\nLicense: MIT\n text\n";

        assert_eq!(known(text), Some(("GPL-2.0-or-later".into(), LicenceBasis::CopyrightFile)));
    }

    #[test]
    fn without_such_a_paragraph_all_licences_count() {
        let text = "Format: x\n\nFiles: a\nLicense: MIT\n\nFiles: b\nLicense: GPL-2+ or MIT\n";

        assert_eq!(known(text).unwrap().0, "(GPL-2.0-or-later OR MIT) AND MIT");
    }

    #[test]
    fn a_free_text_is_known_by_what_it_points_at() {
        let later = "either version 2, or (at your option)\n any later\n version.\n see `/usr/share/common-licenses/GPL-2'.\n";
        let only = "under version 2. See /usr/share/common-licenses/GPL-2.\n";
        let perl =
            "same terms as Perl: /usr/share/common-licenses/Artistic, /usr/share/common-licenses/GPL-1\n";
        let two = "/usr/share/common-licenses/Apache-2.0 and /usr/share/common-licenses/BSD\n";

        assert_eq!(known(later), Some(("GPL-2.0-or-later".into(), LicenceBasis::CommonLicence)));
        assert_eq!(known(only).unwrap().0, "GPL-2.0-only");
        assert_eq!(known(perl).unwrap().0, "Artistic-1.0-Perl OR GPL-1.0-or-later");
        assert_eq!(known(two).unwrap().0, "Apache-2.0 AND BSD-3-Clause");
    }

    #[test]
    fn a_link_without_a_version_takes_it_from_the_notice_before() {
        let notice = "This is free software; you can redistribute it under the terms of the GNU General Public\n\
            License as published by the Free Software Foundation; either version 2 of the License, or\n\
            (at your option) any later version.\n See `/usr/share/common-licenses/GPL'.";
        assert_eq!(known(notice).unwrap().0, "GPL-2.0-or-later");
        let bare = "It is under the GPL, see /usr/share/common-licenses/GPL";
        assert_eq!(known(bare).unwrap().0, "GPL-1.0-or-later");
        let lesser =
            notice.replace("General Public", "Lesser General Public").replace("version 2 ", "version 2.1 ");
        assert_eq!(known(&lesser).unwrap().0, "GPL-1.0-or-later", "the notice is of another family");
        assert_eq!(known(&lesser.replace("/GPL", "/LGPL")).unwrap().0, "LGPL-2.1-or-later");
    }

    #[test]
    fn a_text_that_says_nothing_stays_unknown() {
        assert_eq!(known("This software is sold by a company.\n"), None);
        assert_eq!(known("see /usr/share/common-licenses/\n"), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _read = licence(&bytes);
        }

        #[test]
        fn no_text_makes_it_panic(text in "(Files: \\*\n|License: |Format: x\n|GPL-2|/usr/share/common-licenses/|\n|any later version|é|[a-z ,.]){0,40}") {
            let _read = licence(text.as_bytes());
        }
    }
}
