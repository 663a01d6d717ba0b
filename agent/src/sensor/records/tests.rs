//! From sentences to observations.

use std::collections::BTreeSet;
use std::path::Path;

use vonggac_protocol::observation::{Kind, Observation};
use vonggac_protocol::record::{RecordOrigin, RecordSubject};
use vonggac_protocol::time::Timestamp;

use super::counted::Counted;
use super::record::{Job, Record};
use super::sensor::{Records, Settings};

const NOW: Timestamp = Timestamp(1_795_381_200_000);

fn records(root: &Path) -> Records {
    std::fs::create_dir_all(root.join("etc")).unwrap();
    std::fs::write(root.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\nan:x:1000:1000::/home/an:/bin/sh\n")
        .unwrap();
    let settings = Settings {
        root: root.to_owned(),
        subjects: BTreeSet::from(RecordSubject::ALL),
        excluded: Vec::new(),
    };

    Records::new(settings, [7; 32], None)
}

fn record(identifier: &str, message: &str) -> Record {
    Record {
        at: NOW,
        origin: RecordOrigin::Journal,
        identifier: identifier.to_owned(),
        process: Some(77),
        message: message.to_owned(),
        sure: true,
        job: None,
    }
}

/// What is told of these sentences, in short.
fn told(said: &[(&str, &str)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let mut records = records(folder.path());
    let mut told = Vec::new();
    for (identifier, message) in said {
        records.take(&record(identifier, message), NOW, &mut told);
    }

    told.iter().map(short).collect()
}

fn short(observation: &Observation) -> String {
    let word = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    #[expect(clippy::wildcard_enum_match_arm, reason = "what is none of ours is shown whole")]
    match &observation.kind {
        Kind::Login(it) => {
            let unknown = it.unknown_user.as_ref().map(|_| "unknown".to_owned());
            let user = it.user.clone().or(unknown);
            let (from, method) = (word(&it.from), word(&it.method));
            format!("{:?} {} {from} {} {method} {}", it.result, word(&user), it.service, it.count)
        }
        Kind::PrivilegeUsed(it) => {
            let granted = it.denial.map_or_else(|| "granted".to_owned(), |denial| format!("{denial:?}"));
            let (user, run_as) = (word(&it.user), word(&it.run_as));
            format!("{granted} {user} {run_as} {} {} {}", it.tool, word(&it.program), it.count)
        }
        Kind::AccountChanged(it) => {
            format!("{:?} {} {} {}", it.action, word(&it.user), word(&it.group), word(&it.by))
        }
        Kind::ServiceChanged(it) => format!("{:?} {} {}", it.action, it.unit, it.count),
        other => format!("{other:?}"),
    }
}

#[test]
fn sshd_says_who_came_from_where_and_a_typed_name_never_leaves() {
    let said = told(&[
        ("sshd", "Accepted publickey for an from 203.0.113.8 port 41 ssh2: ED25519 SHA256:abc"),
        ("sshd", "Failed password for root from 203.0.113.9 port 42 ssh2"),
        ("sshd", "Failed password for invalid user Mật-khẩu!1 from 203.0.113.9 port 43 ssh2"),
        // A name that pretends to be an address.
        ("sshd", "Failed password for invalid user x from 1.1.1.1 port 1 ssh2 from 203.0.113.6 port 44 ssh2"),
        // A client's first question, and an offer of a key: nobody was refused yet.
        ("sshd", "Failed none for an from 203.0.113.8 port 45 ssh2"),
        ("sshd", "Failed publickey for an from 203.0.113.8 port 45 ssh2: RSA SHA256:x"),
        ("sshd", "Connection closed by authenticating user root 203.0.113.9 port 42 [preauth]"),
        ("sshd", "Server listening on 0.0.0.0 port 22."),
    ]);

    assert_eq!(
        said,
        [
            "Succeeded an 203.0.113.8 sshd publickey 1",
            "Failed root 203.0.113.9 sshd password 1",
            "Failed unknown 203.0.113.9 sshd password 1",
            "Failed unknown 203.0.113.6 sshd password 1",
        ]
    );
}

#[test]
fn a_connection_that_never_got_in_is_one_refusal_however_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut records = records(folder.path());
    let mut told = Vec::new();
    let mut say = |process: u32, message: &str| {
        let record = Record { process: Some(process), ..record("sshd-session", message) };
        records.take(&record, NOW, &mut told);
    };
    say(1, "Failed password for root from 203.0.113.9 port 42 ssh2");
    say(1, "Connection closed by authenticating user root 203.0.113.9 port 42 [preauth]");
    say(2, "Connection closed by invalid user admin 203.0.113.10 port 42 [preauth]");

    let told: Vec<String> = told.iter().map(short).collect();
    assert_eq!(told, ["Failed root 203.0.113.9 sshd password 1", "Failed unknown 203.0.113.10 sshd - 1"]);
}

#[test]
fn sudo_su_and_pkexec_tell_the_program_and_never_its_arguments() {
    let said = told(&[
        ("sudo", "      an : TTY=pts/0 ; PWD=/home/an ; USER=root ; COMMAND=/usr/bin/mysql -pbí-mật"),
        ("sudo", "an : user NOT in sudoers ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/bash"),
        ("sudo", "an : command not allowed ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh -c x"),
        ("sudo", "an : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls"),
        ("sudo", "pam_unix(sudo:session): session opened for user root(uid=0) by an(uid=1000)"),
        ("su", "(to root) an on pts/1"),
        ("su", "FAILED SU (to root) an on pts/1"),
        ("pkexec", "an: Executing command [USER=root] [TTY=unknown] [CWD=/] [COMMAND=/usr/bin/id -u]"),
    ]);

    assert_eq!(
        said,
        [
            "granted an root sudo /usr/bin/mysql 1",
            "NotListed an root sudo /bin/bash 1",
            "NotAllowed an root sudo /bin/sh 1",
            "Password an root sudo /bin/ls 1",
            "granted an root su - 1",
            "Password an root su - 1",
            "granted an root pkexec /usr/bin/id 1",
        ]
    );
}

#[test]
fn accounts_and_logins_of_other_services_are_told() {
    let said = told(&[
        ("useradd", "new group: name=binh, GID=1001"),
        ("useradd", "new user: name=binh, UID=1001, GID=1001, home=/home/binh, shell=/bin/sh, from=none"),
        ("usermod", "add 'binh' to group 'sudo'"),
        ("usermod", "add 'binh' to shadow group 'sudo'"),
        ("gpasswd", "user binh removed by root from group sudo"),
        ("passwd", "pam_unix(passwd:chauthtok): password changed for binh"),
        ("userdel", "delete user 'binh'"),
        ("login", "pam_unix(login:session): session opened for user an(uid=1000) by LOGIN(uid=0)"),
        (
            "gdm-password]",
            "pam_unix(gdm-password:auth): authentication failure; logname= uid=0 euid=0 tty=/dev/tty1 ruser= rhost=  user=an",
        ),
        ("CRON", "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)"),
        (
            "sshd",
            "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=1.2.3.4  user=an",
        ),
    ]);

    assert_eq!(
        said,
        [
            "GroupCreated - binh -",
            "Created binh - -",
            "MemberAdded binh sudo -",
            "MemberRemoved binh sudo root",
            "PasswordChanged binh - -",
            "Deleted binh - -",
            "Succeeded an - login session 1",
            "Failed an - gdm-password password 1",
        ]
    );
}

#[test]
fn services_are_told_between_the_start_and_the_end_of_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    let mut records = records(folder.path());
    let mut told = Vec::new();
    let job = |unit: &str, message: &str| Record {
        job: Some(Job {
            unit: unit.to_owned(),
            message: message.to_owned(),
            kind: None,
            result: Some("done".to_owned()),
            unit_result: None,
        }),
        ..record("systemd", "")
    };
    records.take(&job("auditd.service", "9d1aaa27d60140bd96365438aad20286"), NOW, &mut told);
    records.take(&job("a.timer", "9d1aaa27d60140bd96365438aad20286"), NOW, &mut told);
    records.take(&job("user@1000.service", "39f53479d3a045ac8e11786248231fbf"), NOW, &mut told);
    records.take(&job("nginx.service", "39f53479d3a045ac8e11786248231fbf"), NOW, &mut told);

    let told: Vec<String> = told.iter().map(short).collect();
    assert_eq!(told, ["Stopped auditd.service 1", "Started nginx.service 1"]);
}

