//! `licence`: software held against entitlements, open-source shares, and what a change would come to.

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use vonggac_protocol::id::AgencyId;
use vonggac_rules::catalogue::Product;
use vonggac_rules::nearest::nearest;
use vonggac_rules::share::{Change, Estimate};
use vonggac_rules::software::Share;

use super::Setting;
use crate::clock;
use crate::entitlements::survey::{CATALOGUE, Figures, Memory, Survey};
use crate::print::{line, plain};

/// Slips within which a product is named as the one that was probably meant.
const SLIPS_MAX: usize = 6;

#[derive(Subcommand, Debug)]
pub(super) enum Licence {
    /// Cân đối bản quyền: đã cài, được dùng, vượt, chưa dùng, hết hạn / installed, entitled, over, unused, expired
    Balance(Whose),
    /// Tỷ lệ phần mềm nguồn mở, nghĩa chặt và nghĩa rộng / share of open source, strict and wide
    Share(Whose),
    /// Ước tính: nếu cài hoặc thay thế thì sao / an estimate: what if something were installed or replaced
    WhatIf(WhatIf),
}

#[derive(Args, Debug)]
pub(super) struct Whose {
    /// Cơ quan, hoặc ALL / agency, or ALL
    #[arg(long, default_value = "ALL")]
    agency: String,
}

#[derive(Args, Debug)]
pub(super) struct WhatIf {
    /// Cài phần mềm này vào máy trạm chưa có / install this on clients that lack it
    #[arg(long, required_unless_present = "replace", conflicts_with = "replace")]
    install: Option<String>,
    /// Thay phần mềm này bằng phần mềm kia: microsoft-office=libreoffice / replace one by another
    #[arg(long, value_name = "FROM=TO", requires = "count")]
    replace: Option<String>,
    /// Số máy; khi cài, bỏ trống là mọi máy trạm còn thiếu / machines; left out with --install: all that lack it
    #[arg(long)]
    count: Option<u64>,
    #[command(flatten)]
    whose: Whose,
}

impl Whose {
    async fn survey(&self, setting: &Setting) -> anyhow::Result<Survey> {
        let agency = match self.agency.as_str() {
            "ALL" => None,
            id => Some(AgencyId::new(id).with_context(|| setting.say("cli-no-agency", &[("agency", &id)]))?),
        };
        let (now, asked) = (clock::now(), agency.clone());
        let survey = setting
            .store()?
            .read(move |db| {
                let wanted = |id: &str| asked.as_ref().is_none_or(|asked| asked.as_str() == id);
                Survey::read(db, wanted, &Memory::default(), now)
            })
            .await?;
        if let Some(agency) = agency.filter(|_| survey.agencies.is_empty()) {
            bail!("{}", setting.say("cli-no-agency", &[("agency", &agency)]));
        }

        Ok(survey)
    }

    /// The word for those that were asked about.
    fn word(&self) -> &str {
        &self.agency
    }
}

impl Licence {
    pub(super) async fn run(self, setting: &Setting) -> anyhow::Result<()> {
        match self {
            Self::Balance(whose) => balance(setting, &whose).await,
            Self::Share(whose) => share(setting, &whose).await,
            Self::WhatIf(what_if) => what_if.run(setting).await,
        }
    }
}

/// Figures of everything that was asked about: each agency, each level, all; the last is the whole.
fn parts(survey: &Survey) -> Vec<(String, Figures)> {
    let mut parts: Vec<(String, Figures)> =
        survey.agencies.iter().map(|(id, ..)| (id.clone(), survey.figures(|agency| agency == id))).collect();
    if parts.len() > 1 {
        let mut levels: Vec<&str> = survey.agencies.iter().map(|(_, _, level)| level.as_str()).collect();
        levels.sort_unstable();
        levels.dedup();
        for level in levels {
            let of_level =
                |agency: &str| survey.agencies.iter().any(|(id, _, its)| id == agency && its == level);
            parts.push((format!("level:{level}"), survey.figures(of_level)));
        }
        parts.push(("ALL".to_owned(), survey.figures(|_| true)));
    }

    parts
}

fn json_of(parts: &[(String, Figures)]) -> anyhow::Result<()> {
    let all: Vec<Value> =
        parts.iter().map(|(whose, figures)| json!({ "of": whose, "figures": figures })).collect();
    line(serde_json::to_string(&all)?);

    Ok(())
}

