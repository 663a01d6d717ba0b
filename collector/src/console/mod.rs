//! The console: pages made on the server, whole without script; script only makes them live and quick.
//!
//! | module | subject |
//! |---|---|
//! | [`frame`] | what every page shares; answers when something is not to be had |
//! | [`assets`] | style, scripts |
//! | [`live`] | "something changed" |
//! | [`sign_in`], [`account`] | coming, going, own settings |
//! | [`overview`], [`incidents`], [`incident`], [`hosts`], [`host`], [`evidence`], [`compliance`], [`rules`], [`windows`], [`journal`] | one page each |
//! | [`casefile`] | what is done to an incident beyond taking and closing it; its reports to print |
//! | [`exchange`] | an incident as a file for others |
//! | [`admission`] | who wants to come in |
//! | [`balance`] | software held against entitlements, agency by agency |
//! | [`exceptions`] | exceptions to rules |
//! | [`risks`] | accepted risks |
//! | [`patch_age`] | a policy over the age of patches |
//! | [`vulnerabilities`] | weaknesses of a host; feeds |
//! | [`difference`], [`licences`] | a file before and after; licences of a host's software |

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate as _};

use crate::desk::{Desk, origin};

mod account;
mod admission;
mod assets;
mod balance;
mod casefile;
mod compliance;
mod difference;
mod due;
mod evidence;
mod exceptions;
mod exchange;
mod frame;
mod host;
mod hosts;
mod incident;
mod incidents;
mod journal;
mod licences;
mod live;
mod overview;
mod patch_age;
mod risks;
mod rules;
mod sending;
mod sign_in;
mod vulnerabilities;
mod windows;

/// Bytes of a form at most; the longest note takes a third of it.
const FORM_BYTES_MAX: usize = 64 * 1024;

/// The path at which the console takes a one-time link's secret.
#[must_use]
pub fn sign_in_path(secret: &str) -> String {
    format!("/dang-nhap/lien-ket/{secret}")
}

/// All pages, and the API beside them, over one desk.
pub fn router(desk: Desk) -> Router {
    let pages = Router::new()
        .route("/", get(overview::show))
        .route("/su-co", get(incidents::show))
        .route("/su-co/moi", get(live::newer_incidents))
        .route("/su-co/{id}", get(incident::show))
        .route("/su-co/{id}/moi", get(live::newer_version))
        .route("/su-co/{id}/tiep-nhan", post(incident::acknowledge))
        .route("/su-co/{id}/ghi-chu", post(incident::comment))
        .route("/su-co/{id}/ket-thuc", post(incident::close))
        .route("/su-co/{id}/mo-lai", post(incident::reopen))
        .route("/su-co/{id}/viec", post(casefile::act))
        .route("/su-co/{id}/bao-cao/{duty}", get(casefile::report))
        .route("/sap-het-han", get(due::show))
        .route("/gui-di", get(sending::show))
        .route("/su-co/{id}/tep", get(exchange::file))
        .route("/may", get(hosts::show))
        .route("/may/{id}", get(host::show))
        .route("/may/{id}/phan-mem", get(host::software))
        .route("/may/{id}/lo-hong", get(vulnerabilities::of_host))
        .route("/ban-va", get(patch_age::show))
        .route("/ngoai-le", get(exceptions::show).post(exceptions::make))
        .route("/ngoai-le/{id}", get(exceptions::one))
        .route("/ngoai-le/{id}/rut", post(exceptions::withdraw))
        .route("/rui-ro", get(risks::show).post(risks::accept))
        .route("/rui-ro/{id}/rut", post(risks::withdraw))
        .route("/nguon-tin", get(vulnerabilities::feeds))
        .route("/ghi-danh", get(admission::show))
        .route("/ghi-danh/{id}", post(admission::act))
        .route("/tuan-thu", get(compliance::show))
        .route("/tuan-thu/{plan}/{clause}", get(compliance::clause))
        .route("/ban-quyen", get(balance::show))
        .route("/ban-quyen/{agency}", get(balance::one))
        .route("/khung-gio", get(windows::show).post(windows::open))
        .route("/khung-gio/{id}", get(windows::one))
        .route("/khung-gio/{id}/dong", post(windows::close))
        .route("/luat", get(rules::show))
        .route("/luat/{id}", get(rules::one))
        .route("/bang-chung/{id}", get(evidence::show))
        .route("/nhat-ky", get(journal::show))
        .route("/tai-khoan", get(account::show))
        .route("/tai-khoan/ngon-ngu", post(account::language))
        .route("/tai-khoan/mat-khau", post(account::password))
        .route("/dang-xuat", post(account::sign_out))
        .route("/dang-nhap", get(sign_in::show).post(sign_in::with_password))
        .route("/dang-nhap/lien-ket", get(sign_in::link_asked).post(sign_in::with_link))
        .route("/dang-nhap/lien-ket/{secret}", get(sign_in::link))
        .route("/sign-in/link/{secret}", get(sign_in::link))
        .route("/song", get(live::stream))
        .route("/tep/{version}/{name}", get(assets::show))
        .fallback(frame::nowhere);
    let compressed = DefaultPredicate::new().and(NotForContentType::const_new("text/event-stream"));

    pages
        .with_state(desk.clone())
        .merge(crate::api::router(desk))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(from_fn(origin::refuse_foreign))
        .layer(from_fn(origin::guard_answer))
        .layer(CompressionLayer::new().compress_when(compressed))
}
