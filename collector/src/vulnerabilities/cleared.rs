//! What the held feeds say a machine is not affected by: no finding, and worth a line to whoever asks for the reasons.

use vonggac_advisory::fleet::Cleared;
use vonggac_protocol::id::HostId;

use super::Vulnerabilities;

/// What a feed says packages are not affected by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Clearance {
    /// The advisory.
    pub advisory: String,
    /// Its CVEs.
    pub cves: Vec<String>,
    /// The package as the advisory names it.
    pub package: String,
    /// The publisher's remark.
    pub note: String,
    /// The feed that says so.
    pub feed: String,
    /// Other feeds that name it: the word of the feed above stands.
    pub contrary: Vec<String>,
    /// What is installed of it: name and version.
    pub installed: Vec<String>,
}

impl Clearance {
    /// Who says so, and who says otherwise.
    #[must_use]
    pub fn words(&self) -> String {
        let contrary = match self.contrary.as_slice() {
            [] => String::new(),
            others => format!("; otherwise: {}", others.join(", ")),
        };

        format!("{} says that this package is not affected{contrary}", self.feed)
    }
}

/// All that the held feeds say a machine is not affected by; the caller has the right to it.
#[must_use]
pub fn of(shared: &Vulnerabilities, host: HostId) -> Vec<Clearance> {
    let held = shared.read();
    let clearance = |it: Cleared<'_>| Clearance {
        advisory: it.advisory.id.clone(),
        cves: it.advisory.cves.clone(),
        package: it.package.to_owned(),
        note: it.note.to_owned(),
        feed: it.feed.name.clone(),
        contrary: it.contrary.iter().map(|feed| feed.name.clone()).collect(),
        installed: it.installed.iter().map(|own| format!("{} {}", own.name, own.version)).collect(),
    };

    held.fleet.cleared(&host, &held.book).into_iter().map(clearance).collect()
}
