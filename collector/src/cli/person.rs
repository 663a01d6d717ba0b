//! `person`: who may use the console.

use clap::Subcommand;
use serde_json::json;
use vonggac_protocol::id::AgencyId;

use super::init::{LINK_FOR, show_link};
use super::running::console_url;
use super::{Setting, note};
use crate::clock;
use crate::console::sign_in_path;
use crate::print::line;
use crate::store::people::{self, PersonRole};
use crate::store::sessions;

#[derive(Subcommand, Debug)]
pub(super) enum Person {
    /// Thêm / add
    Add {
        /// Tên / name
        name: String,
        /// Vai trò / role
        #[arg(long, value_enum)]
        role: PersonRole,
        /// Chỉ thấy cơ quan này / sees only this agency
        #[arg(long)]
        agency: Option<AgencyId>,
    },
    /// Liên kết đăng nhập một lần / one-time sign-in link
    Link {
        /// Tên / name
        name: String,
    },
    /// Mã truy cập API cho một chương trình thay mặt người này / an API token for a program that acts as this person
    Token {
        /// Tên / name
        name: String,
    },
}

impl Person {
    pub(super) async fn run(self, setting: &Setting) -> anyhow::Result<()> {
        let store = setting.store()?;
        let now = clock::now();
        match self {
            Self::Add { name, role, agency } => {
                let kept = name.clone();
                store
                    .write(move |tx| {
                        people::add(tx, &kept, role, agency.as_ref(), now)?;
                        note(
                            tx,
                            now,
                            agency.as_ref().map(AgencyId::as_str),
                            "person.added",
                            &kept,
                            role.word(),
                        )
                    })
                    .await?;
                setting.tell("cli-person-added", &[("name", &name)]);
            }
            Self::Link { name } => {
                let kept = name.clone();
                let secret = store
                    .write(move |tx| {
                        note(tx, now, None, "person.link_made", &kept, "")?;
                        people::make_link(tx, &kept, now.plus(LINK_FOR))
                    })
                    .await?;
                let path = sign_in_path(&secret);
                let link = console_url(&setting.config).map(|url| format!("{url}{path}"));
                if setting.json {
                    line(json!({ "name": name, "link_path": path, "link": link }));
                } else {
                    show_link(setting, link.as_deref(), &name);
                }
            }
            Self::Token { name } => {
                let kept = name.clone();
                let token = store
                    .write(move |tx| {
                        note(tx, now, None, "person.token_made", &kept, "")?;
                        sessions::make_token(tx, &kept, now)
                    })
                    .await?;
                if setting.json {
                    line(json!({ "name": name, "token": token }));
                } else {
                    setting.tell("cli-person-token", &[("name", &name), ("token", &token)]);
                }
            }
        }

        Ok(())
    }
}
