//! What is new in the system's records, what is told of it, and what is remembered.
//!
//! [`Records::read`] gives observations; [`Records::keep`] gives what must be on the disk *before* they are spooled. It
//! holds the observations too: whoever starts anew asks the spool how many of them it has, and spools the rest.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use vonggac_protocol::observation::{Kind, Observation};
use vonggac_protocol::record::{
    AccountChanged, LogGap, Login, PrivilegeUsed, RecordOrigin, RecordSubject, ServiceAction, ServiceChanged,
};
use vonggac_protocol::time::Timestamp;

use super::counted::Counted;
use super::fact::Fact;
use super::journal::Journal;
use super::journal::file::Entry;
use super::journal::folder::Kept;
use super::journal::place::Places;
use super::lines::{LinePlace, Tail};
use super::names::{KEY_BYTES, Names};
use super::record::Record;
use super::said::Reader;
use super::{audit, syslog};

/// Where syslog daemons put what concerns logins.
const SYSLOG_FILES: [&str; 2] = ["var/log/auth.log", "var/log/secure"];
/// Where auditd writes.
const AUDIT_FILE: &str = "var/log/audit/audit.log";

/// Bytes of a name, an address, a path in an observation.
const TEXT_BYTES_MAX: usize = 256;

/// A machine that has run so long is up, whether its service manager says so or not, microseconds.
const UP_AT_LATEST: u64 = 600_000_000;

/// What is read and where it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// The system.
    pub root: PathBuf,
    /// What is told.
    pub subjects: BTreeSet<RecordSubject>,
    /// Paths that are never opened.
    pub excluded: Vec<PathBuf>,
}

/// What a reading gave.
#[derive(Default, PartialEq, Eq, Debug)]
pub struct Reading {
    /// To be spooled, in this order, after [`Records::keep`].
    pub observations: Vec<Observation>,
    /// There is more to be read at once.
    pub more: bool,
    /// Why something could not be read, in English.
    pub trouble: Option<String>,
}

/// Which start of the machine is read about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Boot {
    id: u64,
    up: bool,
    going_down: bool,
}

/// What is remembered over restarts.
#[derive(Default, Serialize, Deserialize)]
struct Remembered {
    #[serde(default)]
    journal: Places,
    #[serde(default)]
    boot: Option<Boot>,
    #[serde(default)]
    syslog: Option<LinePlace>,
    #[serde(default)]
    audit: Option<LinePlace>,
    #[serde(default)]
    counted: Vec<serde_json::Value>,
}

/// The sensor.
#[derive(Debug)]
pub struct Records {
    settings: Settings,
    journal: Journal,
    syslog: Option<Tail>,
    audit: Option<Tail>,
    /// Whether auditd runs: it tells of accounts then, and knows who was behind root.
    audited: bool,
    zone: TimeZone,
    boot: Option<Boot>,
    reader: Reader,
    names: Names,
    counted: Counted,
}

impl Records {
    /// Over the system's records, from where `remembered` says; that is what [`keep`](Self::keep) once gave. Opens nothing yet.
    #[must_use]
    pub fn new(settings: Settings, key: [u8; KEY_BYTES], remembered: Option<&serde_json::Value>) -> Self {
        let remembered = remembered.and_then(|value| Remembered::deserialize(value).ok()).unwrap_or_default();

        Self {
            journal: Journal::new(journal_folders(&settings), remembered.journal),
            syslog: tail(&settings, &SYSLOG_FILES, remembered.syslog),
            audit: tail(&settings, &[AUDIT_FILE], remembered.audit),
            audited: false,
            zone: zone(&settings.root),
            boot: remembered.boot,
            reader: Reader::default(),
            names: Names::new(&settings.root, key),
            counted: Counted::restore(&remembered.counted),
            settings,
        }
    }

    /// Tells of other subjects from now on.
    pub fn tell(&mut self, subjects: BTreeSet<RecordSubject>) {
        self.settings.subjects = subjects;
    }

