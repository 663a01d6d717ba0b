//! A file before and after, line by line.

use vonggac_protocol::file::{FileChanged, FileKind, FileState};
use vonggac_protocol::time::Timestamp;

use crate::desk::words::Language;

/// One property of a file.
pub(super) struct Difference {
    pub(super) label: String,
    pub(super) before: String,
    pub(super) after: String,
    pub(super) differs: bool,
}

/// Every property that is worth a line: those that differ, and those that say what it is.
pub(super) fn of(t: Language, change: &FileChanged) -> Vec<Difference> {
    let side = |state: Option<&FileState>| state.map(|state| told(t, state));
    let (before, after) = (side(change.before.as_ref()), side(change.after.as_ref()));
    let labels =
        ["kind", "size", "digest", "mode", "owner", "group", "modified", "changed", "target", "attributes"];
    let value = |side: Option<&[String; 10]>, place: usize| {
        side.map_or_else(|| t.say("file-absent"), |values| values[place].clone())
    };

    labels
        .iter()
        .enumerate()
        .map(|(place, label)| {
            let (before, after) = (value(before.as_ref(), place), value(after.as_ref(), place));
            Difference { label: t.say(&format!("file-{label}")), differs: before != after, before, after }
        })
        .filter(|line| line.differs || !(line.before == "–" && line.after == "–"))
        .collect()
}

fn told(t: Language, state: &FileState) -> [String; 10] {
    let kind = match state.kind {
        FileKind::File => "thing-file",
        FileKind::Directory => "thing-directory",
        FileKind::Link => "thing-link",
        FileKind::Other => "thing-other",
    };
    let dash = || "–".to_owned();
    let moment = |at: Timestamp| t.moment(at);

    [
        t.say(kind),
        t.bytes(state.size),
        state.digest.map_or_else(dash, |digest| digest.to_string()),
        mode(state.mode),
        state.owner.clone(),
        if state.group.is_empty() { dash() } else { state.group.clone() },
        moment(state.modified),
        moment(state.changed),
        state.link_target.as_ref().map_or_else(dash, |target| target.to_string()),
        state.attributes.map_or_else(dash, |digest| digest.to_string()),
    ]
}

/// `0644 rw-r--r--`, with the three special bits as `ls` shows them.
fn mode(mode: u32) -> String {
    let mut letters = String::with_capacity(9);
    for (shift, special, set) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        letters.push(if bits & 4 != 0 { 'r' } else { '-' });
        letters.push(if bits & 2 != 0 { 'w' } else { '-' });
        letters.push(match (bits & 1 != 0, mode & special != 0) {
            (true, true) => set,
            (false, true) => set.to_ascii_uppercase(),
            (true, false) => 'x',
            (false, false) => '-',
        });
    }

    format!("{mode:04o} {letters}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_read_as_people_know_them() {
        assert_eq!(mode(0o644), "0644 rw-r--r--");
        assert_eq!(mode(0o4755), "4755 rwsr-xr-x");
        assert_eq!(mode(0o1777), "1777 rwxrwxrwt");
        assert_eq!(mode(0o2644), "2644 rw-r-Sr--");
    }
}
