//! What the collector concludes from, and is handed: observations under the rules, tables, snapshots.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use serde_json::Value;
use vonggac_collector::entitlements::sheet;
use vonggac_collector::snapshot::book::Book;
use vonggac_collector::snapshot::container::{self, Entry};
use vonggac_collector::snapshot::key::SigningKey;
use vonggac_collector::snapshot::make::{FORMAT, MANIFEST, Manifest, SIGNATURE, SUMS};
use vonggac_collector::snapshot::verify::verify;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::host::Role;
use vonggac_protocol::id::{Epoch, HostId, Lane, ObservationId, Seq};
use vonggac_protocol::observation::Observation;
use vonggac_protocol::package::{LicenceBasis, Manager, Package};
use vonggac_protocol::time::Timestamp;
use vonggac_rules::catalogue::Catalogue;
use vonggac_rules::foreign::windows;
use vonggac_rules::judge::{Context, Judge};
use vonggac_rules::plan::Register;
use vonggac_rules::ruleset::{RuleSet, RuleSource};
use vonggac_rules::support::SupportTable;
use vonggac_rules::table::TableFile;
use vonggac_rules::words::Language;
use vonggac_rules::{packs, plan};

use super::parts;

const NOW: Timestamp = Timestamp(1_795_312_345_000);

/// The rules of this build.
static RULES: LazyLock<Arc<RuleSet>> = LazyLock::new(|| {
    let clauses = Register::embedded().clauses().map(|clause| clause.id.clone()).collect();

    Arc::new(RuleSet::load(packs::embedded(), &clauses).expect("a test loads them"))
});

/// An observation of a host that lies, weighed under every rule of this build; what is concluded can be said to people,
/// and is the same every time.
pub fn judge(bytes: &[u8]) {
    let Ok(observation) = Observation::decode(bytes) else { return };
    let weigh = || {
        let mut judge = Judge::new(Arc::clone(&RULES));
        let mut findings = Vec::new();
        for seq in 1..4 {
            let id =
                ObservationId { host: HostId([7; 16]), epoch: Epoch(1), lane: Lane::Prompt, seq: Seq(seq) };
            let context = Context {
                id,
                host: id.host,
                agency: "so-y-te".parse().expect("an agency"),
                host_name: "may-1".to_owned(),
                role: Role::Server,
                at: observation.at,
            };
            findings.extend(judge.weigh(&context, &observation, NOW));
        }
        findings
    };
    let findings = weigh();
    assert_eq!(findings, weigh(), "the same again");
    for finding in findings {
        let rule = RULES.rule(&finding.rule).expect("a rule of this build");
        assert!(finding.at <= NOW, "nothing is concluded of the future");
        for language in [Language::Vi, Language::En] {
            drop(rule.sentence.fill(language, &finding.fields));
        }
    }
}

/// A table that a province brings along: as a plan, as its terms, as a catalogue of software, as ends of support. A
/// refusal says why.
pub fn tables(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let said = |mistakes: Vec<_>| assert!(!mistakes.is_empty(), "a refusal says why");
    let mut terms: Vec<TableFile> =
        plan::embedded().into_iter().filter(|file| file.name() == "terms.toml").collect();
    terms.push(TableFile::new("plans/p/clauses.toml", text));
    Register::load(&terms).map_or_else(said, drop);
    Register::load(&[TableFile::new("plans/terms.toml", text)]).map_or_else(said, drop);
    match SupportTable::load(&TableFile::new("catalogue/support.toml", text)) {
        Ok(table) => {
            for line in text.lines().take(8) {
                let found = table.lookup("debian", line);
                drop(found.map(|end| (end.state_at(NOW), end.free_until())));
            }
        }
        Err(mistakes) => said(mistakes),
    }
    match Catalogue::load(&[TableFile::new("catalogue/software/x.toml", text)], &BTreeSet::from(["p/1"])) {
        Ok(catalogue) => {
            for line in text.lines() {
                let product = catalogue.product_of(&package(line));
                assert!(product.is_none_or(|found| catalogue.product(&found.id) == Some(found)));
            }
        }
        Err(mistakes) => said(mistakes),
    }
}

fn package(name: &str) -> Package {
    Package {
        manager: Manager::WindowsUninstall,
        name: name.to_owned(),
        architecture: String::new(),
        version: "1".to_owned(),
        source: None,
        source_version: None,
        section: None,
        vendor: None,
        licence: None,
        licence_basis: LicenceBasis::Unknown,
        installed_at: None,
        in_repository: None,
        origin: None,
        automatic: None,
        module: None,
        place: None,
        copies: None,
        install_source: None,
        users: None,
    }
}

/// The catalogue of this build.
static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(Catalogue::embedded);

