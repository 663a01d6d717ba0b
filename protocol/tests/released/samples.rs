//! One of every frame and of every observation, every field filled; what was released is never changed here.

use vonggac_protocol::assignment::{Assignment, RebaselineOrder, WatchPath};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::enrolment::{EnrolReply, EnrolRequest, Enrolled, Token};
use vonggac_protocol::file::*;
use vonggac_protocol::frame::dictionary::Dictionary;
use vonggac_protocol::frame::{Ack, Batch, Frame, Heartbeat};
use vonggac_protocol::hello::{Hello, LaneMark, LaneSpan, Refusal, RefusalCode, Welcome};
use vonggac_protocol::host::{Health, HostDescribed, Role};
use vonggac_protocol::id::{AgencyId, Epoch, HostId, Lane, Seq};
use vonggac_protocol::line::{BudgetReached, Line, Outer, Traffic};
use vonggac_protocol::machine::{
    Continuity, ContinuitySecret, MachineMarks, MachineTold, NextStep, StepKept,
};
use vonggac_protocol::observation::*;
use vonggac_protocol::package::PackagesChanged;
use vonggac_protocol::path::HostPath;
use vonggac_protocol::record::RecordSubject;
use vonggac_protocol::release::{
    AgentUpgrade, Platform, ReleaseOffer, ReleasePiece, ReleaseWanted, UpgradeOutcome, UpgradeReason,
};
use vonggac_protocol::renewal::{CertificateEnding, Renew, Renewal, Renewed, Standing};
use vonggac_protocol::time::Timestamp;

use super::records::records;
use super::software::{
    activation, activation_unknown, of_windows, of_windows_grown, posture, posture_turned, program, software,
    software_grown, wheel,
};

/// Numbers of the kinds of observations there are.
pub(crate) const KINDS: [u8; 32] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
    29, 30, 31,
];

/// Numbers of the frames there are.
pub(crate) const FRAMES: [u8; 17] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 16, 13, 14, 15];

const OUTER: &str = "203.0.113.7:40213";

pub(crate) const AT: Timestamp = Timestamp(1_795_312_345_678);

/// The kind's number on the wire; a new kind breaks the build here, and needs a sample below.
pub(crate) fn number_of_kind(kind: &Kind) -> u8 {
    match kind {
        Kind::AgentStarted(_) => 0,
        Kind::AgentStopped(_) => 1,
        Kind::Health(_) => 2,
        Kind::HostDescribed(_) => 3,
        Kind::FileChanged(_) => 4,
        Kind::BaselineTaken(_) => 5,
        Kind::WatchLost(_) => 6,
        Kind::SpoolDropped(_) => 7,
        Kind::PackagesListed(_) => 8,
        Kind::PackagesChanged(_) => 9,
        Kind::PatchState(_) => 10,
        Kind::AssignmentRefused(_) => 11,
        Kind::SensorFailed(_) => 12,
        Kind::AgentSilent(_) => 13,
        Kind::AgentHeard(_) => 14,
        Kind::IdentityTwice(_) => 15,
        Kind::HostMisbehaved(_) => 16,
        Kind::RecordsMissing(_) => 17,
        Kind::FilesInstalled(_) => 18,
        Kind::ChangeBurst(_) => 19,
        Kind::WatchModeChanged(_) => 20,
        Kind::CertificateEnding(_) => 21,
        Kind::BudgetReached(_) => 23,
        Kind::MachineSetBack(_) => 22,
        Kind::Login(_) => 24,
        Kind::PrivilegeUsed(_) => 25,
        Kind::AccountChanged(_) => 26,
        Kind::ServiceChanged(_) => 27,
        Kind::LogGap(_) => 28,
        Kind::Posture(_) => 29,
        Kind::Activation(_) => 30,
        Kind::AgentUpgrade(_) => 31,
    }
}

