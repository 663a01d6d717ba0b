//! Exclusions. A marker is planted in the name, the content and the metadata of everything excluded: it must appear in
//! nothing that is told and nothing that is kept.

use vonggac_protocol::assignment::WatchPath;
use vonggac_protocol::file::Area;
use vonggac_protocol::observation::Observation;

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
