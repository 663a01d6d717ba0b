//! Incidents for the tests of the formats.

use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::HostId;
use vonggac_protocol::time::Timestamp;

use super::case::{Case, Done, Machine, Seen, SeenFile, Times};
use crate::store::installation::Installation;
use crate::store::view::words::{Action, Outcome, Severity, State};

fn at(minutes: i64) -> Timestamp {
    Timestamp(1_795_312_320_000 + minutes * 60_000)
}

fn times() -> Times {
    Times {
        detected: at(0),
        first: at(-3),
        last: at(1),
        raised: at(0),
        changed: at(90),
        acknowledged: Some(at(5)),
        contained: Some(at(30)),
        resolved: Some(at(60)),
        closed: Some(at(90)),
    }
}

/// One with everything in it, and awkward characters in every text.
pub(crate) fn whole() -> Case {
    let host = |byte: u8, name: &str| Machine { id: HostId([byte; 16]), name: name.to_owned() };
    let (one, two) = (host(1, "máy-1"), host(2, "may <2> & \"hai\""));
    let place = |machine: &Machine, seq: u32| Some((format!("{}-{seq}", machine.id), machine.clone()));
    let seen = |minute: i64, machine: &Machine, path: &str, now: Option<(Digest, u64)>| Seen {
        at: at(minute),
        kind: "file_changed".to_owned(),
        digest: Digest::of(path.as_bytes()),
        place: place(machine, u32::try_from(minute + 10).unwrap()),
        file: Some(SeenFile { path: path.to_owned(), now, is_gone: now.is_none() }),
    };
    let done = |entry: i64, minute: i64, action: Action, by_person: bool, to: Option<State>| Done {
        entry,
        at: at(minute),
        action,
        by_person,
        to,
    };
    Case {
        from: Installation { id: [9; 16], made_at: at(-100_000) },
        id: 12,
        rule: "web-shell".to_owned(),
        title_vi: "Tệp lạ <b> & \"trích\" ]]>\u{1} trong thư mục web".to_owned(),
        title_en: "Strange file <b> & \"quote\" in a web folder".to_owned(),
        clauses: vec!["ubnd/III.4.p3.b".to_owned()],
        owner_role: "ung-pho".to_owned(),
        severity: Severity::Critical,
        state: State::Closed,
        outcome: Some(Outcome::TrueImpact),
        marks: vec!["serious".to_owned()],
        tlp: "TLP:AMBER+STRICT".to_owned(),
        pap: "PAP:AMBER".to_owned(),
        is_drill: false,
        profile: "vn-2026".to_owned(),
        merged_into: Some(11),
        findings: 3,
        host_count: 2,
        times: times(),
        agency: Some(("so-y-te".to_owned(), "Sở Y tế & Dân số".to_owned())),
        subject: Some("/srv/web/x<y>&.php".to_owned()),
        seen: vec![
            seen(1, &one, "/srv/web/x<y>&.php", Some((Digest::of(b"<?php"), 5))),
            seen(0, &one, "C:\\inetpub\\wwwroot\\a.aspx", Some((Digest::of(b"<%"), 2))),
            seen(-3, &two, "/srv/web/gone.php", None),
            Seen {
                at: at(-2),
                kind: "agent_stopped".to_owned(),
                digest: Digest::of(b"stopped"),
                place: place(&two, 1),
                file: None,
            },
        ],
        hosts: vec![one, two],
        told: vec![("Nguyên nhân".to_owned(), "Lỗ hổng <cũ> & mật khẩu yếu".to_owned())],
        steps: vec![
            done(340, 0, Action::Opened, false, None),
            done(341, 5, Action::Acknowledged, true, None),
            done(342, 30, Action::Moved, true, Some(State::Contained)),
            done(343, 90, Action::Closed, true, Some(State::Closed)),
        ],
    }
}

/// The same, cut as strangers get it.
pub(crate) fn bare() -> Case {
    let mut case = Case { tlp: "TLP:CLEAR".to_owned(), ..whole() };
    (case.agency, case.subject, case.told, case.hosts) = (None, None, Vec::new(), Vec::new());
    for seen in &mut case.seen {
        (seen.place, seen.file) = (None, None);
    }

    case
}

/// The same as a drill.
pub(crate) fn drill() -> Case {
    Case { is_drill: true, ..whole() }
}
