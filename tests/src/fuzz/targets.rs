//! One entry for every parser of foreign bytes.

use std::collections::{BTreeSet, VecDeque};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vonggac_protocol::enrolment::EnrolmentString;
use vonggac_protocol::frame::dictionary::{Dictionary, compress};
use vonggac_protocol::frame::{Batch, Frame};
use vonggac_protocol::id::{Epoch, Lane, ObservationId, Seq};
use vonggac_protocol::limits::{BATCH_OBSERVATIONS_MAX, BATCH_RAW_BYTES_MAX};
use vonggac_protocol::observation::Observation;
use vonggac_protocol::path::HostPath;
use vonggac_protocol::time::Timestamp;

use vonggac_agent::spool::segment::{Form, HEADER_BYTES, Identity};
use vonggac_agent::spool::{Limits, Spool};
use vonggac_collector::desk::words::Language;
use vonggac_collector::store::forbidden::fits;
use vonggac_collector::store::view::page::Cursor;
use vonggac_rules::ruleset::{RuleSet, RuleSource};
use vonggac_rules::trial::run_tests;
use vonggac_sha256::{Engine, Hasher, Next};

use super::{feed, host, judgement, link, records, registry, release, windows};

/// An entry: panics if what it holds is broken.
pub type Target = fn(&[u8]);

/// All of them, by the name of their corpus and of the fuzzer's program.
pub const TARGETS: [(&str, Target); 46] = [
    ("frame", frame),
    ("journal_file", records::journal_file),
    ("audit_line", records::audit_line),
    ("syslog_line", records::syslog_line),
    ("windows_files", windows::windows_files),
    ("batch", batch),
    ("observation", observation),
    ("enrolment", enrolment),
    ("host_path", host_path),
    ("rule", rule),
    ("agent_config", agent_config),
    ("collector_config", collector_config),
    ("spool_segment", spool_segment),
    ("spool_folder", spool_folder),
    ("spool_block", spool_block),
    ("dpkg_status", dpkg_status),
    ("apt_list", apt_list),
    ("dnf_list", host::dnf_list),
    ("rpm_ndb", rpm_ndb),
    ("sha256_lanes", sha256_lanes),
    ("baseline_block", baseline_block),
    ("certificate", link::certificate),
    ("certificate_request", link::certificate_request),
    ("tcp_pieces", link::tcp_pieces),
    ("rpm_header", host::rpm_header),
    ("rpm_sqlite", host::rpm_sqlite),
    ("rpm_bdb", host::rpm_bdb),
    ("apk_installed", host::apk_installed),
    ("language_metadata", host::language_metadata),
    ("java_archive", host::java_archive),
    ("registry", registry::registry),
    ("smbios", registry::smbios),
    ("licence", host::licence),
    ("system_files", host::system_files),
    ("dpkg_records", host::dpkg_records),
    ("text_difference", host::text_difference),
    ("judge", judgement::judge),
    ("tables", judgement::tables),
    ("snapshot", judgement::snapshot),
    ("ledger", judgement::ledger),
    ("windows_record", judgement::windows_record),
    ("feed", feed::feed),
    ("feed_packed", feed::feed_packed),
    ("feed_bundle", feed::feed_bundle),
    ("version", feed::version),
    ("release", release::release),
];

/// The entry of this name.
#[must_use]
pub fn named(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, target)| *target)
}

/// A frame that can be read says the same after it was written again.
pub fn frame(bytes: &[u8]) {
    if let Some(prefix) = bytes.first_chunk::<4>() {
        drop(Frame::length(*prefix));
    }
    let Ok(frame) = Frame::decode(bytes) else { return };
    assert_eq!(Frame::decode(&frame.encode()[4..]).ok().as_ref(), Some(&frame), "read, written, read");
    if let Frame::Batch(batch) = &frame {
        unpack(batch);
    }
    if let Frame::Assign(assignment) = &frame {
        drop(assignment.check());
    }
}

