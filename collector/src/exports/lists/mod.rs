//! Every list, whole: which there are, what their columns are called, and their rows from the store.
//!
//! | module | subject |
//! |---|---|
//! | [`machines`] | hosts, their packages, updates and weaknesses |
//! | [`casework`] | incidents, accepted risks, change windows, the audit log |
//! | [`figures`] | feeds, licences, open source, ledgers |

use rusqlite::Connection;
use vonggac_protocol::id::{AgencyId, HostId};
use vonggac_protocol::time::Timestamp;

use super::table::{Cell, Sink};
use crate::desk::words::Language;
use crate::entitlements::survey::Memory;
use crate::store::agencies;
use crate::store::view::{Scope, Sight, host};
use crate::vulnerabilities::Vulnerabilities;

mod casework;
mod figures;
mod machines;

/// A list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum List {
    /// Machines.
    #[value(help = "Máy / machines")]
    Hosts,
    /// Packages, machine by machine.
    #[value(help = "Gói phần mềm theo từng máy / packages, machine by machine")]
    Packages,
    /// Distinct packages, with how many machines have them.
    #[value(help = "Phần mềm và số máy có / distinct packages, with how many machines have them")]
    Software,
    /// Updates that wait.
    #[value(help = "Bản cập nhật đang chờ / updates that wait")]
    Updates,
    /// Weaknesses, machine by machine.
    #[value(help = "Lỗ hổng theo từng máy / weaknesses, machine by machine")]
    Vulnerabilities,
    /// Packages that could not be judged.
    #[value(help = "Gói chưa đánh giá được / packages that could not be judged")]
    NotJudged,
    /// Accepted risks: in force, ended, withdrawn.
    #[value(help = "Rủi ro đã chấp nhận / accepted risks: in force, ended, withdrawn")]
    Risks,
    /// Incidents, open and closed.
    #[value(help = "Sự cố / incidents, open and closed")]
    Incidents,
    /// Change windows.
    #[value(help = "Khung giờ thay đổi / change windows")]
    Windows,
    /// Feeds of advisories.
    #[value(help = "Nguồn tin / feeds of advisories")]
    Feeds,
    /// Software held against entitlements.
    #[value(help = "Phần mềm so với quyền sử dụng / software held against entitlements")]
    Licences,
    /// Shares of open source.
    #[value(help = "Tỷ lệ nguồn mở / shares of open source")]
    OpenSource,
    /// Named tools on client machines.
    #[value(help = "Công cụ nêu tên trên máy trạm / named tools on client machines")]
    Tools,
    /// Lines of ledgers in force.
    #[value(help = "Dòng sổ bản quyền đang có hiệu lực / lines of ledgers in force")]
    Entitlements,
    /// The audit log.
    #[value(help = "Nhật ký kiểm toán / the audit log")]
    Audit,
}

impl List {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Hosts,
        Self::Packages,
        Self::Software,
        Self::Updates,
        Self::Vulnerabilities,
        Self::NotJudged,
        Self::Risks,
        Self::Incidents,
        Self::Windows,
        Self::Feeds,
        Self::Licences,
        Self::OpenSource,
        Self::Tools,
        Self::Entitlements,
        Self::Audit,
    ];

    /// Its name in addresses, on the command line and in the names of files.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Hosts => "hosts",
            Self::Packages => "packages",
            Self::Software => "software",
            Self::Updates => "updates",
            Self::Vulnerabilities => "vulnerabilities",
            Self::NotJudged => "not-judged",
            Self::Risks => "risks",
            Self::Incidents => "incidents",
            Self::Windows => "windows",
            Self::Feeds => "feeds",
            Self::Licences => "licences",
            Self::OpenSource => "open-source",
            Self::Tools => "tools",
            Self::Entitlements => "entitlements",
            Self::Audit => "audit",
        }
    }

    /// The list of that name.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.word() == word)
    }

    /// Whether it is for administrators and auditors only.
    #[must_use]
    pub fn is_audit(self) -> bool {
        matches!(self, Self::Audit)
    }

    /// Keys of its columns, in order; the words are `head-KEY`.
    #[must_use]
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Hosts => machines::HOSTS,
            Self::Packages => machines::PACKAGES,
            Self::Software => machines::SOFTWARE,
            Self::Updates => machines::UPDATES,
            Self::Vulnerabilities => machines::VULNERABILITIES,
            Self::NotJudged => machines::NOT_JUDGED,
            Self::Risks => casework::RISKS,
            Self::Incidents => casework::INCIDENTS,
            Self::Windows => casework::WINDOWS,
            Self::Audit => casework::AUDIT,
            Self::Feeds => figures::FEEDS,
            Self::Licences => figures::LICENCES,
            Self::OpenSource => figures::OPEN_SOURCE,
            Self::Tools => figures::TOOLS,
            Self::Entitlements => figures::ENTITLEMENTS,
        }
    }

    /// Its heads in the reader's language.
    #[must_use]
    pub fn heads(self, t: Language) -> Vec<String> {
        self.columns().iter().map(|key| t.say(&format!("head-{key}"))).collect()
    }
}

