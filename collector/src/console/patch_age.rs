//! How hosts stand to a policy over the age of security patches.

use askama::Template;
use axum::extract::{Query, State};
use serde::Deserialize;

use super::frame::{Answer as Answered, Page, Reader, encoded, shown};
use crate::desk::Desk;
use crate::patch_age::survey::{role_of, role_word};
use crate::patch_age::{self, Answer, DAYS, DAYS_MAX, Wanted};
use crate::store::view::agencies;
use crate::store::view::page::{Cursor, ROWS_MAX};

/// The policy that is asked for.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    so_ngay: String,
    vai_tro: String,
    don_vi: String,
    sau: String,
}

#[derive(Template)]
#[template(path = "patch_age.html")]
struct PatchAgePage {
    p: Page,
    days: u32,
    days_max: u32,
    role: &'static str,
    agency: String,
    agencies: Vec<(String, String)>,
    it: patch_age::Page,
    rows: Vec<Answer>,
    next: Option<String>,
}

/// The page.
pub(super) async fn show(State(desk): State<Desk>, reader: Reader, Query(asked): Query<Asked>) -> Answered {
    let days = asked.so_ngay.trim().parse().ok().filter(|days| (1..=DAYS_MAX).contains(days)).unwrap_or(DAYS);
    let role =
        if asked.vai_tro == "tat-ca" { None } else { role_of(&asked.vai_tro).or_else(|| role_of("server")) };
    let agency = (!asked.don_vi.is_empty()).then(|| asked.don_vi.clone());
    let wanted = Wanted { days, role, agency };
    let (shared, scope) = (desk.settings.vulnerabilities.clone(), reader.caller.person.scope.clone());
    let (after, now) = (Cursor::parse(&asked.sau), desk.now());
    let (mut it, agencies) = desk
        .store
        .read(move |db| {
            let page = patch_age::survey(db, &shared, &scope, &wanted, now, (after, ROWS_MAX))?;
            Ok((page, agencies::names(db, &scope)?))
        })
        .await?;
    let role = role.map_or("tat-ca", role_word);
    let next = it.next.take().map(|cursor| {
        format!("so_ngay={days}&vai_tro={role}&don_vi={}&sau={cursor}", encoded(&asked.don_vi))
    });

    Ok(shown(&PatchAgePage {
        p: reader.page("patch-age", "patch-age-title"),
        days,
        days_max: DAYS_MAX,
        role,
        agency: asked.don_vi,
        agencies,
        rows: std::mem::take(&mut it.items),
        it,
        next,
    }))
}
