//! What the machine's operator does to incidents: the same acts as in the console, under the operator's name.

use anyhow::bail;
use clap::Subcommand;
use vonggac_protocol::time::Timestamp;

use super::super::Setting;
use crate::desk::casework::why;
use crate::desk::words::Language;
use crate::print::Lang;
use crate::store::Store;
use crate::store::audit::OPERATOR;
use crate::store::casework::{self, Act, Deed, Done};
use crate::store::view::Scope;
use crate::store::view::words::{Outcome, Severity, State};

#[derive(Subcommand, Debug)]
pub(in crate::cli) enum Work {
    /// Tiếp nhận / acknowledge
    Ack {
        /// Số / number
        id: i64,
    },
    /// Chuyển trạng thái / move on, or back with a reason
    Move {
        /// Số / number
        id: i64,
        /// analysis, contained, eradicated, recovered
        #[arg(value_parser = state)]
        to: State,
        /// Lý do / reason
        #[arg(long, default_value = "")]
        text: String,
    },
    /// Ghi chú / write a note
    Comment {
        /// Số / number
        id: i64,
        /// Nội dung / the note
        text: String,
    },
    /// Đóng / close
    Close {
        /// Số / number
        id: i64,
        /// `true_impact`, `true_no_impact`, `false_alarm`, `planned_change`, `duplicate`, unknown
        #[arg(long, value_parser = outcome)]
        outcome: Outcome,
        /// Ghi chú / note
        #[arg(long)]
        text: String,
    },
    /// Mở lại / open again
    Reopen {
        /// Số / number
        id: i64,
        /// Lý do / reason
        #[arg(long)]
        text: String,
    },
    /// Giao cho một người / give to somebody
    Assign {
        /// Số / number
        id: i64,
        /// Tên / name
        person: String,
    },
    /// Đặt người soát xét / set the reviewer
    Review {
        /// Số / number
        id: i64,
        /// Tên; bỏ trống: không còn / name; absent: nobody
        person: Option<String>,
    },
    /// Đổi mức độ / change the severity
    Grade {
        /// Số / number
        id: i64,
        /// low, medium, high, critical
        #[arg(value_parser = severity)]
        severity: Severity,
        /// Lý do / reason
        #[arg(long)]
        text: String,
    },
    /// Đặt nhãn TLP hoặc PAP / set a TLP or PAP label
    Label {
        /// Số / number
        id: i64,
        /// TLP:CLEAR … TLP:RED, PAP:CLEAR … PAP:RED
        label: String,
    },
    /// Đánh dấu hoặc bỏ dấu / set a mark or take it away
    Mark {
        /// Số / number
        id: i64,
        /// serious, `public_order`, `personal_data`, `sensitive_data`, `beyond_ability`
        mark: String,
        /// Bỏ dấu / take it away
        #[arg(long)]
        off: bool,
        /// Lý do / reason
        #[arg(long)]
        text: String,
    },
    /// Diễn tập trong số giờ; 0: sự cố thật / a drill for so many hours; 0: real
    Drill {
        /// Số / number
        id: i64,
        /// Số giờ / hours
        hours: u32,
        /// Lý do / reason
        #[arg(long)]
        text: String,
    },
    /// Tạm dừng thời hạn nội bộ / pause its own clocks
    Pause {
        /// Số / number
        id: i64,
        /// Lý do / reason
        #[arg(long)]
        text: String,
    },
    /// Cho thời hạn chạy lại / let them run again
    Resume {
        /// Số / number
        id: i64,
        /// Lý do / reason
        #[arg(long)]
        text: String,
    },
    /// Giao việc / give a task
    Task {
        /// Số / number
        id: i64,
        /// Việc cần làm / what is to be done
        text: String,
        /// Hạn / until when, such as 2026-12-01T17:00:00+07:00
        #[arg(long)]
        due: Timestamp,
    },
    /// Trả lời việc / answer a task
    Answer {
        /// Số / number
        id: i64,
        /// Số của việc / the task's number
        task: i64,
        /// Nội dung / the answer
        text: String,
        /// Mã quan sát hoặc sha256:… / observation ids or sha256:…
        #[arg(long)]
        evidence: Vec<String>,
    },
    /// Chấp nhận trả lời / accept an answer
    Accept {
        /// Số / number
        id: i64,
        /// Số của việc / the task's number
        task: i64,
    },
    /// Trả lại việc / send an answer back
    Return {
        /// Số / number
        id: i64,
        /// Số của việc / the task's number
        task: i64,
        /// Lý do / reason
        #[arg(long)]
        text: String,
    },
    /// Rút việc / take a task back
    Withdraw {
        /// Số / number
        id: i64,
        /// Số của việc / the task's number
        task: i64,
        /// Lý do / reason
        #[arg(long)]
        text: String,
    },
    /// Gộp vào sự cố khác / merge into another
    Merge {
        /// Số / number
        id: i64,
        /// Số của sự cố kia / the other's number
        into: i64,
        /// Lý do / reason
        #[arg(long)]
        text: String,
    },
    /// Tách máy thành sự cố riêng / split hosts off
    Split {
        /// Số / number
        id: i64,
        /// Mã máy / host ids
        #[arg(required = true)]
        hosts: Vec<String>,
        /// Lý do / reason
        #[arg(long)]
        text: String,
    },
    /// Liên kết máy, tệp, gói / link a host, file or package
    Link {
        /// Số / number
        id: i64,
        /// host, file, package
        kind: String,
        /// Giá trị / value
        value: String,
        /// Bỏ liên kết / unlink
        #[arg(long)]
        off: bool,
    },
    /// Điền một ô của biểu mẫu / fill a field of its forms
    Fill {
        /// Số / number
        id: i64,
        /// Tên ô / the field's word
        field: String,
        /// Giá trị / value
        value: String,
    },
    /// Gửi báo cáo tới nơi nhận của các vai; ghi nhận khi mọi bên đã xác nhận / send a report to its addressees
    SendReport {
        /// Số / number
        id: i64,
        /// Mã nghĩa vụ / the duty's word
        duty: String,
        /// Số văn bản / the letter's own number
        #[arg(long)]
        number: String,
        /// Chỉ vai này; dùng được nhiều lần / only this addressee; may be repeated
        #[arg(long)]
        to: Vec<String>,
    },
    /// Ghi nhận đã gửi báo cáo / note a report as sent
    Report {
        /// Số / number
        id: i64,
        /// Nghĩa vụ / the duty's word
        duty: String,
        /// Số văn bản / the letter's number
        number: String,
        /// Gửi lúc / sent at
        #[arg(long)]
        sent_at: Option<Timestamp>,
    },
}

