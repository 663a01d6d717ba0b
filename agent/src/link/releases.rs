//! A release on its way over this connection.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use tracing::{info, warn};
use vonggac_carrier::SendStream;
use vonggac_protocol::frame::Frame;
use vonggac_protocol::id::Lane;
use vonggac_protocol::release::{ReleaseOffer, ReleasePiece, ReleaseWanted};

use super::{Link, LinkEvent, now, on_disk};
use crate::clock;
use crate::upgrade::fetch::{Fetch, Step};
use crate::wire::frames;

/// When what the machine's state was in the way of is looked at again: its disk, its clock.
const LOOK_AGAIN: Duration = Duration::from_secs(3_600);

/// How long to wait where the day's budget has nothing left for it.
const BUDGET_AGAIN: Duration = Duration::from_secs(600);

/// What is offered and fetched on one connection.
#[derive(Debug, Default)]
pub(super) struct Releases {
    fetch: Option<Box<Fetch>>,
    /// An offer that cannot be followed now, and when to look again.
    held: Option<(ReleaseOffer, Instant)>,
    /// Until when nothing is asked for.
    rest_until: Option<Instant>,
}

impl Releases {
    pub(super) async fn handle_offer(&mut self, link: &mut Link, offer: ReleaseOffer) -> anyhow::Result<()> {
        let Some(upgrades) = link.upgrades.clone() else { return Ok(()) };
        (self.fetch, self.held) = (None, None);
        let (weighed, at) = (offer.clone(), clock::now());
        let step = on_disk(move || upgrades.begin(weighed, at).context("weigh a release")).await;

        self.follow(link, step, Some(offer)).await
    }

    pub(super) async fn handle_piece(&mut self, link: &mut Link, piece: ReleasePiece) -> anyhow::Result<()> {
        let (Some(upgrades), Some(fetch)) = (link.upgrades.clone(), self.fetch.take()) else {
            return Ok(());
        };
        let step = on_disk(move || upgrades.take(fetch, &piece).context("keep a piece of a release")).await;

        self.follow(link, step, None).await
    }

    /// Asks for the next piece, if one is due.
    pub(super) async fn pump(&mut self, link: &mut Link, control: &mut SendStream) -> anyhow::Result<()> {
        if let Some(wanted) = self.poll(link).await? {
            frames::write(control, &Frame::ReleaseWanted(wanted)).await?;
            link.pacing.handle_sent(now());
        }

        Ok(())
    }

    async fn follow(
        &mut self,
        link: &mut Link,
        step: anyhow::Result<Step>,
        offer: Option<ReleaseOffer>,
    ) -> anyhow::Result<()> {
        let later = now().checked_add(LOOK_AGAIN);
        let event = match step {
            Ok(Step::Fetching(fetch)) => {
                self.fetch = Some(fetch);
                return Ok(());
            }
            Ok(Step::Later) => {
                self.held = offer.zip(later);
                return Ok(());
            }
            Ok(Step::Done) => return Ok(()),
            Ok(Step::Arrived(arrived)) => {
                info!(version = arrived.slot.version, "Release is whole on the disk");
                LinkEvent::Arrived(arrived)
            }
            Ok(Step::Refused(refused)) => {
                self.held = offer.filter(|_| refused.again).zip(later);
                LinkEvent::ReleaseRefused(refused)
            }
            // A disk in trouble: the next connection begins anew with what is there.
            Err(error) => {
                warn!(error = %format!("{error:#}"), "Release could not be fetched");
                return Ok(());
            }
        };

        link.events.send(event).await.context("tell the loop")
    }

    /// The piece to ask for now, if one is due and the day's budget has room for it.
    async fn poll(&mut self, link: &mut Link) -> anyhow::Result<Option<ReleaseWanted>> {
        if let Some((offer, _)) = self.held.take_if(|(_, at)| *at <= now()) {
            self.handle_offer(link, offer).await?;
        }
        let Some(fetch) = &mut self.fetch else { return Ok(None) };
        if self.rest_until.is_some_and(|until| until > now()) {
            return Ok(None);
        }
        self.rest_until = None;
        if !link.wire.with_budget(|budget| budget.allows(Lane::Bulk, clock::now())) {
            self.rest_until = now().checked_add(BUDGET_AGAIN);
            return Ok(None);
        }

        Ok(fetch.poll(now()))
    }

    /// When to poll if nothing comes.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let asked = self.fetch.as_deref().and_then(Fetch::poll_at);
        let held = self.held.as_ref().map(|(_, at)| *at);

        self.rest_until.or(asked).into_iter().chain(held).min()
    }
}
