//! What the link tells, and what becomes of it.

use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};
use vonggac_carrier::Way;
use vonggac_protocol::hello::Welcome;
use vonggac_protocol::id::Lane;
use vonggac_protocol::line::BudgetReached;
use vonggac_protocol::observation::Kind;
use vonggac_protocol::time::Timestamp;

use super::Agent;
use crate::clock;
use crate::link::LinkEvent;
use crate::os::Confinement;
use crate::status::CertificateSpan;
use crate::upgrade::Leaving;

/// What is known of the link.
#[derive(Default)]
pub(super) struct Connection {
    pub(super) connected: bool,
    pub(super) since: Option<Timestamp>,
    pub(super) reason: Option<&'static str>,
    pub(super) clock_offset_ms: Option<i64>,
    /// By which way there is or was one last.
    pub(super) way: Option<Way>,
    pub(super) certificate: Option<CertificateSpan>,
}

impl Agent {
    /// Takes what the link tells; says whether the agent is to end by it.
    pub(super) async fn handle_link(&mut self, event: LinkEvent) -> anyhow::Result<Option<Leaving>> {
        self.due.status_soon();
        match event {
            LinkEvent::Connected(welcome, way) => self.handle_connected(welcome, way).await?,
            LinkEvent::Lost(outage) => {
                if self.connection.connected {
                    self.connection.since = Some(clock::now());
                }
                self.connection.connected = false;
                self.connection.reason = Some(outage.message_id());
            }
            LinkEvent::Assigned(assignment) => self.take_assignment(assignment).await?,
            LinkEvent::BudgetReached(day) => self.tell_budget(day).await?,
            LinkEvent::Confined(confined) => self.handle_confined(confined),
            LinkEvent::Heard => self.handle_heard().await?,
            LinkEvent::Arrived(arrived) => {
                return Ok(self.handle_arrived(arrived).await?.then_some(Leaving::Again));
            }
            LinkEvent::ReleaseRefused(refused) => self.handle_refused(refused).await?,
        }

        Ok(None)
    }

    async fn handle_connected(&mut self, welcome: Box<Welcome>, way: Way) -> anyhow::Result<()> {
        let now = clock::now();
        self.connection = Connection {
            connected: true,
            since: Some(now),
            reason: None,
            way: Some(way),
            clock_offset_ms: Some(now.0.saturating_sub(welcome.now.0)),
            certificate: welcome.standing.as_ref().map(CertificateSpan::of),
        };
        if let Some(span) = self.connection.certificate {
            self.ending.handle_said(span, welcome.now, clock::instant());
            self.tell_ending().await?;
        }
        if let Some(assignment) = welcome.assignment.clone() {
            self.take_assignment(assignment).await?;
        }
        self.compare_inventory(welcome);

        Ok(())
    }

    fn handle_confined(&mut self, confined: Confinement) {
        if self.confined.replace(confined) == Some(confined) {
            return;
        }
        match confined {
            Confinement::Whole => info!("Link runs without rights and reaches the agent's own folder only"),
            Confinement::Partial | Confinement::RightsOnly => {
                info!(?confined, "Link is kept apart as far as this kernel can")
            }
            Confinement::NotAvailable | Confinement::Failed => {
                warn!(?confined, "Link has all rights of the agent")
            }
        }
    }

    /// Tells that the certificate is about to end, when that is due, and looks again when it may be.
    pub(super) async fn tell_ending(&mut self) -> anyhow::Result<()> {
        if let Some(ending) = self.ending.poll(self.connection.connected, clock::instant()) {
            warn!("Certificate ends soon and could not be renewed");
            self.spool(vec![Kind::CertificateEnding(ending)]).await?;
            if let Err(error) = self.ending.keep(&self.config.state_dir) {
                warn!(%error, "What was told of the certificate could not be kept");
            }
        }
        if let Some(at) = self.ending.poll_at() {
            // Never at once again, whatever span a collector names.
            let soonest = Instant::now() + Duration::from_secs(1);
            self.due.tick = self.due.tick.min(Instant::from_std(at).max(soonest));
        }

        Ok(())
    }

    /// The smaller of the two budgets holds: the administrator's of this machine and the agency's.
    pub(super) fn limit_line(&self) {
        let kib = [self.config.daily_budget_kib, self.assigned.current().daily_budget_kib];
        let limit = kib.into_iter().flatten().min().map(|kib| u64::from(kib) * 1024);
        self.wire.with_budget(|budget| budget.handle_limit(limit));
    }

    async fn tell_budget(&mut self, day: String) -> anyhow::Result<()> {
        let today = self.wire.today(clock::now());
        let waiting = {
            let spool = self.spool.lock().unwrap_or_else(PoisonError::into_inner);
            Lane::ALL.iter().map(|lane| spool.waiting(*lane)).sum()
        };
        warn!(waiting, "Budget of the day is used up but for the reserve; routine data waits until midnight");
        let reached = BudgetReached {
            day,
            budget: today.budget.unwrap_or(0),
            sent: today.sent_today,
            received: today.received_today,
            waiting,
        };
        self.spool(vec![Kind::BudgetReached(reached)]).await?;

        Ok(())
    }
}