/// What somebody asks a list of; all that they see if both are `None`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Asked {
    /// One agency.
    pub agency: Option<AgencyId>,
    /// One machine. Lists that are not of machines pass over it.
    pub host: Option<HostId>,
}

/// Where rows come from.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The store, in one read transaction.
    pub db: &'a Connection,
    /// Whose things may be seen.
    pub scope: &'a Scope,
    /// Which machine has which weakness.
    pub vulnerabilities: &'a Vulnerabilities,
    /// What was read of machines for licences.
    pub memory: &'a Memory,
    /// The moment.
    pub now: Timestamp,
    /// The reader's language.
    pub t: Language,
}

impl std::fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}

impl Source<'_> {
    /// Whether what is asked about may be seen.
    ///
    /// # Errors
    /// If the store fails.
    pub fn sight(&self, asked: &Asked) -> anyhow::Result<Sight<()>> {
        if let Some(id) = asked.host {
            let sight = host::one(self.db, self.scope, id)?.map(|_| ());
            if sight != Sight::Seen(()) {
                return Ok(sight);
            }
        }
        let Some(agency) = &asked.agency else { return Ok(Sight::Seen(())) };
        if agencies::name(self.db, agency)?.is_none() {
            return Ok(Sight::Absent);
        }

        Ok(if self.scope.covers(agency.as_str()) { Sight::Seen(()) } else { Sight::Neighbours })
    }

    /// Whether an agency's things belong on the list.
    fn wants(&self, asked: &Asked, agency: &str) -> bool {
        self.scope.covers(agency) && asked.agency.as_ref().is_none_or(|wanted| wanted.as_str() == agency)
    }

    /// Writes all rows of a list; the caller has asked [`Self::sight`].
    ///
    /// # Errors
    /// If the store fails, holds what it should not, or the rows cannot be written.
    pub fn write(&self, list: List, asked: &Asked, sink: &mut dyn Sink) -> anyhow::Result<u64> {
        let mut counted = Counted { sink, columns: list.columns().len(), rows: 0 };
        match list {
            List::Hosts => machines::hosts(self, asked, &mut counted),
            List::Packages => machines::packages(self, asked, &mut counted),
            List::Software => machines::software(self, asked, &mut counted),
            List::Updates => machines::updates(self, asked, &mut counted),
            List::Vulnerabilities => machines::vulnerabilities(self, asked, &mut counted),
            List::NotJudged => machines::not_judged(self, asked, &mut counted),
            List::Risks => casework::risks(self, asked, &mut counted),
            List::Incidents => casework::incidents(self, asked, &mut counted),
            List::Windows => casework::windows(self, asked, &mut counted),
            List::Audit => casework::audit(self, asked, &mut counted),
            List::Feeds => figures::feeds(self, &mut counted),
            List::Licences => figures::licences(self, asked, &mut counted),
            List::OpenSource => figures::open_source(self, asked, &mut counted),
            List::Tools => figures::tools(self, asked, &mut counted),
            List::Entitlements => figures::entitlements(self, asked, &mut counted),
        }?;

        Ok(counted.rows)
    }
}

/// Counts rows, and holds each to the number of heads.
struct Counted<'a> {
    sink: &'a mut dyn Sink,
    columns: usize,
    rows: u64,
}

impl Sink for Counted<'_> {
    fn row(&mut self, cells: &[Cell]) -> anyhow::Result<()> {
        assert_eq!(cells.len(), self.columns, "a row has a cell under every head");
        self.rows += 1;

        self.sink.row(cells)
    }
}
