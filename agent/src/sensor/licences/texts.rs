//! The words of well-known licences in a free text, for files that point at no common licence.
//!
//! A text is compared as words: small letters, no marks, one space. What is looked for are the sentences that grant, never
//! a name alone; a grant that is nearly known but has terms of its own makes the whole text unknown. All grants of a
//! text count together. The work is bounded: a few dozen searches in the part of the file that was read.

use std::collections::BTreeSet;

use super::expression;

/// Grants of one file that are told; more is a list for a person.
const GRANTS_MAX: usize = 16;

/// Letters after a grant in which its conditions stand; the longest of those known here has about 3,000.
const WINDOW: usize = 3_600;

const MIT: &str = "permission is hereby granted free of charge to any person obtaining a copy of this software and \
                   associated documentation files the software to deal in the software without restriction";
const MIT_NAMES: &str = "except as contained in this notice the name";
const BSD: &str = "redistribution and use in source and binary forms with or without modification are permitted \
                   provided that the following conditions are met";
const SELL: &str = "permission to use copy modify distribute and sell this software and its documentation for any \
                    purpose is hereby granted without fee";
const HPND: &str = "permission to use copy modify and distribute this software and its documentation for any purpose \
                    and without fee is hereby granted";
const NTP: &str = "permission to use copy modify and distribute this software and its documentation for any purpose \
                   with or without fee is hereby granted";
const APPEAR: &str = "provided that the above copyright notice appear";
const ADVERTISING: &str = "not be used in advertising or publicity";

/// Sentences that are a licence of their own, with what they mean; the first words tell where the grant begins.
const WHOLE: &[(&str, &str)] = &[
    (
        "for any purpose with or without fee is hereby granted provided that the above copyright notice and this \
         permission notice appear in all copies",
        "ISC",
    ),
    (
        "permission is granted to anyone to use this software for any purpose including commercial applications and \
         to alter it and redistribute it freely subject to the following restrictions",
        "Zlib",
    ),
    ("this is version 2009 jan 02 of the info zip license", "Info-ZIP"),
    ("this is version 2007 mar 4 of the info zip license", "Info-ZIP"),
    ("this is version 2005 feb 10 of the info zip copyright and license", "Info-ZIP"),
    (
        "the authors hereby grant permission to use copy modify distribute and license this software and its \
         documentation for any purpose provided that existing copyright notices are retained in all copies",
        "TCL",
    ),
    (
        "permission is hereby granted free of charge to any person or organization obtaining a copy of the software \
         and accompanying documentation covered by this license",
        "BSL-1.0",
    ),
    ("this is free and unencumbered software released into the public domain", "Unlicense"),
    ("subject to the terms of the mozilla public license v 2 0", "MPL-2.0"),
    ("licensed under the sil open font license version 1 1", "OFL-1.1"),
    ("same terms as perl itself", "Artistic-1.0-Perl OR GPL-1.0-or-later"),
];

/// Ways to put a work under the Apache licence.
const APACHE: [&str; 5] = [
    "licensed under the apache license version 2 0",
    "licensed under apache license version 2 0",
    "licensed under apache license v 2 0",
    "licensed under the apache license v 2 0",
    "licensed under the terms of the apache license version 2 0",
];

/// Words of a contract with a buyer: such a text is nobody's free licence, whatever it quotes.
const CONTRACT: [&str; 5] = [
    "end user license agreement",
    "you may not reverse engineer",
    "you may not decompile",
    "non transferable",
    "proprietary and confidential",
];

/// The licences whose words stand in the text; `None` if there are none, or any that cannot be told.
pub(super) fn licence(text: &[u8]) -> Option<String> {
    let text = words(&String::from_utf8_lossy(text));
    if CONTRACT.iter().any(|words| text.contains(words)) {
        return None;
    }
    let mut found = BTreeSet::new();
    let grants: [(&str, Tell); 5] = [(MIT, mit), (BSD, bsd), (SELL, sell), (HPND, hpnd), (NTP, ntp)];
    for (grant, tell) in grants {
        for (at, _) in text.match_indices(grant) {
            found.insert(tell(window(&text, at + grant.len()))?);
            if found.len() > GRANTS_MAX {
                return None;
            }
        }
    }
    found
        .extend(WHOLE.iter().filter(|(sentence, _)| text.contains(sentence)).map(|(_, id)| (*id).to_owned()));
    if APACHE.iter().any(|words| text.contains(words)) {
        found.insert("Apache-2.0".to_owned());
    }
    if python(&text) {
        found.insert("Python-2.0".to_owned());
    }
    found.extend(gnu(&text)?);
    let found: Vec<String> = found.into_iter().take(GRANTS_MAX + 1).collect();

    if found.is_empty() || found.len() > GRANTS_MAX { None } else { expression::all_of(&found) }
}

