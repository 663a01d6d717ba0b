//! Serves the console over a seeded store, to look at pages while working on them: prints a sign-in link and a token.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for whoever works on the pages")]

use std::time::Duration;

use vonggac_collector::store::{people, sessions};
use vonggac_collector::{clock, console};

#[path = "../tests/console/seed.rs"]
mod seed;

#[tokio::main]
async fn main() {
    let folder = std::env::args().nth(1).map(std::path::PathBuf::from).unwrap();
    std::fs::create_dir_all(&folder).unwrap();
    let mut seed = seed::sow(&folder, clock::now()).await;
    seed.desk.settings.now = std::sync::Arc::new(clock::now);
    let now = clock::now();
    let (secret, session, token) = seed
        .desk
        .store
        .write(move |tx| {
            let secret = people::make_link(tx, "an", now.plus(Duration::from_secs(3_600)))?;
            let session = sessions::open(tx, 1, sessions::SessionKind::Browser, now)?;
            Ok((secret, session, sessions::make_token(tx, "an", now)?))
        })
        .await
        .unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    println!("link {base}{}\nsession {session}\ntoken {token}\nbase {base}", console::sign_in_path(&secret));
    axum::serve(listener, console::router(seed.desk)).await.unwrap();
}