/// The bytes as the content of a batch: as they are, and compressed without and with a dictionary.
pub fn batch(bytes: &[u8]) {
    let Some((&count, content)) = bytes.split_first() else { return };
    let first = Dictionary::of_number(1);
    let packings = [
        (content.to_vec(), None),
        (content.to_vec(), Some(1)),
        (compress(content, None), None),
        (compress(content, first), Some(1)),
    ];
    for (packed, dictionary) in packings {
        let (epoch, lane, first) = (Epoch(1), Lane::Prompt, Seq(1));
        unpack(&Batch { epoch, lane, first, gap_before: 0, count: u32::from(count), packed, dictionary });
    }
}

fn unpack(batch: &Batch) {
    let Ok(observations) = batch.unpack() else { return };
    assert!((1..=BATCH_OBSERVATIONS_MAX).contains(&observations.len()), "within the limit");
    assert!(observations.iter().map(Vec::len).sum::<usize>() <= BATCH_RAW_BYTES_MAX, "within the limit");
    for bytes in &observations {
        observation(bytes);
    }
}

/// An observation that can be read says the same after it was written again, and can be shown.
pub fn observation(bytes: &[u8]) {
    let Ok(observation) = Observation::decode(bytes) else { return };
    assert_eq!(
        Observation::decode(&observation.encode()).ok().as_ref(),
        Some(&observation),
        "read, written, read"
    );
    assert!(serde_json::to_value(&observation).is_ok(), "every observation can be shown");
    drop(observation.at.to_string());
}

/// What a person may paste or a browser say: an enrolment string, an id, a moment, a pattern for names of machines that
/// are never to be enrolled, the place in a list, a language.
pub fn enrolment(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(read) = text.parse::<EnrolmentString>() {
        assert_eq!(
            read.to_string().parse::<EnrolmentString>().ok().as_ref(),
            Some(&read),
            "read, written, read"
        );
    }
    if let Ok(id) = text.parse::<ObservationId>() {
        assert_eq!(id.to_string(), text, "an id has one form");
    }
    drop(text.parse::<Timestamp>());
    if let Some(cursor) = Cursor::parse(text) {
        assert_eq!(Cursor::parse(&cursor.text()), Some(cursor), "read, written, read");
    }
    assert!(matches!(Language::accepted(text).code(), "vi" | "en"), "one of ours");
    if let Some((pattern, name)) = text.split_once('\n').filter(|_| text.len() <= 200) {
        let (pattern_letters, name_letters): (Vec<char>, Vec<char>) =
            (pattern.chars().collect(), name.chars().collect());
        assert_eq!(fits(pattern, name), fits_slowly(&pattern_letters, &name_letters), "as letter by letter");
    }
}

/// The same as [`fits`], letter by letter.
fn fits_slowly(pattern: &[char], name: &[char]) -> bool {
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for letter in pattern {
        if *letter == '*' {
            let first = reached.iter().position(|here| *here).unwrap_or(reached.len());
            reached.iter_mut().skip(first).for_each(|here| *here = true);
            continue;
        }
        for at in (0..name.len()).rev() {
            reached[at + 1] = reached[at] && name[at] == *letter;
        }
        reached[0] = false;
    }

    reached[name.len()]
}

/// Every name a file system can hold comes back as the bytes that it was.
pub fn host_path(bytes: &[u8]) {
    assert_eq!(HostPath::from_bytes(bytes).to_bytes(), bytes, "there and back");
    if let Ok(text) = std::str::from_utf8(bytes) {
        drop(HostPath::from_text(text).to_bytes());
    }
}

/// The text of a rule file; rules that are taken run the tests that they carry.
pub fn rule(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let source = RuleSource { path: "fuzz/rule.yml".to_owned(), text: text.to_owned() };
    let clauses = BTreeSet::from(["ls-1".to_owned()]);
    match RuleSet::load(vec![source], &clauses) {
        Ok(rules) => drop(run_tests(&Arc::new(rules))),
        Err(mistakes) => assert!(!mistakes.is_empty(), "a refusal says why"),
    }
}

