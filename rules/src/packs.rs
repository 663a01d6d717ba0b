//! The rule files this program was built with, for a machine that has no rules folder.
//!
//! A test holds the list equal to the folder's files.

use crate::ruleset::RuleSource;

macro_rules! file {
    ($path:literal) => {
        ($path, include_str!(concat!("../packs/", $path)))
    };
}

const FILES: &[(&str, &str)] = &[
    file!("agent/assignment.yml"),
    file!("agent/backlog.yml"),
    file!("agent/certificate.yml"),
    file!("agent/clock.yml"),
    file!("agent/crashed.yml"),
    file!("agent/identity.yml"),
    file!("agent/loss.yml"),
    file!("agent/misbehaved.yml"),
    file!("agent/sensor.yml"),
    file!("agent/set-back.yml"),
    file!("agent/silent.yml"),
    file!("agent/stopped.yml"),
    file!("agent/upgrade-refused.yml"),
    file!("agent/upgrade-returned.yml"),
    file!("agent/watch-mode.yml"),
    file!("integrity/access.yml"),
    file!("integrity/accounts.yml"),
    file!("integrity/application.yml"),
    file!("integrity/attack-tool.yml"),
    file!("integrity/boot.yml"),
    file!("integrity/configuration.yml"),
    file!("integrity/data.yml"),
    file!("integrity/firewall.yml"),
    file!("integrity/kernel-modules.yml"),
    file!("integrity/linker.yml"),
    file!("integrity/logging.yml"),
    file!("integrity/mandatory-access.yml"),
    file!("integrity/package-source.yml"),
    file!("integrity/persistence.yml"),
    file!("integrity/privilege.yml"),
    file!("integrity/programs.yml"),
    file!("integrity/protection-removed.yml"),
    file!("integrity/records.yml"),
    file!("integrity/remote-control.yml"),
    file!("integrity/shell-start.yml"),
    file!("integrity/ssh-server.yml"),
    file!("integrity/time-source.yml"),
    file!("integrity/tool-then-account.yml"),
    file!("integrity/trusted-roots.yml"),
    file!("integrity/web-disguise.yml"),
    file!("integrity/web-rules.yml"),
    file!("integrity/web.yml"),
    file!("integrity/while-off.yml"),
    file!("licence/activator-trace.yml"),
    file!("licence/crack.yml"),
    file!("licence/expired.yml"),
    file!("licence/missing-tools.yml"),
    file!("licence/not-activated.yml"),
    file!("licence/over-deployed.yml"),
    file!("licence/unlicensed.yml"),
    file!("login/account-created.yml"),
    file!("login/admin-group.yml"),
    file!("login/at-night.yml"),
    file!("login/gap.yml"),
    file!("login/guessed.yml"),
    file!("login/protection-stopped.yml"),
    file!("login/root-outside.yml"),
    file!("login/sudo-denied.yml"),
    file!("patch/automatic.yml"),
    file!("patch/kernel.yml"),
    file!("patch/late.yml"),
    file!("patch/lists.yml"),
    file!("patch/pending.yml"),
    file!("patch/reboot.yml"),
    file!("patch/stale.yml"),
    file!("posture/backup-stopped.yml"),
    file!("posture/firewall-off.yml"),
    file!("posture/no-anti-malware.yml"),
    file!("posture/signatures-old.yml"),
    file!("ransomware/burst.yml"),
    file!("ransomware/note.yml"),
    file!("support/ended.yml"),
    file!("support/near-end.yml"),
];

/// The rule files of this build, in order of their paths below the rules folder's `packs`.
#[must_use]
pub fn embedded() -> Vec<RuleSource> {
    FILES
        .iter()
        .map(|(path, text)| RuleSource { path: format!("packs/{path}"), text: (*text).to_owned() })
        .collect()
}
