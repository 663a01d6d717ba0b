//! An observation as a sentence.

use vonggac_protocol::file::{
    Actor, FileAction, FileChanged, FileKind, FilesInstalled, PackageVerdict, WatchLossReason, WatchMode,
    WatchModeChanged,
};
use vonggac_protocol::observation::{AgentSilent, Kind, MachineSetBack};
use vonggac_protocol::release::{AgentUpgrade, UpgradeOutcome, UpgradeReason};
use vonggac_protocol::renewal::CertificateEnding;

use super::words::Language;
use super::{activation, posture, records};

/// What was seen on `host`, as a sentence.
#[must_use]
pub fn of(t: Language, kind: &Kind, host: &str) -> String {
    let word = kind.word();
    let say = |names: &[(&'static str, &str)]| {
        let mut all = vec![("host", host)];
        all.extend_from_slice(names);
        t.with(&format!("seen-{word}"), &all)
    };
    let number = |number: u64| t.number(number);

    match kind {
        Kind::FileChanged(change) => file(t, change, host),
        Kind::AgentStarted(it) if it.after_crash => t.with("seen-agent_started-crash", &[("host", host)]),
        Kind::AgentStarted(it) => say(&[("version", &it.version)]),
        Kind::AgentStopped(it) => say(&[("reason", &it.reason)]),
        Kind::Health(it) => say(&[("waiting", &number(it.waiting)), ("dropped", &number(it.dropped))]),
        Kind::HostDescribed(it) => say(&[("system", &it.os_name)]),
        Kind::BaselineTaken(it) => say(&[
            ("root", it.root.as_str()),
            ("paths", &number(it.paths)),
            ("unreadable", &number(it.unreadable)),
        ]),
        Kind::WatchLost(it) => {
            let roots: Vec<&str> = it.roots.iter().map(|root| root.as_str()).collect();
            say(&[("roots", &roots.join(", ")), ("reason", &t.say(watch_loss(it.reason)))])
        }
        Kind::SpoolDropped(it) => {
            say(&[("count", &number(it.count)), ("from", &t.moment(it.from)), ("until", &t.moment(it.until))])
        }
        Kind::PackagesListed(it) => say(&[("count", &number(u64::try_from(it.packages.len()).unwrap_or(0)))]),
        Kind::PackagesChanged(it) => say(&[
            ("added", &number(u64::try_from(it.added.len()).unwrap_or(0))),
            ("removed", &number(u64::try_from(it.removed.len()).unwrap_or(0))),
        ]),
        Kind::PatchState(it) => {
            let security = it.security_count.map_or_else(|| t.say("not-known"), number);
            say(&[("pending", &number(it.pending_count)), ("security", &security)])
        }
        Kind::AssignmentRefused(it) => say(&[("reason", &it.reason)]),
        Kind::SensorFailed(it) => say(&[("sensor", &it.sensor), ("reason", &it.reason)]),
        Kind::AgentSilent(it) => silent(t, it, host),
        Kind::AgentHeard(it) => say(&[("since", &t.moment(it.silent_since))]),
        Kind::IdentityTwice(it) => say(&[("address", &it.address)]),
        Kind::MachineSetBack(it) => set_back(t, it, host),
        Kind::HostMisbehaved(it) => say(&[("reason", &it.reason), ("count", &number(it.count))]),
        Kind::FilesInstalled(it) => installed(t, it, host),
        Kind::ChangeBurst(it) => {
            let mut told = say(&[
                ("root", it.root.as_str()),
                ("rewritten", &number(it.rewritten)),
                ("renamed", &number(it.renamed)),
            ]);
            append(t, &mut told, false, it.actor.as_ref());
            told
        }
        Kind::WatchModeChanged(it) => mode_changed(t, it, host),
        Kind::CertificateEnding(it) => ending(t, it, host),
        Kind::BudgetReached(it) => say(&[
            ("day", &it.day),
            ("budget", &t.bytes(it.budget)),
            ("moved", &t.bytes(it.sent.saturating_add(it.received))),
            ("waiting", &number(it.waiting)),
        ]),
        Kind::Login(it) => records::login(t, it, host),
        Kind::PrivilegeUsed(it) => records::privilege(t, it, host),
        Kind::AccountChanged(it) => records::account(t, it, host),
        Kind::ServiceChanged(it) => records::service(t, it, host),
        Kind::LogGap(it) => records::gap(t, it, host),
        Kind::Posture(it) => posture::whole(t, it, host),
        Kind::Activation(it) => activation::whole(t, it, host),
        Kind::AgentUpgrade(it) => upgrade(t, it, host),
        Kind::RecordsMissing(it) => say(&[("first", &number(it.first)), ("last", &number(it.last))]),
    }
}

/// The agent became another version, or did not.
fn upgrade(t: Language, it: &AgentUpgrade, host: &str) -> String {
    let id = match it.outcome {
        UpgradeOutcome::Upgraded => "seen-agent_upgrade-upgraded",
        UpgradeOutcome::Returned => "seen-agent_upgrade-returned",
        UpgradeOutcome::Refused => "seen-agent_upgrade-refused",
    };
    let reason = it.reason.map_or_else(|| t.say("not-known"), |reason| t.say(upgrade_reason(reason)));

    t.with(id, &[("host", host), ("from", &it.from), ("to", &it.to), ("reason", &reason)])
}

fn upgrade_reason(reason: UpgradeReason) -> &'static str {
    match reason {
        UpgradeReason::Signature => "upgrade-signature",
        UpgradeReason::Digest => "upgrade-digest",
        UpgradeReason::Platform => "upgrade-platform",
        UpgradeReason::NotNewer => "upgrade-not-newer",
        UpgradeReason::Disk => "upgrade-disk",
        UpgradeReason::DoesNotRun => "upgrade-does-not-run",
        UpgradeReason::Crashed => "upgrade-crashed",
        UpgradeReason::Silent => "upgrade-silent",
        UpgradeReason::Damaged => "upgrade-damaged",
        UpgradeReason::Person => "upgrade-person",
        UpgradeReason::Package => "upgrade-package",
    }
}