    /// Where records are read from now, in a word each.
    #[must_use]
    pub fn origins(&self) -> Vec<RecordOrigin> {
        let text = || self.syslog.as_ref().is_some_and(Tail::is_there).then_some(RecordOrigin::Syslog);
        let first = if self.journal.is_there() { Some(RecordOrigin::Journal) } else { text() };

        first.into_iter().chain(self.audited.then_some(RecordOrigin::Audit)).collect()
    }

    /// Whether a reading would give anything; costs a few system calls.
    #[must_use]
    pub fn has_news(&self, now: Timestamp) -> bool {
        let has_lines = |tail: &Option<Tail>| tail.as_ref().is_some_and(Tail::has_news);

        self.counted.ends().is_some_and(|ends| ends <= now)
            || self.journal.has_news()
            || (!self.journal.is_there() && has_lines(&self.syslog))
            || has_lines(&self.audit)
    }

    /// Reads what is new. Blocks.
    pub fn read(&mut self, now: Timestamp) -> Reading {
        let mut reading = Reading::default();
        self.audited = is_audited(&self.settings.root) && self.audit.as_ref().is_some_and(Tail::is_there);
        self.read_journal(now, &mut reading);
        // Where there is a journal, the text says the same again.
        if !self.journal.is_there() {
            self.read_syslog(now, &mut reading);
        }
        self.read_audit(now, &mut reading);
        self.counted.end(now, &mut reading.observations);

        reading
    }

    fn read_syslog(&mut self, now: Timestamp, reading: &mut Reading) {
        let Some(tail) = &mut self.syslog else { return };
        let Some(lines) = reading.lines_of(tail, RecordOrigin::Syslog, now) else { return };
        for line in lines {
            if let Some(record) = syslog::read(&line, &self.zone, now) {
                self.take(&record, now, &mut reading.observations);
            }
        }
    }

    /// auditd tells of accounts beside the journal, and of all else where there is nothing else.
    fn read_audit(&mut self, now: Timestamp, reading: &mut Reading) {
        let is_alone = !self.journal.is_there() && !self.syslog.as_ref().is_some_and(Tail::is_there);
        let Some(tail) = &mut self.audit else { return };
        let Some(lines) = reading.lines_of(tail, RecordOrigin::Audit, now) else { return };
        for line in lines {
            let Some((at, fact)) = audit::read(&line) else { continue };
            if !(is_alone || (self.audited && audit_tells(&fact))) {
                continue;
            }
            let record = Record {
                at,
                origin: RecordOrigin::Audit,
                identifier: String::new(),
                process: None,
                message: String::new(),
                sure: true,
                job: None,
            };
            self.take_fact(fact, &record, now, &mut reading.observations);
        }
    }

    fn read_journal(&mut self, now: Timestamp, reading: &mut Reading) {
        match self.journal.read(now) {
            Ok(progress) => {
                reading.more = progress.more;
                reading.trouble = progress.trouble;
                for entry in &progress.entries {
                    self.take_entry(entry, now, &mut reading.observations);
                }
                for gap in progress.gaps {
                    let at = |micros: u64| Timestamp(i64::try_from(micros / 1_000).unwrap_or(i64::MAX));
                    let gap = LogGap {
                        origin: RecordOrigin::Journal,
                        at_most: gap.at_most,
                        from: gap.from.filter(|from| *from > 0).map(at),
                        until: gap.until.map(at),
                    };
                    reading.observations.push(Observation { at: now, kind: Kind::LogGap(gap) });
                }
            }
            Err(error) => {
                reading.trouble = Some(format!("the journal's folder cannot be listed: {}", error.kind()));
            }
        }
    }

