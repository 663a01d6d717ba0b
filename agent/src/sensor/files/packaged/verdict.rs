//! Whether a path is as its package brought it. Pure.

use vonggac_protocol::file::{FileKind, FileState, FromPackage, PackageVerdict};

use super::index::{Md5, Owner};

/// What the package manager's database says of what stands at a path, `None` if no package owns it. `md5` is that of the
/// content, where it was read.
pub(in super::super) fn judge(
    owners: &[Owner],
    after: Option<&FileState>,
    md5: Option<Md5>,
) -> Option<FromPackage> {
    let first = owners.first()?;
    let matching = md5.and_then(|md5| owners.iter().find(|owner| owner.recorded == Some(md5)));
    let verdict = match (after.map(|state| state.kind), matching, first.recorded) {
        (None, _, _) => PackageVerdict::Missing,
        (Some(FileKind::File), Some(_), _) => PackageVerdict::Matches,
        (Some(_), _, None) => PackageVerdict::NotRecorded,
        // Above the size limit or unreadable: nothing can be said of its content.
        (Some(FileKind::File), None, Some(_)) if md5.is_none() => PackageVerdict::NotRecorded,
        (Some(_), _, Some(_)) => PackageVerdict::Differs,
    };
    let owner = matching.unwrap_or(first);

    Some(FromPackage { name: owner.name.clone(), version: owner.version.clone(), verdict })
}

#[cfg(test)]
mod tests {
    use vonggac_protocol::time::Timestamp;

    use super::*;

    fn owner(name: &str, recorded: Option<Md5>) -> Owner {
        Owner { name: name.into(), version: "1".into(), recorded }
    }

    fn state(kind: FileKind) -> FileState {
        FileState {
            kind,
            size: 1,
            digest: None,
            mode: 0o644,
            owner: "root".into(),
            group: "root".into(),
            modified: Timestamp(0),
            changed: Timestamp(0),
            link_target: None,
            attributes: None,
            flags: None,
        }
    }

    #[test]
    fn the_verdict_follows_the_recorded_digest() {
        let owners = [owner("a", Some([1; 16])), owner("b", None)];
        let (file, link) = (state(FileKind::File), state(FileKind::Link));
        let verdict = |after, md5| judge(&owners, after, md5).map(|it| it.verdict);

        assert_eq!(verdict(Some(&file), Some([1; 16])), Some(PackageVerdict::Matches));
        assert_eq!(verdict(Some(&file), Some([2; 16])), Some(PackageVerdict::Differs));
        assert_eq!(verdict(Some(&file), None), Some(PackageVerdict::NotRecorded));
        assert_eq!(verdict(Some(&link), None), Some(PackageVerdict::Differs));
        assert_eq!(verdict(None, None), Some(PackageVerdict::Missing));
        assert_eq!(judge(&[], Some(&file), Some([1; 16])), None);
    }

    #[test]
    fn a_directory_has_no_digest_and_a_file_of_two_packages_matches_either() {
        let owners = [owner("a", Some([1; 16])), owner("b", Some([2; 16]))];
        let found = judge(&owners, Some(&state(FileKind::File)), Some([2; 16])).unwrap();
        assert_eq!((found.name.as_str(), found.verdict), ("b", PackageVerdict::Matches));

        let shared = judge(&[owner("base", None)], Some(&state(FileKind::Directory)), None).unwrap();

        assert_eq!(shared.verdict, PackageVerdict::NotRecorded);
    }
}
