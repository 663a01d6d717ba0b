//! Exceptions to rules: the list with a form that makes one, one with what it kept, and taking one back.

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
use crate::desk::exceptions as desk_exceptions;
use crate::desk::risks::day;
use crate::store::decided::{DAYS_MAX, Done, Extent};
use crate::store::exceptions::{self, Excepted, Exception, Wanted};
use crate::store::view::agencies;
use crate::store::view::page::{Cursor, ROWS};

/// Findings that the page of one exception shows.
const NEWEST: u32 = 50;

/// An exception with where it stands.
struct Line {
    it: Exception,
    stage: &'static str,
    last_day: String,
    can_withdraw: bool,
}

/// What was typed into the form, to show it again when something is wrong.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ExceptingForm {
    luat: String,
    may: String,
    don_vi: String,
    dieu_kien: String,
    den_ngay: String,
    ly_do: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct EndingForm {
    ly_do: String,
}

#[derive(Template)]
#[template(path = "exceptions.html")]
struct ListPage {
    p: Page,
    rows: Vec<Line>,
    next: Option<String>,
    shows_all: bool,
    rules: Vec<(String, String)>,
    agencies: Vec<(String, String)>,
    typed: ExceptingForm,
    day_min: Date,
    day_max: Date,
    can_act: bool,
    sees_all: bool,
}

#[derive(Template)]
#[template(path = "exception.html")]
struct OnePage {
    p: Page,
    line: Line,
    kept: Vec<Excepted>,
}

/// Where the list begins, what it shows, what the form is filled with, and what was just done.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    sau: String,
    loai: String,
    luat: String,
    xong: String,
}

fn line_of(reader: &Reader, desk: &Desk, it: Exception) -> Line {
    let own = reader.caller.person.scope.agency();
    let stage = it.stage(desk.now()).word();

    Line {
        stage,
        last_day: it.last_day().strftime("%d/%m/%Y").to_string(),
        can_withdraw: reader.caller.person.role.may_except()
            && stage == "in_force"
            && own.is_none_or(|own| it.agency.as_deref() == Some(own)),
        it,
    }
}

/// The list.
pub(super) async fn show(State(desk): State<Desk>, reader: Reader, Query(asked): Query<Asked>) -> Answer {
    let typed = ExceptingForm { luat: asked.luat.clone(), ..ExceptingForm::default() };
    let key = match asked.xong.as_str() {
        "made" => Some(("told-exception-made", false)),
        "withdrawn" => Some(("told-exception-withdrawn", false)),
        "over" => Some(("refused-exception-over", true)),
        "reason" => Some(("refused-exception-reason", true)),
        _ => None,
    };
    let told = key.map(|(key, is_bad)| Told { text: reader.t().say(key), is_bad });

    list(&desk, &reader, &asked, typed, told, StatusCode::OK).await
}

async fn list(
    desk: &Desk,
    reader: &Reader,
    asked: &Asked,
    typed: ExceptingForm,
    told: Option<Told>,
    status: StatusCode,
) -> Answer {
    let (scope, after, now) = (reader.caller.person.scope.clone(), Cursor::parse(&asked.sau), desk.now());
    let shows_all = asked.loai == "tat-ca";
    let at = (!shows_all).then_some(now);
    let (page, agencies) = desk
        .store
        .read(move |db| Ok((exceptions::list(db, &scope, at, after, ROWS)?, agencies::names(db, &scope)?)))
        .await?;
    let mut p = reader.page("exceptions", "exceptions-title");
    p.told = told;
    let which = if shows_all { "tat-ca" } else { "hieu-luc" };
    let knowledge = desk.knowledge.load();
    let title = |rule: &crate::desk::knowledge::RuleCard| rule.title.of(reader.t()).to_owned();
    let today = day_of(now);

    Ok((
        status,
        shown(&ListPage {
            p,
            rows: page.items.into_iter().map(|it| line_of(reader, desk, it)).collect(),
            next: page.next.map(|cursor| format!("loai={which}&sau={cursor}")),
            shows_all,
            rules: knowledge.rules.values().map(|rule| (rule.id.clone(), title(rule))).collect(),
            agencies,
            typed,
            day_min: today,
            day_max: today.saturating_add(jiff::Span::new().days(DAYS_MAX)),
            can_act: reader.caller.person.role.may_except(),
            sees_all: reader.caller.person.scope.agency().is_none(),
        }),
    )
        .into_response())
}

