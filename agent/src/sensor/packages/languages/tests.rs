use std::fs;
use std::path::{Path, PathBuf};

use vonggac_protocol::package::{LicenceBasis, Manager};

use super::*;

fn write(root: &Path, path: &str, bytes: impl AsRef<[u8]>) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn wheel(root: &Path, folder: &str, name: &str, version: &str) {
    let text = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nLicense: MIT\n\n");
    write(root, &format!("{folder}/{name}-{version}.dist-info/METADATA"), text);
}

fn module(root: &Path, folder: &str, name: &str, version: &str) {
    let text = format!(r#"{{"name": "{name}", "version": "{version}", "license": "ISC"}}"#);
    write(root, &format!("{folder}/node_modules/{name}/package.json"), text);
}

fn roots(declared: &[&str], excluded: &[PathBuf]) -> Roots {
    Roots { declared: declared.iter().map(PathBuf::from).collect(), excluded: excluded.to_vec() }
}

/// `manager name version place copies` of all that is found.
fn told(found: &Languages) -> Vec<String> {
    let line = |package: &vonggac_protocol::package::Package| {
        let place = package.place.as_deref().unwrap_or("-");
        let copies = package.copies.unwrap_or(1);
        format!("{:?} {} {} {place} {copies}", package.manager, package.name, package.version)
    };

    found.packages.iter().map(line).collect()
}

/// An archive of these files, packed if asked for.
pub(super) fn zip(files: &[(&str, &[u8], bool)]) -> Vec<u8> {
    use std::io::Write as _;

    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content, pack) in files {
        let packed = if *pack {
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        } else {
            content.to_vec()
        };
        let start = u32::try_from(bytes.len()).unwrap();
        let mut head = Vec::new();
        for half in [20, 0, if *pack { 8 } else { 0 }, 0, 0] {
            head.extend(u16::to_le_bytes(half));
        }
        for word in [0, packed.len(), content.len()] {
            head.extend(u32::try_from(word).unwrap().to_le_bytes());
        }
        head.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        head.extend([0; 2]);
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&head);
        bytes.extend(name.as_bytes());
        bytes.extend(packed);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&head);
        directory.extend([0; 10]);
        directory.extend(start.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (start, length) = (u32::try_from(bytes.len()).unwrap(), u32::try_from(directory.len()).unwrap());
    let count = u16::try_from(files.len()).unwrap().to_le_bytes();
    bytes.extend(directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend(count);
    bytes.extend(count);
    bytes.extend(length.to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0; 2]);

    bytes
}

const POM: (&str, &[u8], bool) = (
    "META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties",
    b"#Generated\ngroupId=org.apache.logging.log4j\nartifactId=log4j-core\nversion=2.14.1\n",
    true,
);

#[test]
fn packages_are_found_where_each_language_keeps_them() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    wheel(root, "opt/app/venv/lib/python3.11/site-packages", "Django", "4.2.11");
    write(root, "opt/app/venv/lib/python3.11/site-packages/six-1.16.egg-info", "Name: six\nVersion: 1.16\n");
    write(root, "opt/app/eggs/Old-1.0.egg/EGG-INFO/PKG-INFO", "Name: Old\nVersion: 1.0\n");
    let egg = zip(&[("EGG-INFO/PKG-INFO", b"Name: packed\nVersion: 2\n", true)]);
    write(root, "opt/app/eggs/packed-2.egg", egg);
    module(root, "srv/web", "express", "4.18.2");
    module(root, "srv/web", "@types/node", "20.1.0");
    module(root, "srv/web/node_modules/express", "debug", "2.6.9");
    module(root, "srv/web/node_modules/.pnpm/ms@2.0.0", "ms", "2.0.0");
    write(root, "srv/web/package.json", r#"{"name": "the-web-itself", "version": "1.0.0"}"#);
    write(root, "srv/java/app.jar", zip(&[POM]));

    let found = Finder::default().find(root, &roots(&["/opt", "/srv", "/none"], &[]));

    assert_eq!(
        told(&found),
        [
            "Python Django 4.2.11 /opt 1",
            "Python Old 1.0 /opt 1",
            "Python packed 2 /opt 1",
            "Python six 1.16 /opt 1",
            "Npm @types/node 20.1.0 /srv 1",
            "Npm debug 2.6.9 /srv 1",
            "Npm express 4.18.2 /srv 1",
            "Npm ms 2.0.0 /srv 1",
            "Jar org.apache.logging.log4j:log4j-core 2.14.1 /srv 1",
        ]
    );
    assert_eq!((found.skipped, found.problem), (0, None));
    let django = found.packages.iter().find(|package| package.name == "Django").unwrap();
    assert_eq!((django.licence.as_deref(), django.licence_basis), (Some("MIT"), LicenceBasis::Metadata));
}

