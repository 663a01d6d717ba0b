//! What a difference means. Pure.

use vonggac_protocol::file::{FileAction, FileKind, FileState};
use vonggac_protocol::time::Timestamp;

/// What tells cheaply whether a path was touched since it was measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Mark {
    pub(super) modified_ns: i64,
    pub(super) changed_ns: i64,
    pub(super) inode: u64,
}

impl Mark {
    /// Of a state as it was told, in milliseconds and without an inode: everything looks touched since.
    pub(super) fn rough(state: &FileState) -> Self {
        let nanoseconds = |moment: Timestamp| moment.0.saturating_mul(1_000_000);

        Self { modified_ns: nanoseconds(state.modified), changed_ns: nanoseconds(state.changed), inode: 0 }
    }

    fn is_rough(self) -> bool {
        self.inode == 0
    }
}

/// What was measured at a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub(super) state: FileState,
    pub(super) mark: Mark,
}

/// What a difference means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// Nothing happened.
    Same,
    /// Nothing worth telling; the baseline takes the new marks so that a scan need not look again.
    Quiet,
    /// Something to tell.
    Changed(FileAction),
}

/// Compares what was with what is.
///
/// For a file: content, size, kind decide between *modified* and *metadata changed* (mode, owner, group, extended
/// attributes, or the modification time alone: a time set by hand hides tracks). For a directory the times say nothing;
/// for a link only its target counts besides its owner. The change time (`ctime`) and inode number alone are quiet:
/// a file replaced by an equal one has not changed. Where the content is not known on both sides (above the size limit,
/// unreadable), a new modification time counts as modified.
pub(super) fn weigh(before: Option<&Entry>, after: Option<&Entry>) -> Verdict {
    match (before, after) {
        (None, None) => Verdict::Same,
        (None, Some(_)) => Verdict::Changed(FileAction::Created),
        (Some(_), None) => Verdict::Changed(FileAction::Deleted),
        (Some(before), Some(after)) if before == after => Verdict::Same,
        (Some(before), Some(after)) => weigh_states(&before.state, &after.state, before.mark, after.mark),
    }
}

fn weigh_states(before: &FileState, after: &FileState, before_mark: Mark, after_mark: Mark) -> Verdict {
    if before.kind != after.kind {
        return Verdict::Changed(FileAction::Modified);
    }
    let is_file = after.kind == FileKind::File;
    let times_differ = is_file
        && if before_mark.is_rough() {
            before.modified != after.modified
        } else {
            before_mark.modified_ns != after_mark.modified_ns
        };
    let content_known = before.digest.is_some() && after.digest.is_some();
    let content_differs = before.size != after.size
        || before.link_target != after.link_target
        || (is_file && content_known && before.digest != after.digest)
        || (is_file && !content_known && times_differ);
    if content_differs {
        return Verdict::Changed(FileAction::Modified);
    }
    let metadata_differs = before.mode != after.mode
        || before.owner != after.owner
        || before.group != after.group
        || before.attributes != after.attributes
        || before.flags.unwrap_or(0) != after.flags.unwrap_or(0)
        || times_differ;
    if metadata_differs {
        return Verdict::Changed(FileAction::MetadataChanged);
    }

    Verdict::Quiet
}

/// The moment of these nanoseconds since 1970.
pub(super) fn moment(nanoseconds: i64) -> Timestamp {
    Timestamp(nanoseconds.div_euclid(1_000_000))
}

#[cfg(test)]
mod tests {
    use vonggac_protocol::digest::Digest;

    use super::*;

    fn file(content: &str, at: i64) -> Entry {
        Entry {
            state: FileState {
                kind: FileKind::File,
                size: u64::try_from(content.len()).unwrap(),
                digest: Some(Digest::of(content.as_bytes())),
                mode: 0o644,
                owner: "root".into(),
                group: "root".into(),
                modified: moment(at),
                changed: moment(at),
                link_target: None,
                attributes: None,
                flags: None,
            },
            mark: Mark { modified_ns: at, changed_ns: at, inode: 7 },
        }
    }

    #[test]
    fn equal_content_in_a_new_file_with_its_old_time_is_quiet() {
        let before = file("a", 5);
        let mut after = file("a", 5);
        after.mark.inode = 8;
        after.mark.changed_ns = 9;

        assert_eq!(weigh(Some(&before), Some(&after)), Verdict::Quiet);
    }

    #[test]
    fn a_time_set_by_hand_is_told_as_metadata() {
        assert_eq!(
            weigh(Some(&file("a", 5)), Some(&file("a", 6))),
            Verdict::Changed(FileAction::MetadataChanged)
        );
    }

    #[test]
    fn a_time_set_back_does_not_hide_new_content() {
        assert_eq!(weigh(Some(&file("a", 5)), Some(&file("b", 5))), Verdict::Changed(FileAction::Modified));
    }

    #[test]
    fn a_directory_does_not_change_because_its_names_do() {
        let mut before = file("", 5);
        before.state.kind = FileKind::Directory;
        before.state.digest = None;
        let mut after = before.clone();
        after.mark = Mark { modified_ns: 9, changed_ns: 9, inode: 7 };
        assert_eq!(weigh(Some(&before), Some(&after)), Verdict::Quiet);

        after.state.mode = 0o777;

        assert_eq!(weigh(Some(&before), Some(&after)), Verdict::Changed(FileAction::MetadataChanged));
    }

    #[test]
    fn a_new_time_of_a_file_too_large_to_hash_counts_as_new_content() {
        let (mut before, mut after) = (file("a", 5), file("a", 6));
        before.state.digest = None;
        after.state.digest = None;

        assert_eq!(weigh(Some(&before), Some(&after)), Verdict::Changed(FileAction::Modified));
    }
}
