//! Inputs of several texts in one: parts with names.

/// What a line that names the part behind it begins with.
const MARK: &[u8] = b"%% ";

/// The parts of an input: each begins with a line `%% name`. What stands before the first such line is left out.
#[must_use]
pub fn named(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if let Some(name) = line.strip_prefix(MARK) {
            // The line end before the mark belongs to the mark.
            if let Some((_, before)) = parts.last_mut() {
                before.pop_if(|last| *last == b'\n');
            }
            parts.push((String::from_utf8_lossy(name).trim().to_owned(), Vec::new()));
        } else if let Some((_, part)) = parts.last_mut() {
            part.extend_from_slice(line);
        }
    }

    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_apart_by_their_names() {
        let parts = named(b"lost\n%% a\none\ntwo\n%% b c\n%% d\n\n");

        let expected = [("a", &b"one\ntwo"[..]), ("b c", b""), ("d", b"\n")];
        assert_eq!(parts, expected.map(|(name, bytes)| (name.to_owned(), bytes.to_vec())));
    }
}
