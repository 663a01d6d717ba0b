//! Accepted risks: the list with a form that accepts one, and taking one back.

use std::time::Duration;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};
use jiff::civil::Date;
use serde::Deserialize;
use vonggac_protocol::id::HostId;
use vonggac_rules::entitlement::day_of;

use super::frame::{Answer, Page, Reader, Told, Trouble, shown};
use crate::desk::Desk;
use crate::desk::decided::Worked;
use crate::desk::risks as desk_risks;
use crate::store::decided::{DAYS_MAX, Done, Extent};
use crate::store::risks::{self, Filter, NAME_MAX, Risk, Wanted};
use crate::store::view::agencies;
use crate::store::view::page::{Cursor, ROWS};

/// Days within which an end is soon.
const SOON: u32 = 30;

/// An acceptance with where it stands.
struct Line {
    it: Risk,
    stage: &'static str,
    last_day: String,
    is_soon: bool,
    can_withdraw: bool,
}

/// What was typed into the form, to show it again when something is wrong.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct AcceptingForm {
    ma: String,
    goi: String,
    may: String,
    don_vi: String,
    den_ngay: String,
    ly_do: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct WithdrawingForm {
    ly_do: String,
}

#[derive(Template)]
#[template(path = "risks.html")]
struct ListPage {
    p: Page,
    rows: Vec<Line>,
    next: Option<String>,
    which: &'static str,
    agencies: Vec<(String, String)>,
    typed: AcceptingForm,
    day_min: Date,
    day_max: Date,
    name_max: usize,
    can_act: bool,
    sees_all: bool,
}

/// Where the list begins, what it shows, what the form is filled with, and what was just done.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    sau: String,
    loai: String,
    ma: String,
    goi: String,
    may: String,
    xong: String,
}

/// The list.
pub(super) async fn show(State(desk): State<Desk>, reader: Reader, Query(asked): Query<Asked>) -> Answer {
    let typed = AcceptingForm {
        ma: asked.ma.clone(),
        goi: asked.goi.clone(),
        may: asked.may.clone(),
        ..AcceptingForm::default()
    };
    let key = match asked.xong.as_str() {
        "accepted" => Some(("told-risk-accepted", false)),
        "withdrawn" => Some(("told-risk-withdrawn", false)),
        "over" => Some(("refused-risk-over", true)),
        "reason" => Some(("refused-risk-reason", true)),
        _ => None,
    };
    let told = key.map(|(key, is_bad)| Told { text: reader.t().say(key), is_bad });

    list(&desk, &reader, &asked, typed, told, StatusCode::OK).await
}

async fn list(
    desk: &Desk,
    reader: &Reader,
    asked: &Asked,
    typed: AcceptingForm,
    told: Option<Told>,
    status: StatusCode,
) -> Answer {
    let (scope, after, now) = (reader.caller.person.scope.clone(), Cursor::parse(&asked.sau), desk.now());
    let soon = now.plus(Duration::from_secs(u64::from(SOON) * 86_400));
    let (which, filter) = match asked.loai.as_str() {
        "sap-het" => ("sap-het", Filter { in_force_at: Some(now), ends_before: Some(soon) }),
        "tat-ca" => ("tat-ca", Filter::default()),
        _ => ("hieu-luc", Filter { in_force_at: Some(now), ends_before: None }),
    };
    let (page, agencies) = desk
        .store
        .read(move |db| Ok((risks::list(db, &scope, filter, after, ROWS)?, agencies::names(db, &scope)?)))
        .await?;
    let mut p = reader.page("risks", "risks-title");
    p.told = told;
    let can_act = reader.caller.person.role.may_accept_risks();
    let own = reader.caller.person.scope.agency();
    let line = |it: Risk| {
        let stage = it.stage(now).word();
        Line {
            stage,
            last_day: it.last_day().strftime("%d/%m/%Y").to_string(),
            is_soon: stage == "in_force" && it.ends_at <= soon,
            can_withdraw: can_act
                && stage == "in_force"
                && own.is_none_or(|own| it.agency.as_deref() == Some(own)),
            it,
        }
    };
    let today = day_of(now);
    let day_max = today.saturating_add(jiff::Span::new().days(DAYS_MAX));

    Ok((
        status,
        shown(&ListPage {
            p,
            rows: page.items.into_iter().map(line).collect(),
            next: page.next.map(|cursor| format!("loai={which}&sau={cursor}")),
            which,
            agencies,
            typed,
            day_min: today,
            day_max,
            name_max: NAME_MAX,
            can_act,
            sees_all: own.is_none(),
        }),
    )
        .into_response())
}

/// Accepts one.
pub(super) async fn accept(
    State(desk): State<Desk>,
    reader: Reader,
    Form(form): Form<AcceptingForm>,
) -> Answer {
    let t = reader.t();
    let extent = match (form.may.trim(), form.don_vi.trim()) {
        ("", "") => Extent::Province,
        ("", agency) => Extent::Agency(agency.to_owned()),
        (host, _) => match host.parse::<HostId>() {
            Ok(host) => Extent::Host(host),
            Err(_) => return Ok(reader.not_found()),
        },
    };
    let wanted = Wanted {
        name: form.ma.clone(),
        package: form.goi.clone(),
        extent,
        last_day: desk_risks::day(&form.den_ngay),
        reason: form.ly_do.clone(),
    };
    match desk_risks::accept(&desk, &reader.caller, wanted).await.map_err(Trouble)? {
        Worked::Store(Done::Kept(_)) => Ok(Redirect::to("/rui-ro?xong=accepted").into_response()),
        Worked::Store(Done::Absent | Done::Neighbours | Done::Over) => Ok(reader.not_found()),
        Worked::Store(Done::Unfit(misfit)) => {
            let told = Told { text: t.say(&format!("refused-risk-{}", misfit.word())), is_bad: true };
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            list(&desk, &reader, &Asked::default(), form, Some(told), status).await
        }
        Worked::Store(Done::TooWide) | Worked::ReadOnly => Ok(reader.forbidden()),
    }
}

/// Takes one back before its end.
pub(super) async fn withdraw(
    State(desk): State<Desk>,
    reader: Reader,
    Path(id): Path<String>,
    Form(form): Form<WithdrawingForm>,
) -> Answer {
    let Ok(id) = id.parse() else { return Ok(reader.not_found()) };
    let told = match desk_risks::withdraw(&desk, &reader.caller, id, form.ly_do).await.map_err(Trouble)? {
        Worked::Store(Done::Kept(_)) => "withdrawn",
        Worked::Store(Done::Over) => "over",
        Worked::Store(Done::Unfit(_)) => "reason",
        Worked::Store(Done::Absent | Done::Neighbours) => return Ok(reader.not_found()),
        Worked::Store(Done::TooWide) | Worked::ReadOnly => return Ok(reader.forbidden()),
    };

    Ok(Redirect::to(&format!("/rui-ro?xong={told}")).into_response())
}
