//! How the agent fares, for the administrator of its machine: `status.json`, written by the loop, read by `status`.

use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use serde::{Deserialize, Serialize};
use vonggac_carrier::Way;
use vonggac_protocol::file::WatchMode;
use vonggac_protocol::id::{AgencyId, HostId};
use vonggac_protocol::line::Traffic;
use vonggac_protocol::renewal::Standing;
use vonggac_protocol::time::Timestamp;

use crate::keep;
use crate::os::Confinement;
use crate::print::{Lang, Message, bytes};
use crate::sensor::files::ScanStats;

const FILENAME: &str = "status.json";

/// A queue that is fuller than this, percent, is a problem before it drops anything.
const NEARLY_FULL_PERCENT: u64 = 80;

/// Three times the longest pause between two statuses.
const STANDS_STILL: Duration = Duration::from_secs(180);

/// How the agent fares.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// Its process.
    pub process: u32,
    /// When it started.
    pub started_at: Timestamp,
    /// When this was written.
    pub at: Timestamp,
    /// The host.
    pub host: HostId,
    /// Its agency.
    pub agency: AgencyId,
    /// The agency's name for people.
    pub agency_name: String,
    /// Where the collector is.
    pub address: String,
    /// Whether there is a connection.
    pub connected: bool,
    /// Since when that is so; `None` if there was none so far.
    pub connection_since: Option<Timestamp>,
    /// Why there is none: the name of a message.
    pub reason: Option<String>,
    /// By which way there is or was one last, `quic` or `tcp`.
    #[serde(default)]
    pub way: Option<String>,
    /// Records that wait in the prompt lane.
    pub waiting_prompt: u64,
    /// Records that wait in the bulk lane.
    pub waiting_bulk: u64,
    /// Bytes the spool takes.
    pub spool_bytes: u64,
    /// Bytes it may take.
    pub spool_bytes_max: u64,
    /// Records dropped since the start.
    pub dropped: u64,
    /// Interruptions of the file watch since the start.
    pub watch_losses: u64,
    /// The weakest means by which any path is watched; `None` before that is known.
    #[serde(default)]
    pub watch_mode: Option<WatchMode>,
    /// The scan under way, if any.
    #[serde(default)]
    pub scan: Option<ScanStats>,
    /// Whether every watched path was scanned since the start.
    #[serde(default)]
    pub is_scanned: bool,
    /// Bytes sent since the start, IP and UDP headers included.
    pub wire_sent_bytes: u64,
    /// Bytes received since the start, likewise.
    pub wire_received_bytes: u64,
    /// What was moved today, the budget for it, and the rhythm of signs of life; `None` before that is known.
    #[serde(default)]
    pub today: Option<Traffic>,
    /// Resident memory.
    pub memory_bytes: u64,
    /// Above this an operator should look; nothing is cut at it. 0: not known.
    #[serde(default)]
    pub memory_bytes_max: u64,
    /// Processor time since the start.
    pub processor_ms: u64,
    /// Share of one processor that a scan may take, percent. 0: not known.
    #[serde(default)]
    pub cpu_percent_max: u8,
    /// Bytes of the baseline on the disk.
    #[serde(default)]
    pub baseline_bytes: u64,
    /// Paths in the baseline.
    pub baseline_paths: u64,
    /// Exclusions in the configuration; counted only.
    pub exclusions: u32,
    /// Milliseconds that this clock is ahead of the collector's, at the last hello.
    pub clock_offset_ms: Option<i64>,
    /// The span of the certificate, as the collector said at the last hello.
    #[serde(default)]
    pub certificate: Option<CertificateSpan>,
    /// How far the part that talks to the network is kept apart; `None` before that is known.
    #[serde(default)]
    pub confined: Option<Confinement>,
    /// Version of the assignment that is followed.
    pub assignment: u64,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// From when until when a certificate counts, by the collector's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CertificateSpan {
    /// When it was issued: at enrolment, or renewed.
    pub issued_at: Timestamp,
    /// Until when it counts.
    pub not_after: Timestamp,
}

