//! `host`: monitored machines.

use anyhow::bail;
use clap::Subcommand;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::id::AgencyId;
use vonggac_rules::incident::marks::HostMark;

use super::{Setting, note, vulnerable};
use crate::clock;
use crate::mark_key::MarkKey;
use crate::print::{line, plain};
use crate::store::audit::OPERATOR;
use crate::store::forbidden::{self, By};
use crate::store::hosts::{self, Host as Kept, HostState};
use crate::store::incidents;
use crate::store::machines::{self, Decided, Decision};
use crate::store::orders::{self, Ordered};
use crate::store::view::Scope;
use crate::store::windows::Doer;
use crate::store::{Store, certificates};

#[derive(Subcommand, Debug)]
pub(super) enum Host {
    /// Liệt kê / list
    List,
    /// Xem một máy / show one
    Show {
        /// Tên, mã hoặc phần đầu của mã / name, id or its first digits
        host: String,
    },
    /// Lỗ hổng của một máy theo các nguồn tin đã nhập / weaknesses of a host by the feeds that are held
    Vulnerabilities {
        /// Tên, mã hoặc phần đầu của mã / name, id or its first digits
        host: String,
    },
    /// Đánh dấu máy quan trọng và cấp độ hệ thống: sự cố trên máy được nâng mức / say how critical a host is: incidents on it are graver
    Mark {
        /// Tên, mã hoặc phần đầu của mã / name, id or its first digits
        host: String,
        /// Hệ thống quan trọng / of a critical system
        #[arg(long)]
        critical: bool,
        /// Cấp độ 1-5 / security level
        #[arg(long, value_parser = clap::value_parser!(u8).range(1..=5))]
        level: Option<u8>,
    },
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
    /// Quyết định máy nào giữ danh tính mà hai máy dùng / decide which of two machines keeps the identity
    Release {
        /// Tên, mã hoặc phần đầu của mã / name, id or its first digits
        host: String,
        /// known: máy vẫn dùng; found: máy mới đến; enrol-again: cả hai ghi danh lại / which machine goes on
        #[arg(long)]
        keep: Decision,
        /// Lý do / reason
        #[arg(long)]
        reason: String,
    },
    /// Từ chối máy đang chờ duyệt / send a waiting host away
    Reject {
        /// Tên, mã hoặc phần đầu của mã / name, id or its first digits
        host: String,
        /// Lý do / reason
        #[arg(long)]
        reason: String,
    },
    /// Không bao giờ ghi danh máy này; đang ghi danh thì cắt ngay / never enrol this machine; cut it off if it is enrolled
    Forbid(Forbid),
    /// Danh sách không bao giờ ghi danh / the list of those never to be enrolled
    Forbidden,
    /// Đưa ra khỏi danh sách / take an entry off the list
    Unforbid {
        /// Số của mục / number of the entry
        entry: i64,
        /// Người quyết định / the person who decides
        #[arg(long)]
        by: String,
        /// Lý do / reason
        #[arg(long)]
        reason: String,
    },
}

#[derive(clap::Args, Debug)]
pub(super) struct Forbid {
    /// Dấu vân tay (64 chữ số) do `vonggac-agent fingerprint` in ra / a fingerprint as `vonggac-agent fingerprint` prints it
    #[arg(long, required_unless_present = "name", conflicts_with = "name")]
    fingerprint: Option<Digest>,
    /// Tên máy, * thay cho chuỗi bất kỳ / the machine's name, * for any characters
    #[arg(long)]
    name: Option<String>,
    /// Chỉ trong cơ quan này / only in this agency
    #[arg(long)]
    agency: Option<AgencyId>,
    /// Người quyết định / the person who decides
    #[arg(long)]
    by: String,
    /// Lý do / reason
    #[arg(long)]
    reason: String,
}

