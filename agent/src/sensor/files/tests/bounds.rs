//! Exclusions. A marker is planted in the name, the content and the metadata of everything excluded: it must appear in
//! nothing that is told and nothing that is kept.

use vonggac_protocol::assignment::WatchPath;
use vonggac_protocol::file::Area;
use vonggac_protocol::observation::Observation;

use super::kernel::each_way;
use super::kernel::special::Openings;
use super::{FilesSettings, Ground, Watcher};

const MARKER: &str = "TUYET-MAT-7f3a";

fn told_without_marker(watcher: &mut Watcher) -> Vec<Observation> {
    watcher.turns += 1;
    std::fs::write(&watcher.sentinel, format!("turn {}", watcher.turns)).unwrap();
    let mut told = Vec::new();
    loop {
        let observation = watcher.next();
        let text = serde_json::to_string(&observation).unwrap();
        assert!(!text.contains(MARKER), "{text}");
        let is_last = text.contains("zz-sentinel") && !text.contains("baseline_taken");
        told.push(observation);
        if is_last {
            return told;
        }
    }
}

fn assert_kept_without_marker(ground: &Ground) {
    for entry in std::fs::read_dir(ground.outside("state")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let found = bytes.windows(MARKER.len()).any(|window| window == MARKER.as_bytes());
        assert!(!found, "the marker is on the disk");
    }
}

#[test]
fn an_excluded_folder_appears_nowhere_by_any_way() {
    let ground = Ground::new();
    let secret = ground.path(format!("secret-{MARKER}"));
    std::fs::create_dir(&secret).unwrap();
    std::fs::write(secret.join("a"), MARKER).unwrap();
    std::os::unix::fs::symlink(&secret, ground.path("way-in")).unwrap();
    std::os::unix::fs::symlink(format!("./x/../secret-{MARKER}/a"), ground.path("other-way")).unwrap();
    let mut settings = FilesSettings { excluded: vec![secret.clone()], ..ground.settings() };
    let by_link = ground.path("way-in").to_str().unwrap().to_owned();
    settings.watch.push(WatchPath { area: Area::Web, path: by_link });
    settings.watch.push(WatchPath { area: Area::Web, path: secret.to_str().unwrap().to_owned() });
    let accessed = std::fs::metadata(secret.join("a")).unwrap().accessed().unwrap();

    let mut watcher = ground.start_with(settings.clone());
    let taken = watcher.taken();
    told_without_marker(&mut watcher);
    std::fs::write(secret.join("b"), MARKER).unwrap();
    std::fs::create_dir(secret.join("deep")).unwrap();
    std::fs::write(secret.join("deep/c"), MARKER).unwrap();
    std::fs::remove_file(secret.join("a")).unwrap();
    std::fs::write(secret.join("a"), format!("{MARKER} again")).unwrap();
    std::os::unix::fs::symlink(&secret, ground.path("third-way")).unwrap();
    let told = told_without_marker(&mut watcher);
    watcher.stop();

    assert_eq!(taken.paths, 3, "the root and two links");
    assert_eq!(told.len(), 2, "the third link and the sentinel: {told:?}");
    assert!(accessed <= std::fs::metadata(secret.join("a")).unwrap().accessed().unwrap());
    std::fs::write(secret.join("d"), MARKER).unwrap();
    let mut watcher = ground.start_with(settings);
    let told = told_without_marker(&mut watcher);
    watcher.stop();
    assert_eq!(told.len(), 1, "only the sentinel: {told:?}");
    assert_kept_without_marker(&ground);
}

#[test]
fn a_hard_link_to_an_excluded_file_is_not_read() {
    let ground = Ground::new();
    let secret = ground.outside(&format!("secret-{MARKER}"));
    std::fs::write(&secret, MARKER).unwrap();
    std::fs::hard_link(&secret, ground.path("innocent")).unwrap();
    let settings = FilesSettings { excluded: vec![secret], ..ground.settings() };

    let mut watcher = ground.start_with(settings);
    let taken = watcher.taken();
    std::fs::hard_link(ground.path("innocent"), ground.path("second")).unwrap();

    assert_eq!(taken.paths, 1);
    assert_eq!(watcher.told(), []);
    watcher.stop();
}

