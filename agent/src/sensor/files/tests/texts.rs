//! How declared texts differ, and what of it leaves the machine.

use std::os::unix::fs::PermissionsExt;

use vonggac_protocol::digest::Digest;
use vonggac_protocol::file::{FileAction, FileChanged};
use vonggac_protocol::limits::TEXT_BYTES_MAX;
use vonggac_protocol::observation::{Kind, Observation};

use super::super::{DeclaredText, FilesSettings, KeptDifference, Share, kept_differences};
use super::Ground;

const MARKER: &str = "mat-khau-rat-bi-mat";

fn settings(ground: &Ground, names: &[&str], share: Share) -> FilesSettings {
    let texts = names.iter().map(|name| DeclaredText { path: ground.path(name), share }).collect();

    FilesSettings { texts, ..ground.settings() }
}

fn holds_marker(bytes: &[u8]) -> bool {
    bytes.windows(MARKER.len()).any(|window| window == MARKER.as_bytes())
}

fn encoded(changed: &FileChanged) -> Vec<u8> {
    Observation { at: crate::clock::now(), kind: Kind::FileChanged(changed.clone()) }.encode()
}

fn kept(ground: &Ground, name: &str) -> Vec<KeptDifference> {
    kept_differences(&ground.outside("state"), &ground.path(name)).unwrap()
}

/// Names of kept files that end so.
fn files(ground: &Ground, end: &str) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(ground.outside("state").join("texts")) else { return Vec::new() };

    entries.map(|entry| entry.unwrap().path()).filter(|path| path.to_str().unwrap().ends_with(end)).collect()
}

#[test]
fn only_counts_and_a_digest_leave_unless_lines_are_allowed() {
    for share in [Share::Count, Share::Lines] {
        let ground = Ground::new();
        ground.write("a.conf", "one\ntwo\nthree\n");
        let mut watcher = ground.start_with(settings(&ground, &["a.conf"], share));
        watcher.taken();

        ground.write("a.conf", &format!("one\n{MARKER}\n{MARKER} 2\nthree\n"));
        let changed = watcher.next_file();
        watcher.stop();

        let text = changed.text.clone().unwrap();
        assert_eq!((text.added, text.removed), (2, 1));
        assert_eq!(holds_marker(&encoded(&changed)), share == Share::Lines);
        let kept = kept(&ground, "a.conf");
        assert_eq!(kept.len(), 1);
        assert_eq!(Digest::of(kept[0].text.as_bytes()), text.digest);
        assert!(kept[0].text.contains(&format!("-two\n+{MARKER}\n+{MARKER} 2\n")), "{}", kept[0].text);
        assert_eq!(text.lines, (share == Share::Lines).then(|| kept[0].text.clone()));
    }
}

#[test]
fn a_file_not_declared_has_no_difference_and_no_folder_is_made() {
    let ground = Ground::new();
    ground.write("a.conf", "one\n");
    let mut watcher = ground.settled();

    ground.write("a.conf", "two\n");

    assert_eq!(watcher.next_file().text, None);
    watcher.stop();
    assert!(!ground.outside("state").join("texts").exists());
}

#[test]
fn a_new_declared_file_is_all_added_and_one_that_goes_all_removed() {
    let ground = Ground::new();
    let mut watcher = ground.start_with(settings(&ground, &["a.conf"], Share::Count));
    watcher.taken();

    ground.write(".a.new", "one\ntwo\n");
    watcher.next_file_of(".a.new");
    std::fs::rename(ground.path(".a.new"), ground.path("a.conf")).unwrap();
    let created = watcher.next_file_of("a.conf");
    std::fs::remove_file(ground.path("a.conf")).unwrap();
    let deleted = watcher.next_file_of("a.conf");
    watcher.stop();

    let counts = |changed: FileChanged| changed.text.map(|text| (text.added, text.removed));
    assert_eq!((created.action, counts(created)), (FileAction::Created, Some((2, 0))));
    assert_eq!((deleted.action, counts(deleted)), (FileAction::Deleted, Some((0, 2))));
}

