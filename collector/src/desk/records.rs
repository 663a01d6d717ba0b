//! What the system's own records said, as a sentence.

use vonggac_protocol::record::{
    AccountAction, AccountChanged, Denial, LogGap, Login, LoginResult, PrivilegeUsed, RecordOrigin,
    ServiceAction, ServiceChanged,
};

use super::words::Language;

/// Somebody logged in, or tried to.
pub(super) fn login(t: Language, it: &Login, host: &str) -> String {
    let id = match it.result {
        LoginResult::Succeeded => "seen-login-succeeded",
        LoginResult::Failed => "seen-login-failed",
    };
    let user = match (&it.user, &it.unknown_user) {
        (Some(user), _) => user.clone(),
        (None, Some(digest)) => t.with("seen-login-unknown", &[("digest", digest)]),
        (None, None) => t.say("not-known"),
    };
    let from = it.from.clone().unwrap_or_else(|| t.say("seen-login-local"));
    let method = it.method.clone().unwrap_or_else(|| t.say("not-known"));
    let count = t.number(it.count);
    let told = t.with(
        id,
        &[
            ("host", host),
            ("user", &user),
            ("from", &from),
            ("service", &it.service),
            ("method", &method),
            ("count", &count),
        ],
    );

    unsure(t, told, it.sure)
}

/// Rights of another account were used or refused.
pub(super) fn privilege(t: Language, it: &PrivilegeUsed, host: &str) -> String {
    let unknown = || t.say("not-known");
    let denial = t.say(match it.denial {
        None => "not-known",
        Some(Denial::NotListed) => "denial-not-listed",
        Some(Denial::NotAllowed) => "denial-not-allowed",
        Some(Denial::Password) => "denial-password",
        Some(Denial::Other) => "denial-other",
    });
    let id = if it.granted { "seen-privilege_used-granted" } else { "seen-privilege_used-denied" };
    let count = t.number(it.count);
    let told = t.with(
        id,
        &[
            ("host", host),
            ("user", &it.user.clone().unwrap_or_else(unknown)),
            ("as", &it.run_as.clone().unwrap_or_else(unknown)),
            ("tool", &it.tool),
            ("program", &it.program.clone().unwrap_or_else(unknown)),
            ("denial", &denial),
            ("count", &count),
        ],
    );

    unsure(t, told, it.sure)
}

/// An account or a group was changed.
pub(super) fn account(t: Language, it: &AccountChanged, host: &str) -> String {
    let unknown = || t.say("not-known");
    let action = t.say(match it.action {
        AccountAction::Created => "account-created",
        AccountAction::Changed => "account-changed",
        AccountAction::Deleted => "account-deleted",
        AccountAction::PasswordChanged => "account-password-changed",
        AccountAction::Locked => "account-locked",
        AccountAction::Unlocked => "account-unlocked",
        AccountAction::GroupCreated => "account-group-created",
        AccountAction::GroupDeleted => "account-group-deleted",
        AccountAction::MemberAdded => "account-member-added",
        AccountAction::MemberRemoved => "account-member-removed",
    });
    let told = t.with(
        "seen-account_changed",
        &[
            ("host", host),
            ("action", &action),
            ("user", &it.user.clone().unwrap_or_else(|| "-".to_owned())),
            ("group", &it.group.clone().unwrap_or_else(|| "-".to_owned())),
            ("by", &it.by.clone().unwrap_or_else(unknown)),
            ("tool", &it.tool.clone().unwrap_or_else(unknown)),
        ],
    );

    unsure(t, told, it.sure)
}

/// A service was started or stopped, or failed.
pub(super) fn service(t: Language, it: &ServiceChanged, host: &str) -> String {
    let id = match it.action {
        ServiceAction::Started => "seen-service_changed-started",
        ServiceAction::Stopped => "seen-service_changed-stopped",
        ServiceAction::Failed => "seen-service_changed-failed",
    };
    let result = it.result.clone().unwrap_or_else(|| t.say("not-known"));
    let count = t.number(it.count);

    t.with(id, &[("host", host), ("unit", &it.unit), ("result", &result), ("count", &count)])
}

/// Records were gone before they were read.
pub(super) fn gap(t: Language, it: &LogGap, host: &str) -> String {
    let origin = t.say(match it.origin {
        RecordOrigin::Journal => "record-journal",
        RecordOrigin::Syslog => "record-syslog",
        RecordOrigin::Audit => "record-audit",
    });
    let count = it.at_most.map_or_else(|| t.say("not-known"), |count| t.number(count));
    let moment = |at: Option<_>| at.map_or_else(|| t.say("not-known"), |at| t.moment(at));

    t.with(
        "seen-log_gap",
        &[
            ("host", host),
            ("origin", &origin),
            ("count", &count),
            ("from", &moment(it.from)),
            ("until", &moment(it.until)),
        ],
    )
}

fn unsure(t: Language, mut told: String, sure: bool) -> String {
    if !sure {
        told.push(' ');
        told.push_str(&t.say("seen-unsure"));
    }

    told
}