    fn take_entry(&mut self, entry: &Entry, now: Timestamp, told: &mut Vec<Observation>) {
        let Some(record) = Record::of_journal(entry) else { return };
        // Half of it tells starts apart well enough.
        let id = u64::try_from(entry.boot >> 64).unwrap_or(0);
        if self.boot.is_none_or(|boot| boot.id != id) {
            // The first start that is read about is one under way.
            self.boot = Some(Boot { id, up: self.boot.is_none(), going_down: false });
        }
        if entry.monotonic > UP_AT_LATEST
            && let Some(boot) = &mut self.boot
        {
            boot.up = true;
        }
        self.take(&record, now, told);
    }

    /// Takes one record; what is told of it is put behind what is told already.
    pub fn take(&mut self, record: &Record, now: Timestamp, told: &mut Vec<Observation>) {
        for fact in self.reader.read(record) {
            if !(self.audited && audit_tells(&fact)) {
                self.take_fact(fact, record, now, told);
            }
        }
    }

    fn take_fact(&mut self, fact: Fact, record: &Record, now: Timestamp, told: &mut Vec<Observation>) {
        let Some(subject) = self.subject(&fact) else { return };
        if self.settings.subjects.contains(&subject)
            && let Some(kind) = self.kind(fact, record)
        {
            self.counted.take(record.at, kind, now, told);
        }
    }

    /// What a fact is about; `None` if it only moves what is remembered, or is part of a start or an end of the machine.
    fn subject(&mut self, fact: &Fact) -> Option<RecordSubject> {
        match fact {
            Fact::Login { .. } => Some(RecordSubject::Logins),
            Fact::Privilege { .. } => Some(RecordSubject::Sudo),
            Fact::Account { .. } => Some(RecordSubject::Accounts),
            Fact::Service { action, .. } => {
                let boot = self.boot.unwrap_or(Boot { id: 0, up: true, going_down: false });
                let is_told = match action {
                    ServiceAction::Started => boot.up,
                    ServiceAction::Stopped => !boot.going_down,
                    ServiceAction::Failed => true,
                };
                is_told.then_some(RecordSubject::Services)
            }
            Fact::GoingDown => {
                if let Some(boot) = &mut self.boot {
                    boot.going_down = true;
                }
                None
            }
            Fact::Up => {
                if let Some(boot) = &mut self.boot {
                    boot.up = true;
                }
                None
            }
        }
    }

    /// The observation's kind, with names as they may leave the machine.
    fn kind(&mut self, fact: Fact, record: &Record) -> Option<Kind> {
        let (sure, origin) = (record.sure, record.origin);
        match fact {
            Fact::Login { result, user, from, service, method, count } => {
                let user = self.names.tell(user.as_ref());
                Some(Kind::Login(Login {
                    result,
                    user: user.known,
                    unknown_user: user.unknown,
                    from: from.map(|it| plain(&it)),
                    service: plain(&service),
                    method: method.map(|it| plain(&it)),
                    count,
                    until: None,
                    sure,
                    origin,
                }))
            }
            Fact::Privilege { granted, user, run_as, tool, program, denial, count } => {
                let (user, run_as) = (self.names.tell(user.as_ref()), self.names.tell(run_as.as_ref()));
                Some(Kind::PrivilegeUsed(PrivilegeUsed {
                    granted,
                    user: user.known,
                    run_as: run_as.known,
                    tool: tool.to_owned(),
                    program: program.map(|it| plain(&it)),
                    denial,
                    count,
                    until: None,
                    sure,
                    origin,
                }))
            }
            Fact::Account { action, user, group, number, by, tool } => {
                Some(Kind::AccountChanged(AccountChanged {
                    action,
                    user: user.map(|it| plain(&it)),
                    group: group.map(|it| plain(&it)),
                    number,
                    by: by.map(|it| plain(&it)),
                    tool: tool.map(|it| plain(&it)),
                    sure,
                    origin,
                }))
            }
            Fact::Service { unit, action, result } => Some(Kind::ServiceChanged(ServiceChanged {
                unit: plain(&unit),
                action,
                result: result.map(|it| plain(&it)),
                count: 1,
                until: None,
                origin,
            })),
            Fact::GoingDown | Fact::Up => None,
        }
    }