impl CertificateSpan {
    /// As a welcome says it.
    #[must_use]
    pub fn of(standing: &Standing) -> Self {
        Self { issued_at: standing.issued_at, not_after: standing.not_after }
    }

    /// Whether it should have been renewed some time ago: less than a sixth is left.
    #[must_use]
    pub fn is_ending(&self, now: Timestamp) -> bool {
        self.not_after.since(now) < self.not_after.since(self.issued_at) / 6
    }
}

/// Something that an operator should look at: the name of a message, and the sensor it speaks of.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Problem {
    /// The message.
    pub id: String,
    /// The sensor, where the message names one.
    pub sensor: Option<String>,
}

impl Problem {
    /// A problem without a sensor.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), sensor: None }
    }

    fn message(&self) -> Message {
        let message = Message::named(self.id.clone());
        match &self.sensor {
            Some(sensor) => message.with("sensor", sensor),
            None => message,
        }
    }
}

impl Status {
    /// Writes it for others to read.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn write(&self, state_dir: &Path) -> io::Result<()> {
        let json = serde_json::to_vec_pretty(self).map_err(io::Error::other)?;

        keep::write_view(&state_dir.join(FILENAME), &json)
    }

    /// Reads what was written last; `None` if nothing was.
    ///
    /// # Errors
    /// If it is there and cannot be read.
    pub fn read(state_dir: &Path) -> io::Result<Option<Self>> {
        match fs::read(state_dir.join(FILENAME)) {
            Ok(json) => serde_json::from_slice(&json).map(Some).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A running agent writes its status every minute: one that has not for long is itself a problem.
    pub fn judge_age(&mut self, running: bool, now: Timestamp) {
        if running && now.since(self.at) > STANDS_STILL {
            self.problems.push(Problem::new("problem-stands-still"));
        }
    }

    /// What is wrong now, given whether the agent runs.
    #[must_use]
    pub fn problems(&self, running: bool) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !running {
            problems.push(Problem::new("problem-not-running"));
        } else if !self.connected {
            problems.push(Problem::new("problem-disconnected"));
        }
        if self.spool_bytes.saturating_mul(100) > self.spool_bytes_max.saturating_mul(NEARLY_FULL_PERCENT) {
            problems.push(Problem::new("problem-spool-nearly-full"));
        }
        if self.certificate.is_some_and(|certificate| certificate.is_ending(self.at)) {
            problems.push(Problem::new("problem-certificate-ending"));
        }
        if self.dropped > 0 {
            problems.push(Problem::new("problem-dropped"));
        }
        if self.memory_bytes_max > 0 && self.memory_bytes > self.memory_bytes_max {
            problems.push(Problem::new("problem-memory"));
        }
        problems.extend(self.problems.iter().cloned());

        problems
    }

    /// Percent of one processor taken since the start, with one decimal.
    fn processor_share(&self) -> String {
        let uptime = u64::try_from(self.at.since(self.started_at).as_millis()).unwrap_or(u64::MAX).max(1);
        let permille = self.processor_ms.saturating_mul(1_000) / uptime;

        format!("{}.{}", permille / 10, permille % 10)
    }

    /// The status in words, line by line.
    #[must_use]
    pub fn say(&self, running: bool, last_sent: Option<&str>, lang: Lang) -> Vec<String> {
        let problems = self.problems(running);
        let mut messages = vec![
            if running {
                Message::new("status-running")
                    .with("version", &self.version)
                    .with("process", self.process)
                    .with("since", local(self.started_at))
            } else {
                Message::new("status-not-running").with("at", local(self.at))
            },
            Message::new("status-host").with("host", self.host).with("agency", &self.agency_name),
            Message::new("status-queue")
                .with("prompt", self.waiting_prompt)
                .with("bulk", self.waiting_bulk)
                .with("bytes", bytes(self.spool_bytes))
                .with("max", bytes(self.spool_bytes_max)),
            Message::new("status-losses").with("dropped", self.dropped).with("watch", self.watch_losses),
            match last_sent {
                Some(at) => Message::new("status-last-sent").with("at", at),
                None => Message::new("status-nothing-sent"),
            },
            Message::new("status-wire")
                .with("sent", bytes(self.wire_sent_bytes))
                .with("received", bytes(self.wire_received_bytes)),
            Message::new("status-use")
                .with("memory", bytes(self.memory_bytes))
                .with("most", bytes(self.memory_bytes_max))
                .with("processor", self.processor_ms / 1000)
                .with("uptime", self.at.since(self.started_at).as_secs())
                .with("share", self.processor_share())
                .with("scan", self.cpu_percent_max),
            Message::new("status-baseline")
                .with("paths", self.baseline_paths)
                .with("bytes", bytes(self.baseline_bytes))
                .with("exclusions", self.exclusions),
        ];
        messages.extend(self.today.map(line_today));
        if let Some(certificate) = self.certificate {
            messages.push(
                Message::new("status-certificate")
                    .with("until", local(certificate.not_after))
                    .with("issued", local(certificate.issued_at)),
            );
        }
        if let Some(mode) = self.watch_mode {
            messages.push(Message::new("status-watch").with("mode", Message::new(mode_id(mode)).say(lang)));
        }
        if running {
            messages.extend(self.confined.map(|confined| Message::new(confined_id(confined))));
            messages.push(self.scanning());
            messages.insert(2, self.connection(lang));
        }
        if problems.is_empty() {
            messages.push(Message::new("status-good"));
        }
        messages.extend(
            problems
                .iter()
                .map(|problem| Message::new("status-problem").with("problem", problem.message().say(lang))),
        );

        messages.into_iter().map(|message| message.say(lang)).collect()
    }

    fn scanning(&self) -> Message {
        match self.scan {
            Some(scan) => Message::new(if scan.is_first { "status-scan-first" } else { "status-scan-again" })
                .with("since", local(scan.since))
                .with("paths", scan.paths)
                .with("bytes", bytes(scan.bytes)),
            None if self.is_scanned => Message::new("status-scanned"),
            None => Message::new("status-not-scanned"),
        }
    }

    fn connection(&self, lang: Lang) -> Message {
        let reason = match &self.reason {
            Some(id) => Message::named(id.clone()).with("address", &self.address),
            None => Message::new("status-connecting"),
        };
        match (self.connected, self.connection_since) {
            (true, Some(since)) if self.way.as_deref() == Some(Way::Tcp.word()) => {
                Message::new("status-connected-tcp").with("since", local(since))
            }
            (true, Some(since)) => Message::new("status-connected").with("since", local(since)),
            (false, Some(since)) => Message::new("status-disconnected")
                .with("since", local(since))
                .with("reason", reason.say(lang)),
            (_, None) => Message::new("status-never-connected").with("reason", reason.say(lang)),
        }
        .with("address", &self.address)
    }
}

