//! What apt is told to fetch: `sources.list(5)`, both forms. Lists of a source that was taken away stay in their folder until
//! the next `apt-get update`; apt leaves them out at once, and so do we.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::apt_conf::AptConf;
use super::lists::{names_ending, small_text};
use crate::sensor::deb822::{Paragraph, Reader};

/// Bytes of one file of sources.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Files of sources that are looked at.
const FILES_MAX: usize = 1_024;

/// Components of suites of archives, counted together.
const HEADS_MAX: usize = 16_384;

/// Settings by which apt looks for its sources or lists in other places than ours.
const ELSEWHERE: [&str; 6] =
    ["dir", "dir::etc", "dir::etc::sourcelist", "dir::etc::sourceparts", "dir::state", "dir::state::lists"];

/// The sources, as the names that their lists bear.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// Names of lists up to `_binary-ARCH_Packages`, or, where an archive is flat, up to `_Packages`.
    heads: BTreeSet<String>,
    /// Not all of them are known: then every list counts.
    is_open: bool,
}

/// The files that sources are read from.
pub(super) fn files(root: &Path) -> Vec<PathBuf> {
    let folder = root.join("etc/apt/sources.list.d");
    let is_read = |name: &String| {
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    };
    let parts = [".list", ".sources"].map(|end| names_ending(&folder, end, FILES_MAX));

    std::iter::once(root.join("etc/apt/sources.list"))
        .chain(parts.into_iter().flatten().filter(is_read).map(|name| folder.join(name)))
        .collect()
}

impl Sources {
    /// `native` is the architecture of the system.
    pub(super) fn read(root: &Path, conf: &AptConf, native: &str) -> Self {
        let is_open = ELSEWHERE.iter().any(|name| conf.text(name).is_some());
        let mut sources = Self { is_open, ..Self::default() };
        for path in files(root) {
            match small_text(&path, FILE_BYTES_MAX) {
                Some(text) if path.extension().is_some_and(|end| end == "sources") => {
                    sources.take_paragraphs(&text, native);
                }
                Some(text) => sources.take_lines(&text, native),
                // One that is there and cannot be read may name any archive.
                None => sources.is_open |= std::fs::symlink_metadata(&path).is_ok(),
            }
        }

        sources
    }

    /// Whether a list belongs to one of them, by its name without `_Packages`.
    pub(super) fn hold_list(&self, stem: &str) -> bool {
        let head = stem.rsplit_once("_binary-").map_or(stem, |(head, _)| head);

        self.is_open || self.heads.contains(head) || self.heads.contains(stem)
    }

    /// Whether a release file belongs to one of them, by its name without `_InRelease` or `_Release`.
    pub(super) fn hold_release(&self, start: &str) -> bool {
        let begins = |head: &String| {
            head.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        };

        self.is_open || self.heads.iter().any(begins)
    }

    /// The form of one line: `deb [options] uri suite component…`.
    fn take_lines(&mut self, text: &str, native: &str) {
        for line in text.lines() {
            let words = words(line);
            let mut words = words.iter().map(String::as_str);
            if words.next() != Some("deb") {
                continue;
            }
            let mut words = words.skip_while(|word| word.starts_with('['));
            let (Some(uri), Some(suite)) = (words.next(), words.next()) else { continue };
            self.add(uri, suite, words, native);
        }
    }

    /// The form of paragraphs.
    fn take_paragraphs(&mut self, text: &str, native: &str) {
        let mut reader = Reader::new(["Types", "URIs", "Suites", "Components", "Enabled"]);
        let mut each = |paragraph: &Paragraph<5>| {
            let values = |at| paragraph.text(at).unwrap_or_default().split_whitespace();
            // A value that is too long, or none that we can read, may name any archive.
            self.is_open |= paragraph.is_spoilt();
            let is_off = matches!(
                paragraph.text(4).unwrap_or_default().to_ascii_lowercase().as_str(),
                "no" | "false" | "without" | "off" | "disable" | "0"
            );
            if is_off || !values(0).any(|kind| kind == "deb") {
                return;
            }
            for uri in values(1) {
                for suite in values(2) {
                    self.add(uri, suite, values(3), native);
                }
            }
        };
        reader.feed(text.as_bytes(), &mut each);
        reader.finish(&mut each);
    }

