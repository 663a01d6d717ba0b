//! The answers for all hosts in view.

use rusqlite::Connection;
use serde::Serialize;
use utoipa::ToSchema;
use vonggac_protocol::host::Role;
use vonggac_protocol::id::HostId;
use vonggac_protocol::time::Timestamp;

use super::weigh::{self, Breaking, Known, State};
use crate::store::risks;
use crate::store::view::hosts::{self, HostFilter};
use crate::store::view::page::Cursor;
use crate::store::view::words::HostState;
use crate::store::view::{Scope, host};
use crate::vulnerabilities::Vulnerabilities;
use crate::vulnerabilities::report::Report;

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Days that a security patch may wait.
    pub days: u32,
    /// Only machines of this role; those whose role nobody can tell are answered too, since they may be of it.
    pub role: Option<Role>,
    /// Only this agency's.
    pub agency: Option<String>,
}

/// The answer for one host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Answer {
    /// The host.
    #[schema(value_type = String)]
    pub host: HostId,
    /// Its name.
    pub name: String,
    /// Its agency.
    pub agency: String,
    /// `server`, `workstation` or `unknown`.
    pub role: &'static str,
    /// How it stands.
    pub state: State,
    /// Why nothing can tell: `not_told`, `no_lists`, `lists_old`, `not_all_told`, `watched_too_short`.
    pub why: Option<&'static str>,
    /// The packages whose security patch has waited for too long, the longest first; accepted ones too.
    pub breaking: Vec<Breaking>,
}

/// Some hosts, and where the next ones begin.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Page {
    /// The answers: broken first, then unknown, then kept.
    pub items: Vec<Answer>,
    /// Hosts on this page that keep the policy.
    pub kept: u64,
    /// Hosts on this page that break it.
    pub broken: u64,
    /// Hosts on this page of which nothing can tell.
    pub unknown: u64,
    /// Cursor of the next page; `null` if this was the last.
    pub next: Option<String>,
}

/// Answers for a page of the active hosts in view: `limit` hosts are looked at, those of another role are left out.
///
/// # Errors
/// If the store cannot be read.
pub fn survey(
    db: &Connection,
    shared: &Vulnerabilities,
    scope: &Scope,
    wanted: &Wanted,
    now: Timestamp,
    place: (Option<Cursor>, usize),
) -> anyhow::Result<Page> {
    let filter =
        HostFilter { agency: wanted.agency.clone(), state: Some(HostState::Active), ..HostFilter::default() };
    let hosts = hosts::list(db, scope, &filter, place.0, place.1)?;
    let mut page = Page { items: Vec::new(), kept: 0, broken: 0, unknown: 0, next: hosts.next };
    for line in hosts.items {
        let (described, patches) = host::newest_states(db, line.id)?;
        let role = described.map_or(Role::Unknown, |it| it.role);
        if wanted.role.is_some_and(|wanted| role != wanted && role != Role::Unknown) {
            continue;
        }
        let report = Report::of(shared, line.id, patches.as_ref(), now);
        let report = report.accepting(&risks::of_host(db, line.id, now)?);
        let known = Known { patches: patches.as_ref(), report: &report, enrolled_at: line.enrolled_at };
        let weighed = weigh::weigh(known, wanted.days, now);
        match weighed.state {
            State::Kept => page.kept += 1,
            State::Broken => page.broken += 1,
            State::Unknown => page.unknown += 1,
        }
        page.items.push(Answer {
            host: line.id,
            name: line.name,
            agency: line.agency,
            role: role_word(role),
            state: weighed.state,
            why: weighed.why,
            breaking: weighed.breaking,
        });
    }
    page.items.sort_by(|a, b| (a.state, &a.agency, &a.name).cmp(&(b.state, &b.agency, &b.name)));

    Ok(page)
}

/// The word of a role.
#[must_use]
pub fn role_word(role: Role) -> &'static str {
    match role {
        Role::Server => "server",
        Role::Workstation => "workstation",
        Role::Unknown => "unknown",
    }
}

/// The role of a word; `None` if it is none.
#[must_use]
pub fn role_of(word: &str) -> Option<Role> {
    [Role::Server, Role::Workstation, Role::Unknown].into_iter().find(|role| role_word(*role) == word)
}
