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

/// Where in a version the words for the system begin that it was built for: `.el8_6`, `.module_el8.6.0+2766`.
fn dist(version: &str) -> Option<usize> {
    let start = [".module_el", ".module+el", ".el"].iter().filter_map(|word| {
        let at = version.rfind(word)?;
        let after = version.get(at + word.len()..)?;
        after.starts_with(|c: char| c.is_ascii_digit()).then_some(at)
    });

    start.min()
}

/// A version without what follows from where it was built: two builds with the same are of one source.
pub(crate) fn without_dist(version: &str) -> &str {
    dist(version).and_then(|at| version.get(..at)).unwrap_or(version)
}

/// The minor release for which a package was built: `8.6` of `-8.el8_6` and of `.module_el8.6.0+2766+8bf0b7ce`, `8` of
/// `-5.el8`; `None` if its release does not say.
pub(crate) fn minor(version: &str) -> Option<String> {
    let (_, rest) = version.get(dist(version)?..)?.split_once("el")?;
    let mut numbers = rest.split(['.', '_', '+']).map_while(|part| part.parse::<u16>().ok());
    let major = numbers.next()?;
    // What follows `.el8.` is a number of the package's own; a minor release stands behind `_`, or in a module's name.
    let is_minor = rest.get(major.to_string().len()..).is_some_and(|after| after.starts_with('_'))
        || version.contains(".module");
    let minor = numbers.next().filter(|_| is_minor);

    Some(minor.map_or_else(|| major.to_string(), |minor| format!("{major}.{minor}")))
}

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
