//! A collector whose disk is full, on a file system of 24 megabytes.

#![expect(clippy::print_stderr, reason = "a test that cannot be run here says so")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use vonggac_protocol::enrolment::EnrolmentString;
use vonggac_protocol::frame::{Batch, Frame};
use vonggac_protocol::id::{Epoch, Lane, Seq};
use vonggac_protocol::observation::{AgentStopped, Kind, Observation};
use vonggac_protocol::time::Timestamp;
use vonggac_tests::crowd::{Crowd, Out, Session};
use vonggac_tests::programs::{AGENCY, Province, wait_for};

const PATIENCE: Duration = Duration::from_secs(90);

/// A small file system; unmounted when dropped.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    /// `None` where we may not mount.
    fn mount(path: &'a Path) -> Option<Self> {
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=24m,mode=700", "vonggac-test"])
            .arg(path)
            .output()
            .is_ok_and(|output| output.status.success());

        done.then(|| Self(path))
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        // Lazily: a program that is just being killed may still hold it.
        drop(Command::new("umount").arg("-l").arg(self.0).status());
    }
}

/// A text that does not compress: the database must grow by it.
fn noise(seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;

    (0..4_000)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(b'!' + u8::try_from(state % 90).unwrap())
        })
        .collect()
}

fn batch(seq: u64) -> Vec<u8> {
    let kind = Kind::AgentStopped(AgentStopped { reason: noise(seq) });
    let body = Observation { at: Timestamp(5), kind }.encode();

    Frame::Batch(Batch::pack(Epoch(1), Lane::Bulk, Seq(seq), 0, &[body])).encode()
}

fn kept(welcome: &vonggac_protocol::hello::Welcome) -> u64 {
    welcome.marks.iter().find(|mark| mark.lane == Lane::Bulk).map_or(0, |mark| mark.kept.0)
}

/// Sends one batch after the other, each after the answer to the one before; gives the last that was acknowledged.
async fn send_until(session: &mut Session, mut acknowledged: u64, last: u64) -> u64 {
    let Ok(mut lane) = session.connection.open_uni().await else { return acknowledged };
    while acknowledged < last {
        if lane.write_all(&batch(acknowledged + 1)).await.is_err() {
            break;
        }
        match tokio::time::timeout(PATIENCE, vonggac_tests::crowd::read(&mut session.answers)).await {
            Ok(Ok(Frame::Ack(ack))) => acknowledged = ack.kept.0,
            _ => break,
        }
    }

    acknowledged
}

#[test]
fn a_full_disk_is_said_nothing_acknowledged_is_lost_and_work_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("collector");
    std::fs::create_dir(&data).unwrap();
    let Some(_small) = Small::mount(&data) else {
        eprintln!("SKIPPED: a small file system cannot be mounted here (needs CAP_SYS_ADMIN)");
        return;
    };
    let province = Province::found(Path::new(env!("CARGO_BIN_EXE_measure")), folder.path()).unwrap();
    let _collector = province.serve().unwrap();
    let string = province.collector(&["token", "new", "--agency", AGENCY]).unwrap();
    let string: EnrolmentString = string.split_whitespace().last().unwrap().parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let crowd = runtime.block_on(Crowd::enrol(&string, 1, 1)).unwrap();
    let filling = data.join("filling");

    let mut session = runtime.block_on(crowd.join(0)).unwrap_or_else(|out| panic!("{out:?}"));
    let before = runtime.block_on(send_until(&mut session, 0, 20));
    assert_eq!(before, 20);
    drop(std::fs::write(&filling, vec![0x5a; 32 * 1024 * 1024]));
    let acknowledged = runtime.block_on(send_until(&mut session, before, 2_000));

    assert!(acknowledged < 2_000, "the disk is full, and everything was acknowledged");
    let refused = wait_for("a refusal", PATIENCE, || match runtime.block_on(crowd.join(0)) {
        Err(Out::Refused(refusal)) => Some(refusal),
        Ok(_) | Err(Out::Failed(_)) => None,
    })
    .unwrap();
    assert_eq!(refused.code, vonggac_protocol::hello::RefusalCode::Busy);
    assert!(refused.retry_after_secs.is_some());
    assert!(province.get("/readyz").is_err());
    assert_eq!(province.get("/api/v1/admission").unwrap()["trouble"], "full");
    assert!(province.get("/api/v1/hosts").is_ok(), "what is kept can be read");
    assert!(province.get("/api/v1/overview").is_ok());

    std::fs::remove_file(&filling).unwrap();
    let mut session = wait_for("work to go on", PATIENCE, || runtime.block_on(crowd.join(0)).ok()).unwrap();
    assert!(kept(&session.welcome) >= acknowledged, "what was acknowledged is there");
    let goal = kept(&session.welcome) + 20;
    let from = kept(&session.welcome);
    assert_eq!(runtime.block_on(send_until(&mut session, from, goal)), goal);
    wait_for("readiness", PATIENCE, || province.get("/readyz").ok()).unwrap();
    assert!(province.get("/api/v1/admission").unwrap()["trouble"].is_null());
}