#[test]
fn archives_of_java_are_known_by_maven_by_their_manifest_or_by_their_name() {
    let inner = zip(&[("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\r\nBundle-Version: 3.1\r\nBundle-License: Apache-2.0\r\n\r\nName: x\r\nImplementation-Version: 9\r\n", true)]);
    let war = zip(&[
        POM,
        ("WEB-INF/lib/spring-core-5.3.9.jar", &zip(&[]), false),
        ("WEB-INF/lib/other.jar", &inner, true),
        ("WEB-INF/lib/broken-1.0.jar", b"no archive", true),
        ("WEB-INF/lib/nameless.jar", b"no archive", true),
    ]);

    let items = read_jar(&zip(&[("a.war", &war, false)]), "all-7.0.ear").unwrap();

    let names: Vec<String> = items.iter().map(|item| format!("{} {}", item.name, item.version)).collect();
    assert_eq!(
        names,
        [
            "all 7.0",
            "broken 1.0",
            "org.apache.logging.log4j:log4j-core 2.14.1",
            "other 3.1",
            "spring-core 5.3.9"
        ]
    );
    assert_eq!(items[3].licence.as_deref(), Some("Apache-2.0"));
    assert_eq!(read_jar(b"no archive", "x-1.jar"), None);
}

#[test]
fn an_archive_with_a_program_before_it_is_read() {
    let mut bytes = b"#!/bin/sh\nexec java -jar \"$0\"\n".to_vec();
    bytes.extend(zip(&[POM]));

    assert_eq!(read_jar(&bytes, "x.jar").unwrap().len(), 1);
}

#[test]
fn any_damage_to_an_archive_is_none_or_less() {
    let good = zip(&[POM, ("lib/a-1.jar", &zip(&[POM]), false)]);
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 0xFF;
        assert!(read_jar(&bytes, "x-1.jar").is_none_or(|items| items.len() <= 4), "at {at}");
        assert!(read_jar(&good[..at], "x-1.jar").is_none_or(|items| items.len() <= 4), "cut at {at}");
    }
}

#[cfg(unix)]
#[test]
fn what_is_out_of_bounds_or_behind_a_link_is_not_told() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    wheel(root, "srv/mat/lib", "secret", "1");
    wheel(root, "home/an/lib", "linked", "1");
    wheel(root, "srv/app/lib", "open", "1");
    std::os::unix::fs::symlink(root.join("home/an/lib"), root.join("srv/app/linked")).unwrap();
    std::os::unix::fs::symlink(root.join("home"), root.join("var")).unwrap();
    fs::hard_link(root.join("srv/mat/lib/secret-1.dist-info/METADATA"), root.join("srv/app/x.egg-info"))
        .unwrap();
    let excluded = [root.join("srv/mat"), root.join("srv/mat/lib/secret-1.dist-info/METADATA")];

    let found = Finder::default().find(root, &roots(&["/srv", "/var"], &excluded));

    assert_eq!(told(&found), ["Python open 1 /srv 1"]);
}

#[test]
fn what_a_package_manager_brought_is_not_told_twice() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let site = "usr/lib/python3/dist-packages";
    wheel(root, site, "six", "1.16.0");
    wheel(root, site, "six", "1.17.0");
    write(root, "var/lib/dpkg/status", "Package: python3-six\nStatus: install ok installed\nVersion: 1\n");
    let list = format!("/{site}\n/{site}/six-1.16.0.dist-info/METADATA\n");
    write(root, "var/lib/dpkg/info/python3-six.list", list);
    write(root, "lib/apk/db/installed", "P:py3-idna\nV:3-r0\nF:opt/idna-3.dist-info\nR:METADATA\n");
    wheel(root, "opt", "idna", "3");
    let mut finder = Finder::default();

    let found = finder.find(root, &roots(&["/usr/lib/python3/dist-packages", "/opt"], &[]));
    fs::remove_file(root.join("lib/apk/db/installed")).unwrap();
    let later = finder.find(root, &roots(&["/usr/lib/python3/dist-packages", "/opt"], &[]));

    assert_eq!(told(&found), ["Python six 1.17.0 /usr/lib/python3/dist-packages 1"]);
    assert_eq!(told(&later).len(), 2, "the package is gone, its file is not");
}

#[test]
fn one_version_counts_once_with_its_copies_and_changes_are_seen() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for site in ["srv/a", "srv/b", "opt/c"] {
        module(root, site, "lodash", "4.17.20");
    }
    module(root, "srv/b", "broken", "1");
    write(root, "srv/b/node_modules/broken/package.json", "{");
    let mut finder = Finder::default();
    let roots = roots(&["/srv", "/srv/b", "/opt"], &[]);

    let first = finder.find(root, &roots);
    let again = finder.find(root, &roots);
    module(root, "srv/b", "lodash", "4.17.21");
    fs::remove_dir_all(root.join("opt")).unwrap();
    let later = finder.find(root, &roots);

    assert_eq!(told(&first), ["Npm lodash 4.17.20 /opt 3"]);
    assert_eq!(first.skipped, 1);
    assert_eq!(again, first);
    assert_eq!(told(&later), ["Npm lodash 4.17.20 /srv 1", "Npm lodash 4.17.21 /srv/b 1"]);
    assert_eq!(told(&finder.find(root, &Roots::default())), Vec::<String>::new());
    assert_eq!(first.packages.first().map(|package| package.manager), Some(Manager::Npm));
}