/// What a grant with these conditions is; `None` if it has terms of its own.
type Tell = fn(&str) -> Option<String>;

/// Letters and digits as words with one space between, small; marks of comments and quotes go.
fn words(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() {
            words.extend(c.to_lowercase());
        } else if !words.is_empty() && !words.ends_with(' ') {
            words.push(' ');
        }
    }

    words
}

/// The conditions of a grant: what follows, up to the next grant of a known kind.
fn window(text: &str, from: usize) -> &str {
    let rest = &text[from..];
    let mut end = rest.len().min(WINDOW);
    while !rest.is_char_boundary(end) {
        end -= 1;
    }
    let next = [MIT, BSD, SELL, HPND, NTP].iter().filter_map(|grant| rest[..end].find(grant)).min();

    &rest[..next.unwrap_or(end)]
}

fn some(id: &str) -> Option<String> {
    Some(id.to_owned())
}

fn mit(conditions: &str) -> Option<String> {
    // Both sentences or it is another text that begins alike, such as one that forbids a use.
    let known = conditions.contains("the above copyright notice and this permission notice")
        && conditions.contains("the software is provided as is");
    let adds = ["shall be used for good not evil", "non commercial"];
    if !known || adds.iter().any(|words| conditions.contains(words)) {
        return None;
    }

    some(if conditions.contains(MIT_NAMES) { "X11" } else { "MIT" })
}

fn bsd(conditions: &str) -> Option<String> {
    if !conditions.contains("must retain the above copyright notice")
        && !conditions.contains("must retain the copyright notice")
    {
        return None;
    }
    // Apache 1.1, PHP and their kin begin alike.
    if conditions.contains("may not be called") || conditions.contains("nor may") {
        let apache =
            conditions.contains("apache software foundation") && conditions.contains("apache appear");
        return if apache { some("Apache-1.1") } else { None };
    }
    if conditions.contains("advertising materials mentioning features") {
        let berkeley = conditions.contains("university of california berkeley");
        return some(if berkeley { "BSD-4-Clause-UC" } else { "BSD-4-Clause" });
    }
    let names = conditions.contains("to endorse or promote products derived from this software")
        || conditions.contains("to endorse or promote products derived from the software");
    if names {
        return some("BSD-3-Clause");
    }
    let second =
        conditions.contains("redistributions in binary form must reproduce the above copyright notice");

    if second { some("BSD-2-Clause") } else { None }
}

fn sell(conditions: &str) -> Option<String> {
    if !conditions.trim_start().starts_with(APPEAR) {
        return None;
    }
    let group = conditions.contains("included in all copies or substantial portions of the software")
        && conditions.contains("except as contained in this notice the name");

    some(if group { "MIT-open-group" } else { "HPND-sell-variant" })
}

fn hpnd(conditions: &str) -> Option<String> {
    if conditions.trim_start().starts_with(APPEAR) { some("HPND") } else { None }
}

fn ntp(conditions: &str) -> Option<String> {
    let own = conditions.trim_start();
    // The ISC licence has these words too and is told by its own sentence.
    if own.starts_with(
        "provided that the above copyright notice and this permission notice appear in all copies",
    ) {
        return some("ISC");
    }

    if own.starts_with(APPEAR) && own.contains(ADVERTISING) { some("NTP") } else { None }
}

/// The pile of licences that Python carries.
fn python(text: &str) -> bool {
    [
        "python software foundation license version 2",
        "beopen python open source license agreement",
        "cnri s license agreement",
    ]
    .iter()
    .filter(|words| text.contains(**words))
    .count()
        >= 2
        && text.contains("stichting mathematisch centrum")
}

/// Words of every notice of the GNU licences, behind the name of the family.
const PUBLISHED: &str = "general public license as published by the free software foundation";

/// Notices of the GNU licences that name no file; `None` for one that cannot be told.
fn gnu(text: &str) -> Option<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices(PUBLISHED) {
        found.insert(notice(text, at)?.1);
        if found.len() > GRANTS_MAX {
            return None;
        }
    }

    Some(found)
}

/// The version that the last notice of this family (`GPL`, `LGPL`) in a text grants.
pub(super) fn last_notice(text: &str, family: &str) -> Option<String> {
    let text = words(text);
    let last = text.rmatch_indices(PUBLISHED).find(|(at, _)| family_before(&text[..*at]) == family)?.0;

    Some(notice(&text, last)?.1)
}

