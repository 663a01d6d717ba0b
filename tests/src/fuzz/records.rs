//! Records of a monitored machine's own system: a journal file, lines of auditd, lines of a syslog daemon.

use std::collections::BTreeSet;
use std::path::Path;

use vonggac_agent::sensor::records::journal::file::JournalFile;
use vonggac_agent::sensor::records::record::Record;
use vonggac_agent::sensor::records::sensor::{Records, Settings};
use vonggac_agent::sensor::records::{audit, syslog};
use vonggac_protocol::observation::{Kind, Observation};
use vonggac_protocol::record::RecordSubject;
use vonggac_protocol::time::Timestamp;

/// 2026-11-22T21:00:00Z.
const NOW: Timestamp = Timestamp(1_795_381_200_000);

/// A journal file: what is read from its beginning, and what from every place in it, is the same.
pub fn journal_file(bytes: &[u8]) {
    let mut file = JournalFile::new(bytes);
    let Ok(header) = file.header() else { return };
    let mut entries = Vec::new();
    while let Ok(Some(entry)) = file.next(&header) {
        assert!(entries.len() <= bytes.len(), "a file holds no more entries than bytes");
        entries.push(entry);
    }
    let records: Vec<Record> = entries.iter().filter_map(Record::of_journal).collect();
    assert!(observed(&records).len() <= 2 * records.len(), "records become few observations");
    for entry in entries.iter().take(8) {
        let mut later = JournalFile::new(bytes);
        if later.seek_after(entry.number, &header).is_ok()
            && let Ok(Some(next)) = later.next(&header)
        {
            assert!(next.number > entry.number, "what was read is not read again");
        }
        drop(file.count_between(0, entry.number, &header));
    }
}

/// Lines of auditd.
pub fn audit_line(bytes: &[u8]) {
    for line in String::from_utf8_lossy(bytes).lines() {
        if let Some((at, fact)) = audit::read(line) {
            assert_eq!(audit::read(line), Some((at, fact)), "a line says one thing");
        }
    }
}

/// Lines of a syslog daemon, and what is told of them: no record is counted less than once.
pub fn syslog_line(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let records: Vec<Record> =
        text.lines().filter_map(|line| syslog::read(line, &jiff::tz::TimeZone::UTC, NOW)).collect();
    assert!(records.iter().all(|record| !record.sure), "anybody may have written a line");
    for observation in observed(&records) {
        assert_eq!(Observation::decode(&observation.encode()).ok(), Some(observation.clone()));
        if let Kind::PrivilegeUsed(it) = &observation.kind {
            assert!(!it.program.as_ref().is_some_and(|program| program.contains(' ')), "no arguments leave");
        }
    }
}

fn observed(records: &[Record]) -> Vec<Observation> {
    let settings = Settings {
        root: Path::new("/nonexistent").to_owned(),
        subjects: BTreeSet::from(RecordSubject::ALL),
        excluded: Vec::new(),
    };
    let mut sensor = Records::new(settings, [7; 32], None);
    let mut told = Vec::new();
    for record in records {
        sensor.take(record, NOW, &mut told);
    }

    told
}
