//! Names of licences as Debian and Fedora write them, and what SPDX calls them.

/// Names that are not SPDX identifiers, in lower case, with the expression that they mean.
const NAMES: &[(&str, &str)] = &[
    ("afl-2.1", "AFL-2.1"),
    ("apache", "Apache-2.0"),
    ("apache license 2.0", "Apache-2.0"),
    ("apache license, version 2.0", "Apache-2.0"),
    ("apache-2", "Apache-2.0"),
    ("apache-2-llvm-exceptions", "Apache-2.0 WITH LLVM-exception"),
    ("apache2", "Apache-2.0"),
    ("apache2.0", "Apache-2.0"),
    ("artistic", "Artistic-1.0-Perl"),
    ("artistic 2.0", "Artistic-2.0"),
    ("artistic clarified", "ClArtistic"),
    ("artistic-1", "Artistic-1.0-Perl"),
    ("artistic-2", "Artistic-2.0"),
    ("asl 1.1", "Apache-1.1"),
    ("asl 2.0", "Apache-2.0"),
    ("beer-ware", "Beerware"),
    ("bitstream-vera", "Bitstream-Vera"),
    ("boost", "BSL-1.0"),
    ("boost-1.0", "BSL-1.0"),
    ("bsd with advertising", "BSD-4-Clause-UC"),
    ("bsd-2", "BSD-2-Clause"),
    ("bsd-3", "BSD-3-Clause"),
    ("bsd-4", "BSD-4-Clause"),
    ("bsd2", "BSD-2-Clause"),
    ("bsd3", "BSD-3-Clause"),
    ("bsl", "BSL-1.0"),
    ("bsl-1", "BSL-1.0"),
    ("cc-by", "LicenseRef-Callaway-CC-BY"),
    ("cc-by-sa", "LicenseRef-Callaway-CC-BY-SA"),
    ("cc0", "CC0-1.0"),
    ("cc0-1", "CC0-1.0"),
    ("cddl", "CDDL-1.0"),
    ("copyright only", "LicenseRef-Callaway-Copyright-only"),
    ("epl", "EPL-1.0"),
    ("expat", "MIT"),
    (
        "freely redistributable without restriction",
        "LicenseRef-Callaway-Freely-redistributable-without-restriction",
    ),
    ("freetype", "FTL"),
    ("hsrl", "HPND"),
    ("lppl", "LPPL-1.0"),
    ("mit license", "MIT"),
    ("mit-expat", "MIT"),
    ("mit-license", "MIT"),
    ("mit/expat", "MIT"),
    ("mit/x", "MIT"),
    ("mit/x consortium license", "X11"),
    ("mit/x11", "MIT"),
    ("mpl-1", "MPL-1.0"),
    ("mpl-2", "MPL-2.0"),
    ("mplv1.0", "MPL-1.0"),
    ("mplv1.1", "MPL-1.1"),
    ("mplv2.0", "MPL-2.0"),
    ("netscape", "NPL-1.1"),
    ("ofl", "OFL-1.1"),
    ("openldap", "OLDAP-2.8"),
    ("openldap-2.8", "OLDAP-2.8"),
    ("openssh", "SSH-OpenSSH"),
    ("pd", "LicenseRef-public-domain"),
    ("perl", "Artistic-1.0-Perl OR GPL-1.0-or-later"),
    ("php", "PHP-3.01"),
    ("psf", "PSF-2.0"),
    ("psf-2", "PSF-2.0"),
    ("public domain", "LicenseRef-public-domain"),
    ("public-domain", "LicenseRef-public-domain"),
    ("python", "Python-2.0"),
    ("python-2", "Python-2.0"),
    ("qpl", "QPL-1.0"),
    (
        "redistributable-no-modification-permitted",
        "LicenseRef-Callaway-Redistributable-no-modification-permitted",
    ),
    ("same as perl", "Artistic-1.0-Perl OR GPL-1.0-or-later"),
    ("sgi-2", "SGI-B-2.0"),
    ("sil-1.1", "OFL-1.1"),
    ("ssleay", "OpenSSL"),
    ("ucd", "MIT-CMU"),
    ("unicode", "Unicode-DFS-2016"),
    ("w3c-software", "W3C"),
    ("wtfpl", "WTFPL"),
    ("wtfpl-2", "WTFPL"),
    ("zlib with acknowledgement", "zlib-acknowledgement"),
    ("zlib/libpng", "Zlib"),
    ("zpl-2.1", "ZPL-2.1"),
    ("zplv2.1", "ZPL-2.1"),
];