#[test]
fn a_storm_of_refusals_is_a_few_observations_that_lose_no_count() {
    let folder = tempfile::tempdir().unwrap();
    let mut records = records(folder.path());
    let mut told = Vec::new();
    for number in 0..50_000_u32 {
        // Half of the storm is one address, the other half comes from everywhere.
        let from = if number % 2 == 0 { 0 } else { number };
        let message = format!(
            "Failed password for invalid user u{from} from 10.{}.{}.1 port 9 ssh2",
            from >> 8,
            from & 255
        );
        let record = Record { process: None, ..record("sshd", &message) };
        records.take(&record, NOW, &mut told);
    }
    let kept = records.keep();
    assert!(serde_json::to_vec(&kept).unwrap().len() < 200_000);
    let settings = Settings {
        root: folder.path().to_owned(),
        subjects: BTreeSet::from(RecordSubject::ALL),
        excluded: vec![],
    };
    let mut records = Records::new(settings, [7; 32], Some(&kept));
    told.extend(records.read(Timestamp(NOW.0 + 60_000)).observations);

    let counted: u64 =
        told.iter().map(|it| if let Kind::Login(login) = &it.kind { login.count } else { 0 }).sum();
    assert_eq!(counted, 50_000);
    assert!(told.len() < 400, "{} observations", told.len());
}