fn line_today(today: Traffic) -> Message {
    Message::new(match today.budget {
        Some(_) => "status-wire-budget",
        None => "status-wire-today",
    })
    .with("moved", bytes(today.total()))
    .with("budget", bytes(today.budget.unwrap_or(0)))
    .with("beat", today.beat_secs)
    .with("moves", today.moves)
}

fn mode_id(mode: WatchMode) -> &'static str {
    match mode {
        WatchMode::FileSystem => "watch-file-system",
        WatchMode::Directories => "watch-directories",
        WatchMode::ScanOnly => "watch-scan-only",
    }
}

fn confined_id(confined: Confinement) -> &'static str {
    match confined {
        Confinement::Whole => "status-apart",
        Confinement::Partial => "status-apart-partly",
        Confinement::RightsOnly => "status-apart-rights",
        Confinement::NotAvailable => "status-apart-not-available",
        Confinement::Failed => "status-apart-failed",
    }
}

/// A moment in Vietnam's zone, as people there write it.
#[must_use]
pub fn local(moment: Timestamp) -> String {
    let Ok(moment) = jiff::Timestamp::from_millisecond(moment.0) else { return moment.to_string() };
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(7));

    moment.to_zoned(zone).strftime("%d/%m/%Y %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Status {
        Status {
            version: "0.1.0".to_owned(),
            process: 7,
            started_at: Timestamp(1_795_312_345_000),
            at: Timestamp(1_795_312_345_000),
            host: HostId([5; 16]),
            agency: AgencyId::new("so-tttt").unwrap(),
            agency_name: "Sở Thông tin".to_owned(),
            address: "thu-thap:4433".to_owned(),
            connected: false,
            connection_since: Some(Timestamp(1_795_312_345_000)),
            reason: Some("dial-silent".to_owned()),
            way: None,
            waiting_prompt: 3,
            waiting_bulk: 4,
            spool_bytes: 90,
            spool_bytes_max: 100,
            dropped: 0,
            watch_losses: 0,
            watch_mode: Some(WatchMode::FileSystem),
            scan: None,
            is_scanned: true,
            wire_sent_bytes: 0,
            wire_received_bytes: 0,
            today: None,
            memory_bytes: 20 << 20,
            memory_bytes_max: 64 << 20,
            cpu_percent_max: 25,
            baseline_bytes: 1 << 20,
            processor_ms: 1500,
            baseline_paths: 10,
            exclusions: 1,
            clock_offset_ms: None,
            certificate: None,
            confined: Some(Confinement::Whole),
            assignment: 0,
            problems: Vec::new(),
        }
    }

    #[test]
    fn a_status_reads_back_and_names_the_failing_layer_in_vietnamese() {
        let folder = tempfile::tempdir().unwrap();
        sample().write(folder.path()).unwrap();

        let status = Status::read(folder.path()).unwrap().unwrap();
        let said = status.say(true, None, Lang::Vi).join("\n");

        assert_eq!(status, sample());
        assert!(
            said.contains(
                "KHÔNG kết nối với thu-thap:4433 từ 22/11/2026 08:52:25: thu-thap:4433 không trả lời qua UDP"
            ),
            "{said}"
        );
        assert!(said.contains("hàng đợi đã đầy hơn 80 %") && said.contains("20,0 MiB"), "{said}");
    }

    #[test]
    fn more_memory_than_the_setting_is_a_problem_and_use_stands_beside_the_limits() {
        let greedy = Status { memory_bytes: 65 << 20, processor_ms: 500, ..sample() };
        let greedy = Status { at: greedy.started_at.plus(Duration::from_secs(10)), ..greedy };

        assert!(greedy.problems(true).iter().any(|problem| problem.id == "problem-memory"));
        assert!(!sample().problems(true).iter().any(|problem| problem.id == "problem-memory"));
        let said = greedy.say(true, None, Lang::En).join("\n");
        assert!(
            said.contains("5.0 % of one processor (a scan may take 25 %)") && said.contains("64"),
            "{said}"
        );
    }

    #[test]
    fn the_span_of_the_certificate_is_said_and_one_that_nears_its_end_is_a_problem() {
        let day = Duration::from_secs(24 * 60 * 60);
        let span = |left| {
            let at = sample().at;
            let certificate = CertificateSpan {
                issued_at: at.plus(day * left).minus(day * 30),
                not_after: at.plus(day * left),
            };
            Status { certificate: Some(certificate), ..sample() }
        };
        let is_problem =
            |status: &Status| status.problems(true).iter().any(|one| one.id == "problem-certificate-ending");

        assert!(is_problem(&span(4)) && !is_problem(&span(6)) && !is_problem(&sample()));
        let said = span(6).say(true, None, Lang::En).join("\n");
        assert!(said.contains("28/11/2026") && said.contains("29/10/2026"), "{said}");
    }

    #[test]
    fn a_running_agent_whose_status_is_old_stands_still() {
        let mut status = sample();
        let later = status.at.plus(STANDS_STILL);

        status.judge_age(true, later);
        assert!(status.problems.is_empty());
        status.judge_age(true, later.plus(Duration::from_secs(1)));
        assert_eq!(status.problems(true).last().unwrap().id, "problem-stands-still");
        assert!(status.say(true, None, Lang::En).join("\n").contains("no sign for minutes"));
    }

    #[test]
    fn an_agent_that_does_not_run_is_the_first_problem() {
        let connected = Status { connected: true, ..sample() };

        assert_eq!(connected.problems(false)[0].id, "problem-not-running");
        assert!(!connected.say(false, None, Lang::Vi).join("\n").contains("Đang kết nối"));
    }
}
