//! The file: entries in a fixed order, digests of all of them, and one signature over the digests.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::observation::Observation;
use vonggac_protocol::time::Timestamp;

use super::book::Book;
use super::clauses::{self, ClauseState, State};
use super::container::{self, Entry};
use super::facts::Facts;
use super::key::SigningKey;

/// The form of the file; another one gets another word.
pub const FORMAT: &str = "vonggac-snapshot/1";

/// First entry.
pub const MANIFEST: &str = "manifest.json";
/// Digests of all entries but itself and its signature, as `sha256sum` writes them.
pub const SUMS: &str = "SHA256SUMS";
/// Its signature.
pub const SIGNATURE: &str = "SHA256SUMS.minisig";
/// How to check the file with public programs.
pub const GUIDE: &str = "KIEM-TRA.md";
/// States of clauses.
pub const CLAUSES: &str = "clauses.json";
/// Agencies and hosts.
pub const HOSTS: &str = "hosts.json";
/// Agencies.
pub const AGENCIES: &str = "agencies.json";
/// Incidents.
pub const INCIDENTS: &str = "incidents.json";
/// Statements.
pub const STATEMENTS: &str = "statements.json";
/// Ledgers of software entitlements.
pub const ENTITLEMENTS: &str = "entitlements.json";
/// Accepted risks.
pub const ACCEPTED_RISKS: &str = "accepted-risks.json";

/// Exceptions to rules; left out where there are none.
pub const EXCEPTIONS: &str = "exceptions.json";

const GUIDE_TEXT: &str = include_str!("kiem-tra.md");

/// What the file says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// Version of the program that made it.
    pub program: String,
    /// Whose collector: as the maker named it.
    pub collector: String,
    /// The moment that it speaks of.
    pub as_of: Timestamp,
    /// When it was made.
    pub made_at: Timestamp,
    /// Observations received by then that the rules had not yet weighed.
    pub unjudged: u64,
    /// How many there are of what.
    pub counts: BTreeMap<String, u64>,
    /// Digest of the rule set.
    pub rule_set: Digest,
    /// Digest of the plans.
    pub plans: Digest,
    /// Versions of the registers, by plan.
    pub plan_versions: BTreeMap<String, u32>,
    /// Digest of the catalogue.
    pub catalogue: Digest,
    /// Digest of the ends of support.
    pub support: Digest,
    /// Version of the ends of support.
    pub support_version: u32,
    /// The key it is signed with; to trust it, compare with the one that you were given.
    pub public_key: String,
    /// Digest over the lines of [`SUMS`] without this entry: equal for equal content, whenever it was made.
    pub content: Digest,
}

/// A snapshot that was made.
#[derive(Debug)]
pub struct Made {
    /// The file.
    pub bytes: Vec<u8>,
    /// What it says of itself.
    pub manifest: Manifest,
}

/// Makes the file of these facts.
///
/// # Errors
/// If a file of the book has a name that cannot be kept, or it cannot be signed.
pub fn make(
    facts: &Facts,
    book: &Book,
    key: &SigningKey,
    collector: &str,
    made_at: Timestamp,
) -> anyhow::Result<Made> {
    let states = clauses::weigh(facts, book);
    let mut entries = content(facts, book, &states)?;
    let content = Digest::of(sums(&entries).as_bytes());
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        collector: collector.to_owned(),
        as_of: facts.as_of,
        made_at,
        unjudged: facts.unjudged,
        counts: counts(facts, &states),
        rule_set: book.rules.digest(),
        plans: book.register.digest(),
        plan_versions: book.register.plans().iter().map(|plan| (plan.id.clone(), plan.version)).collect(),
        catalogue: book.catalogue.digest(),
        support: book.support.digest(),
        support_version: book.support.version(),
        public_key: key.public(),
        content,
    };
    entries.insert(0, Entry { name: MANIFEST.to_owned(), bytes: json(&manifest)? });
    let sums = sums(&entries).into_bytes();
    let comment = format!("{FORMAT} as-of {}", facts.as_of);
    let signature = key.sign(&sums, &comment)?.into_bytes();
    entries.push(Entry { name: SUMS.to_owned(), bytes: sums });
    entries.push(Entry { name: SIGNATURE.to_owned(), bytes: signature });

    Ok(Made { bytes: container::encode(&entries)?, manifest })
}

