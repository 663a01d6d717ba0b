//! What is read: each question takes a [`Scope`] and answers with plain values that pages and the API both show.
//!
//! | module | subject |
//! |---|---|
//! | [`scope`] | whose things a question may see |
//! | [`words`] | severities, states, outcomes, roles |
//! | [`fold`] | text as people search for it |
//! | [`page`] | cursors |
//! | [`agencies`] | the province at a glance |
//! | [`incidents`], [`incident`] | the list; one with everything about it |
//! | [`casefile`] | what belongs to an incident besides its evidence: clocks, tasks, reports |
//! | [`hosts`], [`host`] | likewise |
//! | [`observations`] | one piece of evidence |
//! | [`clauses`] | open incidents by clause |
//! | [`journal`] | the audit log |

pub mod agencies;
pub mod casefile;
pub mod clauses;
pub mod fold;
pub mod host;
pub mod hosts;
pub mod incident;
pub mod incidents;
pub mod journal;
pub mod observations;
pub mod page;
pub mod scope;
pub mod words;

pub use scope::{Scope, Sight};

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::HostId;

/// Sixteen bytes of a column as a host's id.
pub(crate) struct HostColumn(pub(crate) HostId);

impl FromSql for HostColumn {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = value.as_blob()?.try_into().map_err(|_| FromSqlError::InvalidType)?;

        Ok(Self(HostId(bytes)))
    }
}

/// Thirty-two bytes of a column as a digest.
pub(crate) struct DigestColumn(pub(crate) Digest);

impl FromSql for DigestColumn {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = value.as_blob()?.try_into().map_err(|_| FromSqlError::InvalidType)?;

        Ok(Self(Digest(bytes)))
    }
}
