//! `incident`: what the rules found, and what people do about it.

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::json;
use vonggac_protocol::time::Timestamp;

use super::Setting;
use crate::clock;
use crate::desk::words::Language;
use crate::print::{Lang, line, plain};
use crate::store::findings;
use crate::store::incidents::{self, Summary};
use crate::store::view::casefile::{self, Casefile, IncidentFigures};
use crate::store::view::incidents::IncidentLine;
use crate::store::view::{Scope, Sight, incident};

mod export;
pub(super) mod work;

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
    /// Số liệu: thời gian trung bình, trễ hạn / figures: mean times, what is late
    Figures {
        /// Từ thời điểm / from this moment, such as 2026-01-01T00:00:00+07:00
        #[arg(long)]
        from: Option<Timestamp>,
        /// Đến thời điểm / until this moment
        #[arg(long)]
        until: Option<Timestamp>,
    },
    /// Xuất ra tệp cho đơn vị khác / as a file for others: STIX, MISP, IODEF, OCSF, DOCX
    Export(export::Export),
    #[command(flatten)]
    Work(work::Work),
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
                let case = store.read(move |db| case_of(db, id, now)).await?;
                show(setting, &found, &findings, case.as_ref())
            }
            Self::Figures { from, until } => {
                let (from, until) = (from.unwrap_or(Timestamp(0)), until.unwrap_or(Timestamp(now.0 + 1)));
                let figures =
                    store.read(move |db| casefile::figures(db, &Scope::All, from, until, now)).await?;
                tell_figures(setting, &figures)
            }
            Self::Export(export) => export.run(setting, &store, now).await,
            Self::Work(work) => work.run(setting, &store, now).await,
        }
    }
}

type Case = (IncidentLine, Casefile);

fn case_of(db: &rusqlite::Connection, id: i64, now: Timestamp) -> anyhow::Result<Option<Case>> {
    let Sight::Seen(found) = incident::one(db, &Scope::All, id)? else { return Ok(None) };
    let case = casefile::of(db, &found.line, now)?;

    Ok(Some((found.line, case)))
}

fn tell_figures(setting: &Setting, figures: &IncidentFigures) -> anyhow::Result<()> {
    if setting.json {
        line(serde_json::to_string(figures)?);
        return Ok(());
    }
    let mean = |secs: Option<u64>| secs.map_or_else(|| "–".to_owned(), |secs| secs.to_string());
    let ids = |all: &[i64]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    setting.tell(
        "cli-incident-figures",
        &[
            ("count", &figures.incidents),
            ("mtta", &mean(figures.mtta_secs)),
            ("mttr", &mean(figures.mttr_secs)),
            ("late", &ids(&figures.late)),
            ("duties", &ids(&figures.duties_late)),
            ("drills", &figures.drills),
        ],
    );

    Ok(())
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

fn show(
    setting: &Setting,
    incident: &Summary,
    findings: &[findings::Shown],
    case: Option<&Case>,
) -> anyhow::Result<()> {
    if setting.json {
        let (whole, case) = case.map(|(whole, case)| (json!(whole), json!(case))).unwrap_or_default();
        line(json!({ "incident": incident, "findings": findings, "whole": whole, "casefile": case }));
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
    if let Some((whole, case)) = case {
        tell_case(setting, whole, case);
    }
    for finding in findings {
        setting.tell("cli-incident-evidence", &[("evidence", &finding.evidence)]);
    }

    Ok(())
}

fn tell_case(setting: &Setting, whole: &IncidentLine, case: &Casefile) {
    let t = match setting.lang {
        Lang::Vi => Language::Vi,
        Lang::En => Language::En,
    };
    setting.tell(
        "cli-incident-born",
        &[
            ("detected", &whole.detected_at),
            ("profile", &whole.profile),
            ("tlp", &whole.tlp),
            ("pap", &whole.pap),
        ],
    );
    for clock in &case.clocks {
        let (name, source) = match setting.lang {
            Lang::Vi => (&clock.name_vi, &clock.source_vi),
            Lang::En => (&clock.name_en, &clock.source_en),
        };
        let name = if clock.is_duty { name.clone() } else { t.of_list("clock", &clock.id) };
        let left = match (clock.left_secs, clock.over_secs) {
            (_, Some(over)) => t.with("clock-by", &[("span", &t.span(over))]),
            (Some(left), None) => t.with("clock-left", &[("span", &t.span(left))]),
            (None, None) => String::new(),
        };
        setting.tell(
            "cli-incident-clock",
            &[
                ("name", &name),
                ("status", &t.of_list("clock-is", &clock.status)),
                ("due", &t.moment_or(clock.due)),
                ("left", &left),
            ],
        );
        let known = match &clock.confirmed_by {
            Some(who) => t.with("source-confirmed", &[("who", who)]),
            None => t.of_list("source", &clock.seen),
        };
        setting.tell("cli-incident-source", &[("source", &format!("{source} – {known}"))]);
    }
    for task in &case.tasks {
        setting.tell(
            "cli-incident-task",
            &[
                ("id", &task.id),
                ("state", &t.of_list("task", &task.state)),
                ("due", &task.due_at),
                ("text", &plain(&task.text)),
            ],
        );
    }
}
