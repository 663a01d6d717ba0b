//! How the collector is reached; shared by enrolment, link and doctor.
//!
//! | module | subject |
//! |---|---|
//! | [`tls`] | the configuration of a connection |
//! | [`trust`] | whom we believe, also with a wrong clock |
//! | [`congestion`] | how much may be on the way |
//! | [`dial`] | from `host:port` to a connection |
//! | [`plain`] | UDP where the system refuses quinn's options |
//! | [`ways`] | by which way it was reached last |
//! | [`frames`] | frames on a channel |

use vonggac_protocol::hello::RefusalCode;

pub mod congestion;
pub mod dial;
pub mod frames;
pub mod plain;
pub mod tls;
pub mod trust;
pub mod ways;

#[cfg(test)]
pub(crate) mod tests;

/// The name of the message that tells a person why the collector refused.
#[must_use]
pub fn refusal_id(code: RefusalCode) -> &'static str {
    match code {
        RefusalCode::IdentityRevoked => "refusal-identity-revoked",
        RefusalCode::WaitingForApproval => "refusal-waiting-for-approval",
        RefusalCode::VersionUnknown => "refusal-version-unknown",
        RefusalCode::LimitBroken => "refusal-limit-broken",
        RefusalCode::Malformed => "refusal-malformed",
        RefusalCode::TokenUnknown => "refusal-token-unknown",
        RefusalCode::TokenUsed => "refusal-token-used",
        RefusalCode::TokenExpired => "refusal-token-expired",
        RefusalCode::TokenOfAnotherAgency => "refusal-token-of-another-agency",
        RefusalCode::IdentityHeld => "refusal-identity-held",
        RefusalCode::Busy => "refusal-busy",
        RefusalCode::RequestUnusable => "refusal-request-unusable",
        RefusalCode::CertificateExpired => "refusal-certificate-expired",
        RefusalCode::MachineForbidden => "refusal-machine-forbidden",
    }
}
