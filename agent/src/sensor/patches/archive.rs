//! An archive: who publishes a list, as its `Release` or `InRelease` file says.

use std::path::Path;

use crate::sensor::deb822::{Paragraph, Reader};
use crate::sensor::packages::plain;

/// Bytes of a release file; Debian's own have 150 KiB.
const RELEASE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// What distributions call themselves in their own release files.
const DISTRIBUTIONS: [&str; 4] = ["Debian", "Ubuntu", "UbuntuESM", "UbuntuESMApps"];

/// One release of one publisher.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Release {
    pub(super) origin: String,
    pub(super) label: String,
    pub(super) suite: String,
    pub(super) codename: String,
    pub(super) version: String,
    pub(super) not_automatic: bool,
    pub(super) but_automatic_upgrades: bool,
}

/// A list of one component of a release.
#[derive(Debug, Clone, Default)]
pub(super) struct Archive {
    pub(super) release: Release,
    /// Host name it was fetched from; empty for local folders.
    pub(super) site: String,
    pub(super) component: String,
    /// Architecture that the list is for.
    pub(super) architecture: String,
}

impl Archive {
    /// Publisher and part, such as `Debian/bookworm-security`; the host where the release names no publisher.
    pub(super) fn origin(&self) -> String {
        let release = &self.release;
        let publisher = [&release.origin, &self.site].into_iter().find(|text| !text.is_empty());
        let publisher = publisher.map_or("local", String::as_str).replace('/', " ");

        format!("{publisher}/{}", release.part())
    }

    /// Which of several archives with one version is named: the distribution's own, before others; security, then
    /// updates, then what it started with.
    pub(super) fn rank(&self) -> (bool, bool, bool) {
        let release = &self.release;
        let own = DISTRIBUTIONS.contains(&release.origin.as_str()) && !release.not_automatic;

        (own, release.is_security(), release.part().ends_with("-updates"))
    }
}

impl Release {
    /// Reads a release file, signed in place or not.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let text = super::lists::small_text(path, RELEASE_BYTES_MAX)?;

        Self::parse(&text)
    }

    fn parse(text: &str) -> Option<Self> {
        let names =
            ["Origin", "Label", "Suite", "Codename", "Version", "NotAutomatic", "ButAutomaticUpgrades"];
        let mut found = None;
        let mut each = |paragraph: &Paragraph<7>| {
            // A signature around the release makes paragraphs of its own, which have none of these fields.
            if found.is_some() || !(0..7).any(|at| paragraph.has(at)) {
                return;
            }
            let text = |at| paragraph.text(at).and_then(plain).unwrap_or_default();
            found = Some(Self {
                origin: text(0),
                label: text(1),
                suite: text(2),
                codename: text(3),
                version: text(4),
                not_automatic: text(5) == "yes",
                but_automatic_upgrades: text(6) == "yes",
            });
        };
        let mut reader = Reader::new(names);
        reader.feed(text.as_bytes(), &mut each);
        reader.finish(&mut each);

        found
    }

    /// Whether its publisher calls it an archive of security updates.
    pub(super) fn is_security(&self) -> bool {
        self.label == "Debian-Security"
            || self.suite.ends_with("-security")
            || self.codename.ends_with("-security")
    }

    /// The part of its publisher that it is, by the name that does not move: `bookworm-security`, not `stable-security`.
    fn part(&self) -> &str {
        let moving = !self.codename.is_empty() && !self.suite.starts_with(self.codename.as_str());

        if moving || self.suite.is_empty() { &self.codename } else { &self.suite }
    }

    /// Name for people, such as `Debian-Security bookworm-security` or `Ubuntu jammy-updates`.
    pub(super) fn title(&self) -> String {
        let suite = self.part();
        let publisher = if self.label.is_empty() { &self.origin } else { &self.label };

        format!("{publisher} {suite}").trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_release_is_read_like_a_bare_one() {
        let bare = "Origin: Debian\nLabel: Debian-Security\nSuite: oldstable-security\nCodename: bookworm-security\nSHA256:\n 00 1 x\n";
        let signed = format!(
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{bare}-----BEGIN PGP SIGNATURE-----\n\nabc=\n"
        );

        let release = Release::parse(&signed).unwrap();

        assert_eq!(Some(&release), Release::parse(bare).as_ref());
        assert!(release.is_security());
        assert_eq!(release.title(), "Debian-Security bookworm-security");
    }

    #[test]
    fn the_pocket_of_ubuntu_is_in_its_suite() {
        let text = "Origin: Ubuntu\nLabel: Ubuntu\nSuite: jammy-security\nVersion: 22.04\nCodename: jammy\n";

        let release = Release::parse(text).unwrap();

        assert!(release.is_security());
        assert_eq!(release.title(), "Ubuntu jammy-security");
    }

    #[test]
    fn a_file_without_any_field_is_no_release() {
        assert!(Release::parse("<html>\nnot found\n").is_none());
    }
}