    fn add<'w>(&mut self, uri: &str, suite: &str, components: impl Iterator<Item = &'w str>, native: &str) {
        let of_this_system = |text: &str| text.replace("$(ARCH)", native);
        let (uri, suite) = (of_this_system(uri), of_this_system(suite));
        // What is written in percents apt reads in one form and takes as it is in the other.
        let Some(place) = place(&uri).filter(|_| !uri.contains('%')) else {
            self.is_open = true;
            return;
        };
        let slash = if place.ends_with('/') { "" } else { "/" };
        if suite.ends_with('/') {
            let folder = if suite == "/" { "" } else { suite.as_str() };
            self.keep(&format!("{place}{slash}{folder}"));
            return;
        }
        for component in components {
            self.keep(&format!("{place}{slash}dists/{suite}/{component}"));
        }
    }

    fn keep(&mut self, place: &str) {
        if self.heads.len() >= HEADS_MAX {
            self.is_open = true;
            return;
        }
        let name = file_name(place);
        self.heads.insert(name.strip_suffix('_').unwrap_or(&name).to_owned());
    }
}

/// The words of a line; spaces in brackets and quotes part no words, and `#` begins a comment.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut depth, mut is_quoted) = (0_u32, false);
    for letter in line.chars() {
        match letter {
            '"' => {
                is_quoted = !is_quoted;
                continue;
            }
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            '#' if depth == 0 && !is_quoted => break,
            _ => {}
        }
        if letter.is_whitespace() && depth == 0 && !is_quoted {
            words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
        } else {
            word.push(letter);
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));

    words
}

/// A URI without its scheme and without who signs in: host, port and path. `None`: it is none.
fn place(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once(':')?;
    if scheme == "cdrom" {
        return Some(rest.replacen(['[', ']'], "", 2));
    }
    let Some(rest) = rest.strip_prefix("//") else { return Some(rest.to_owned()) };
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);

    Some(format!("{}{path}", host.replace(['[', ']'], "")))
}

