//! `incident`: what the rules found, and what people do about it.

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::json;

use super::{Setting, note};
use crate::clock;
use crate::print::{Lang, line, plain};
use crate::store::audit::OPERATOR;
use crate::store::findings;
use crate::store::incidents::{self, ClosingOutcome, Summary};

/// Findings shown with an incident.
const FINDINGS_SHOWN: u32 = 20;

#[derive(Subcommand, Debug)]
pub(super) enum Incident {
    /// Liệt kê / list
    List {
        /// Cả những sự cố đã đóng / closed ones too
        #[arg(long)]
        all: bool,
    },
    /// Xem một sự cố / show one
    Show {
        /// Số / number
        id: i64,
    },
    /// Tiếp nhận / acknowledge
    Ack {
        /// Số / number
        id: i64,
    },
    /// Đóng / close
    Close {
        /// Số / number
        id: i64,
        /// Kết quả / outcome
        #[arg(long, value_enum)]
        outcome: ClosingOutcome,
        /// Ghi chú / note
        #[arg(long, default_value = "")]
        text: String,
    },
}

impl Incident {
    pub(super) async fn run(self, setting: &Setting) -> anyhow::Result<()> {
        let store = setting.store()?;
        let now = clock::now();
        match self {
            Self::List { all } => list(setting, &store.read(move |db| incidents::list(db, all)).await?),
            Self::Show { id } => {
                let (found, findings) = store
                    .read(move |db| {
                        Ok((incidents::find(db, id)?, findings::of_incident(db, id, FINDINGS_SHOWN)?))
                    })
                    .await?;
                let found = found.with_context(|| setting.say("cli-incident-unknown", &[("id", &id)]))?;
                show(setting, &found, &findings)
            }
            Self::Ack { id } => {
                store
                    .write(move |tx| {
                        incidents::acknowledge(tx, id, OPERATOR, now)?;
                        note(
                            tx,
                            now,
                            agency_of(tx, id)?.as_deref(),
                            "incident.acknowledged",
                            &id.to_string(),
                            "",
                        )
                    })
                    .await?;
                setting.tell("cli-incident-acknowledged", &[("id", &id)]);
                Ok(())
            }
            Self::Close { id, outcome, text } => {
                store
                    .write(move |tx| {
                        incidents::close(tx, id, OPERATOR, outcome, &text, now)?;
                        let agency = agency_of(tx, id)?;
                        note(tx, now, agency.as_deref(), "incident.closed", &id.to_string(), outcome.word())
                    })
                    .await?;
                setting.tell("cli-incident-closed", &[("id", &id), ("outcome", &outcome.word())]);
                Ok(())
            }
        }
    }
}

fn agency_of(tx: &rusqlite::Transaction<'_>, id: i64) -> anyhow::Result<Option<String>> {
    Ok(incidents::find(tx, id)?.map(|found| found.agency))
}

fn title(setting: &Setting, incident: &Summary) -> String {
    plain(match setting.lang {
        Lang::Vi => &incident.title_vi,
        Lang::En => &incident.title_en,
    })
}

fn severity(setting: &Setting, incident: &Summary) -> String {
    setting.say(&format!("cli-severity-{}", incident.severity), &[])
}

fn list(setting: &Setting, all: &[Summary]) -> anyhow::Result<()> {
    if setting.json {
        line(serde_json::to_string(all)?);
        return Ok(());
    }
    if all.is_empty() {
        setting.tell("cli-incident-none", &[]);
    }
    for one in all {
        let state = setting.say(&format!("cli-state-{}", one.state), &[]);
        let (id, severity, title) = (one.id, severity(setting, one), title(setting, one));
        let (host, subject) = (plain(&one.host_name), plain(&one.subject));
        line(format!(
            "{id}\t{severity}\t{state}\t{}\t{host}\t{title}\t{subject}\t{}",
            one.agency, one.last_at
        ));
    }

    Ok(())
}

fn show(setting: &Setting, incident: &Summary, findings: &[findings::Shown]) -> anyhow::Result<()> {
    if setting.json {
        line(json!({ "incident": incident, "findings": findings }));
        return Ok(());
    }
    setting.tell("cli-incident-show", &[("id", &incident.id), ("title", &title(setting, incident))]);
    setting.tell(
        "cli-incident-facts",
        &[
            ("severity", &severity(setting, incident)),
            ("state", &setting.say(&format!("cli-state-{}", incident.state), &[])),
            ("agency", &incident.agency),
            ("host", &plain(&incident.host_name)),
            ("findings", &incident.findings),
        ],
    );
    setting.tell("cli-incident-subject", &[("subject", &plain(&incident.subject))]);
    setting.tell("cli-incident-clauses", &[("clauses", &incident.clauses.join(", "))]);
    setting.tell("cli-incident-times", &[("opened", &incident.opened_at), ("last", &incident.last_at)]);
    for finding in findings {
        setting.tell("cli-incident-evidence", &[("evidence", &finding.evidence)]);
    }

    Ok(())
}