/// One, with the newest findings that it answered.
pub(super) async fn one(State(desk): State<Desk>, reader: Reader, Path(id): Path<String>) -> Answer {
    let Ok(id) = id.parse::<i64>() else { return Ok(reader.not_found()) };
    let scope = reader.caller.person.scope.clone();
    let (sight, kept) = desk
        .store
        .read(move |db| {
            Ok((exceptions::one(db, &scope, id)?, exceptions::newest_kept(db, &scope, id, NEWEST)?))
        })
        .await?;
    let it = match reader.seen(&desk, sight, format!("exception/{id}")).await {
        Ok(it) => it,
        Err(answer) => return Ok(answer),
    };
    let title = format!("{} {id}", reader.t().say("exception-one"));

    Ok(shown(&OnePage {
        p: reader.page_titled("exceptions", title),
        line: line_of(&reader, &desk, it),
        kept,
    }))
}

/// Makes one.
pub(super) async fn make(
    State(desk): State<Desk>,
    reader: Reader,
    Form(form): Form<ExceptingForm>,
) -> Answer {
    let extent = match (form.may.trim(), form.don_vi.trim()) {
        ("", "") => Extent::Province,
        ("", agency) => Extent::Agency(agency.to_owned()),
        (host, _) => match host.parse::<HostId>() {
            Ok(host) => Extent::Host(host),
            Err(_) => return Ok(reader.not_found()),
        },
    };
    let Some(conditions) = desk_exceptions::conditions(form.dieu_kien.lines()) else {
        return unfit(&desk, &reader, form, "conditions").await;
    };
    let wanted = Wanted {
        rule: form.luat.trim().to_owned(),
        extent,
        conditions,
        last_day: day(&form.den_ngay),
        reason: form.ly_do.clone(),
    };
    match desk_exceptions::make(&desk, &reader.caller, wanted).await.map_err(Trouble)? {
        Worked::Store(Done::Kept(_)) => Ok(Redirect::to("/ngoai-le?xong=made").into_response()),
        Worked::Store(Done::Absent | Done::Neighbours | Done::Over) => Ok(reader.not_found()),
        Worked::Store(Done::Unfit(misfit)) => unfit(&desk, &reader, form, misfit.word()).await,
        Worked::Store(Done::TooWide) | Worked::ReadOnly => Ok(reader.forbidden()),
    }
}

async fn unfit(desk: &Desk, reader: &Reader, form: ExceptingForm, word: &str) -> Answer {
    let told = Told { text: reader.t().say(&format!("refused-exception-{word}")), is_bad: true };

    list(desk, reader, &Asked::default(), form, Some(told), StatusCode::UNPROCESSABLE_ENTITY).await
}

/// Takes one back before its end.
pub(super) async fn withdraw(
    State(desk): State<Desk>,
    reader: Reader,
    Path(id): Path<String>,
    Form(form): Form<EndingForm>,
) -> Answer {
    let Ok(id) = id.parse() else { return Ok(reader.not_found()) };
    let worked = desk_exceptions::withdraw(&desk, &reader.caller, id, form.ly_do).await.map_err(Trouble)?;
    let told = match worked {
        Worked::Store(Done::Kept(_)) => "withdrawn",
        Worked::Store(Done::Over) => "over",
        Worked::Store(Done::Unfit(_)) => "reason",
        Worked::Store(Done::Absent | Done::Neighbours) => return Ok(reader.not_found()),
        Worked::Store(Done::TooWide) | Worked::ReadOnly => return Ok(reader.forbidden()),
    };

    Ok(Redirect::to(&format!("/ngoai-le?xong={told}")).into_response())
}