/// A ledger of what an agency may use, as CSV: taken whole or refused with every mistake in a line.
pub fn ledger(bytes: &[u8]) {
    match sheet::read("so.csv", bytes, "so-y-te", &CATALOGUE) {
        Ok(rights) => assert!(rights.len() <= sheet::LINES_MAX, "within the limit"),
        Err(mistakes) => {
            assert!(!mistakes.is_empty(), "a refusal says why");
            for mistake in mistakes {
                for language in [Language::Vi, Language::En] {
                    assert!(mistake.shown(language).starts_with("so.csv"), "a mistake has a place");
                }
            }
        }
    }
}

/// The key of this run.
static KEY: LazyLock<SigningKey> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a place for files");

    SigningKey::make(folder.path()).expect("a key")
});

/// A snapshot that somebody hands in: as it is, and, because digests and signature would keep the fuzzer out, its parts
/// put together by a liar who has the true key.
pub fn snapshot(bytes: &[u8]) {
    let key = KEY.public();
    drop(verify(bytes, None));
    assert!(verify(bytes, Some(&key)).is_err(), "not signed by us");
    let entries: Vec<Entry> =
        parts::named(bytes).into_iter().map(|(name, bytes)| Entry { name, bytes }).collect();
    if let Ok(packed) = container::encode(&entries) {
        assert_eq!(container::decode(&packed).as_ref(), Ok(&entries), "packed, unpacked");
        drop(verify(&packed, None));
    }
    if let Some(forged) = forged(entries) {
        match verify(&forged, Some(&key)) {
            Ok(sound) => assert!(sound.key_was_given),
            Err(fault) => assert!(!fault.part.is_empty(), "a fault has a place"),
        }
    }
}

fn forged(mut entries: Vec<Entry>) -> Option<Vec<u8>> {
    let at = entries.iter().position(|entry| entry.name == MANIFEST)?;
    let mut manifest: Manifest = serde_json::from_slice(&entries.remove(at).bytes).ok()?;
    entries.retain(|entry| entry.name != SUMS && entry.name != SIGNATURE);
    manifest.public_key = KEY.public();
    manifest.content = Digest::of(sums(&entries).as_bytes());
    if let Some(book) = book(&entries) {
        manifest.rule_set = book.rules.digest();
        manifest.plans = book.register.digest();
        manifest.catalogue = book.catalogue.digest();
        manifest.support = book.support.digest();
    }
    let mut text = serde_json::to_vec_pretty(&manifest).ok()?;
    text.push(b'\n');
    entries.insert(0, Entry { name: MANIFEST.to_owned(), bytes: text });
    let sums = sums(&entries).into_bytes();
    let signature = KEY.sign(&sums, &format!("{FORMAT} as-of {}", manifest.as_of)).ok()?;
    entries.push(Entry { name: SUMS.to_owned(), bytes: sums });
    entries.push(Entry { name: SIGNATURE.to_owned(), bytes: signature.into_bytes() });

    container::encode(&entries).ok()
}

fn sums(entries: &[Entry]) -> String {
    entries.iter().map(|entry| format!("{}  {}\n", Digest::of(&entry.bytes), entry.name)).collect()
}

fn book(entries: &[Entry]) -> Option<Book> {
    let (mut sources, mut tables) = (Vec::new(), Vec::new());
    for entry in entries {
        let Some(path) = entry.name.strip_prefix("rules/") else { continue };
        let text = std::str::from_utf8(&entry.bytes).ok()?;
        if path.ends_with(".toml") {
            tables.push(TableFile::new(path, text));
        } else {
            sources.push(RuleSource { path: path.to_owned(), text: text.to_owned() });
        }
    }

    Book::load(sources, &tables, Language::En).ok()
}

/// A record of a Windows event log as a reader of logs gives it: no value of it is lost, its names have no blanks, and it
/// is read alike every time.
pub fn windows_record(bytes: &[u8]) {
    let Ok(record) = serde_json::from_slice::<Value>(bytes) else { return };
    let Some((origin, flat)) = windows::read(&record) else { return };
    assert_eq!(windows::read(&record).as_ref(), Some(&(origin.clone(), flat.clone())), "read alike");
    let Value::Object(flat) = flat else { panic!("a flat record is an object") };
    assert!(flat.keys().all(|name| !name.contains(' ')), "no rule could name it");
    assert_eq!(origin.product.as_deref(), Some("windows"));
    assert!(
        origin.service.is_some() || origin.categories.is_empty(),
        "categories are of a channel that is known"
    );
    let mut again = flat.clone();
    assert_eq!(windows::origin(&mut again), origin, "what was added changes nothing of where it comes from");
    assert_eq!(again, flat, "and is added once");
    let event = record.get("Event").expect("it was read");
    let data = event.get("EventData").and_then(Value::as_object);
    for (name, value) in data.into_iter().flatten() {
        if value.is_string() && !name.ends_with("attributes") {
            assert!(flat.values().any(|kept| kept == value), "{name} is lost");
        }
    }
}