/// Exceptions by a word that tells them, in lower case, and whether the licence must start so.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("autoconf", "GPL-2", "Autoconf-exception-2.0"),
    ("autoconf", "GPL-3", "Autoconf-exception-3.0"),
    ("bison", "", "Bison-exception-2.2"),
    ("classpath", "", "Classpath-exception-2.0"),
    ("font", "", "Font-exception-2.0"),
    ("gcc runtime", "GPL-3", "GCC-exception-3.1"),
    ("gcc-runtime", "GPL-3", "GCC-exception-3.1"),
    ("gcc-exception", "GPL-3", "GCC-exception-3.1"),
    ("libtool", "", "Libtool-exception"),
    ("linux-syscall-note", "", "Linux-syscall-note"),
    ("llvm", "", "LLVM-exception"),
    ("ocaml", "", "OCaml-LGPL-linking-exception"),
    ("universal foss", "", "Universal-FOSS-exception-1.0"),
];

/// Families of the Free Software Foundation, in lower case, with the lowest version that `any version` means.
const FAMILIES: [(&str, &str, &str); 5] = [
    ("lgpl", "LGPL", "2.0"),
    ("agpl", "AGPL", "3.0"),
    ("gpl", "GPL", "1.0"),
    ("gfdl-niv", "GFDL", "1.1"),
    ("gfdl", "GFDL", "1.1"),
];

/// Characters of a name that is still a name and not a sentence.
const NAME_MAX: usize = 64;

/// Words that stand where a name should, and name nothing.
const NO_NAMES: [&str; 5] = ["other", "unknown", "custom", "none", "see below"];

/// What one name means: an SPDX expression, `LicenseRef-…` for a name that SPDX does not have; `None` if it is no name.
pub(super) fn licence(name: &str) -> Option<String> {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let name = name.trim_matches(['.', ';', ':', '"', '\'']);
    let lower = name.to_lowercase();
    // Our own output reads back as it is, so its start does not count towards the limit.
    if let Some(id) = after(name, "licenseref-").filter(|id| id.len() <= NAME_MAX && !id.contains(' ')) {
        return Some(format!("LicenseRef-{}", idstring(id)?));
    }
    if name.is_empty() || name.chars().count() > NAME_MAX || name.split(' ').count() > 5 {
        return None;
    }
    if NO_NAMES.contains(&lower.as_str()) {
        return None;
    }
    if let Ok(at) = NAMES.binary_search_by(|(known, _)| (*known).cmp(lower.as_str())) {
        return Some(NAMES[at].1.to_owned());
    }
    if let Some(gnu) = gnu(&lower) {
        return Some(gnu);
    }
    let listed = spdx::identifiers::LICENSES.iter().find(|known| known.name.eq_ignore_ascii_case(name));
    if let Some(known) = listed.filter(|known| known.flags & spdx::flags::IS_DEPRECATED == 0) {
        return Some(known.name.to_owned());
    }
    variant(&lower).or_else(|| Some(format!("LicenseRef-{}", idstring(name)?)))
}

/// What an exception means for a licence: an SPDX identifier, or `AdditionRef-…` if SPDX does not have it.
pub(super) fn exception(words: &str, licence: &str) -> Option<String> {
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let lower = words.to_lowercase();
    let listed = spdx::identifiers::EXCEPTIONS.iter().find(|known| known.name.eq_ignore_ascii_case(&words));
    if let Some(known) = listed.filter(|known| known.flags & spdx::flags::IS_DEPRECATED == 0) {
        return Some(known.name.to_owned());
    }
    if let Some(id) = after(&words, "additionref-").filter(|id| id.len() <= NAME_MAX) {
        return Some(format!("AdditionRef-{}", idstring(id)?));
    }
    let told = |(word, start, _): &&(&str, &str, &str)| lower.contains(word) && licence.starts_with(start);
    if let Some((_, _, known)) = EXCEPTIONS.iter().find(told) {
        return Some((*known).to_owned());
    }
    if words.chars().count() > NAME_MAX {
        return None;
    }

    Some(format!("AdditionRef-{}", idstring(&words)?))
}

/// `gpl-2+`, `lgplv2.1`, `gpl-3.0-or-later`, `gpl` and their kin.
fn gnu(lower: &str) -> Option<String> {
    let (start, family, lowest) = FAMILIES.iter().find(|(start, ..)| lower.starts_with(start))?;
    let rest = lower[start.len()..].trim_start_matches([' ', '-', '_']);
    let rest = rest.strip_prefix("version ").or_else(|| rest.strip_prefix('v')).unwrap_or(rest);
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let (number, suffix) = rest.split_at(end);
    let suffix = suffix.trim_matches([' ', '-', '_']);
    let later = match suffix {
        "+" | "or-later" | "or later" | "or newer" | "or any later version" => true,
        // Without a number any version may be chosen.
        "" => number.is_empty(),
        "only" => false,
        _ => return None,
    };
    let number = match number.trim_end_matches('.') {
        "" => (*lowest).to_owned(),
        whole if whole.contains('.') => whole.to_owned(),
        whole => format!("{whole}.0"),
    };
    let middle = if *start == "gfdl-niv" { "-no-invariants" } else { "" };
    let id = format!("{family}-{number}{middle}-{}", if later { "or-later" } else { "only" });

    spdx::license_id(&id).map(|_| id)
}

