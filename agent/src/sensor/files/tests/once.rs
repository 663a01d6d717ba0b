//! One folder, once.

use vonggac_protocol::file::FileAction;

use super::Ground;
use crate::sensor::files::once::{Difference, Folder, FolderError, Part, check, create};

fn folder(ground: &Ground) -> Folder {
    Folder {
        dir: ground.path(""),
        baseline_path: ground.outside("once.db"),
        excluded: Vec::new(),
        hash_bytes_max: 1 << 20,
    }
}

fn differences(folder: &Folder) -> Vec<Difference> {
    let mut found = Vec::new();
    let checked = check(folder, &mut |difference| found.push(difference)).unwrap();
    assert_eq!(checked.differences, u64::try_from(found.len()).unwrap());
    found.sort_by(|a, b| a.path.cmp(&b.path));

    found
}

#[test]
fn a_folder_recorded_and_left_alone_has_no_differences_and_each_change_is_one() {
    let ground = Ground::new();
    std::fs::create_dir_all(ground.path("d/e")).unwrap();
    for name in ["a", "d/b", "d/e/c", "gone"] {
        ground.write(name, name);
    }
    let folder = folder(&ground);

    let summary = create(&folder).unwrap();

    assert_eq!((summary.paths, summary.unreadable), (7, 0));
    assert_eq!(differences(&folder), []);

    ground.write("d/b", "new b!!");
    ground.write("d/e/new", "");
    std::fs::remove_file(ground.path("gone")).unwrap();
    let found = differences(&folder);

    let actions: Vec<_> = found.iter().map(|difference| difference.action).collect();
    assert_eq!(actions, [FileAction::Modified, FileAction::Created, FileAction::Deleted]);
    assert_eq!(found[0].parts(), [Part::Size, Part::Content, Part::Modified]);
    assert_eq!(differences(&folder), found, "comparing leaves the baseline as it is");
}

#[test]
fn the_baseline_may_lie_in_the_folder_without_being_a_difference() {
    let ground = Ground::new();
    ground.write("a", "a");
    let folder = Folder { baseline_path: ground.path("once.db"), ..folder(&ground) };

    assert_eq!(create(&folder).unwrap().paths, 2);
    assert_eq!(differences(&folder), []);
}

#[test]
fn a_baseline_is_neither_overwritten_nor_taken_for_another_folders() {
    let ground = Ground::new();
    let folder = folder(&ground);
    let refused = |result: anyhow::Error| result.downcast::<FolderError>().unwrap();

    assert_eq!(refused(check(&folder, &mut |_| {}).unwrap_err()), FolderError::NoBaseline);
    create(&folder).unwrap();
    assert_eq!(refused(create(&folder).unwrap_err()), FolderError::Taken);
    let other = Folder { dir: ground.outside("state"), ..folder };
    assert_eq!(refused(check(&other, &mut |_| {}).unwrap_err()), FolderError::OtherFolder);
}
