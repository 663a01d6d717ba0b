//! Checking a snapshot on a machine that has nothing but the file and, better, the public key.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde::de::DeserializeOwned;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::ObservationId;
use vonggac_protocol::observation::Observation;
use vonggac_rules::ruleset::RuleSource;
use vonggac_rules::table::TableFile;
use vonggac_rules::words::Language;

use super::book::Book;
use super::clauses;
use super::container::{self, Entry};
use super::facts::{AcceptedRisk, Facts, RuleException, Text};
use super::gather::{is_drill, stood};
use super::key::{self, Unsigned};
use super::make::{
    self, ACCEPTED_RISKS, AGENCIES, ENTITLEMENTS, EXCEPTIONS, FORMAT, HOSTS, INCIDENTS, MANIFEST, Manifest,
    SIGNATURE, STATEMENTS, SUMS,
};

/// What was found wrong, and in which part of the file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, thiserror::Error)]
#[error("{part}: {}", .problem.en)]
pub struct Fault {
    /// The part: an entry's name, or `container`.
    pub part: String,
    /// What is wrong with it.
    pub problem: Text,
}

/// A file that is sound.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sound {
    /// What it says of itself.
    pub manifest: Manifest,
    /// Whether the key was the verifier's own; if not, whoever altered the file may have put in a key of theirs.
    pub key_was_given: bool,
    /// How many entries are listed with their digests and fit.
    pub digests: usize,
}

fn fault(part: &str, vi: impl Into<String>, en: impl Into<String>) -> Fault {
    Fault { part: part.to_owned(), problem: Text { vi: vi.into(), en: en.into() } }
}

/// Checks everything; `given` is the public key that the verifier holds.
///
/// # Errors
/// At the first fault, with the part that it is in.
pub fn verify(bytes: &[u8], given: Option<&str>) -> Result<Sound, Fault> {
    let entries = container::decode(bytes).map_err(|damaged| {
        let part = damaged.entry.as_deref().unwrap_or("container");
        fault(
            part,
            format!("không đọc đúng mẫu: {}", damaged.cause),
            format!("not as written: {}", damaged.cause),
        )
    })?;
    let entries: BTreeMap<&str, &Entry> = entries.iter().map(|entry| (entry.name.as_str(), entry)).collect();
    let manifest_bytes = text(&entries, MANIFEST)?;
    check_sums(&entries)?;
    let manifest: Manifest = parse(MANIFEST, manifest_bytes)?;
    let public = given.map_or(manifest.public_key.as_str(), str::trim);
    check_signature(&entries, &manifest, public)?;
    let book = book(&entries)?;
    let facts = facts(&entries, &manifest)?;
    check_manifest(&manifest, &book)?;
    check_evidence(&facts)?;
    check_content(bytes, &entries, &facts, &book, &manifest)?;

    Ok(Sound { manifest, key_was_given: given.is_some(), digests: entries.len().saturating_sub(2) })
}

fn text<'a>(entries: &BTreeMap<&str, &'a Entry>, name: &str) -> Result<&'a str, Fault> {
    let entry = entries.get(name).ok_or_else(|| fault(name, "bị thiếu", "is missing"))?;

    std::str::from_utf8(&entry.bytes)
        .map_err(|_| fault(name, "không phải văn bản UTF-8", "is not UTF-8 text"))
}

fn parse<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, Fault> {
    serde_json::from_str(text)
        .map_err(|error| fault(name, format!("không đúng mẫu: {error}"), format!("not of its form: {error}")))
}

/// Every entry has the digest that is signed, none is missing and none is beside them.
fn check_sums(entries: &BTreeMap<&str, &Entry>) -> Result<(), Fault> {
    let mut listed = BTreeSet::new();
    for line in text(entries, SUMS)?.lines() {
        let (digest, name) = line
            .split_once("  ")
            .and_then(|(digest, name)| Some((digest.parse::<Digest>().ok()?, name)))
            .ok_or_else(|| fault(SUMS, "có dòng sai mẫu", "has a line that is not of its form"))?;
        let entry = entries.get(name).ok_or_else(|| fault(name, "bị thiếu", "is missing"))?;
        if Digest::of(&entry.bytes) != digest {
            return Err(fault(name, "đã bị sửa: mã băm khác", "was altered: its digest differs"));
        }
        listed.insert(name);
    }
    let beside = entries.keys().find(|name| !listed.contains(**name) && ![SUMS, SIGNATURE].contains(name));

    beside.map_or(Ok(()), |name| Err(fault(name, "không có trong SHA256SUMS", "is not listed in SHA256SUMS")))
}

