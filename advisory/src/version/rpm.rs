//! rpm's order (`rpmvercmp`, and how rpm splits `epoch:version-release`).
//!
//! A key is the epoch's number, the version's segments, whether there is a release, the release's segments. Segments
//! are runs of figures or of letters; everything else only separates them. The bytes before them:
//!
//! | byte | what |
//! |---|---|
//! | 1 | `~` |
//! | 2 | end |
//! | 3 | `^` |
//! | 4 | letters follow, and a 0 after them |
//! | 5 | a number follows |

use super::bytes::{digits, number, run};

const TILDE: u8 = 1;
const END: u8 = 2;
const CARET: u8 = 3;
const LETTERS: u8 = 4;
const NUMBER: u8 = 5;

pub(super) fn write(version: &str, out: &mut Vec<u8>) {
    // A colon after anything but figures starts no epoch, for rpm.
    let (epoch, rest) = version
        .split_once(':')
        .filter(|(epoch, _)| epoch.bytes().all(|byte| byte.is_ascii_digit()))
        .unwrap_or(("", version));
    number(epoch.as_bytes(), out);
    let (version, release) = match rest.rsplit_once('-') {
        Some((version, release)) => (version, Some(release)),
        None => (rest, None),
    };
    segments(version.as_bytes(), out);
    out.push(u8::from(release.is_some()));
    segments(release.unwrap_or_default().as_bytes(), out);
}

fn segments(mut rest: &[u8], out: &mut Vec<u8>) {
    while let Some((first, after)) = rest.split_first() {
        rest = match first {
            b'~' => {
                out.push(TILDE);
                after
            }
            b'^' => {
                out.push(CARET);
                after
            }
            b'0'..=b'9' => {
                let (figures, after) = digits(rest);
                out.push(NUMBER);
                number(figures, out);
                after
            }
            b'a'..=b'z' | b'A'..=b'Z' => {
                let (letters, after) = run(rest, |byte| byte.is_ascii_alphabetic());
                out.push(LETTERS);
                out.extend_from_slice(letters);
                out.push(0);
                after
            }
            _ => after,
        };
    }
    out.push(END);
}
