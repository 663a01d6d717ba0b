//! Asking the router, as a browser or a program would.

use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use tower::ServiceExt as _;
use vonggac_collector::console;
use vonggac_collector::store::sessions::{self, SessionKind};
use vonggac_protocol::time::Timestamp;

use super::seed::{self, Seed};

/// The moment of every test.
pub(crate) const NOW: Timestamp = Timestamp(1_795_312_345_678);

/// A seeded world.
pub(crate) struct World {
    pub(crate) seed: Seed,
    folder: tempfile::TempDir,
}

/// An answer, read whole.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::at(NOW).await
    }

    /// A world as of this moment.
    pub(crate) async fn at(now: Timestamp) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let seed = seed::sow(folder.path(), now).await;

        Self { seed, folder }
    }

    /// The data folder, for the real program.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// A session of this person; the cookie's value.
    pub(crate) async fn session(&self, name: &'static str, kind: SessionKind) -> String {
        let now = self.seed.desk.now();
        let open = move |tx: &rusqlite::Transaction<'_>| {
            let id = tx.query_row("SELECT id FROM person WHERE name = ?1", [name], |row| row.get(0))?;
            sessions::open(tx, id, kind, now)
        };

        self.seed.desk.store.write(open).await.unwrap()
    }

    pub(crate) async fn raw(&self, request: Request<Body>) -> Response<Body> {
        console::router(self.seed.desk.clone()).oneshot(request).await.unwrap()
    }

    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        let response = self.raw(request).await;
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 8 << 20).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();

        Answer { status: parts.status, headers: parts.headers, text }
    }

    /// As a browser with this cookie.
    pub(crate) async fn get(&self, cookie: &str, path: &str) -> Answer {
        self.ask(
            Request::get(path)
                .header(header::COOKIE, format!("vonggac={cookie}"))
                .body(Body::empty())
                .unwrap(),
        )
        .await
    }

    /// A form of our own page, as a browser with this cookie.
    pub(crate) async fn post(&self, cookie: &str, path: &str, form: &str) -> Answer {
        let request = Request::post(path)
            .header(header::COOKIE, format!("vonggac={cookie}"))
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned()))
            .unwrap();

        self.ask(request).await
    }

    /// As a program with this token.
    pub(crate) async fn call(
        &self,
        token: &str,
        method: &str,
        path: &str,
        version: Option<&str>,
        body: &str,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(version) = version {
            request = request.header(header::IF_MATCH, version);
        }

        self.ask(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// The number of the incident about this subject.
    pub(crate) async fn incident(&self, subject: &'static str) -> i64 {
        let find = move |db: &rusqlite::Connection| {
            Ok(db.query_row(
                "SELECT id FROM incident WHERE subject = ?1 ORDER BY id LIMIT 1",
                [subject],
                |row| row.get(0),
            )?)
        };

        self.seed.desk.store.read(find).await.unwrap()
    }

    /// How many lines of the audit log have this action.
    pub(crate) async fn audited(&self, action: &'static str) -> u64 {
        let count = move |db: &rusqlite::Connection| {
            Ok(db.query_row("SELECT count(*) FROM audit WHERE action = ?1", [action], |row| row.get(0))?)
        };

        self.seed.desk.store.read(count).await.unwrap()
    }

    /// An observation of this host.
    pub(crate) async fn observation(&self, host: u8) -> String {
        let host = seed::host(host);
        let find = move |db: &rusqlite::Connection| {
            let query = "SELECT lane, seq FROM observation WHERE host = ?1 AND epoch = 7 ORDER BY id LIMIT 1";
            let (lane, seq): (u8, i64) =
                db.query_row(query, [host.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let lane = if lane == 0 { "prompt" } else { "bulk" };
            Ok(format!("{host}-0000000000000007-{lane}-{seq}"))
        };

        self.seed.desk.store.read(find).await.unwrap()
    }
}
