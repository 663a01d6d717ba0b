//! What the operating system's own records said.

use vonggac_protocol::observation::Kind;
use vonggac_protocol::record::*;

use super::samples::AT;

/// One of every kind, every field filled.
pub(crate) fn records() -> Vec<Kind> {
    vec![
        Kind::Login(Login {
            result: LoginResult::Failed,
            user: Some("an".to_owned()),
            unknown_user: Some("0f1e2d3c4b5a6978".to_owned()),
            from: Some("203.0.113.9".to_owned()),
            service: "sshd".to_owned(),
            method: Some("password".to_owned()),
            count: 42,
            until: Some(AT),
            sure: true,
            origin: RecordOrigin::Journal,
        }),
        Kind::PrivilegeUsed(PrivilegeUsed {
            granted: false,
            user: Some("an".to_owned()),
            run_as: Some("root".to_owned()),
            tool: "sudo".to_owned(),
            program: Some("/usr/bin/apt".to_owned()),
            denial: Some(Denial::NotListed),
            count: 3,
            until: Some(AT),
            sure: true,
            origin: RecordOrigin::Syslog,
        }),
        Kind::AccountChanged(AccountChanged {
            action: AccountAction::MemberAdded,
            user: Some("an".to_owned()),
            group: Some("sudo".to_owned()),
            number: Some(1001),
            by: Some("root".to_owned()),
            tool: Some("usermod".to_owned()),
            sure: true,
            origin: RecordOrigin::Audit,
        }),
        Kind::ServiceChanged(ServiceChanged {
            unit: "auditd.service".to_owned(),
            action: ServiceAction::Failed,
            result: Some("exit-code".to_owned()),
            count: 2,
            until: Some(AT),
            origin: RecordOrigin::Journal,
        }),
        Kind::LogGap(LogGap {
            origin: RecordOrigin::Journal,
            at_most: Some(120),
            from: Some(AT),
            until: Some(AT),
        }),
    ]
}
