//! One folder, once.

use std::time::Duration;

use vonggac_protocol::file::FileAction;

use super::Ground;
use crate::sensor::files::FilesSettings;
use crate::sensor::files::baseline::Baseline;
use crate::sensor::files::compare::moment;
use crate::sensor::files::key::Key;
use crate::sensor::files::once::{Depth, Difference, Folder, FolderError, Part, check, create};

fn folder(ground: &Ground) -> Folder {
    Folder {
        dir: ground.path(""),
        baseline_path: ground.outside("once.db"),
        excluded: Vec::new(),
        hash_bytes_max: 8 << 20,
        processors: 1,
    }
}

fn differences(folder: &Folder) -> Vec<Difference> {
    let mut found = Vec::new();
    let checked = check(folder, Depth::Metadata, &mut |difference| found.push(difference)).unwrap();
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

    assert_eq!(refused(check(&folder, Depth::Metadata, &mut |_| {}).unwrap_err()), FolderError::NoBaseline);
    create(&folder).unwrap();
    assert_eq!(refused(create(&folder).unwrap_err()), FolderError::Taken);
    let other = Folder { dir: ground.outside("state"), ..folder };
    assert_eq!(refused(check(&other, Depth::Metadata, &mut |_| {}).unwrap_err()), FolderError::OtherFolder);
}

#[cfg(unix)]
#[test]
fn several_threads_record_what_one_records_and_large_files_beside_small_ones() {
    let ground = Ground::new();
    for number in 0..300 {
        let dir = ground.path(format!("d{}", number % 7));
        std::fs::create_dir_all(&dir).unwrap();
        let length = if number % 50 == 0 { 3 << 20 } else { number * 13 };
        std::fs::write(dir.join(format!("f{number}")), vec![u8::try_from(number % 251).unwrap(); length])
            .unwrap();
    }
    std::os::unix::fs::symlink("d0", ground.path("link")).unwrap();
    let folder = folder(&ground);
    let alone = create(&folder).unwrap();

    for processors in [2, 5] {
        let baseline_path = ground.outside(&format!("{processors}.db"));
        let together = create(&Folder { baseline_path, processors, ..folder.clone() }).unwrap();

        assert_eq!(
            (together.paths, together.bytes, together.digest),
            (alone.paths, alone.bytes, alone.digest)
        );
    }
    assert_eq!(alone.paths, 1 + 7 + 300 + 1);
    assert_eq!(check(&folder, Depth::Content, &mut |_| {}).unwrap().differences, 0);
}

#[test]
fn a_file_whose_times_were_forged_is_found_by_reading_everything() {
    let ground = Ground::new();
    for name in ["a", "b", "c"] {
        ground.write(name, "as recorded");
    }
    let folder = folder(&ground);
    create(&folder).unwrap();
    ground.write("b", "as forged!!");
    take_for_unchanged(&folder.baseline_path, &ground.path("b"));

    assert_eq!(differences(&folder), [], "its metadata is as recorded");
    let mut found = Vec::new();
    check(&folder, Depth::Content, &mut |difference| found.push(difference)).unwrap();

    assert_eq!(found.len(), 1);
    assert_eq!((found[0].action, found[0].parts()), (FileAction::Modified, vec![Part::Content]));
}

/// Gives the baseline the stamps that the path has now, as if they had been forged.
pub(super) fn take_for_unchanged(baseline: &std::path::Path, path: &std::path::Path) {
    let (mut baseline, _) = Baseline::open(baseline).unwrap();
    let key = Key::of(path);
    let mut entry = baseline.find(&key).unwrap().unwrap();
    let stat = crate::os::file::stat_open(&std::fs::File::open(path).unwrap()).unwrap();
    entry.mark.modified_ns = stat.modified_ns;
    entry.mark.changed_ns = stat.changed_ns;
    entry.state.modified = moment(entry.mark.modified_ns);
    entry.state.changed = moment(entry.mark.changed_ns);
    baseline.put(&key, &entry).unwrap();
}

#[test]
fn a_file_whose_times_were_forged_is_told_by_the_service_within_the_days_set() {
    const DAYS: u32 = 3;
    let ground = Ground::new();
    for name in ["a", "b", "c"] {
        ground.write(name, "as recorded");
    }
    let settings = || FilesSettings { rehash_days: DAYS, ..ground.settings() };
    let mut watcher = ground.start_with(settings());
    watcher.taken();
    watcher.stop();
    ground.write("b", "as forged!!");
    take_for_unchanged(&settings().baseline_path, &ground.path("b"));

    let mut told = Vec::new();
    for day in 0..DAYS {
        let before = (day + DAYS - 1) % DAYS;
        let yesterday = crate::clock::now().minus(Duration::from_secs(25 * 60 * 60));
        Baseline::open(&settings().baseline_path).unwrap().0.set_rehash_state(before, yesterday).unwrap();
        let mut watcher = ground.start_with(settings());
        while watcher.sensor.reread().unwrap().map(|(portion, _)| portion) != Some(day) {
            told.extend(watcher.told());
        }
        told.extend(watcher.told());
        watcher.stop();
    }

    assert_eq!(told, [(FileAction::Modified, "b".to_owned())]);
}
