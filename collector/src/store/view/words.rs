//! The closed lists of words that the store keeps as text.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vonggac_rules::incident::life;

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$each:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$each])* $variant),* }

        impl $name {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word in the store, the API and addresses.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            /// The one of that word.
            #[must_use]
            pub fn of(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.word() == word)
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                Self::of(value.as_str()?).ok_or(FromSqlError::InvalidType)
            }
        }
    };
}

words! {
    /// How bad it is.
    Severity {
        /// Look at it this week.
        Low = "low",
        /// Look at it today.
        Medium = "medium",
        /// Look at it within the hour.
        High = "high",
        /// Drop everything.
        Critical = "critical",
    }
}

words! {
    /// Where an incident stands.
    State {
        /// Nobody has taken it.
        New = "new",
        /// Somebody has.
        Acknowledged = "acknowledged",
        /// It is being understood.
        Analysis = "analysis",
        /// It does not spread any more.
        Contained = "contained",
        /// Its cause is removed.
        Eradicated = "eradicated",
        /// What it touched works again.
        Recovered = "recovered",
        /// It is over.
        Closed = "closed",
    }
}

words! {
    /// What an incident turned out to be.
    Outcome {
        /// Real, with damage.
        TrueImpact = "true_impact",
        /// Real, without damage.
        TrueNoImpact = "true_no_impact",
        /// Nothing was wrong.
        FalseAlarm = "false_alarm",
        /// People had planned it.
        PlannedChange = "planned_change",
        /// Another incident is about the same.
        Duplicate = "duplicate",
        /// Could not be found out.
        Unknown = "unknown",
    }
}

words! {
    /// What was done to an incident.
    Action {
        /// The collector opened it.
        Opened = "opened",
        /// Somebody took it.
        Acknowledged = "acknowledged",
        /// Somebody wrote a note.
        Commented = "commented",
        /// It was given to somebody.
        Assigned = "assigned",
        /// Its severity changed.
        Severity = "severity",
        /// Somebody closed it.
        Closed = "closed",
        /// Somebody, or new evidence, opened it again.
        Reopened = "reopened",
        /// It came to another state.
        Moved = "moved",
        /// Another person is to close it.
        Reviewer = "reviewer",
        /// What it touches was said, or taken back.
        Marked = "marked",
        /// It was made a drill, or real again.
        Drill = "drill",
        /// Who may read of it changed.
        Tlp = "tlp",
        /// What may be done with what is known of it changed.
        Pap = "pap",
        /// Its own times rest.
        Paused = "paused",
        /// They run again.
        Resumed = "resumed",
        /// A field of its forms was filled.
        Filled = "filled",
        /// A report was sent.
        Reported = "reported",
        /// A task was given.
        TaskAdded = "task_added",
        /// A task was answered.
        TaskAnswered = "task_answered",
        /// The answer is enough.
        TaskAccepted = "task_accepted",
        /// The answer is not enough.
        TaskReturned = "task_returned",
        /// The task is not to be done any more.
        TaskWithdrawn = "task_withdrawn",
        /// A host, file or package was linked.
        Linked = "linked",
        /// A link was taken away.
        Unlinked = "unlinked",
        /// It and another became one.
        Merged = "merged",
        /// Hosts of it became another.
        Split = "split",
        /// What was known when it was closed was judged again.
        FindingAdded = "finding_added",
        /// A message about it was given up.
        SendFailed = "send_failed",
        /// A destination's queue was full: it is told once there is room.
        SendHeld = "send_held",
        /// A message about it was withdrawn before it was sent.
        SendWithdrawn = "send_withdrawn",
        /// A person sent a report on its way.
        ReportOrdered = "report_ordered",
        /// A clock is about to end.
        ClockNear = "clock_near",
        /// A clock ended.
        ClockPassed = "clock_passed",
    }
}

impl State {
    /// The state of life.
    #[must_use]
    pub fn life(self) -> life::State {
        match self {
            Self::New => life::State::New,
            Self::Acknowledged => life::State::Acknowledged,
            Self::Analysis => life::State::Analysis,
            Self::Contained => life::State::Contained,
            Self::Eradicated => life::State::Eradicated,
            Self::Recovered => life::State::Recovered,
            Self::Closed => life::State::Closed,
        }
    }
}

impl Severity {
    /// As the rules have it.
    #[must_use]
    pub fn ruled(self) -> vonggac_rules::finding::Severity {
        use vonggac_rules::finding::Severity as Ruled;
        match self {
            Self::Low => Ruled::Low,
            Self::Medium => Ruled::Medium,
            Self::High => Ruled::High,
            Self::Critical => Ruled::Critical,
        }
    }
}

impl Outcome {
    /// Whether it turned out that nobody is to be told of it.
    #[must_use]
    pub fn is_void(self) -> bool {
        matches!(self, Self::FalseAlarm | Self::PlannedChange | Self::Duplicate)
    }
}

words! {
    /// Where a host stands.
    HostState {
        /// Its enrolment waits for a person.
        Waiting = "waiting",
        /// It reports.
        Active = "active",
        /// It is kept out until a person looks.
        Held = "held",
        /// It is out for good.
        Revoked = "revoked",
    }
}

words! {
    /// What somebody may do.
    Role {
        /// Everything.
        Admin = "admin",
        /// Work on incidents.
        Analyst = "analyst",
        /// Work on the incidents of the own agency.
        Agency = "agency",
        /// Read everything, the audit log included.
        Auditor = "auditor",
        /// Read.
        Viewer = "viewer",
    }
}

impl Role {
    /// Whether it may work on incidents.
    #[must_use]
    pub fn may_act(self) -> bool {
        matches!(self, Self::Admin | Self::Analyst | Self::Agency)
    }

    /// Whether it may say what hosts in view may move on the line in a day.
    #[must_use]
    pub fn may_set_budgets(self) -> bool {
        matches!(self, Self::Admin | Self::Agency)
    }

    /// Whether it may accept a risk, or take that back, for hosts in view.
    #[must_use]
    pub fn may_accept_risks(self) -> bool {
        matches!(self, Self::Admin | Self::Analyst | Self::Agency)
    }

    /// Whether it may make an exception to a rule, or take that back, for hosts in view.
    #[must_use]
    pub fn may_except(self) -> bool {
        matches!(self, Self::Admin | Self::Analyst | Self::Agency)
    }

    /// Whether it may let machines in and decide which of two keeps an identity.
    #[must_use]
    pub fn may_admit(self) -> bool {
        matches!(self, Self::Admin)
    }

    /// Whether it may say where messages go.
    #[must_use]
    pub fn may_send(self) -> bool {
        matches!(self, Self::Admin)
    }

    /// Whether it may read the audit log.
    #[must_use]
    pub fn may_audit(self) -> bool {
        matches!(self, Self::Admin | Self::Auditor)
    }
}