/// Names of texts that differ from a known licence in the names of people only, such as `BSD-3-clause~fjord`.
fn variant(lower: &str) -> Option<String> {
    let bsd = lower.strip_prefix("bsd").map(|rest| rest.trim_start_matches([' ', '-', '_']));
    let number = bsd.and_then(|rest| rest.chars().next()).filter(|c| matches!(c, '2' | '3' | '4'));
    if let (Some(number), Some(rest)) = (number, bsd) {
        let clause = rest[1..].trim_start_matches([' ', '-', '_']).strip_prefix("clause");
        let names_people = clause.is_some_and(|rest| rest.is_empty() || rest.starts_with('~'));
        return names_people.then(|| format!("BSD-{number}-Clause"));
    }
    let mit = lower.strip_prefix("expat").or_else(|| lower.strip_prefix("mit"));

    mit.is_some_and(|rest| rest.starts_with('~')).then(|| "MIT".to_owned())
}

/// What follows this start, in any case of its letters.
fn after<'t>(text: &'t str, start: &str) -> Option<&'t str> {
    let (head, tail) = text.split_at_checked(start.len())?;

    head.eq_ignore_ascii_case(start).then_some(tail)
}

/// A name in the letters that SPDX allows.
fn idstring(name: &str) -> Option<String> {
    let mut id = String::new();
    for c in name.chars() {
        let allowed = c.is_ascii_alphanumeric() || c == '.';
        match allowed {
            true => id.push(c),
            false if !id.is_empty() && !id.ends_with('-') => id.push('-'),
            false => {}
        }
    }
    // A dot at the end would be taken for the end of a sentence when it is read again.
    let id = id.trim_end_matches(['-', '.']);

    id.chars().any(|c| c.is_ascii_alphanumeric()).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_every_meaning_is_an_expression() {
        assert!(NAMES.is_sorted_by_key(|(name, _)| *name));
        for (name, meaning) in NAMES {
            assert!(spdx::Expression::parse(meaning).is_ok(), "{name}: {meaning}");
        }
        for (word, _, exception) in EXCEPTIONS {
            assert!(spdx::exception_id(exception).is_some(), "{word}: {exception}");
        }
    }

    #[test]
    fn families_of_the_free_software_foundation_keep_their_versions() {
        let cases = [
            ("GPL-2+", "GPL-2.0-or-later"),
            ("GPL-2", "GPL-2.0-only"),
            ("GPL", "GPL-1.0-or-later"),
            ("LGPL-2.1+", "LGPL-2.1-or-later"),
            ("LGPLv2+", "LGPL-2.0-or-later"),
            ("GPL-3.0-or-later", "GPL-3.0-or-later"),
            ("GPL-2.0", "GPL-2.0-only"),
            ("GPL+", "GPL-1.0-or-later"),
            ("AGPLv3", "AGPL-3.0-only"),
            ("GFDL-NIV-1.3+", "GFDL-1.3-no-invariants-or-later"),
            ("LGPL-2", "LGPL-2.0-only"),
        ];

        for (written, meant) in cases {
            assert_eq!(licence(written).as_deref(), Some(meant), "{written}");
        }
    }

    #[test]
    fn names_that_spdx_does_not_have_are_kept_as_references() {
        assert_eq!(licence("Tcl-BSDish").as_deref(), Some("LicenseRef-Tcl-BSDish"));
        assert_eq!(licence("GAP~Makefile.in").as_deref(), Some("LicenseRef-GAP-Makefile.in"));
        assert_eq!(licence("GPL-9+").as_deref(), Some("LicenseRef-GPL-9"));
        assert_eq!(licence("BSD").as_deref(), Some("LicenseRef-BSD"));
        assert_eq!(licence("giấy phép").as_deref(), Some("LicenseRef-gi-y-ph-p"));
        assert_eq!(licence("This program is free software, see below"), None);
        assert_eq!(licence("Apache-9.\0").as_deref(), Some("LicenseRef-Apache-9"), "reads back as it is");
        assert_eq!(licence("LicenseRef-İẞ"), None);
        assert_eq!(licence("licenseref-a"), Some("LicenseRef-a".into()));
        assert_eq!(licence("~~~"), None);
    }
}