#[test]
fn an_excluded_file_declared_as_text_is_never_kept_and_what_was_kept_goes() {
    let ground = Ground::new();
    ground.write("a.conf", MARKER);
    let declared = settings(&ground, &["a.conf"], Share::Lines);
    let mut watcher = ground.start_with(declared.clone());
    watcher.taken();
    ground.write("a.conf", &format!("{MARKER}\nagain\n"));
    assert!(watcher.next_file().text.is_some());
    watcher.stop();
    assert!(!files(&ground, ".text").is_empty() && !files(&ground, ".difference").is_empty());

    let excluded = vec![ground.path("a.conf")];
    let mut watcher = ground.start_with(FilesSettings { excluded, ..declared });
    ground.write("a.conf", &format!("{MARKER}\nand again\n"));

    assert_eq!(watcher.told(), []);
    watcher.stop();
    assert_eq!(files(&ground, ""), Vec::<std::path::PathBuf>::new());
}

#[test]
fn another_name_of_an_excluded_file_is_not_kept() {
    let ground = Ground::new();
    ground.write("secret", MARKER);
    std::fs::hard_link(ground.path("secret"), ground.path("a.conf")).unwrap();
    let declared = settings(&ground, &["a.conf"], Share::Lines);

    let excluded = vec![ground.path("secret")];
    let mut watcher = ground.start_with(FilesSettings { excluded, ..declared });
    watcher.taken();
    watcher.stop();

    assert_eq!(files(&ground, ""), Vec::<std::path::PathBuf>::new());
}

#[test]
fn what_is_large_or_no_text_is_told_without_a_difference_until_it_is_text_again() {
    let ground = Ground::new();
    ground.write("a.conf", "one\n");
    let mut watcher = ground.start_with(settings(&ground, &["a.conf"], Share::Lines));
    watcher.taken();

    for content in [vec![b'x'; 64 * 1024 + 1], b"\xff\xfe not text".to_vec()] {
        std::fs::write(ground.path("a.conf"), content).unwrap();
        assert_eq!(watcher.next_file().text, None);
    }
    ground.write("a.conf", "two\n");
    assert_eq!(watcher.next_file().text, None, "nobody knows the text before");
    ground.write("a.conf", "two\nthree\n");
    let text = watcher.next_file().text.unwrap();
    watcher.stop();

    assert_eq!((text.added, text.removed), (1, 0));
}

#[test]
fn a_change_told_again_after_a_crash_has_the_same_difference_kept_once() {
    let ground = Ground::new();
    ground.write("a.conf", "one\n");
    let declared = settings(&ground, &["a.conf"], Share::Count);
    let mut watcher = ground.start_with(declared.clone());
    watcher.taken();
    watcher.stop();

    let mut watcher = ground.start_with(declared.clone());
    watcher.scanned();
    watcher.confirms = false;
    ground.write("a.conf", "one\ntwo\n");
    let first = watcher.next_file().text;
    watcher.stop();
    let mut watcher = ground.start_with(declared.clone());
    let again = watcher.next_file_of("a.conf").text;
    watcher.stop();

    assert!(first.is_some());
    assert_eq!(first, again);
    assert_eq!(kept(&ground, "a.conf").len(), 1);
    // Changed while off, on what the run before kept.
    ground.write("a.conf", "one\nthree\n");
    let mut watcher = ground.start_with(declared);
    let text = watcher.next_file_of("a.conf").text.unwrap();
    watcher.stop();
    assert_eq!((text.added, text.removed), (1, 1));
}

#[test]
fn folder_and_files_are_the_owners_alone_and_their_number_is_bounded() {
    let ground = Ground::new();
    ground.write("a.conf", "turn\n");
    let mut watcher = ground.start_with(settings(&ground, &["a.conf"], Share::Lines));
    watcher.taken();

    for turn in 0..25 {
        ground.write("a.conf", &format!("turn {turn}\n").repeat(800));
        let text = watcher.next_file_of("a.conf").text.unwrap();
        assert!(text.lines.unwrap().len() <= TEXT_BYTES_MAX);
    }
    watcher.stop();

    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&ground.outside("state").join("texts")), 0o700);
    assert!(files(&ground, "").iter().all(|path| mode(path) == 0o600));
    let kept = kept(&ground, "a.conf");
    assert_eq!(kept.len(), 20);
    assert!(kept[19].text.contains("+turn 24\n") && kept[0].text.contains("+turn 5\n"));
    assert!(files(&ground, ".text").len() <= 3);
}