/// The frame's number on the wire; a new frame breaks the build here, and needs a sample below.
pub(crate) fn number_of_frame(frame: &Frame) -> u8 {
    match frame {
        Frame::Hello(_) => 0,
        Frame::Welcome(_) => 1,
        Frame::Refused(_) => 2,
        Frame::Batch(_) => 3,
        Frame::Ack(_) => 4,
        Frame::Heartbeat(_) => 5,
        Frame::Assign(_) => 6,
        Frame::EnrolRequest(_) => 7,
        Frame::EnrolReply(_) => 8,
        Frame::Goodbye(_) => 9,
        Frame::Outer(_) => 16,
        Frame::Renew(_) => 10,
        Frame::Renewed(_) => 11,
        Frame::StepKept(_) => 12,
        Frame::ReleaseOffer(_) => 13,
        Frame::ReleaseWanted(_) => 14,
        Frame::ReleasePiece(_) => 15,
    }
}

pub(crate) fn frames() -> Vec<(String, Frame)> {
    let epoch = Epoch(0x0123_4567_89ab_cdef);
    let refusal = Refusal { code: RefusalCode::Busy, detail: "later".to_owned(), retry_after_secs: Some(30) };
    let observations: Vec<Vec<u8>> =
        first_released().into_iter().map(|kind| Observation { at: AT, kind }.encode()).collect();
    let agency = AgencyId::new("so-tttt").expect("a well-formed id");
    let named: [(&str, Frame); 20] = [
        ("hello", hello(epoch)),
        ("welcome", welcome(true)),
        ("welcome-bare", welcome(false)),
        ("refused", Frame::Refused(refusal.clone())),
        ("batch", Frame::Batch(Batch::pack(epoch, Lane::Prompt, Seq(17), 3, &observations))),
        ("ack", Frame::Ack(Ack { epoch, lane: Lane::Prompt, kept: Seq(34), resend: true })),
        ("heartbeat", Frame::Heartbeat(Heartbeat { now: AT })),
        ("assign", Frame::Assign(assignment())),
        (
            "enrol-request",
            Frame::EnrolRequest(EnrolRequest {
                wire: 1,
                agency: agency.clone(),
                token: Token([9; 16]),
                request: vec![0x30, 0x82, 0x01, 0x02],
                name: "may-chu-01".to_owned(),
                version: "0.1.0".to_owned(),
                marks: None,
            }),
        ),
        ("enrol-accepted", Frame::EnrolReply(EnrolReply::Accepted(enrolled(agency)))),
        ("enrol-refused", Frame::EnrolReply(EnrolReply::Refused(refusal))),
        ("assign-2", Frame::Assign(Assignment { rebaseline: Some(vec![order()]), ..assignment() })),
        ("hello-line", hello_later(hello(epoch))),
        ("welcome-line", welcome_later(welcome(true))),
        ("assign-3", Frame::Assign(Assignment { daily_budget_kib: Some(512), ..assignment() })),
        (
            "assign-4",
            Frame::Assign(Assignment { language_roots: Some(vec!["/srv/app".to_owned()]), ..assignment() }),
        ),
        (
            "assign-5",
            Frame::Assign(Assignment { records: Some(RecordSubject::ALL.to_vec()), ..assignment() }),
        ),
        ("outer", Frame::Outer(Outer { address: OUTER.to_owned() })),
        ("goodbye", Frame::Goodbye(Heartbeat { now: AT })),
        (
            "refused-for-good",
            Frame::Refused(Refusal {
                code: RefusalCode::IdentityRevoked,
                detail: String::new(),
                retry_after_secs: None,
            }),
        ),
    ];

    named
        .into_iter()
        .chain(renewal_frames(epoch))
        .chain(dictionary_frames(epoch))
        .chain(frames_of_clones(epoch))
        .chain(frames_of_releases(epoch))
        .map(|(name, frame)| (format!("frame-{name}.cbor"), frame))
        .collect()
}

/// A batch packed with a dictionary, and the word of a collector that knows it.
fn dictionary_frames(epoch: Epoch) -> Vec<(&'static str, Frame)> {
    let Frame::Welcome(welcome) = welcome(false) else { unreachable!("it is a welcome") };
    let observations: Vec<Vec<u8>> =
        first_released().into_iter().map(|kind| Observation { at: AT, kind }.encode()).collect();
    let first = Dictionary::of_number(1);

    vec![
        ("welcome-3", Frame::Welcome(Welcome { dictionary: Some(1), ..welcome })),
        ("welcome-4", welcome_spread()),
        ("batch-2", Frame::Batch(Batch::pack_with(first, epoch, Lane::Bulk, Seq(18), 0, &observations))),
    ]
}