fn state(word: &str) -> Result<State, String> {
    State::of(word).ok_or_else(|| listed(State::ALL, State::word))
}

fn outcome(word: &str) -> Result<Outcome, String> {
    Outcome::of(word).ok_or_else(|| listed(Outcome::ALL, Outcome::word))
}

fn severity(word: &str) -> Result<Severity, String> {
    Severity::of(word).ok_or_else(|| listed(Severity::ALL, Severity::word))
}

fn listed<T: Copy>(all: &[T], word: fn(T) -> &'static str) -> String {
    all.iter().map(|one| word(*one)).collect::<Vec<_>>().join(", ")
}

impl Work {
    fn act(self) -> (i64, Act) {
        match self {
            Self::Ack { id } => (id, Act::Acknowledge),
            Self::Move { id, to, text } => (id, Act::Move { to, text }),
            Self::Comment { id, text } => (id, Act::Comment { text }),
            Self::Close { id, outcome, text } => (id, Act::Close { outcome, text }),
            Self::Reopen { id, text } => (id, Act::Reopen { text }),
            Self::Assign { id, person } => (id, Act::Assign { person }),
            Self::Review { id, person } => (id, Act::Review { person }),
            Self::Grade { id, severity, text } => (id, Act::Grade { severity, text }),
            Self::Label { id, label } if label.starts_with("PAP:") => (id, Act::Pap { label }),
            Self::Label { id, label } => (id, Act::Tlp { label }),
            Self::Mark { id, mark, off, text } => (id, Act::Mark { mark, on: !off, text }),
            Self::Drill { id, hours, text } => (id, Act::Drill { hours, text }),
            Self::Pause { id, text } => (id, Act::Pause { text }),
            Self::Resume { id, text } => (id, Act::Resume { text }),
            Self::Task { id, text, due } => (id, Act::AddTask { text, due_at: due }),
            Self::Answer { id, task, text, evidence } => (id, Act::AnswerTask { task, text, evidence }),
            Self::Accept { id, task } => (id, Act::AcceptTask { task }),
            Self::Return { id, task, text } => (id, Act::ReturnTask { task, text }),
            Self::Withdraw { id, task, text } => (id, Act::WithdrawTask { task, text }),
            Self::Merge { id, into, text } => (id, Act::Merge { into, text }),
            Self::Split { id, hosts, text } => (id, Act::Split { hosts, text }),
            Self::Link { id, kind, value, off: false } => (id, Act::Link { kind, value }),
            Self::Link { id, kind, value, off: true } => (id, Act::Unlink { kind, value }),
            Self::Fill { id, field, value } => (id, Act::Fill { field, value }),
            Self::SendReport { id, duty, number, to } => (id, Act::SendReport { duty, number, to }),
            Self::Report { id, duty, number, sent_at } => (id, Act::Report { duty, number, sent_at }),
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "two acts have words of their own, from before there were more"
    )]
    pub(super) async fn run(self, setting: &Setting, store: &Store, now: Timestamp) -> anyhow::Result<()> {
        let (id, act) = self.act();
        let asked = act.clone();
        let done = store
            .write(move |tx| {
                let scope = Scope::All;
                let deed = Deed { incident: id, person: OPERATOR, scope: &scope, at: now, seen: None, act };
                casework::act(tx, &deed)
            })
            .await?;
        let t = match setting.lang {
            Lang::Vi => Language::Vi,
            Lang::En => Language::En,
        };
        match done {
            Done::Kept(..) => {
                match asked {
                    Act::Acknowledge => setting.tell("cli-incident-acknowledged", &[("id", &id)]),
                    Act::Close { outcome, .. } => {
                        setting.tell("cli-incident-closed", &[("id", &id), ("outcome", &outcome.word())]);
                    }
                    _ => setting.tell("cli-incident-done", &[("id", &id)]),
                }
                Ok(())
            }
            Done::Absent => bail!(setting.say("cli-incident-unknown", &[("id", &id)])),
            Done::Neighbours | Done::Changed(_) => {
                bail!(setting.say("cli-incident-neighbours", &[("id", &id)]))
            }
            Done::Unfit(state) => bail!(
                setting
                    .say("cli-incident-unfit", &[("id", &id), ("state", &t.of_list("state", state.word()))])
            ),
            Done::AnotherOpen(other) => bail!(setting.say("cli-incident-another", &[("other", &other)])),
            Done::BadNote => bail!(setting.say("cli-incident-note", &[])),
            Done::Refused(refusal) => bail!(why(t, &refusal)),
        }
    }
}
