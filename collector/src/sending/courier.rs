//! The task that sends: looks for what is due, visits each destination by itself so that a dead one holds up no other,
//! and writes down how each try ended.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use vonggac_protocol::time::Timestamp;

use super::outcome::{Failure, Tried};
use super::secret::{self, Secret};
use super::settings::Settings;
use super::{mail, syslog, webhook};
use crate::clock;
use crate::store::Store;
use crate::store::sending::announce;
use crate::store::sending::destinations::Destination;
use crate::store::sending::outgoing::{self, Message};

/// How soon a message that was queued, by us or by the command line, is noticed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Destinations visited at once.
const VISITS_MAX: usize = 8;

/// Messages of one visit: then others have their turn.
const VISIT_MESSAGES: usize = 50;

/// One try may take so long in all.
const TRY_MOST: Duration = Duration::from_secs(60);

/// What is on its way when the program stops may take so long to arrive; after that it goes again at the next start.
const LAST_MOST: Duration = Duration::from_secs(3);

/// Runs until told to stop.
///
/// # Errors
/// If the store cannot be read or written at the start.
pub async fn run(store: Store, stop: CancellationToken) -> anyhow::Result<()> {
    let again = store.write(outgoing::recover).await?;
    if again > 0 {
        info!(again, "Messages whose fate is not known are sent again under the same id");
    }
    let mut look = tokio::time::interval(LOOK_EVERY);
    let mut visited: BTreeSet<i64> = BTreeSet::new();
    let mut visits: JoinSet<i64> = JoinSet::new();
    let mut failing = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(left) = visits.join_next() => match left {
                Ok(destination) => { visited.remove(&destination); }
                Err(error) => return Err(anyhow::Error::from(error).context("a visit failed")),
            },
            _ = look.tick() => {
                let now = clock::now();
                let due = store.read(move |db| outgoing::due(db, now)).await;
                match &due {
                    Err(error) if !failing => warn!(error = format!("{error:#}"), "The queue cannot be read"),
                    Ok(_) | Err(_) => {}
                }
                failing = due.is_err();
                for destination in due.unwrap_or_default() {
                    if visits.len() < VISITS_MAX && visited.insert(destination) {
                        visits.spawn(visit(store.clone(), destination, stop.clone()));
                    }
                }
            }
        }
    }
    let last = async { while visits.join_next().await.is_some() {} };
    // What is cut off stays `sending` and goes again at the next start.
    tokio::time::timeout(LAST_MOST, last).await.ok();

    Ok(())
}

/// Sends what is due at a destination until nothing is, or it cannot be reached.
async fn visit(store: Store, destination: i64, stop: CancellationToken) -> i64 {
    if let Err(error) = deliver_all(&store, destination, &stop).await {
        warn!(destination, error = format!("{error:#}"), "A destination could not be served");
    }

    destination
}

async fn deliver_all(store: &Store, destination: i64, stop: &CancellationToken) -> anyhow::Result<()> {
    for _ in 0..VISIT_MESSAGES {
        if stop.is_cancelled() {
            break;
        }
        let now = clock::now();
        let taken = store
            .write(move |tx| {
                announce::catch_up(tx, destination, now)?;
                outgoing::take(tx, destination, now)
            })
            .await?;
        let Some((to, message)) = taken else { break };
        let tried = deliver(store, &to, &message).await;
        let (id, at) = (message.id, clock::now());
        let is_down = matches!(tried, Err(Failure::Unreachable(_)));
        match &tried {
            Ok(_) => info!(destination, message = id, "Message confirmed"),
            // What receivers answer may name what is told of: it stays in the store.
            Err(_) => warn!(destination, message = id, is_down, "Message not taken"),
        }
        store.write(move |tx| outgoing::settle(tx, id, &tried, at)).await?;
        if is_down {
            break;
        }
    }

    Ok(())
}

async fn deliver(store: &Store, to: &Destination, message: &Message) -> Tried {
    let secret = match &to.secret {
        Some(name) => {
            Some(secret::read(store.folder(), name).map_err(|error| Failure::Later(format!("{error:#}")))?)
        }
        None => None,
    };

    tokio::time::timeout(TRY_MOST, carry(to, message, secret.as_ref(), clock::now()))
        .await
        .unwrap_or_else(|_| Err(Failure::Unreachable("no answer in time".to_owned())))
}

async fn carry(to: &Destination, message: &Message, secret: Option<&Secret>, now: Timestamp) -> Tried {
    let allow_local = to.allow_local;
    match &to.settings {
        Settings::Mail { host, port, tls, user, from, to, ca } => {
            let credentials = user.as_deref().zip(secret);
            let (port, tls, ca) = (*port, *tls, ca.as_deref());
            let way = mail::Way { host, port, tls, credentials, from, to, ca, allow_local };
            let Message { uid, made_at, subject, body, .. } = message;
            mail::send(&way, &mail::Mail { uid, made_at: *made_at, subject, text: body }).await
        }
        Settings::Webhook { url, ca } => {
            let key = secret.and_then(Secret::signing);
            let key =
                key.ok_or_else(|| Failure::Refused("the destination has no key to sign with".to_owned()))?;
            let way = webhook::Way { url, key: &key, ca: ca.as_deref(), allow_local };
            webhook::send(&way, &message.uid, &message.body, now).await
        }
        Settings::Syslog { host, port, over, ca, .. } => {
            let way = syslog::Way { host, port: *port, over: *over, ca: ca.as_deref(), allow_local };
            syslog::send(&way, &message.body).await
        }
    }
}
