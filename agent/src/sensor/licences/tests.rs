#![expect(
    clippy::print_stderr,
    reason = "a test that could compare nothing says so, and the share is a figure to read"
)]

use std::collections::BTreeSet;
use std::path::Path;

use vonggac_protocol::package::{LicenceBasis, Package};

use super::*;
use crate::sensor::packages;

fn host(files: &[(&str, &str)]) -> (tempfile::TempDir, BTreeSet<Package>) {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("var/lib/dpkg")).unwrap();
    let mut status = String::new();
    for (name, copyright) in files {
        status +=
            &format!("Package: {name}\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n");
        let folder = root.path().join("usr/share/doc").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("copyright"), copyright).unwrap();
    }
    std::fs::write(root.path().join("var/lib/dpkg/status"), status).unwrap();
    let packages = packages::read(root.path()).unwrap().packages;

    (root, packages)
}

fn licence(packages: &BTreeSet<Package>, name: &str) -> Option<String> {
    packages.iter().find(|package| package.name == name)?.licence.clone()
}

#[test]
fn a_changed_copyright_file_is_read_again_and_an_unchanged_one_is_not() {
    let (root, packages) = host(&[("a", "Files: *\nLicense: MIT\n"), ("b", "nothing\n")]);
    let mut cache = Cache::default();
    let path = root.path().join("usr/share/doc/a/copyright");
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();

    let cold = mark(root.path(), packages.clone(), &mut cache);
    std::fs::write(&path, "Files: *\nLicense: ISC\n").unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    let warm = mark(root.path(), packages.clone(), &mut cache);
    std::fs::write(&path, "Files: *\nLicense: Zlib\n").unwrap();
    let changed = mark(root.path(), packages, &mut cache);

    assert_eq!((licence(&cold, "a"), licence(&cold, "b")), (Some("MIT".into()), None));
    assert_eq!(licence(&warm, "a").as_deref(), Some("MIT"), "same time and size: taken from memory");
    assert_eq!(licence(&changed, "a").as_deref(), Some("Zlib"));
    assert_eq!(cache.len(), 2);
}

#[cfg(unix)]
#[test]
fn links_are_followed_inside_the_folder_of_documents_only() {
    let (root, packages) = host(&[("a", "Files: *\nLicense: MIT\n"), ("b", ""), ("c", "")]);
    let documents = root.path().join("usr/share/doc");
    let outside = root.path().join("outside");
    std::fs::write(&outside, "Files: *\nLicense: ISC\n").unwrap();
    std::fs::remove_dir_all(documents.join("b")).unwrap();
    std::os::unix::fs::symlink("a", documents.join("b")).unwrap();
    std::fs::remove_file(documents.join("c/copyright")).unwrap();
    std::os::unix::fs::symlink(&outside, documents.join("c/copyright")).unwrap();

    let marked = mark(root.path(), packages, &mut Cache::default());

    assert_eq!(licence(&marked, "b").as_deref(), Some("MIT"));
    assert_eq!(licence(&marked, "c"), None);
}

#[test]
fn most_of_this_machines_packages_have_a_known_licence() {
    let Ok(inventory) = packages::read(Path::new("/")) else {
        eprintln!("no package database on this machine: nothing was counted");
        return;
    };
    let marked = mark(Path::new("/"), inventory.packages, &mut Cache::default());

    let by = |basis| marked.iter().filter(|package| package.licence_basis == basis).count();
    let known = marked.iter().filter(|package| package.licence.is_some());
    let listed = known.clone().filter(|p| !p.licence.as_ref().is_some_and(|l| l.contains("Ref-"))).count();
    let known = known.count();
    eprintln!(
        "licences: {} packages, known {known} (in the SPDX list alone {listed}), unknown {}; copyright file {}, common licence {}, rpm tag {}",
        marked.len(),
        by(LicenceBasis::Unknown),
        by(LicenceBasis::CopyrightFile),
        by(LicenceBasis::CommonLicence),
        by(LicenceBasis::RpmTag),
    );
    for package in &marked {
        let licence = package.licence.as_deref();
        assert!(licence.is_none_or(|licence| spdx::Expression::parse(licence).is_ok()), "{licence:?}");
    }
    if !Path::new("/usr/share/doc/base-files/copyright").exists() {
        eprintln!("this machine keeps no copyright files: the share was not checked");
        return;
    }
    assert!(known * 4 >= marked.len() * 3, "at least three quarters are known: {known} of {}", marked.len());
}
