//! `token`: strings by which machines enrol.

use std::time::Duration;

use anyhow::bail;
use clap::Subcommand;
use serde_json::json;
use vonggac_protocol::enrolment::{EnrolmentString, Token as Secret};
use vonggac_protocol::id::AgencyId;

use super::running::link_address;
use super::{Setting, note};
use crate::authority::Authority;
use crate::config::is_address;
use crate::print::{line, plain};
use crate::store::audit::OPERATOR;
use crate::store::tokens::{self, Terms};
use crate::store::view::Scope;
use crate::store::{agencies, refusals};
use crate::{clock, random};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Subcommand, Debug)]
pub(super) enum Token {
    /// Cấp mã ghi danh / make an enrolment string
    New(New),
    /// Các lần ghi danh bị từ chối / enrolments that were refused
    Refused,
}

#[derive(clap::Args, Debug)]
pub(super) struct New {
    /// Cơ quan / agency
    #[arg(long)]
    agency: AgencyId,
    /// Cho bao nhiêu máy / for how many machines
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    uses: u32,
    /// Số ngày có hiệu lực / days it is valid
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=365))]
    days: u32,
    /// Mỗi máy phải được duyệt / each machine must be approved
    #[arg(long)]
    approve: bool,
    /// Địa chỉ mà tác tử gọi / address by which agents call, NAME:PORT
    #[arg(long)]
    address: Option<String>,
}

/// Refusals that are shown at most.
const REFUSED_SHOWN: usize = 200;

async fn list_refused(setting: &Setting) -> anyhow::Result<()> {
    let all = setting.store()?.read(|db| refusals::newest(db, &Scope::All, REFUSED_SHOWN)).await?;
    if setting.json {
        line(serde_json::to_string(&all)?);
        return Ok(());
    }
    if all.is_empty() {
        setting.tell("cli-refused-none", &[]);
    }
    for row in all {
        let (address, agency) = (&row.address, &row.agency);
        line(format!(
            "{}\t{address}\t{agency}\t{}\t{}\t{}",
            row.last_at,
            row.reason,
            row.count,
            plain(&row.name)
        ));
    }

    Ok(())
}

impl Token {
    pub(super) async fn run(self, setting: &Setting) -> anyhow::Result<()> {
        let new = match self {
            Self::New(new) => new,
            Self::Refused => return list_refused(setting).await,
        };
        let Some(address) = new.address.clone().or_else(|| link_address(&setting.config)) else {
            bail!("{}", setting.say("cli-token-no-address", &[]));
        };
        if !is_address(&address) {
            bail!("{}", setting.say("cli-token-bad-address", &[("address", &address)]));
        }
        let store = setting.store()?;
        let agency = new.agency.clone();
        if store.read(move |db| agencies::name(db, &agency)).await?.is_none() {
            bail!("{}", setting.say("cli-no-agency", &[("agency", &new.agency)]));
        }
        let pin = Authority::load(&setting.config.authority_dir())?.pin();
        let token = Secret(random::bytes()?);
        let now = clock::now();
        let terms = Terms {
            agency: new.agency.clone(),
            uses: new.uses,
            expires_at: now.plus(DAY * new.days),
            needs_approval: new.approve,
        };
        let expires_at = terms.expires_at;
        store
            .write(move |tx| {
                tokens::add(tx, &token, &terms, OPERATOR, now)?;
                let detail = format!("{} uses until {}", terms.uses, terms.expires_at);
                note(tx, now, Some(terms.agency.as_str()), "token.made", terms.agency.as_str(), &detail)
            })
            .await?;
        let string = EnrolmentString { address, pin, agency: new.agency.clone(), token };
        if setting.json {
            let shown = json!({
                "enrolment": string.to_string(),
                "agency": new.agency,
                "uses": new.uses,
                "expires_at": expires_at,
            });
            line(shown);
            return Ok(());
        }
        setting.tell("cli-token-made", &[("agency", &new.agency), ("uses", &new.uses), ("days", &new.days)]);
        if new.approve {
            setting.tell("cli-token-needs-approval", &[]);
        }
        line(format!("  {string}"));

        Ok(())
    }
}