fn check_signature(entries: &BTreeMap<&str, &Entry>, manifest: &Manifest, public: &str) -> Result<(), Fault> {
    let sums = text(entries, SUMS)?.as_bytes();
    let comment = key::check(public, sums, text(entries, SIGNATURE)?).map_err(|why| match why {
        Unsigned::Key => fault(
            SIGNATURE,
            format!("khóa công khai {public:?} không phải khóa minisign"),
            format!("the public key {public:?} is not a minisign key"),
        ),
        Unsigned::Form => {
            fault(SIGNATURE, "không phải chữ ký đúng mẫu", "is not a signature in its one form")
        }
        Unsigned::Other => fault(
            SIGNATURE,
            "chữ ký không khớp: SHA256SUMS hoặc chữ ký bị sửa, hoặc ký bằng khóa khác",
            "does not hold: SHA256SUMS or the signature was altered, or another key signed",
        ),
    })?;
    if manifest.format != FORMAT || comment != format!("{FORMAT} as-of {}", manifest.as_of) {
        return Err(fault(SIGNATURE, "nói về một tệp khác", "speaks of another file"));
    }
    if manifest.public_key != public {
        return Err(fault(MANIFEST, "ghi một khóa công khai khác", "names another public key"));
    }

    Ok(())
}

fn book(entries: &BTreeMap<&str, &Entry>) -> Result<Book, Fault> {
    let (mut sources, mut tables) = (Vec::new(), Vec::new());
    for name in entries.keys() {
        let Some(path) = name.strip_prefix("rules/") else { continue };
        let text = text(entries, name)?;
        if path.ends_with(".toml") {
            tables.push(TableFile::new(path, text));
        } else {
            sources.push(RuleSource { path: path.to_owned(), text: text.to_owned() });
        }
    }

    Book::load(sources, &tables, Language::En).map_err(|broken| {
        fault("rules/", format!("không dùng được: {broken}"), format!("cannot be used: {broken}"))
    })
}

fn facts(entries: &BTreeMap<&str, &Entry>, manifest: &Manifest) -> Result<Facts, Fault> {
    let mut observations = BTreeMap::new();
    for (name, entry) in entries {
        let Some(id) = name.strip_prefix("observations/").and_then(|name| name.strip_suffix(".cbor")) else {
            continue;
        };
        let id: ObservationId = id
            .parse()
            .map_err(|_| fault(name, "tên không phải mã quan sát", "its name is not an observation id"))?;
        Observation::decode(&entry.bytes).map_err(|error| {
            fault(name, format!("không đọc được: {error}"), format!("cannot be read: {error}"))
        })?;
        observations.insert(id, entry.bytes.clone());
    }

    Ok(Facts {
        as_of: manifest.as_of,
        unjudged: manifest.unjudged,
        agencies: parse(AGENCIES, text(entries, AGENCIES)?)?,
        hosts: parse(HOSTS, text(entries, HOSTS)?)?,
        incidents: parse(INCIDENTS, text(entries, INCIDENTS)?)?,
        statements: parse(STATEMENTS, text(entries, STATEMENTS)?)?,
        entitlements: parse(ENTITLEMENTS, text(entries, ENTITLEMENTS)?)?,
        accepted_risks: accepted_risks(entries, manifest)?,
        exceptions: exceptions(entries, manifest)?,
        observations,
    })
}

/// Exceptions that people made; each was in force at that moment.
fn accepted_risks(entries: &BTreeMap<&str, &Entry>, manifest: &Manifest) -> Result<Vec<AcceptedRisk>, Fault> {
    let risks: Vec<AcceptedRisk> = parse(ACCEPTED_RISKS, text(entries, ACCEPTED_RISKS)?)?;
    let is_in_force = |risk: &AcceptedRisk| {
        (risk.accepted_at..risk.ends_at).contains(&manifest.as_of) && !risk.reason.trim().is_empty()
    };
    if let Some(risk) = risks.iter().find(|risk| !is_in_force(risk)) {
        return Err(fault(
            ACCEPTED_RISKS,
            format!("rủi ro số {} không có hiệu lực tại thời điểm đó", risk.id),
            format!("risk {} was not in force at that moment", risk.id),
        ));
    }

    Ok(risks)
}