/// Frames of renewal, and those that got fields with it.
fn renewal_frames(epoch: Epoch) -> Vec<(&'static str, Frame)> {
    let Frame::Hello(hello) = hello(epoch) else { unreachable!("it is a hello") };
    let Frame::Welcome(welcome) = welcome(false) else { unreachable!("it is a welcome") };
    let roots = Some(vec![vec![0x30, 0x03].into(), vec![0x30, 0x04].into()]);
    let standing = Standing { issued_at: AT, not_after: AT, only_renew: true, roots };
    let renewal = Renewal { certificate: vec![0x30, 0x05], issued_at: AT, not_after: AT };
    let refusal = Refusal {
        code: RefusalCode::CertificateExpired,
        detail: "too late".to_owned(),
        retry_after_secs: None,
    };

    vec![
        ("hello-2", Frame::Hello(Hello { trusts: Some(vec![Digest([0x33; 32])]), ..hello })),
        ("welcome-2", Frame::Welcome(Welcome { standing: Some(standing), ..welcome })),
        ("renew", Frame::Renew(Renew { request: vec![0x30, 0x06] })),
        ("renewed", Frame::Renewed(Renewed::Accepted(renewal))),
        ("renewed-refused", Frame::Renewed(Renewed::Refused(refusal))),
    ]
}

/// What came with upgrades.
fn frames_of_releases(epoch: Epoch) -> Vec<(&'static str, Frame)> {
    let platform = Some(Platform { system: "linux".to_owned(), architecture: "x86_64".to_owned() });
    let sha256 = Digest([0x1a; 32]);
    let (manifest, signature) = ("{}\n".to_owned(), "untrusted comment: x\nRW\n".to_owned());

    vec![
        ("hello-platform", Frame::Hello(Hello { platform, ..hello_words(epoch) })),
        ("release-offer", Frame::ReleaseOffer(ReleaseOffer { order: 3, manifest, signature })),
        ("release-wanted", Frame::ReleaseWanted(ReleaseWanted { sha256, piece: 7 })),
        ("release-piece", Frame::ReleasePiece(ReleasePiece { sha256, piece: 7, packed: vec![0x28, 0xb5] })),
    ]
}

/// What came with telling a machine from its copy.
fn frames_of_clones(epoch: Epoch) -> Vec<(&'static str, Frame)> {
    let marks = MachineMarks {
        installation: Some(Digest([0x12; 32])),
        hardware: Some(Digest([0x13; 32])),
        serials: vec![Digest([0x14; 32])],
        network: vec![Digest([0x15; 32]), Digest([0x16; 32])],
    };
    let continuity = Continuity { number: 41, secret: ContinuitySecret([0x17; 16]) };
    let machine = Some(MachineTold { marks: marks.clone(), continuity: Some(continuity) });
    let next = Continuity { number: 42, secret: ContinuitySecret([0x18; 16]) };
    let next_step = Some(NextStep { continuity: next, set_back: true });
    let request = EnrolRequest {
        wire: 1,
        agency: AgencyId::new("so-tttt").expect("a well-formed id"),
        token: Token([9; 16]),
        request: vec![0x30, 0x82, 0x01, 0x02],
        name: "may-chu-01".to_owned(),
        version: "0.1.0".to_owned(),
        marks: Some(marks),
    };

    vec![
        ("hello-machine", Frame::Hello(Hello { machine, ..hello_words(epoch) })),
        ("welcome-step", Frame::Welcome(Welcome { next_step, ..welcome_words(false) })),
        ("enrol-request-2", Frame::EnrolRequest(request)),
        ("step-kept", Frame::StepKept(StepKept { number: 42 })),
    ]
}

fn hello(epoch: Epoch) -> Frame {
    Frame::Hello(hello_words(epoch))
}

fn hello_words(epoch: Epoch) -> Hello {
    Hello {
        wire: 1,
        version: "0.1.0".to_owned(),
        fingerprint: Digest([0x11; 32]),
        epoch,
        lanes: vec![
            LaneSpan { lane: Lane::Prompt, kept_from: Seq(17), next: Seq(35) },
            LaneSpan { lane: Lane::Bulk, kept_from: Seq(1), next: Seq(1) },
        ],
        now: AT,
        assignment: 4,
        trusts: None,
        tell_outer: None,
        machine: None,
        platform: None,
    }
}