async fn balance(setting: &Setting, whose: &Whose) -> anyhow::Result<()> {
    let survey = whose.survey(setting).await?;
    let parts = parts(&survey);
    if setting.json {
        return json_of(&parts);
    }
    setting.tell("licence-balance-heading", &[]);
    for (whose, figures) in &parts {
        for product in &figures.balance.products {
            let name = plain(product.name.of(setting.lang.of_rules()));
            let entitled = match (product.site, product.entitled_cores) {
                (true, _) => "site".to_owned(),
                (false, 0) => product.entitled.to_string(),
                (false, cores) => format!("{} + {cores} core", product.entitled),
            };
            let (id, installed, over) = (&product.product, product.installed, product.over);
            let (unused, expired) = (product.unused, product.expired);
            line(format!("{whose}\t{id}\t{name}\t{installed}\t{entitled}\t{over}\t{unused}\t{expired}"));
        }
    }
    for (whose, figures) in &parts {
        let values: [(&'static str, &dyn std::fmt::Display); 5] = [
            ("whose", whose),
            ("installed", &figures.balance.installed),
            ("over", &figures.balance.over),
            ("percent", &percent(figures.balance.over_per_mille())),
            ("activators", &figures.with_activators),
        ];
        setting.tell("licence-balance-sum", &values);
    }
    setting.tell("licence-caution", &[]);

    Ok(())
}

async fn share(setting: &Setting, whose: &Whose) -> anyhow::Result<()> {
    let survey = whose.survey(setting).await?;
    let parts = parts(&survey);
    if setting.json {
        return json_of(&parts);
    }
    for (whose, figures) in &parts {
        let open = &figures.open;
        let values: [(&'static str, &dyn std::fmt::Display); 9] = [
            ("whose", whose),
            ("machines", &open.machines),
            ("unmeasured", &open.unmeasured),
            ("strict", &percent(open.strict.per_mille())),
            ("wide", &percent(open.wide.per_mille())),
            ("of", &open.strict.of),
            ("unknown", &open.strict.unknown),
            ("systems", &open.server_systems.open),
            ("servers", &open.server_systems.of),
        ];
        setting.tell("licence-share", &values);
    }
    let Some((_, whole)) = parts.last() else { return Ok(()) };
    setting.tell("licence-tools-heading", &[]);
    for tool in &whole.open.tools {
        let mark = if tool.open_by_licence { String::new() } else { setting.say("licence-not-open", &[]) };
        let (strict, wide) = (of(tool.clients_by_licence, tool.of), of(tool.clients, tool.of));
        line(format!(
            "{}\t{}\t{strict}\t{}\t{wide}\t{}\t{mark}",
            tool.tool, tool.clients_by_licence, tool.clients, tool.of
        ));
    }
    setting.tell("licence-products-heading", &[]);
    for product in &whole.open.products {
        let name = plain(product.name.of(setting.lang.of_rules()));
        line(format!(
            "{}\t{name}\t{}\t{}",
            product.product,
            product.clients,
            of(product.clients, product.of)
        ));
    }

    Ok(())
}

impl WhatIf {
    async fn run(self, setting: &Setting) -> anyhow::Result<()> {
        let change = match (&self.install, &self.replace) {
            (Some(install), _) => Change::Install { product: product(setting, install)?, count: self.count },
            (None, Some(pair)) => {
                let (from, to) = pair
                    .split_once('=')
                    .with_context(|| setting.say("licence-replace-form", &[("found", pair)]))?;
                let (from, to) = (product(setting, from)?, product(setting, to)?);
                Change::Replace { from, to, count: self.count.unwrap_or(0) }
            }
            (None, None) => return Ok(()),
        };
        let survey = self.whose.survey(setting).await?;
        let figures = survey.figures(|_| true);
        let machines = survey.machines_of(|_| true);
        let estimate = Estimate::of(&change, &figures.open, &figures.balance, &machines);
        if setting.json {
            line(serde_json::to_string(
                &json!({ "estimate": true, "of": self.whose.word(), "figures": estimate }),
            )?);
            return Ok(());
        }
        tell(setting, self.whose.word(), &estimate);

        Ok(())
    }
}

fn tell(setting: &Setting, whose: &str, estimate: &Estimate) {
    let rate = |(over, installed): (u64, u64)| percent((over * 1_000).checked_div(installed));
    let share = |share: Share| percent(share.per_mille());
    setting.tell("licence-estimate", &[("whose", &whose), ("machines", &estimate.machines)]);
    let pairs: [(&'static str, String, String); 4] = [
        (
            "licence-estimate-clients",
            of(estimate.clients.0, estimate.clients_of),
            of(estimate.clients.1, estimate.clients_of),
        ),
        ("licence-estimate-strict", share(estimate.strict.0), share(estimate.strict.1)),
        ("licence-estimate-wide", share(estimate.wide.0), share(estimate.wide.1)),
        (
            "licence-estimate-over",
            format!(
                "{} ({}/{})",
                rate((estimate.over.0, estimate.installed.0)),
                estimate.over.0,
                estimate.installed.0
            ),
            format!(
                "{} ({}/{})",
                rate((estimate.over.1, estimate.installed.1)),
                estimate.over.1,
                estimate.installed.1
            ),
        ),
    ];
    for (key, before, after) in &pairs {
        setting.tell(key, &[("before", before), ("after", after)]);
    }
}

/// A product by id, by the word of its tool, or by its id with `-` for `.`.
fn product(setting: &Setting, word: &str) -> anyhow::Result<&'static Product> {
    let word = word.trim().to_lowercase();
    let dashed = |product: &&Product| product.id.replace('.', "-") == word;
    let of_tool = |product: &&Product| product.tool.as_deref() == Some(&word);
    let found = CATALOGUE
        .product(&word)
        .or_else(|| CATALOGUE.products().find(dashed))
        .or_else(|| CATALOGUE.products().find(of_tool));
    if let Some(product) = found {
        return Ok(product);
    }
    let close = nearest(&word, CATALOGUE.products().map(|product| product.id.as_str()), SLIPS_MAX);
    bail!(
        "{}",
        setting.say("licence-no-product", &[("found", &plain(&word)), ("close", &close.unwrap_or("–"))])
    )
}

/// A part of a whole, in per cent.
fn of(part: u64, whole: u64) -> String {
    percent((part * 1_000).checked_div(whole))
}

/// Thousandths as per cent with the comma of Vietnamese; nothing to count gives no figure.
fn percent(per_mille: Option<u64>) -> String {
    per_mille.map_or_else(|| "–".to_owned(), |value| format!("{},{} %", value / 10, value % 10))
}
