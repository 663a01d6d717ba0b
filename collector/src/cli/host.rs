//! `host`: monitored machines.

use anyhow::bail;
use clap::Subcommand;

use super::{Setting, note};
use crate::clock;
use crate::print::{line, plain};
use crate::store::audit::OPERATOR;
use crate::store::hosts::{self, Host as Kept, HostState};
use crate::store::orders::{self, Ordered};
use crate::store::view::Scope;
use crate::store::windows::Doer;
use crate::store::{Store, certificates};

#[derive(Subcommand, Debug)]
pub(super) enum Host {
    /// Liệt kê / list
    List,
    /// Thu hồi, có hiệu lực ngay / revoke, at once
    Revoke {
        /// Tên, mã hoặc phần đầu của mã / name, id or its first digits
        host: String,
    },
    /// Duyệt máy đang chờ / approve a waiting host
    Approve {
        /// Tên, mã hoặc phần đầu của mã / name, id or its first digits
        host: String,
    },
    /// Lập lại mốc chuẩn: băm lại mọi thứ, báo mọi khác biệt trước / measure anew: hash everything again, tell every difference first
    Rebaseline {
        /// Tên, mã hoặc phần đầu của mã / name, id or its first digits
        host: String,
        /// Thư mục được giám sát, hoặc * / a watched root, or *
        #[arg(long)]
        root: String,
        /// Người ra lệnh / the person who orders it
        #[arg(long)]
        by: String,
        /// Lý do / reason
        #[arg(long)]
        reason: String,
    },
    /// Thôi tạm giữ / release a held host
    Release {
        /// Tên, mã hoặc phần đầu của mã / name, id or its first digits
        host: String,
        /// Danh tính nay thuộc về máy khác / the identity belongs to another machine from now on
        #[arg(long)]
        new_machine: bool,
    },
}

impl Host {
    pub(super) async fn run(self, setting: &Setting) -> anyhow::Result<()> {
        let store = setting.store()?;
        let (text, done, allowed, after, new_machine) = match self {
            Self::List => {
                let all = store.read(hosts::list).await?;
                return list(setting, &all);
            }
            Self::Rebaseline { host, root, by, reason } => {
                return rebaseline(setting, &store, host, root, by, reason).await;
            }
            Self::Revoke { host } => {
                let not_yet = [HostState::Waiting, HostState::Active, HostState::Held].as_slice();
                (host, "cli-host-revoked", not_yet, HostState::Revoked, false)
            }
            Self::Approve { host } => {
                (host, "cli-host-approved", [HostState::Waiting].as_slice(), HostState::Active, false)
            }
            Self::Release { host, new_machine } => {
                (host, "cli-host-released", [HostState::Held].as_slice(), HostState::Active, new_machine)
            }
        };
        let now = clock::now();
        let host = store.read(move |db| hosts::named(db, &text)).await?;
        if !allowed.contains(&host.state) {
            let state = state_word(setting, host.state);
            bail!(
                "{}",
                setting.say("cli-host-wrong-state", &[("name", &plain(&host.name)), ("state", &state)])
            );
        }
        let changed = host.clone();
        store
            .write(move |tx| {
                hosts::set_state(tx, changed.id, after)?;
                if after == HostState::Revoked {
                    certificates::revoke_all(tx, changed.id, now)?;
                }
                if new_machine {
                    hosts::forget_fingerprint(tx, changed.id)?;
                }
                let action = format!("host.{}", done.trim_start_matches("cli-host-"));
                note(tx, now, Some(&changed.agency), &action, &changed.id.to_string(), &changed.name)
            })
            .await?;
        setting.tell(done, &[("name", &plain(&host.name)), ("host", &host.id)]);

        Ok(())
    }
}

async fn rebaseline(
    setting: &Setting,
    store: &Store,
    host: String,
    root: String,
    by: String,
    reason: String,
) -> anyhow::Result<()> {
    let at = clock::now();
    let host = store.read(move |db| hosts::named(db, &host)).await?;
    let id = host.id;
    let ordered = store.write(move |tx| {
        let doer = Doer { person: &by, audited: OPERATOR, scope: &Scope::All, at };
        orders::order(tx, doer, id, &root, &reason)
    });
    match ordered.await? {
        Ordered::Kept(number) => {
            setting.tell("cli-host-rebaseline", &[("name", &plain(&host.name)), ("number", &number)]);
            Ok(())
        }
        Ordered::UnknownRoot => bail!("{}", setting.say("cli-host-rebaseline-root", &[])),
        Ordered::BadReason => bail!("{}", setting.say("cli-host-rebaseline-reason", &[])),
        Ordered::Absent | Ordered::Neighbours => bail!("{}", setting.say("cli-window-absent", &[])),
    }
}

fn list(setting: &Setting, all: &[Kept]) -> anyhow::Result<()> {
    if setting.json {
        line(serde_json::to_string(all)?);
        return Ok(());
    }
    if all.is_empty() {
        setting.tell("cli-host-none", &[]);
    }
    for host in all {
        let heard = match (host.silent_since, host.last_heard_at) {
            (Some(since), _) => setting.say("cli-host-silent", &[("since", &since)]),
            (None, Some(at)) => setting.say("cli-host-heard", &[("at", &at)]),
            (None, None) => setting.say("cli-host-never", &[]),
        };
        let state = state_word(setting, host.state);
        line(format!("{}\t{}\t{}\t{state}\t{heard}", host.id, host.agency, plain(&host.name)));
    }

    Ok(())
}

fn state_word(setting: &Setting, state: HostState) -> String {
    setting.say(&format!("cli-host-state-{}", state.word()), &[])
}