fn family_before(text: &str) -> &'static str {
    let before = text.trim_end();
    if before.ends_with("lesser") || before.ends_with("library") {
        "LGPL"
    } else if before.ends_with("affero") {
        "AGPL"
    } else {
        "GPL"
    }
}

/// Family and identifier of the notice whose words stand there.
fn notice(text: &str, at: usize) -> Option<(&'static str, String)> {
    let family = family_before(&text[..at]);
    let rest = text[at + PUBLISHED.len()..].trim_start();
    let rest = rest.strip_prefix("either ").unwrap_or(rest).strip_prefix("version ")?;
    let number: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == ' ').collect();
    let parts: Vec<&str> = number.split_whitespace().collect();
    let number = match parts[..] {
        [whole] => format!("{whole}.0"),
        [whole, part] => format!("{whole}.{part}"),
        _ => return None,
    };
    let later: String = rest.chars().take(120).collect();
    let form = if later.contains("any later version") { "or-later" } else { "only" };
    let id = format!("{family}-{number}-{form}");
    spdx::license_id(&id)?;

    Some((family, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIT_TEXT: &str = "/* Permission is hereby granted, free of charge, to any person obtaining a\n * copy of this \
        software and associated documentation files (the \"Software\"), to deal in\n * the Software without restriction, \
        including. The above copyright notice and this permission notice shall be included. THE SOFTWARE IS PROVIDED \
        \"AS IS\", WITHOUT WARRANTY";
    const BSD_TEXT: &str = "Redistribution and use in source and binary forms, with or without modification, are \
        permitted provided that the following conditions are met: 1. Redistributions of source code must retain the \
        above copyright notice. 2. Redistributions in binary form must reproduce the above copyright notice.";

    fn known(text: &str) -> Option<String> {
        licence(text.as_bytes())
    }

    fn is(text: &str, id: &str) {
        assert_eq!(known(text).as_deref(), Some(id), "{text}");
    }

    #[test]
    fn grants_are_told_by_their_own_sentences_and_conditions() {
        is(MIT_TEXT, "MIT");
        is(&format!("{MIT_TEXT} Except as contained in this notice, the name of the X"), "X11");
        is(BSD_TEXT, "BSD-2-Clause");
        is(
            &format!(
                "{BSD_TEXT} 3. Neither the name of X may be used to endorse or promote products derived from this software"
            ),
            "BSD-3-Clause",
        );
        is(
            &format!("{BSD_TEXT} 3. All advertising materials mentioning features or use of this software"),
            "BSD-4-Clause",
        );
        is(
            "Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted, provided that the above copyright notice and this permission notice appear in all copies.",
            "ISC",
        );
        is(
            "Permission to use, copy, modify, distribute, and sell this software and its documentation for any purpose is hereby granted without fee, provided that the above copyright notice appear in all copies",
            "HPND-sell-variant",
        );
        is("X is licensed under Apache\nLicense v. 2.0 (the \"License\")", "Apache-2.0");
        is(
            "GNU Lesser General Public License as published by the Free Software Foundation; either version 2.1 of the License, or (at your option) any later version",
            "LGPL-2.1-or-later",
        );
        is(
            "GNU General Public License as published by the Free Software Foundation, version 2.",
            "GPL-2.0-only",
        );
    }

    #[test]
    fn all_grants_of_a_text_count_and_two_of_one_kind_are_told_apart() {
        let endorse =
            "Neither the name of X may be used to endorse or promote products derived from this software.";

        is(&format!("{MIT_TEXT}\n{BSD_TEXT}\n{BSD_TEXT} {endorse}"), "BSD-2-Clause AND BSD-3-Clause AND MIT");
    }

    #[test]
    fn a_grant_with_terms_of_its_own_makes_the_text_unknown() {
        assert_eq!(known(&format!("{MIT_TEXT} The Software shall be used for Good, not Evil.")), None);
        assert_eq!(
            known(&format!("{BSD_TEXT} Products derived from this software may not be called \"PHP\"")),
            None
        );
        assert_eq!(known(&format!("{MIT_TEXT} You may not reverse engineer it.")), None);
        assert_eq!(known("The MIT licence, the BSD licence and the GPL are well known."), None);
        assert_eq!(
            known("General Public License as published by the Free Software Foundation, version 9"),
            None
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(Permission is hereby granted|version |GNU General Public License as published by the Free Software Foundation|ế|[0-9 .]){0,30}") {
            let _read = licence(text.as_bytes());
        }
    }
}