/// Everything but the manifest, the digests and the signature.
pub(super) fn content(facts: &Facts, book: &Book, states: &[ClauseState]) -> anyhow::Result<Vec<Entry>> {
    let mut entries = vec![
        Entry { name: GUIDE.to_owned(), bytes: GUIDE_TEXT.as_bytes().to_vec() },
        Entry { name: CLAUSES.to_owned(), bytes: json(&states)? },
        Entry { name: AGENCIES.to_owned(), bytes: json(&facts.agencies)? },
        Entry { name: HOSTS.to_owned(), bytes: json(&facts.hosts)? },
        Entry { name: INCIDENTS.to_owned(), bytes: json(&facts.incidents)? },
        Entry { name: STATEMENTS.to_owned(), bytes: json(&facts.statements)? },
        Entry { name: ENTITLEMENTS.to_owned(), bytes: json(&facts.entitlements)? },
        Entry { name: ACCEPTED_RISKS.to_owned(), bytes: json(&facts.accepted_risks)? },
    ];
    if !facts.exceptions.is_empty() {
        entries.push(Entry { name: EXCEPTIONS.to_owned(), bytes: json(&facts.exceptions)? });
    }
    for (id, bytes) in &facts.observations {
        let reading = Observation::decode(bytes).with_context(|| format!("read observation {id}"))?;
        entries.push(Entry { name: observation_name(&id.to_string(), "cbor"), bytes: bytes.clone() });
        entries.push(Entry { name: observation_name(&id.to_string(), "json"), bytes: json(&reading)? });
    }
    for (path, text) in book.files() {
        entries.push(Entry { name: format!("rules/{path}"), bytes: text.as_bytes().to_vec() });
    }

    Ok(entries)
}

/// The name of an observation's entry.
pub(super) fn observation_name(id: &str, form: &str) -> String {
    format!("observations/{id}.{form}")
}

/// Lines as `sha256sum` writes them, in the order of the entries.
pub(super) fn sums(entries: &[Entry]) -> String {
    entries.iter().map(|entry| format!("{}  {}\n", Digest::of(&entry.bytes), entry.name)).collect()
}

/// JSON for people and programs, always the same for the same value.
pub(super) fn json(value: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');

    Ok(bytes)
}

/// How many there are of what.
pub(super) fn counts(facts: &Facts, states: &[ClauseState]) -> BTreeMap<String, u64> {
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let real = || facts.incidents.iter().filter(|incident| !incident.drill);
    let drills = facts.incidents.len() - real().count();
    let of = |state: State| number(states.iter().filter(|clause| clause.state == state).count());

    // A snapshot without drills or exceptions has the counts that it had before there were any.
    let drills = (drills > 0).then(|| ("incidents_drill", number(drills)));
    let exceptions = (!facts.exceptions.is_empty()).then(|| ("exceptions", number(facts.exceptions.len())));
    let all = [
        ("agencies", number(facts.agencies.len())),
        ("hosts", number(facts.hosts.len())),
        ("observations", number(facts.observations.len())),
        ("incidents", number(real().count())),
        ("incidents_open", number(real().filter(|incident| incident.is_open()).count())),
        ("statements", number(facts.statements.len())),
        ("entitlements", number(facts.entitlements.len())),
        ("accepted_risks", number(facts.accepted_risks.len())),
        ("clauses", number(states.len())),
        ("clauses_met", of(State::Met)),
        ("clauses_not_met", of(State::NotMet)),
        ("clauses_attested", of(State::Attested)),
        ("clauses_not_measurable", of(State::NotMeasurable)),
        ("clauses_no_figure", of(State::NoFigure)),
    ];

    all.into_iter().chain(drills).chain(exceptions).map(|(name, count)| (name.to_owned(), count)).collect()
}