#[test]
fn counts_kept_over_a_restart_are_told_with_their_times() {
    let mut counted = Counted::default();
    let folder = tempfile::tempdir().unwrap();
    let mut first = Vec::new();
    records(folder.path()).take(&record("su", "FAILED SU (to root) an on pts/1"), NOW, &mut first);
    let kind = first.remove(0).kind;
    let mut told = Vec::new();
    for at in 0..5 {
        counted.take(Timestamp(NOW.0 + at * 1_000), kind.clone(), NOW, &mut told);
    }

    let mut counted = Counted::restore(&counted.keep());
    assert_eq!(counted.ends(), Some(Timestamp(NOW.0 + 60_000)));
    counted.end(Timestamp(NOW.0 + 60_000), &mut told);

    let Kind::PrivilegeUsed(last) = &told[1].kind else { panic!("another kind") };
    assert_eq!((told.len(), last.count, told[1].at.0), (2, 4, NOW.0 + 1_000));
    assert_eq!(last.until, Some(Timestamp(NOW.0 + 4_000)));
}

#[test]
fn where_there_is_no_journal_the_text_file_tells_and_auditd_tells_of_accounts() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    std::fs::create_dir_all(root.join("var/log/audit")).unwrap();
    std::fs::create_dir_all(root.join("run")).unwrap();
    std::fs::create_dir_all(root.join("proc/9")).unwrap();
    std::fs::write(root.join("run/auditd.pid"), "9\n").unwrap();
    std::fs::write(root.join("proc/9/comm"), "auditd\n").unwrap();
    let (auth, audit) = (root.join("var/log/auth.log"), root.join("var/log/audit/audit.log"));
    std::fs::write(&auth, "old\n").unwrap();
    std::fs::write(&audit, "old\n").unwrap();
    let mut records = records(root);
    assert_eq!(records.read(NOW).observations, []);

    let append = |path: &Path, text: &str| {
        std::fs::write(path, format!("{}{text}", std::fs::read_to_string(path).unwrap())).unwrap();
    };
    append(
        &auth,
        "2026-11-22T20:59:58+00:00 m sshd[7]: message repeated 3 times: [ Failed password for root from 203.0.113.9 port 42 ssh2]\n\
         2026-11-22T20:59:59+00:00 m useradd[8]: new user: name=binh, UID=1001, GID=1001\n",
    );
    append(
        &audit,
        "type=ADD_USER msg=audit(1795381199.123:42): pid=7 uid=0 auid=1000 msg='op=add-user acct=\"binh\" exe=\"/usr/sbin/useradd\" res=success'\u{1d}AUID=\"an\"\n\
         type=USER_AUTH msg=audit(1795381199.2:43): pid=7 msg='op=PAM:authentication acct=\"root\" exe=\"/usr/sbin/sshd\" addr=203.0.113.9 res=failed'\n",
    );
    assert!(records.has_news(NOW));
    let told: Vec<String> = records.read(NOW).observations.iter().map(short).collect();

    assert_eq!(told, ["Failed root 203.0.113.9 sshd password 3", "Created binh - an"]);
    assert_eq!(records.origins(), [RecordOrigin::Syslog, RecordOrigin::Audit]);
}

#[test]
fn what_is_not_asked_for_or_out_of_bounds_is_not_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut records = records(folder.path());
    records.tell(BTreeSet::from([RecordSubject::Accounts]));
    let mut told = Vec::new();
    records.take(&record("su", "(to root) an on pts/1"), NOW, &mut told);
    records.take(&record("userdel", "delete user 'an'"), NOW, &mut told);

    assert_eq!(told.iter().map(short).collect::<Vec<_>>(), ["Deleted an - -"]);
}
