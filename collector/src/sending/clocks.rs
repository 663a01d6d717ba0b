//! The task that watches clocks: what nobody looks at still warns.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use vonggac_protocol::time::Timestamp;

use crate::clock;
use crate::store::{Store, warnings};

/// The shortest time that our profiles give is an hour, and T0 is to the minute.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Runs until told to stop.
///
/// # Errors
/// Never; a store that fails is asked again.
pub async fn run(store: Store, stop: CancellationToken) -> anyhow::Result<()> {
    let mut look = tokio::time::interval(LOOK_EVERY);
    let mut failing = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = look.tick() => {}
        }
        let looked = look_once(&store, clock::now()).await;
        match &looked {
            Err(error) if !failing => warn!(error = format!("{error:#}"), "Clocks cannot be looked at"),
            Ok(0) | Err(_) => {}
            Ok(raised) => info!(raised, "Clocks warned"),
        }
        failing = looked.is_err();
    }
}

/// Raises every warning that is due; says how many. Each incident is one transaction, in which it is looked at again.
///
/// # Errors
/// If the store fails; what was raised until then stays raised.
pub async fn look_once(store: &Store, now: Timestamp) -> anyhow::Result<usize> {
    let mut raised = 0;
    for incident in store.read(move |db| warnings::pending(db, now)).await? {
        raised += store.write(move |tx| warnings::raise(tx, incident, now)).await?;
    }
    store.write(move |tx| warnings::looked(tx, now)).await?;

    Ok(raised)
}