/// The agent's configuration.
pub fn agent_config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    drop(vonggac_agent::config::Config::parse(text));
}

/// The collector's configuration.
pub fn collector_config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    drop(vonggac_collector::config::Config::parse(Path::new("collector.toml"), text));
}

/// The life that fuzzed spools belong to; the corpus was written under it.
pub const SPOOL_EPOCH: Epoch = Epoch(0x5eed);

/// A file of the spool: what is read from it lies in order and within the file.
pub fn spool_segment(bytes: &[u8]) {
    for form in [Form::Records, Form::Blocks] {
        let identity = Identity::of_form(form, SPOOL_EPOCH, Lane::Prompt, Seq(1));
        let scan = identity.scan(bytes);
        let mut end = HEADER_BYTES.min(bytes.len());
        let mut next = Seq(1);
        for piece in &scan.pieces {
            assert!(piece.offset >= end && piece.first >= next && piece.end > piece.first, "in order");
            end = piece.offset + piece.bytes;
            assert!(end <= bytes.len(), "within the file");
            next = piece.end;
        }
        assert!(scan.next >= next && scan.good_end == end, "nothing that was read is numbered again");
    }
}

/// A block of the spool: what can be read from it says the same after it was packed again.
pub fn spool_block(bytes: &[u8]) {
    use vonggac_agent::spool::block::{packed, reread, sealed};

    let identity = Identity::new(SPOOL_EPOCH, Lane::Prompt, Seq(1));
    drop(reread(&identity, bytes));
    // The checksums would keep the fuzzer out.
    let Some(records) = reread(&identity, &sealed(&identity, bytes)) else { return };
    // What a forger put into one block may be more than we would.
    let again = packed(&identity, &records);
    if again.is_empty() {
        return;
    }
    assert_eq!(reread(&identity, &again).as_ref(), Some(&records), "read, packed, read");
}

/// A spool whose only file is these bytes opens, gives what it says it holds, goes on, and opens clean again.
pub fn spool_folder(bytes: &[u8]) {
    let folder = Scratch::new();
    let dir = folder.0.path().join("spool");
    for lane in Lane::ALL {
        folder.write(&format!("spool/{}/00000000000000000001.seg", lane.word()), bytes);
    }
    folder.write("spool/epoch", format!("{SPOOL_EPOCH}\n").as_bytes());
    let (mut spool, _) = Spool::open(&dir, Limits::default(), Epoch(1)).expect("any bytes can be opened");
    let record = |lane| vonggac_agent::spool::Record { lane, at: Timestamp(1), bytes: b"new".to_vec() };
    spool.append(&[record(Lane::Prompt), record(Lane::Bulk)]).expect("and written to");
    drop(spool);
    let (mut spool, recovered) = Spool::open(&dir, Limits::default(), Epoch(1)).expect("and opened again");
    assert!(recovered.is_clean(), "mended once is mended: {recovered:?}");
    for lane in Lane::ALL {
        let (mut from, mut count) = (Seq(1), 0);
        loop {
            let read = spool.read(lane, from, 100, 1 << 20).expect("what is kept can be read");
            let Some((last, _)) = read.last() else { break };
            from = last.next();
            count += u64::try_from(read.len()).unwrap_or(0);
        }
        assert_eq!(count, spool.waiting(lane), "as many as are said to wait");
    }
}

/// A block of the baseline: what can be read says the same after it was written again.
pub fn baseline_block(bytes: &[u8]) {
    use vonggac_agent::sensor::files::{reread_block, sealed_block};

    drop(reread_block(bytes));
    // The checksum would keep the fuzzer out.
    let Some(again) = reread_block(&sealed_block(bytes)) else { return };
    assert_eq!(reread_block(&again).as_ref(), Some(&again), "read, written, read");
}