fn welcome(full: bool) -> Frame {
    Frame::Welcome(welcome_words(full))
}

fn welcome_words(full: bool) -> Welcome {
    Welcome {
        wire: 1,
        marks: vec![
            LaneMark { lane: Lane::Prompt, kept: Seq(16), digest: None },
            LaneMark { lane: Lane::Bulk, kept: Seq(0), digest: None },
        ],
        now: AT,
        assignment: full.then(assignment),
        packages: full.then_some(Digest([0x22; 32])),
        standing: None,
        dictionary: None,
        line: None,
        next_step: None,
    }
}

/// With what was added after the first release.
fn hello_later(frame: Frame) -> Frame {
    let Frame::Hello(hello) = frame else { return frame };

    Frame::Hello(Hello { tell_outer: Some(true), ..hello })
}

/// The word of a collector that asks its fleet to come back spread over a time.
fn welcome_spread() -> Frame {
    let line = Line { promised_secs: 180, outer: None, again_within_secs: Some(34) };

    Frame::Welcome(Welcome { line: Some(line), ..welcome_words(false) })
}

fn welcome_later(frame: Frame) -> Frame {
    let line = Line { promised_secs: 600, outer: Some(OUTER.to_owned()), again_within_secs: None };
    let Frame::Welcome(welcome) = frame else { return frame };

    Frame::Welcome(Welcome { line: Some(line), ..welcome })
}

fn assignment() -> Assignment {
    let watch = vec![WatchPath { area: Area::Data, path: "/dữ liệu/Hoà Bình".to_owned() }];

    Assignment {
        version: 5,
        watch,
        heartbeat_secs: 60,
        inventory_secs: 3600,
        rebaseline: None,
        daily_budget_kib: None,
        language_roots: None,
        records: None,
    }
}

fn order() -> RebaselineOrder {
    RebaselineOrder {
        number: 3, root: "/etc".to_owned(), by: "an".to_owned(), reason: "nâng cấp".to_owned()
    }
}

fn enrolled(agency: AgencyId) -> Enrolled {
    Enrolled {
        host: HostId([0xab; 16]),
        agency,
        agency_name: "Sở Thông tin và Truyền thông".to_owned(),
        certificate: vec![0x30, 0x01],
        authority: vec![0x30, 0x02],
        now: AT,
        approved: true,
    }
}

pub(crate) fn observations() -> Vec<(String, Observation)> {
    let mut kinds = first_released();
    kinds.extend(files_later());
    kinds.push(Kind::MachineSetBack(MachineSetBack {
        step: 38,
        newest: 41,
        address: "10.0.0.9:50001".to_owned(),
    }));

    kinds.extend(records());
    kinds.push(posture());
    kinds.push(activation());

    let third = [Kind::Health(Health { traffic: Some(traffic()), ..health() })];
    let first = kinds.into_iter().map(|kind| (format!("observation-{}.cbor", kind.word()), kind));
    let second = grown().into_iter().map(|kind| (format!("observation-{}-2.cbor", kind.word()), kind));

    let third = third.into_iter().chain(software_grown());
    let third = third.map(|kind| (format!("observation-{}-3.cbor", kind.word()), kind));

    let windows = [
        ("observation-patch_state-windows.cbor".to_owned(), of_windows()),
        ("observation-patch_state-windows-2.cbor".to_owned(), of_windows_grown()),
        ("observation-posture-2.cbor".to_owned(), posture_turned()),
        ("observation-activation-2.cbor".to_owned(), activation_unknown()),
        ("observation-host_described-windows.cbor".to_owned(), of_domain()),
        ("observation-packages_changed-windows.cbor".to_owned(), program()),
    ];

    first
        .chain(second)
        .chain(third)
        .chain(windows)
        .map(|(name, kind)| (name, Observation { at: AT, kind }))
        .collect()
}

/// The kinds of the first release; the released batch holds them in this order.
fn first_released() -> Vec<Kind> {
    let mut kinds = own();
    kinds.extend(files());
    kinds.extend(software());
    kinds.extend(collectors());

    kinds
}