/// Exceptions to rules; each was in force at that moment, and names no more findings than it counts.
fn exceptions(entries: &BTreeMap<&str, &Entry>, manifest: &Manifest) -> Result<Vec<RuleException>, Fault> {
    if !entries.contains_key(EXCEPTIONS) {
        return Ok(Vec::new());
    }
    let all: Vec<RuleException> = parse(EXCEPTIONS, text(entries, EXCEPTIONS)?)?;
    let is_good = |it: &RuleException| {
        (it.made_at..it.ends_at).contains(&manifest.as_of)
            && !it.reason.trim().is_empty()
            && u64::try_from(it.findings.len()).is_ok_and(|named| named <= it.findings_total)
    };
    if let Some(it) = all.iter().find(|it| !is_good(it)) {
        return Err(fault(
            EXCEPTIONS,
            format!("ngoại lệ số {} không có hiệu lực tại thời điểm đó", it.id),
            format!("exception {} was not in force at that moment", it.id),
        ));
    }

    Ok(all)
}

fn check_manifest(manifest: &Manifest, book: &Book) -> Result<(), Fault> {
    let versions: BTreeMap<String, u32> =
        book.register.plans().iter().map(|plan| (plan.id.clone(), plan.version)).collect();
    let same = manifest.rule_set == book.rules.digest()
        && manifest.plans == book.register.digest()
        && manifest.catalogue == book.catalogue.digest()
        && manifest.support == book.support.digest()
        && manifest.support_version == book.support.version()
        && manifest.plan_versions == versions;
    if !same {
        return Err(fault(
            MANIFEST,
            "mã băm hoặc phiên bản của quy tắc, kế hoạch khác với các tệp bên trong",
            "its digests or versions of rules and plans are not those of the files inside",
        ));
    }

    Ok(())
}

/// What hosts and incidents name is there, has the digest that they say, and nothing else is there.
fn check_evidence(facts: &Facts) -> Result<(), Fault> {
    let mut named = BTreeSet::new();
    for evidence in facts.named() {
        let name = make::observation_name(&evidence.observation.to_string(), "cbor");
        let bytes = facts
            .observations
            .get(&evidence.observation)
            .ok_or_else(|| fault(&name, "chứng cứ bị thiếu", "evidence that is named is missing"))?;
        if Digest::of(bytes) != evidence.sha256 {
            return Err(fault(
                &name,
                "chứng cứ khác mã băm đã nêu",
                "evidence differs from the digest it is named by",
            ));
        }
        named.insert(evidence.observation);
    }
    if let Some(stray) = facts.observations.keys().find(|id| !named.contains(id)) {
        let name = make::observation_name(&stray.to_string(), "cbor");
        return Err(fault(&name, "không điều gì viện dẫn", "nothing names it"));
    }
    for incident in &facts.incidents {
        let stands = (incident.state.clone(), incident.outcome.clone());
        if stands != stood(&incident.deeds) || incident.drill != is_drill(&incident.deeds) {
            return Err(fault(
                INCIDENTS,
                format!("trạng thái của sự cố {} không theo diễn biến", incident.id),
                format!("the state of incident {} does not follow from its deeds", incident.id),
            ));
        }
    }

    Ok(())
}

/// Works everything out again from the facts: it must give the same entries and the same file.
fn check_content(
    bytes: &[u8],
    entries: &BTreeMap<&str, &Entry>,
    facts: &Facts,
    book: &Book,
    manifest: &Manifest,
) -> Result<(), Fault> {
    let failed = |error: anyhow::Error| fault("container", format!("{error:#}"), format!("{error:#}"));
    let states = clauses::weigh(facts, book);
    if manifest.counts != make::counts(facts, &states) {
        return Err(fault(
            MANIFEST,
            "số lượng không khớp nội dung",
            "its counts are not those of the content",
        ));
    }
    let mut again = make::content(facts, book, &states).map_err(failed)?;
    for entry in &again {
        let here =
            entries.get(entry.name.as_str()).ok_or_else(|| fault(&entry.name, "bị thiếu", "is missing"))?;
        if here.bytes != entry.bytes {
            return Err(fault(
                &entry.name,
                "không phải là điều suy ra từ chứng cứ bên trong",
                "is not what follows from the evidence inside",
            ));
        }
    }
    if manifest.content != Digest::of(make::sums(&again).as_bytes()) {
        return Err(fault(MANIFEST, "mã băm nội dung khác", "its digest of the content differs"));
    }
    again.insert(0, entry(MANIFEST, make::json(manifest).map_err(failed)?));
    again.push(entry(SUMS, make::sums(&again).into_bytes()));
    again.push(entry(SIGNATURE, text(entries, SIGNATURE)?.as_bytes().to_vec()));
    if container::encode(&again).map_err(failed)? != bytes {
        return Err(fault(
            "container",
            "thứ tự hoặc cách ghi các phần khác",
            "its parts are ordered or written otherwise",
        ));
    }

    Ok(())
}

fn entry(name: &str, bytes: Vec<u8>) -> Entry {
    Entry { name: name.to_owned(), bytes }
}