#[test]
fn what_goes_out_of_bounds_is_forgotten_without_a_word() {
    let ground = Ground::new();
    let secret = ground.path(format!("secret-{MARKER}"));
    std::fs::create_dir(&secret).unwrap();
    std::fs::write(secret.join("a"), MARKER).unwrap();
    ground.settled().stop();

    let mut watcher =
        ground.start_with(FilesSettings { excluded: vec![secret.clone()], ..ground.settings() });
    std::fs::remove_file(secret.join("a")).unwrap();
    let told = told_without_marker(&mut watcher);

    assert_eq!(told.len(), 1, "only the sentinel: {told:?}");
    assert_eq!(watcher.sensor.stats().exclusions, 1);
    watcher.stop();
    assert_kept_without_marker(&ground);
}

#[test]
fn our_own_folder_inside_a_watched_one_does_not_feed_the_sensor() {
    let ground = Ground::new();
    let mut settings = ground.settings();
    let whole = ground.outside("").to_str().unwrap().to_owned();
    settings.watch = vec![WatchPath { area: Area::Data, path: whole }];

    let mut watcher = ground.start_with(settings);
    let taken = watcher.taken();

    assert_eq!(taken.paths, 2);
    assert_eq!(watcher.told(), []);
    assert_eq!(watcher.told(), []);
    assert_eq!(watcher.sensor.stats().exclusions, 0);
    watcher.stop();
}

/// A mount that goes with its value.
struct Mounted(std::path::PathBuf);

impl Mounted {
    /// `None` without the right to mount.
    fn bind(what: &std::path::Path, at: &std::path::Path) -> Option<Self> {
        let done = std::process::Command::new("mount").arg("--bind").args([what, at]).output().ok()?;

        if !done.status.success() {
            super::not_run("no right to mount");
            return None;
        }

        Some(Self(at.to_owned()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        drop(std::process::Command::new("umount").arg("--lazy").arg(&self.0).output());
    }
}

#[test]
fn an_excluded_folder_mounted_into_a_watched_one_stays_out_of_bounds() {
    each_way(|ground| {
        let secret = ground.outside("secret");
        std::fs::create_dir(&secret).unwrap();
        let inner = secret.join(MARKER);
        std::fs::write(&inner, MARKER).unwrap();
        std::fs::create_dir(ground.path("point")).unwrap();
        let Some(_mounted) = Mounted::bind(&secret, &ground.path("point")) else { return };
        let openings = Openings::of(&[&secret, &inner]);
        let settings = FilesSettings { excluded: vec![secret.clone()], ..ground.settings() };

        let mut watcher = ground.start_with(settings.clone());
        watcher.taken();
        told_without_marker(&mut watcher);
        let before = openings.count();
        std::fs::write(&inner, format!("{MARKER} again")).unwrap();
        std::fs::write(ground.path("point").join(format!("{MARKER}-2")), MARKER).unwrap();
        let written = openings.count();
        told_without_marker(&mut watcher);
        watcher.stop();
        let mut watcher = ground.start_with(settings);
        told_without_marker(&mut watcher);
        watcher.stop();

        // This test's own two: the known file by its number and its folder's, the new one by its folder's.
        assert_eq!((before, written, openings.count()), (0, 3, 0), "nobody else opened them");
        assert_kept_without_marker(ground);
    });
}

#[test]
fn what_is_moved_into_an_excluded_folder_is_gone_and_what_is_moved_out_is_new() {
    each_way(|ground| {
        let secret = ground.path(format!("secret-{MARKER}"));
        std::fs::create_dir(&secret).unwrap();
        std::fs::write(secret.join("stays"), MARKER).unwrap();
        std::fs::write(secret.join("goes"), "no secret any more").unwrap();
        ground.write("comes", "a secret from now on");
        let openings = Openings::of(&[&secret.join("stays"), &secret.join("goes")]);
        let settings = FilesSettings { excluded: vec![secret.clone()], ..ground.settings() };
        let mut watcher = ground.start_with(settings);
        watcher.taken();
        assert_eq!(openings.count(), 0);

        std::fs::rename(ground.path("comes"), secret.join(MARKER)).unwrap();
        let told = told_without_marker(&mut watcher);
        assert_eq!(told.len(), 2, "one is gone, and the sentinel: {told:?}");
        let inside = Openings::of(&[&secret.join(MARKER)]);
        std::fs::rename(secret.join("goes"), ground.path("free")).unwrap();
        let told = told_without_marker(&mut watcher);
        assert_eq!(told.len(), 2, "one is new, and the sentinel: {told:?}");
        std::fs::hard_link(ground.path("free"), secret.join("again")).unwrap();
        told_without_marker(&mut watcher);
        watcher.stop();

        assert_eq!(inside.count(), 0);
        assert_kept_without_marker(ground);
    });
}