/// Kinds that got fields after their first release, with those filled.
fn grown() -> Vec<Kind> {
    let file = file_state();
    let health = health();

    vec![
        Kind::Health(Health { watch_mode: Some(WatchMode::Directories), ..health }),
        Kind::FileChanged(FileChanged {
            before: Some(FileState { flags: Some(flag::IMMUTABLE), ..file.clone() }),
            after: Some(FileState { flags: Some(0), ..file.clone() }),
            package: Some(FromPackage {
                name: "openssh-server".to_owned(),
                version: "1:9.2p1-2".to_owned(),
                verdict: PackageVerdict::Differs,
            }),
            text: Some(TextDifference {
                digest: Digest([0xaa; 32]),
                added: 2,
                removed: 1,
                lines: Some("+PermitRootLogin yes".to_owned()),
            }),
            ..file_changed(file)
        }),
        Kind::BaselineTaken(BaselineTaken {
            by: Some("an".to_owned()),
            reason: Some("nâng cấp".to_owned()),
            previous: Some(Digest([0x56; 32])),
            ..baseline_taken()
        }),
        Kind::IdentityTwice(IdentityTwice {
            by: Some(TwiceBy::Continuity),
            before: Some("10.0.0.7:50000".to_owned()),
            ..identity_twice()
        }),
        Kind::PackagesChanged(PackagesChanged {
            before: Digest([0x77; 32]),
            after: Digest([0x78; 32]),
            added: vec![wheel()],
            removed: vec![wheel().key()],
        }),
    ]
}

/// A host that has joined a domain.
fn of_domain() -> Kind {
    let mut kinds = own().into_iter();
    let described = kinds.find_map(|kind| if let Kind::HostDescribed(it) = kind { Some(it) } else { None });
    let described = described.expect("there is a sample of one");

    Kind::HostDescribed(HostDescribed {
        domain: Some("LAOCAI".to_owned()),
        workgroup: Some("WORKGROUP".to_owned()),
        ..described
    })
}

fn own() -> Vec<Kind> {
    vec![
        Kind::AgentStarted(AgentStarted {
            version: "0.1.0".to_owned(),
            after_crash: true,
            watched_until: Some(AT),
        }),
        Kind::AgentStopped(AgentStopped { reason: "service".to_owned() }),
        Kind::Health(health()),
        Kind::HostDescribed(HostDescribed {
            name: "may-chu-01".to_owned(),
            role: Role::Server,
            os_family: "linux".to_owned(),
            os_id: "debian".to_owned(),
            os_version: "12".to_owned(),
            os_name: "Debian GNU/Linux 12 (bookworm)".to_owned(),
            kernel: "6.1.0-28-amd64".to_owned(),
            architecture: "x86_64".to_owned(),
            processor: "a processor".to_owned(),
            processors: 8,
            memory_bytes: 1 << 34,
            disk_bytes: 1 << 40,
            vendor: "a maker".to_owned(),
            model: "a model".to_owned(),
            firmware_date: Some("2021-05-04".to_owned()),
            addresses: vec!["10.0.0.7".to_owned()],
            booted_at: AT,
            virtualisation: Some("kvm".to_owned()),
            domain: None,
            workgroup: None,
        }),
        Kind::SpoolDropped(SpoolDropped { lane: Lane::Bulk, count: 300, from: AT, until: AT }),
        Kind::AssignmentRefused(AssignmentRefused { version: 6, reason: "too many paths".to_owned() }),
        Kind::SensorFailed(SensorFailed { sensor: "packages".to_owned(), reason: "unreadable".to_owned() }),
    ]
}

fn health() -> Health {
    Health {
        uptime_secs: 86_400,
        waiting: 12,
        waiting_bytes: 4096,
        dropped: 1,
        watch_losses: 2,
        memory_bytes: 20_000_000,
        processor_ms: 1234,
        baseline_paths: 40_000,
        exclusions: 1,
        clock_offset_ms: Some(-250),
        watch_mode: None,
        traffic: None,
    }
}

fn traffic() -> Traffic {
    Traffic { sent_today: 40_000, received_today: 20_000, budget: Some(524_288), beat_secs: 240, moves: 1 }
}

