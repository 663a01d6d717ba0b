//! dpkg's order (Debian policy 5.6.12, deb-version(7)).
//!
//! A key is the epoch's number, the upstream part, the revision. Each part is written as pairs of non-digits and a
//! number; a part that ends and a run of non-digits that ends write the same byte, which stands above `~` and below
//! everything else:
//!
//! | byte | what |
//! |---|---|
//! | 1 | `~` |
//! | 2 | end |
//! | 3 to 54 | letters, as ASCII has them |
//! | 55 on | all other bytes, as they are |

use super::BadVersion;
use super::bytes::{digits, number, run};

const TILDE: u8 = 1;
const END: u8 = 2;
const LETTERS: u8 = 3;
const OTHERS: u8 = LETTERS + 52;

pub(super) fn write(version: &str, out: &mut Vec<u8>) -> Result<(), BadVersion> {
    let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
    if epoch.is_empty() || !epoch.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(BadVersion("its epoch is not a number"));
    }
    if rest.is_empty() {
        return Err(BadVersion("there is nothing after its epoch"));
    }
    number(epoch.as_bytes(), out);
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    part(upstream.as_bytes(), out);
    part(revision.as_bytes(), out);

    Ok(())
}

fn part(mut rest: &[u8], out: &mut Vec<u8>) {
    // A first pair even of an empty part: it equals `0`.
    loop {
        let (letters, after) = run(rest, |byte| !byte.is_ascii_digit());
        out.extend(letters.iter().map(|letter| weight(*letter)));
        out.push(END);
        let (figures, after) = digits(after);
        number(figures, out);
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    out.push(END);
}

fn weight(byte: u8) -> u8 {
    match byte {
        b'~' => TILDE,
        b'A'..=b'Z' => LETTERS + (byte - b'A'),
        b'a'..=b'z' => LETTERS + 26 + (byte - b'a'),
        // What is left of a byte without letters, figures, `~` and blanks (which are refused before) stays in order.
        0..=b'@' => OTHERS + byte.saturating_sub(b'!'),
        b'['..=b'`' => OTHERS + (byte - b'!' - 26),
        b'{'..=u8::MAX => OTHERS + (byte - b'!' - 52),
    }
}
