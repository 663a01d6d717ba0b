//! `patch`: how hosts stand to a policy over the age of security patches.

use anyhow::ensure;
use clap::Subcommand;
use vonggac_protocol::id::AgencyId;

use super::Setting;
use crate::clock;
use crate::patch_age::survey::role_of;
use crate::patch_age::{Answer, DAYS, DAYS_MAX, Wanted, survey};
use crate::print::{line, plain};
use crate::store::Store;
use crate::store::agencies;
use crate::store::view::Scope;
use crate::store::view::page::{ROWS_MAX, Rows, whole};
use crate::vulnerabilities::{Vulnerabilities, step};

#[derive(Subcommand, Debug)]
pub(super) enum Patch {
    /// Bản vá bảo mật nào đã chờ quá số ngày / which security patches have waited for more than so many days
    Age {
        /// Số ngày được chờ / days that a patch may wait
        #[arg(long, default_value_t = DAYS, value_parser = clap::value_parser!(u32).range(1..=i64::from(DAYS_MAX)))]
        days: u32,
        /// Chỉ máy có vai trò này; máy chưa rõ vai trò vẫn được kể / only machines of this role, and those of none that is known
        #[arg(long, value_parser = ["server", "workstation"])]
        role: Option<String>,
        /// Chỉ cơ quan này / only this agency
        #[arg(long)]
        agency: Option<AgencyId>,
    },
}

impl Patch {
    pub(super) async fn run(self, setting: &Setting) -> anyhow::Result<()> {
        let store = setting.store()?;
        let Self::Age { days, role, agency } = self;
        if let Some(agency) = agency.clone() {
            let is_known = store.read(move |db| Ok(agencies::name(db, &agency)?.is_some())).await?;
            ensure!(is_known, "{}", setting.say("cli-patch-no-agency", &[]));
        }
        let wanted = Wanted {
            days,
            role: role.as_deref().and_then(role_of),
            agency: agency.map(|agency| agency.to_string()),
        };
        let answers = answers(setting, &store, wanted).await?;
        if setting.json {
            line(serde_json::to_string(&answers)?);
        } else {
            tell(setting, days, &answers);
        }

        Ok(())
    }
}

async fn answers(setting: &Setting, store: &Store, wanted: Wanted) -> anyhow::Result<Vec<Answer>> {
    let (feed_days, now) = (setting.config.feeds_days_max, clock::now());
    let mut answers = store
        .read(move |db| {
            let shared = Vulnerabilities::new(feed_days);
            step::all(&shared, db)?;
            whole(|after| {
                let page = survey(db, &shared, &Scope::All, &wanted, now, (after, ROWS_MAX))?;
                Ok(Rows { items: page.items, next: page.next })
            })
        })
        .await?;
    answers.sort_by(|a, b| (a.state, &a.agency, &a.name).cmp(&(b.state, &b.agency, &b.name)));

    Ok(answers)
}

fn tell(setting: &Setting, days: u32, answers: &[Answer]) {
    for answer in answers {
        let state = setting.say(&format!("cli-patch-{}", answer.state.word()), &[]);
        let why = answer.why.map(|why| setting.say(&format!("cli-patch-why-{why}"), &[])).unwrap_or_default();
        let (name, agency) = (plain(&answer.name), plain(&answer.agency));
        line(format!("{name}\t{agency}\t{}\t{state}\t{why}", answer.role));
        for it in &answer.breaking {
            let basis = setting.say(&format!("cli-patch-basis-{}", it.basis), &[]);
            let accepted = if it.accepted { setting.say("cli-patch-accepted", &[]) } else { String::new() };
            line(format!(
                "  {}\t{} -> {}\t{}\t{basis} {} {}\t{accepted}",
                plain(&it.package),
                plain(&it.installed),
                plain(&it.candidate),
                it.days,
                plain(&it.by),
                it.feed.as_deref().map(plain).unwrap_or_default()
            ));
        }
    }
    let count = |word: &str| answers.iter().filter(|answer| answer.state.word() == word).count();
    let (broken, unknown, kept) = (count("broken"), count("unknown"), count("kept"));
    setting.tell(
        "cli-patch-sum",
        &[("days", &days), ("broken", &broken), ("unknown", &unknown), ("kept", &kept)],
    );
}