fn mode_changed(t: Language, it: &WatchModeChanged, host: &str) -> String {
    let roots: Vec<&str> = it.roots.iter().map(|root| root.as_str()).collect();
    let mode = match it.mode {
        WatchMode::FileSystem => "watch-mode-file-system",
        WatchMode::Directories => "watch-mode-directories",
        WatchMode::ScanOnly => "watch-mode-scan-only",
    };
    let (roots, mode) = (roots.join(", "), t.say(mode));

    t.with(
        "seen-watch_mode_changed",
        &[("host", host), ("roots", &roots), ("mode", &mode), ("reason", &it.reason)],
    )
}

fn ending(t: Language, it: &CertificateEnding, host: &str) -> String {
    let (until, issued) = (t.moment(it.not_after), t.moment(it.issued_at));

    t.with("seen-certificate_ending", &[("host", host), ("until", &until), ("issued", &issued)])
}

fn silent(t: Language, it: &AgentSilent, host: &str) -> String {
    let (last, promised) = (t.moment(it.last_heard), t.span(it.promised_secs));

    t.with("seen-agent_silent", &[("host", host), ("last", &last), ("promised", &promised)])
}

fn set_back(t: Language, it: &MachineSetBack, host: &str) -> String {
    let (step, newest) = (t.number(it.step), t.number(it.newest));
    let values = [("host", host), ("address", it.address.as_str()), ("step", &step), ("newest", &newest)];

    t.with("seen-machine_set_back", &values)
}

/// So many packages are named; the others are counted.
const NAMED_PACKAGES: usize = 8;

fn installed(t: Language, it: &FilesInstalled, host: &str) -> String {
    let names: Vec<&str> =
        it.packages.iter().map(|package| package.name.as_str()).take(NAMED_PACKAGES).collect();
    let files = it.created.saturating_add(it.modified).saturating_add(it.deleted);
    let mut told = t.with(
        "seen-files_installed",
        &[
            ("host", host),
            ("packages", &names.join(", ")),
            ("count", &t.number(u64::try_from(it.packages.len()).unwrap_or(0))),
            ("files", &t.number(files)),
        ],
    );
    append(t, &mut told, it.while_off, it.actor.as_ref());

    told
}

fn file(t: Language, change: &FileChanged, host: &str) -> String {
    let action = match change.action {
        FileAction::Created => "created",
        FileAction::Modified => "modified",
        FileAction::MetadataChanged => "metadata",
        FileAction::Deleted => "deleted",
    };
    let thing = match change.after.as_ref().or(change.before.as_ref()).map(|state| state.kind) {
        Some(FileKind::Directory) => "thing-directory",
        Some(FileKind::Link) => "thing-link",
        Some(FileKind::Other) => "thing-other",
        Some(FileKind::File) | None => "thing-file",
    };
    let names = [("host", host), ("path", change.path.as_str()), ("thing", &t.say(thing))];
    let mut told = t.with(&format!("seen-file_changed-{action}"), &names);
    append(t, &mut told, change.while_off, change.actor.as_ref());
    if let Some(package) = &change.package {
        let message = match package.verdict {
            PackageVerdict::Matches => "seen-package-matches",
            PackageVerdict::Differs => "seen-package-differs",
            PackageVerdict::NotRecorded => "seen-package-not-recorded",
            PackageVerdict::Missing => "seen-package-missing",
        };
        told.push(' ');
        told.push_str(&t.with(message, &[("package", &package.name), ("version", &package.version)]));
    }

    told
}

fn append(t: Language, told: &mut String, while_off: bool, actor: Option<&Actor>) {
    if while_off {
        told.push(' ');
        told.push_str(&t.say("seen-while-off"));
    }
    if let Some(actor) = actor {
        let program = actor.program.as_ref().map_or("?", |program| program.as_str());
        let user = actor.user.as_deref().unwrap_or("?");
        told.push(' ');
        told.push_str(&t.with("seen-actor", &[("program", program), ("user", user)]));
    }
}

fn watch_loss(reason: WatchLossReason) -> &'static str {
    match reason {
        WatchLossReason::QueueOverflow => "watch-loss-queue",
        WatchLossReason::WatchLimit => "watch-loss-limit",
        WatchLossReason::RootGone => "watch-loss-gone",
        WatchLossReason::WatcherFailed => "watch-loss-failed",
        WatchLossReason::AgentOverloaded => "watch-loss-overload",
        WatchLossReason::MountChanged => "watch-loss-mount",
        WatchLossReason::RemoteFileSystem => "watch-loss-remote",
    }
}
