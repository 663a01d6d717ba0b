//! How a machine is protected, as sentences: one for each part, and never "off" where it is not known.

use vonggac_protocol::posture::{
    AntiMalware, Backup, BackupMeans, Fact, Firewall, Posture, Unknown, Volume, Why,
};

use super::words::Language;

/// The parts as sentences, with the keys of their headings: anti-malware, firewall, volumes, backups.
#[must_use]
pub fn parts(t: Language, posture: &Posture) -> [(&'static str, String); 4] {
    [
        ("posture-malware", part(t, &posture.anti_malware, "posture-malware-none", product)),
        ("posture-firewall", part(t, &posture.firewall, "posture-firewall-none", firewall)),
        ("posture-volumes", part(t, &posture.volumes, "posture-volumes-none", volume)),
        ("posture-backups", part(t, &posture.backups, "posture-backups-none", backup)),
    ]
}

/// All of it as one sentence.
pub(super) fn whole(t: Language, posture: &Posture, host: &str) -> String {
    let [malware, firewall, volumes, backups] = parts(t, posture).map(|(_, told)| told);
    let values =
        [("malware", &malware), ("firewall", &firewall), ("volumes", &volumes), ("backups", &backups)];
    let mut all = vec![("host", host)];
    all.extend(values.map(|(name, value)| (name, value.as_str())));

    t.with("seen-posture", &all)
}

fn part<T>(t: Language, fact: &Fact<Vec<T>>, none: &str, one: impl Fn(Language, &T) -> String) -> String {
    match fact {
        Fact::Unknown(unknown) => not_known(t, unknown),
        Fact::Known(items) if items.is_empty() => t.say(none),
        Fact::Known(items) => items.iter().map(|it| one(t, it)).collect::<Vec<_>>().join("; "),
    }
}

/// That something is not known, and why.
#[must_use]
pub fn not_known(t: Language, unknown: &Unknown) -> String {
    let why = t.say(match unknown.why {
        Why::NotAvailable => "why-not-available",
        Why::Refused => "why-refused",
        Why::NoAnswer => "why-no-answer",
        Why::Failed => "why-failed",
    });

    match &unknown.detail {
        Some(detail) => t.with("posture-not-known-detail", &[("why", &why), ("detail", detail)]),
        None => t.with("posture-not-known", &[("why", &why)]),
    }
}

fn product(t: Language, it: &AntiMalware) -> String {
    let running = t.say(match it.running {
        Some(true) => "posture-malware-on",
        Some(false) => "posture-malware-off",
        None => "posture-malware-untold",
    });
    let current = match it.current {
        Some(true) => Some(t.say("posture-signatures-current")),
        Some(false) => Some(t.say("posture-signatures-old")),
        None => None,
    };
    let dated = it.signatures_at.map(|at| t.with("posture-signatures-at", &[("at", &t.moment(at))]));
    let told: Vec<_> = [Some(running), current, dated].into_iter().flatten().collect();

    format!("{}: {}", it.name, told.join(", "))
}

fn firewall(t: Language, it: &Firewall) -> String {
    let name = match it.name.as_str() {
        "domain" => t.say("firewall-domain"),
        "private" => t.say("firewall-private"),
        "public" => t.say("firewall-public"),
        other => other.to_owned(),
    };
    let on = t.say(if it.on { "posture-on" } else { "posture-off" });

    format!("{name}: {on}")
}

fn volume(t: Language, it: &Volume) -> String {
    let name = if it.name.is_empty() { t.say("posture-volume-unnamed") } else { it.name.clone() };
    let protected = t.say(match (it.protected, it.encrypted) {
        (Some(true), _) => "posture-volume-protected",
        (Some(false), Some(true)) => "posture-volume-key-open",
        (Some(false), _) => "posture-volume-open",
        (None, _) => "posture-volume-untold",
    });

    format!("{name} {protected}")
}

fn backup(t: Language, it: &Backup) -> String {
    let means = t.say(match it.means {
        BackupMeans::WindowsBackup => "backup-windows",
        BackupMeans::FileHistory => "backup-file-history",
        BackupMeans::ShadowCopy => "backup-shadow-copy",
        BackupMeans::RestorePoint => "backup-restore-point",
    });
    let last = it.last_at.map_or_else(|| t.say("posture-backup-never"), |at| t.moment(at));

    format!("{means}: {last}")
}

#[cfg(test)]
mod tests {
    use vonggac_protocol::posture::ToldBy;

    use super::*;

    #[test]
    fn what_is_not_known_is_never_told_as_off() {
        let unknown = || Unknown { why: Why::Refused, detail: Some("0x80041003".to_owned()) };
        let posture = Posture {
            anti_malware: Fact::Unknown(unknown()),
            firewall: Fact::Unknown(unknown()),
            volumes: Fact::Unknown(unknown()),
            backups: Fact::Unknown(unknown()),
        };

        let t = Language::of("vi");
        for (_, told) in parts(t, &posture) {
            assert!(told.contains("không rõ") && told.contains("0x80041003"), "{told}");
            assert!(!told.contains("tắt"), "{told}");
        }
    }

    #[test]
    fn each_part_says_what_was_found_in_both_languages() {
        let posture = Posture {
            anti_malware: Fact::Known(vec![AntiMalware {
                name: "Bkav Pro".to_owned(),
                told_by: ToldBy::SecurityCentre,
                running: Some(false),
                current: Some(false),
                signatures: None,
                signatures_at: None,
            }]),
            firewall: Fact::Known(vec![Firewall {
                name: "public".to_owned(),
                on: false,
                by_policy: false,
                of_others: false,
            }]),
            volumes: Fact::Known(vec![Volume {
                name: "C:".to_owned(),
                system: true,
                protected: Some(false),
                encrypted: Some(true),
            }]),
            backups: Fact::Known(Vec::new()),
        };

        let vi = whole(Language::of("vi"), &posture, "may-1");
        let en = whole(Language::of("en"), &posture, "may-1");

        for words in ["may-1", "Bkav Pro: không chạy", "mạng công cộng: tắt", "C:", "khóa để ngỏ"]
        {
            assert!(vi.contains(words), "{words}: {vi}");
        }
        for words in ["Bkav Pro: does not run", "public network: off", "key lies open", "none"] {
            assert!(en.contains(words), "{words}: {en}");
        }
    }
}