impl Host {
    pub(super) async fn run(self, setting: &Setting) -> anyhow::Result<()> {
        let store = setting.store()?;
        let (text, done, allowed, after) = match self {
            Self::List => {
                let all = store.read(hosts::list).await?;
                return list(setting, &all);
            }
            Self::Show { host } => {
                let host = store.read(move |db| hosts::named(db, &host)).await?;
                return show(setting, &host);
            }
            Self::Vulnerabilities { host } => return vulnerable::show(setting, &store, &host).await,
            Self::Mark { host, critical, level } => {
                return mark(setting, &store, host, HostMark { critical, level }).await;
            }
            Self::Rebaseline { host, root, by, reason } => {
                return rebaseline(setting, &store, host, root, by, reason).await;
            }
            Self::Revoke { host } => {
                let not_yet = [HostState::Waiting, HostState::Active, HostState::Held].as_slice();
                (host, "cli-host-revoked", not_yet, HostState::Revoked)
            }
            Self::Approve { host } => {
                (host, "cli-host-approved", [HostState::Waiting].as_slice(), HostState::Active)
            }
            Self::Release { host, keep, reason } => {
                return decide(setting, &store, host, reason, Wish::Release(keep)).await;
            }
            Self::Reject { host, reason } => {
                return decide(setting, &store, host, reason, Wish::Reject).await;
            }
            Self::Forbid(wanted) => return wanted.run(setting, &store).await,
            Self::Forbidden => return list_forbidden(setting, &store.read(forbidden::list).await?),
            Self::Unforbid { entry, by, reason } => {
                let now = clock::now();
                let lifted = store.write(move |tx| forbidden::lift(tx, entry, &by, &reason, now)).await?;
                if !lifted {
                    bail!("{}", setting.say("cli-forbidden-absent", &[("entry", &entry)]));
                }
                setting.tell("cli-forbidden-lifted", &[("entry", &entry)]);
                return Ok(());
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
                let action = format!("host.{}", done.trim_start_matches("cli-host-"));
                note(tx, now, Some(&changed.agency), &action, &changed.id.to_string(), &changed.name)
            })
            .await?;
        setting.tell(done, &[("name", &plain(&host.name)), ("host", &host.id)]);

        Ok(())
    }
}

/// Says how critical a host is; without `--critical` and `--level`, that it is not.
async fn mark(setting: &Setting, store: &Store, host: String, mark: HostMark) -> anyhow::Result<()> {
    let now = clock::now();
    let host = store.read(move |db| hosts::named(db, &host)).await?;
    let (id, agency) = (host.id, host.agency.clone());
    store
        .write(move |tx| {
            let word =
                |mark: HostMark| format!("critical {}, level {}", mark.critical, mark.level.unwrap_or(0));
            let before = incidents::host_mark(tx, id)?;
            incidents::set_host_mark(tx, id, mark)?;
            let detail = format!("{} > {}", word(before), word(mark));
            note(tx, now, Some(&agency), "host.marked", &id.to_string(), &detail)
        })
        .await?;
    setting.tell("cli-host-marked", &[("host", &plain(&host.name))]);

    Ok(())
}

/// What a person wants of a host that waits for a decision.
#[derive(Clone, Copy)]
enum Wish {
    Release(Decision),
    Reject,
}

async fn decide(
    setting: &Setting,
    store: &Store,
    host: String,
    reason: String,
    wish: Wish,
) -> anyhow::Result<()> {
    let at = clock::now();
    let host = store.read(move |db| hosts::named(db, &host)).await?;
    let id = host.id;
    let decided = store.write(move |tx| {
        let doer = Doer { person: OPERATOR, audited: OPERATOR, scope: &Scope::All, at };
        match wish {
            Wish::Release(decision) => machines::decide(tx, doer, id, decision, &reason),
            Wish::Reject => machines::admit(tx, doer, id, false, &reason),
        }
    });
    match decided.await? {
        Decided::Done => {
            let done = match wish {
                Wish::Release(Decision::EnrolAgain) => "cli-host-revoked",
                Wish::Release(Decision::Known | Decision::Found) => "cli-host-released",
                Wish::Reject => "cli-host-rejected",
            };
            setting.tell(done, &[("name", &plain(&host.name)), ("host", &host.id)]);
            Ok(())
        }
        Decided::WrongState => {
            let state = state_word(setting, host.state);
            bail!(
                "{}",
                setting.say("cli-host-wrong-state", &[("name", &plain(&host.name)), ("state", &state)])
            )
        }
        Decided::BadReason => bail!("{}", setting.say("cli-host-rebaseline-reason", &[])),
        Decided::Absent | Decided::Neighbours => bail!("{}", setting.say("cli-window-absent", &[])),
    }
}

