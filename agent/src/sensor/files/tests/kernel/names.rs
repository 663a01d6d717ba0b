//! Names that are no text, long names, deep trees.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use vonggac_protocol::file::FileAction;

use super::each_way;

/// Everything a name may hold: any byte but a slash and zero.
fn odd_names() -> Vec<OsString> {
    let mut names: Vec<OsString> = [
        "Báo cáo tình hình – Quảng Trị.docx",
        // The same letters, composed and decomposed: two names.
        "Hoà",
        "Hoa\u{300}",
        "Отчёт за ноябрь.txt",
        "two\nlines",
        "tab\tand \\ backslash",
        " spaces at both ends ",
        "-rf",
        "*?[a]",
        "\u{1f512}",
        "\u{202e}txt.exe",
        "con",
        "a:b",
    ]
    .iter()
    .map(OsString::from)
    .collect();
    names.push(OsString::from_vec((1..=255).filter(|byte| *byte != b'/').collect()));
    names.push(OsString::from_vec(vec![0xff, 0xfe]));
    names.push(OsString::from_vec(b"latin-\xe9".to_vec()));
    names.push(OsString::from_vec(vec![b'x'; 255]));
    names.push(OsString::from("ộ".repeat(85)));

    names
}

#[test]
fn every_name_the_kernel_allows_is_told_exactly() {
    each_way(|ground| {
        let mut watcher = ground.settled();
        let mut wanted: Vec<Vec<u8>> = Vec::new();
        for name in odd_names() {
            if name.len() > 255 {
                continue;
            }
            std::fs::create_dir(ground.path(&name)).unwrap();
            std::fs::write(ground.path(&name).join(&name), "x").unwrap();
            wanted.push(ground.path(&name).as_os_str().as_bytes().to_vec());
            wanted.push(ground.path(&name).join(&name).as_os_str().as_bytes().to_vec());
        }

        let mut told: Vec<Vec<u8>> = watcher.seen().iter().map(|changed| changed.path.to_bytes()).collect();
        wanted.sort();
        told.sort();
        assert_eq!(told, wanted);
        watcher.stop();

        // And again after a restart, from what was kept.
        for name in odd_names() {
            std::fs::remove_file(ground.path(&name).join(&name)).unwrap();
        }
        let mut watcher = ground.start();
        let mut gone: Vec<Vec<u8>> = Vec::new();
        while gone.len() < wanted.len() / 2 {
            let changed = watcher.next_file();
            assert!(changed.after.is_none() && changed.while_off);
            gone.push(changed.path.to_bytes());
        }
        gone.sort();
        let files: Vec<Vec<u8>> = wanted
            .iter()
            .filter(|path| {
                let path = PathBuf::from(OsStr::from_bytes(path));
                path.file_name() == path.parent().and_then(std::path::Path::file_name)
            })
            .cloned()
            .collect();
        assert_eq!(gone, files);
        watcher.stop();
    });
}

#[test]
fn a_tree_three_hundred_levels_deep_is_told_to_its_end() {
    each_way(|ground| {
        let mut watcher = ground.settled();
        let mut path = ground.path("");
        for level in 0..300 {
            path.push(format!("{}", level % 10));
        }

        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("bottom"), "1").unwrap();
        assert_eq!(watcher.net_of(301).len(), 301);

        std::fs::write(path.join("bottom"), "changed").unwrap();
        let bottom = path.strip_prefix(ground.path("")).unwrap().join("bottom").to_str().unwrap().to_owned();
        assert_eq!(watcher.net(), [(FileAction::Modified, bottom)]);

        std::fs::remove_dir_all(ground.path("0")).unwrap();
        assert_eq!(watcher.net_of(301).len(), 301);
        watcher.stop();
    });
}

#[test]
fn a_deep_tree_that_stood_before_is_in_the_first_scan_and_compared_after_a_restart() {
    each_way(|ground| {
        let mut path = ground.path("");
        for level in 0..300 {
            path.push(format!("{}", level % 10));
        }
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("bottom"), "1").unwrap();

        let mut watcher = ground.start();
        let taken = watcher.taken();
        watcher.stop();
        assert_eq!((taken.paths, taken.unreadable), (302, 0));

        std::fs::write(path.join("bottom"), "changed while off").unwrap();
        let mut watcher = ground.start();
        let changed = watcher.next_file();
        assert_eq!(changed.path.as_str(), path.join("bottom").to_str().unwrap());
        assert!(changed.while_off);
        watcher.stop();
    });
}