/// How apt names a file after a place: `URItoFileName` in its `strutl.cc`.
fn file_name(place: &str) -> String {
    let mut name = String::with_capacity(place.len());
    for byte in place.bytes() {
        match byte {
            b'/' => name.push('_'),
            b'%'
            | b'\\'
            | b'|'
            | b'{'
            | b'}'
            | b'['
            | b']'
            | b'<'
            | b'>'
            | b'"'
            | b'^'
            | b'~'
            | b'_'
            | b'='
            | b'!'
            | b'@'
            | b'#'
            | b'$'
            | b'&'
            | b'*'
            | ..=b' '
            | 0x7f.. => {
                name.push_str(&format!("%{byte:02x}"));
            }
            byte => name.push(char::from(byte)),
        }
    }

    name
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = "# deb http://gone.example.vn/debian stable main\n\
            deb [arch=amd64 signed-by=/usr/share/keyrings/x.gpg] https://user:pass@deb.example.vn:8080/debian stable/updates main contrib # why\n\
            deb-src http://deb.example.vn/debian stable main\n\
            deb http://flat.example.vn/node_20.x ./\n\
            deb \"cdrom:[Debian GNU/Linux 12 _Bookworm_]/\" bookworm main\n\
            deb file:///srv/mirror stable main\n\
            deb http://arch.example.vn/$(ARCH)/ /\n\
            deb http://sub.example.vn/x sub/\n\
            deb mirror+file:/etc/apt/mirrors/debian.list stable main\n\
            deb http://[2001:db8::1]:3142/debian stable main/debian-installer\n\
            deb http://HOA.example.vn/De~b!an+x// stable main\n";

    fn of_lines(text: &str) -> BTreeSet<String> {
        let mut sources = Sources::default();
        sources.take_lines(text, "amd64");
        assert!(!sources.is_open);

        sources.heads
    }

    #[test]
    fn a_line_names_the_lists_of_its_components() {
        assert_eq!(
            of_lines(LINES),
            [
                "2001:db8::1:3142_debian_dists_stable_main_debian-installer",
                "Debian%20GNU_Linux%2012%20%5fBookworm%5f_dists_bookworm_main",
                "HOA.example.vn_De%7eb%21an+x__dists_stable_main",
                "_etc_apt_mirrors_debian.list_dists_stable_main",
                "_srv_mirror_dists_stable_main",
                "arch.example.vn_amd64",
                "deb.example.vn:8080_debian_dists_stable_updates_contrib",
                "deb.example.vn:8080_debian_dists_stable_updates_main",
                "flat.example.vn_node%5f20.x_.",
                "sub.example.vn_x_sub",
            ]
            .map(str::to_owned)
            .into()
        );
    }

    #[test]
    fn lists_are_named_as_apt_names_them() {
        let root = tempfile::tempdir().unwrap();
        for folder in [
            "etc/apt/sources.list.d",
            "var/lib/apt/lists/partial",
            "var/lib/dpkg",
            "var/cache/apt/archives/partial",
        ] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        std::fs::write(root.path().join("etc/apt/sources.list"), LINES).unwrap();
        let status = root.path().join("var/lib/dpkg/status");
        std::fs::write(&status, "").unwrap();
        let said = std::process::Command::new("apt-get")
            .args(["update", "--print-uris", "-o", "APT::Architecture=amd64", "-o"])
            .arg(format!("Dir={}", root.path().display()))
            .arg("-o")
            .arg(format!("Dir::State::status={}", status.display()))
            .env("LC_ALL", "C")
            .output();
        let Some(said) = said.ok().filter(|said| said.status.success()) else {
            tracing::warn!("skipped: no apt on this machine, nothing was compared");
            return;
        };

        let said = String::from_utf8(said.stdout).unwrap();
        let stems = said.lines().filter_map(|line| line.trim().rsplit(' ').nth(1)?.strip_suffix("_Packages"));
        let theirs = stems.map(|stem| stem.rsplit_once("_binary-").map_or(stem, |(head, _)| head).to_owned());
        assert_eq!(of_lines(LINES), theirs.collect());
    }

    #[test]
    fn a_paragraph_names_every_suite_of_every_archive_unless_it_is_switched_off() {
        let text = "# ours\nTypes: deb deb-src\nURIs: http://one.example.vn/debian\n http://two.example.vn\nsuites: stable\n stable-updates\n\
            Components: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n\n\
            Enabled: no\nTypes: deb\nURIs: http://off.example.vn\nSuites: stable\nComponents: main\n\n\
            Types: deb-src\nURIs: http://source.example.vn\nSuites: stable\nComponents: main\n";
        let mut sources = Sources::default();
        sources.take_paragraphs(text, "amd64");

        assert!(!sources.is_open);
        assert!(sources.hold_list("two.example.vn_dists_stable-updates_main_binary-amd64"));
        assert!(sources.hold_release("one.example.vn_debian_dists_stable"));
        assert!(!sources.hold_release("one.example.vn_debian_dists_st"));
        assert!(!sources.hold_list("off.example.vn_dists_stable_main_binary-amd64"));
        assert_eq!(sources.heads.len(), 4);
    }

    #[test]
    fn where_not_all_sources_are_known_every_list_counts() {
        let root = tempfile::tempdir().unwrap();
        let apt = root.path().join("etc/apt");
        std::fs::create_dir_all(apt.join("sources.list.d")).unwrap();
        std::fs::write(apt.join("sources.list.d/a.list.disabled"), "deb http://x.example.vn stable main\n")
            .unwrap();
        let read = || Sources::read(root.path(), &AptConf::read(root.path()), "amd64").hold_list("any");
        assert!(!read());

        std::fs::write(apt.join("apt.conf"), "Dir::Etc::SourceParts \"/srv/sources\";").unwrap();
        assert!(read());
        std::fs::write(apt.join("apt.conf"), "").unwrap();
        assert!(!read());

        std::fs::create_dir(apt.join("sources.list.d/b.sources")).unwrap();
        assert!(read());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(deb|[a-zA-Z:/\\[\\]%\"# \n_é$.]){0,200}") {
            let mut sources = Sources::default();
            sources.take_lines(&text, "amd64");
            sources.take_paragraphs(&text, "amd64");
        }
    }
}