fn file_state() -> FileState {
    FileState {
        kind: FileKind::Link,
        size: 7,
        digest: Some(Digest([0x33; 32])),
        mode: 0o644,
        owner: "root".to_owned(),
        group: "root".to_owned(),
        modified: AT,
        changed: AT,
        link_target: Some(HostPath::from_bytes(b"/x\xff")),
        attributes: Some(Digest([0x44; 32])),
        flags: None,
    }
}

fn file_changed(state: FileState) -> FileChanged {
    FileChanged {
        path: HostPath::from_text("/etc/ssh/sshd_config"),
        area: Area::Configuration,
        root: HostPath::from_text("/etc"),
        action: FileAction::MetadataChanged,
        before: Some(FileState { digest: None, link_target: None, attributes: None, ..state.clone() }),
        after: Some(state),
        while_off: true,
        not_before: Some(AT),
        actor: Some(actor()),
        package: None,
        text: None,
    }
}

fn actor() -> Actor {
    Actor {
        process: 77,
        program: Some(HostPath::from_text("/usr/bin/vi")),
        user: Some("an".to_owned()),
        session: Some(3),
    }
}

fn baseline_taken() -> BaselineTaken {
    BaselineTaken {
        root: HostPath::from_text("/etc"),
        area: Area::Configuration,
        paths: 3000,
        bytes: 12_000_000,
        digest: Digest([0x55; 32]),
        unreadable: 2,
        took_ms: 850,
        by: None,
        reason: None,
        previous: None,
    }
}

fn files() -> Vec<Kind> {
    vec![
        Kind::FileChanged(file_changed(file_state())),
        Kind::BaselineTaken(baseline_taken()),
        Kind::WatchLost(WatchLost {
            roots: vec![HostPath::from_text("/etc")],
            reason: WatchLossReason::AgentOverloaded,
            from: AT,
            until: Some(AT),
        }),
    ]
}

fn files_later() -> Vec<Kind> {
    vec![
        Kind::FilesInstalled(FilesInstalled {
            manager: "dpkg".to_owned(),
            packages: vec![InstalledPackage {
                name: "openssl".to_owned(),
                version: "3.0.16-1".to_owned(),
                files: 40,
            }],
            created: 1,
            modified: 38,
            deleted: 1,
            digest: Digest([0xbb; 32]),
            from: AT,
            while_off: true,
            not_before: Some(AT),
            actor: Some(actor()),
        }),
        Kind::ChangeBurst(ChangeBurst {
            root: HostPath::from_text("/srv/data"),
            area: Area::Data,
            actor: Some(actor()),
            rewritten: 300,
            renamed: 300,
            from: AT,
            until: AT,
        }),
        Kind::AgentUpgrade(AgentUpgrade {
            outcome: UpgradeOutcome::Returned,
            from: "0.1.0".to_owned(),
            to: "0.2.0".to_owned(),
            reason: Some(UpgradeReason::Silent),
            order: Some(3),
        }),
        Kind::CertificateEnding(CertificateEnding { issued_at: AT, not_after: AT, connected: false }),
        Kind::BudgetReached(BudgetReached {
            day: "2026-11-22".to_owned(),
            budget: 524_288,
            sent: 400_000,
            received: 124_300,
            waiting: 12,
        }),
        Kind::WatchModeChanged(WatchModeChanged {
            roots: vec![HostPath::from_text("/srv/data")],
            mode: WatchMode::Directories,
            before: Some(WatchMode::FileSystem),
            reason: "the file system gives no handles".to_owned(),
        }),
    ]
}

fn identity_twice() -> IdentityTwice {
    IdentityTwice {
        enrolled: Digest([0x88; 32]),
        found: Digest([0x99; 32]),
        address: "10.0.0.9".to_owned(),
        by: None,
        before: None,
    }
}

fn collectors() -> Vec<Kind> {
    vec![
        Kind::AgentSilent(AgentSilent { last_heard: AT, promised_secs: 180 }),
        Kind::AgentHeard(AgentHeard { silent_since: AT }),
        Kind::IdentityTwice(identity_twice()),
        Kind::HostMisbehaved(HostMisbehaved { reason: "frame too long".to_owned(), count: 3 }),
        Kind::RecordsMissing(RecordsMissing { lane: Lane::Prompt, first: 5, last: 9 }),
    ]
}