/// The database of dpkg.
pub fn dpkg_status(bytes: &[u8]) {
    let folder = Scratch::new();
    folder.write("var/lib/dpkg/status", bytes);
    read_packages(folder.0.path());
}

/// A list of what an archive offers, against a package that is installed.
pub fn apt_list(bytes: &[u8]) {
    let folder = Scratch::new();
    let (release, packages) = bytes.split_at(bytes.len().min(600) / 2);
    folder.write("var/lib/apt/lists/deb.example_dists_bookworm-security_InRelease", release);
    folder.write("var/lib/apt/lists/deb.example_dists_bookworm-security_main_binary-amd64_Packages", bytes);
    folder.write("etc/apt/preferences", packages);
    folder.write(
        "var/lib/dpkg/status",
        b"Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2.15-2\nMaintainer: a\n\n",
    );
    read_packages(folder.0.path());
}

/// The database of rpm, in the form of its ndb.
pub fn rpm_ndb(bytes: &[u8]) {
    let folder = Scratch::new();
    folder.write("usr/lib/sysimage/rpm/Packages.db", bytes);
    folder.write("var/lib/rpm/Packages.db", bytes);
    read_packages(folder.0.path());
}

pub(super) fn read_packages(root: &Path) {
    if let Ok(inventory) = vonggac_agent::sensor::packages::read(root) {
        let now = Timestamp(1_795_312_345_678);
        let running = vonggac_agent::sensor::patches::Running {
            release: "6.1.0-28-amd64".to_owned(),
            build: Some("6.1.124-1".to_owned()),
        };
        drop(vonggac_agent::sensor::patches::read(root, now, &inventory.packages, &running, None));
        drop(vonggac_agent::sensor::packages::report(None, None, &inventory.packages));
    }
}

/// Files of the lengths that the bytes say, read in the pieces and at the moments that they say: every engine gives the
/// digests of one stream in memory.
pub fn sha256_lanes(bytes: &[u8]) {
    let plan: Vec<[u8; 3]> = bytes.as_chunks::<3>().0.iter().copied().take(64).collect();
    // The script is its own content, over and over.
    let content = |length: usize| -> Vec<u8> {
        let mut content = bytes.repeat(length / bytes.len() + 1);
        content.truncate(length);
        content
    };
    for engine in Engine::available() {
        let mut hasher = Hasher::new(*engine, 1 + 16 * bytes.len());
        let (mut taken, mut over, mut late) = (0, 0, false);
        hasher.run(
            &mut |idle| {
                let Some([high, low, how]) = plan.get(taken) else { return Next::End };
                // An odd third byte comes late, when other lanes may run dry.
                late = !late && how % 2 == 1;
                if late && !idle {
                    return Next::NotNow;
                }
                taken += 1;
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                Next::Job(Pieces { rest: content(length).into(), most: *how })
            },
            &mut |job, result| {
                over += 1;
                let hashed = result.expect("these files can be read");
                let length = usize::try_from(hashed.bytes).expect("short files");
                assert!(job.rest.is_empty(), "read to its end");
                assert_eq!(hashed.digest, vonggac_sha256::digest(&content(length)), "{engine}");
            },
        );
        assert_eq!((taken, over), (plan.len(), plan.len()), "every job comes back once");
    }
}

/// A file that gives at most so many times ten bytes at once.
struct Pieces {
    rest: VecDeque<u8>,
    most: u8,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(10 + 10 * usize::from(self.most));

        self.rest.read(&mut buffer[..most])
    }
}

/// A folder of its own for one run.
pub(super) struct Scratch(tempfile::TempDir);

impl Scratch {
    pub(super) fn new() -> Self {
        // Memory, where there is such a place: the fuzzer makes thousands a second.
        let memory = PathBuf::from("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };

        Self(folder.expect("a place for files"))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.0.path().join(path);
        let folder = path.parent().expect("a file lies in a folder");
        std::fs::create_dir_all(folder).expect("a place for files");
        std::fs::write(path, bytes).expect("a place for files");
    }
}