impl Forbid {
    async fn run(self, setting: &Setting, store: &Store) -> anyhow::Result<()> {
        let by = match (self.fingerprint, self.name) {
            (Some(mark), _) => By::Mark(mark),
            (None, Some(name)) => By::Name(name),
            (None, None) => bail!("{}", setting.say("cli-window-absent", &[])),
        };
        if self.reason.trim().is_empty() || self.by.trim().is_empty() {
            bail!("{}", setting.say("cli-host-rebaseline-reason", &[]));
        }
        let key = MarkKey::ensure(&setting.config.keys_dir(), store).await?;
        let (agency, now) = (self.agency, clock::now());
        let (entry, cut_off) = store
            .write(move |tx| forbidden::forbid(tx, &key, &by, agency.as_ref(), &self.by, &self.reason, now))
            .await?;
        setting.tell("cli-forbidden", &[("entry", &entry)]);
        for name in cut_off {
            setting.tell("cli-forbidden-cut", &[("name", &plain(&name))]);
        }

        Ok(())
    }
}

fn list_forbidden(setting: &Setting, all: &[forbidden::Entry]) -> anyhow::Result<()> {
    if setting.json {
        line(serde_json::to_string(all)?);
        return Ok(());
    }
    if all.is_empty() {
        setting.tell("cli-forbidden-none", &[]);
    }
    for entry in all {
        let what = entry.mark.map(|mark| mark.to_string()).or_else(|| entry.name.clone()).unwrap_or_default();
        let agency = entry.agency.as_deref().unwrap_or("*");
        let until = match entry.lifted_at {
            Some(at) => setting.say("cli-forbidden-until", &[("at", &at)]),
            None => setting.say("cli-forbidden-in-force", &[]),
        };
        let (reason, person) = (plain(&entry.reason), plain(&entry.person));
        line(format!("{}\t{}\t{agency}\t{until}\t{person}\t{reason}", entry.id, plain(&what)));
    }

    Ok(())
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
        let (state, heard) = (state_word(setting, host.state), heard(setting, host));
        let (way, certificate) = (way(setting, host), certificate(setting, host));
        line(format!(
            "{}\t{}\t{}\t{state}\t{heard}\t{way}\t{certificate}",
            host.id,
            host.agency,
            plain(&host.name)
        ));
    }

    Ok(())
}

fn show(setting: &Setting, host: &Kept) -> anyhow::Result<()> {
    if setting.json {
        line(serde_json::to_string(host)?);
        return Ok(());
    }
    line(format!("{}\t{}\t{}", host.id, host.agency, plain(&host.name)));
    line(state_word(setting, host.state));
    line(heard(setting, host));
    line(setting.say("cli-host-address", &[("address", &plain(&host.address))]));
    line(way(setting, host));
    line(certificate(setting, host));
    line(setting.say("cli-host-agent", &[("version", &plain(&host.agent_version))]));
    line(setting.say("cli-host-enrolled", &[("at", &host.enrolled_at)]));

    Ok(())
}

fn heard(setting: &Setting, host: &Kept) -> String {
    match (host.silent_since, host.last_heard_at) {
        (Some(since), _) => setting.say("cli-host-silent", &[("since", &since)]),
        (None, Some(at)) => setting.say("cli-host-heard", &[("at", &at)]),
        (None, None) => setting.say("cli-host-never", &[]),
    }
}

fn way(setting: &Setting, host: &Kept) -> String {
    let way = host.way.as_deref().unwrap_or("unknown");

    setting.say(&format!("cli-host-way-{way}"), &[])
}

fn certificate(setting: &Setting, host: &Kept) -> String {
    match host.certificate_until {
        Some(until) => setting.say("cli-host-certificate", &[("until", &until)]),
        None => setting.say("cli-host-no-certificate", &[]),
    }
}

fn state_word(setting: &Setting, state: HostState) -> String {
    setting.say(&format!("cli-host-state-{}", state.word()), &[])
}
