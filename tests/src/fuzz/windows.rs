//! What Windows writes as bytes about files: the first byte of an input says which of its forms the rest has.

use vonggac_agent::ntfs::{descriptor, listing, notices, reparse, sid, streams, usn, wtf8};

/// Anything that the system hands out in a buffer.
pub fn windows_files(bytes: &[u8]) {
    let Some((form, rest)) = bytes.split_first() else { return };
    match form % 7 {
        0 => {
            let found = listing::parse(rest);
            assert!(found.len() * 104 <= rest.len(), "a buffer holds no more than its bytes");
            for one in found {
                is_the_same_in_bytes(&one.name);
            }
        }
        1 => {
            let (found, _) = notices::parse(rest);
            assert!(found.len() * 12 <= rest.len(), "a buffer holds no more than its bytes");
            for one in found {
                is_the_same_in_bytes(&one.name);
            }
        }
        2 => {
            let found = streams::parse(rest);
            assert!(found.is_sorted(), "streams have one order");
            assert!(found.len() * 24 <= rest.len(), "a buffer holds no more than its bytes");
        }
        3 => drop(reparse::target(rest)),
        4 => {
            let form = descriptor::canonical(rest);
            assert!(form.is_none_or(|form| form.len() <= 2 * rest.len() + 8), "nothing is made up");
            if let Some(owner) = descriptor::owner(rest) {
                assert!(sid::text(owner).is_some(), "an owner can be written");
            }
        }
        5 => {
            if let Some(page) = usn::parse(rest) {
                assert!(page.records.len() * 8 <= rest.len(), "a page holds no more records than fit");
                assert_eq!(usn::parse(rest), Some(page), "a page says one thing");
            }
        }
        _ => {
            if let Some(units) = wtf8::to_units(rest) {
                assert_eq!(wtf8::from_units(&units), rest, "a name has one form");
            }
            assert_eq!(wtf8::fold(&wtf8::fold(rest)).len(), wtf8::fold(rest).len(), "folding ends");
        }
    }
}

fn is_the_same_in_bytes(units: &[u16]) {
    assert_eq!(wtf8::to_units(&wtf8::from_units(units)).as_deref(), Some(units), "a name can be had back");
}