    /// What must be on the disk before what was read is spooled.
    #[must_use]
    pub fn keep(&self) -> serde_json::Value {
        let remembered = Remembered {
            journal: self.journal.places().clone(),
            boot: self.boot,
            syslog: self.syslog.as_ref().and_then(Tail::place),
            audit: self.audit.as_ref().and_then(Tail::place),
            counted: self.counted.keep(),
        };

        serde_json::to_value(remembered).unwrap_or(serde_json::Value::Null)
    }
}

impl Reading {
    /// The new lines of a file; what went wrong is noted.
    fn lines_of(&mut self, tail: &mut Tail, origin: RecordOrigin, now: Timestamp) -> Option<Vec<String>> {
        match tail.read() {
            Ok(lines) => {
                self.more |= lines.more;
                if lines.gap {
                    let gap = LogGap { origin, at_most: None, from: None, until: None };
                    self.observations.push(Observation { at: now, kind: Kind::LogGap(gap) });
                }
                Some(lines.lines)
            }
            Err(error) => {
                self.trouble = Some(format!("a text file of records cannot be read: {}", error.kind()));
                None
            }
        }
    }
}

/// What auditd says better, since it knows who was logged in: the journal's word for the same is left out while it runs.
fn audit_tells(fact: &Fact) -> bool {
    use vonggac_protocol::record::AccountAction::{
        Created, Deleted, GroupCreated, GroupDeleted, PasswordChanged,
    };

    matches!(
        fact,
        Fact::Account { action: Created | Deleted | GroupCreated | GroupDeleted | PasswordChanged, .. }
    )
}

/// Whether auditd runs: its process is there, not only what it left behind.
fn is_audited(root: &Path) -> bool {
    let Ok(process) = std::fs::read_to_string(root.join("run/auditd.pid")) else { return false };
    let Ok(process) = process.trim().parse::<u32>() else { return false };
    let name = std::fs::read_to_string(root.join(format!("proc/{process}/comm")));

    name.is_ok_and(|name| name.trim() == "auditd")
}

/// The first of these files that is there, or the first at all.
fn tail(settings: &Settings, files: &[&str], place: Option<LinePlace>) -> Option<Tail> {
    let paths = files.iter().map(|file| settings.root.join(file));
    let allowed: Vec<PathBuf> =
        paths.filter(|path| !settings.excluded.iter().any(|out| path.starts_with(out))).collect();
    let path = allowed.iter().find(|path| path.is_file()).or_else(|| allowed.first())?;

    Some(Tail::new(path.clone(), place))
}

/// The zone that the system's clock shows; UTC where it does not say.
fn zone(root: &Path) -> TimeZone {
    let bytes = std::fs::read(root.join("etc/localtime")).unwrap_or_default();

    TimeZone::tzif("", &bytes).unwrap_or(TimeZone::UTC)
}

/// The folders of this machine's journal, those that are out of bounds left out.
fn journal_folders(settings: &Settings) -> Vec<(Kept, PathBuf)> {
    let Some(machine) = machine_id(&settings.root) else { return Vec::new() };
    let kept = [(Kept::InMemory, "run/log/journal"), (Kept::OnDisk, "var/log/journal")];

    kept.into_iter()
        .map(|(kept, folder)| (kept, settings.root.join(folder).join(&machine)))
        .filter(|(_, folder)| !settings.excluded.iter().any(|out| folder.starts_with(out)))
        .collect()
}

fn machine_id(root: &Path) -> Option<String> {
    let text = std::fs::read_to_string(root.join("etc/machine-id")).ok()?;
    let text = text.trim();

    (text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| text.to_owned())
}

/// Without what could move a terminal, and bounded.
fn plain(text: &str) -> String {
    let mut plain: String = text.chars().filter(|letter| !letter.is_control()).collect();
    let mut end = plain.len().min(TEXT_BYTES_MAX);
    while !plain.is_char_boundary(end) {
        end -= 1;
    }
    plain.truncate(end);

    plain
}
