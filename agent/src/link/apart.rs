//! The link apart from the rest of the agent: a thread of its own, with its own runtime, that has no right and reaches no
//! file but the agent's own. Whatever reads bytes of the network reads them there.

use std::io;
use std::path::Path;

use anyhow::Context as _;
use tokio::sync::oneshot;
use tracing::warn;

use super::{Link, LinkEvent};
use crate::keep;
use crate::os::Confinement;
use crate::os::confine::Reach;

/// The thread's name, as a process list shows it.
pub const THREAD: &str = "link";

/// Threads of the link that wait for the disk or for a name.
const BLOCKING_THREADS: usize = 3;

/// How a life of the thread ended.
enum Ended {
    /// The link was asked to stop.
    Stopped,
    /// Names are resolved by other files now: another thread has to go on.
    Stale(Link),
    /// The thread could not be kept apart and still do its work: another goes on with the rights of the agent.
    Refused(Link, anyhow::Error),
}

/// Runs a link until it is asked to stop. Ends early only if the system has no thread to give, or the link panics.
pub async fn run(link: Link) {
    let (mut link, mut confined) = (link, true);
    loop {
        let (tell, told) = oneshot::channel();
        let started = std::thread::Builder::new()
            .name(THREAD.to_owned())
            .spawn(move || drop(tell.send(live(link, confined))));
        if let Err(error) = started {
            warn!(%error, "Thread of the link could not be started");
            return;
        }
        link = match told.await {
            Ok(Ended::Stale(link)) => link,
            Ok(Ended::Refused(link, error)) => {
                warn!(error = %format!("{error:#}"), "Link could not be kept apart; it runs with the agent's rights");
                confined = false;
                link
            }
            Ok(Ended::Stopped) | Err(_) => return,
        };
    }
}

fn live(link: Link, confined: bool) -> Ended {
    let reach = Reach::of(&link.state_dir);
    let found = match confined.then(|| confine(&reach, &link.state_dir)) {
        Some(Ok(found)) => found,
        Some(Err(error)) => return Ended::Refused(link, error),
        None => Confinement::Failed,
    };
    // After that: what the runtime starts is as confined as this thread.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_name(THREAD)
        .build();
    match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(async {
                // If nobody listens, the agent is ending.
                link.events.send(LinkEvent::Confined(found)).await.ok();
                match link.run_while(|| !(confined && reach.is_stale())).await {
                    Some(link) => Ended::Stale(link),
                    None => Ended::Stopped,
                }
            });
            // The system may look for a name for half a minute where there is no network; an end does not wait for that.
            runtime.shutdown_background();

            ended
        }
        Err(error) => Ended::Refused(link, anyhow::Error::new(error).context("start the link's runtime")),
    }
}

/// Confines the calling thread and looks whether it still reaches the agent's folder: whoever may not enter a folder
/// above it without a right that is gone now does not.
fn confine(reach: &Reach, state_dir: &Path) -> anyhow::Result<Confinement> {
    let found = reach.confine().context("give up the thread's rights")?;
    let probe = state_dir.join("reach");
    match keep::write_view(&probe, b"").and_then(|()| keep::remove_file(&probe)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(anyhow::Error::new(error).context("reach the state folder without rights"))
        }
        // A disk that is full or gone is no matter of rights.
        Ok(()) | Err(_) => Ok(found),
    }
}
