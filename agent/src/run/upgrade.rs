//! The agent's part in becoming another version: trying what has arrived, telling what became of it.

use std::collections::BTreeSet;

use anyhow::Context as _;
use tracing::{info, warn};
use vonggac_protocol::observation::Kind;
use vonggac_protocol::release::{AgentUpgrade, UpgradeOutcome, UpgradeReason};

use super::Agent;
use crate::upgrade::fetch::{Arrived, Refused};
use crate::upgrade::plan::{Plan, Trial};
use crate::upgrade::shelf::Shelf;
use crate::upgrade::trying;
use crate::version;

/// What this run has told of orders that may be tried again.
pub(super) type ToldAgain = BTreeSet<u64>;

impl Agent {
    /// Tells what became of upgrades before this start.
    pub(super) async fn tell_upgrades(&mut self) -> anyhow::Result<()> {
        let Some(mut plan) = self.plan() else { return Ok(()) };
        if plan.untold.is_empty() {
            return Ok(());
        }
        // Told before forgotten: after a power cut in between it is told again.
        self.spool(plan.untold.iter().cloned().map(Kind::AgentUpgrade).collect()).await?;
        plan.untold.clear();
        self.keep_plan(&plan);

        Ok(())
    }

    /// The collector has acknowledged something that this run sent.
    pub(super) async fn handle_heard(&mut self) -> anyhow::Result<()> {
        let Some(mut plan) = self.plan() else { return Ok(()) };
        let before = plan.clone();
        if let Some(told) = plan.settle(version::own()) {
            info!(from = told.from, to = told.to, "Version has reported and stays");
            plan.tell(told);
        }
        // Kept before it is told: a version that the launcher would still end must not say that it stays.
        self.settling = plan != before && !self.keep_plan(&plan);
        if plan == before || self.settling {
            return Ok(());
        }
        self.tell_upgrades().await?;
        self.tidy_versions();

        Ok(())
    }

    /// Settles what could not be settled when the collector was heard: there was no room on the disk.
    pub(super) async fn settle_again(&mut self) -> anyhow::Result<()> {
        if self.settling { self.handle_heard().await } else { Ok(()) }
    }

    /// A program is whole on the disk: if it runs here at all, it is planned; says whether another version is to run now.
    pub(super) async fn handle_arrived(&mut self, arrived: Arrived) -> anyhow::Result<bool> {
        let program = Shelf::of(&self.config.state_dir).program(&arrived.slot);
        if !program.exists() {
            // Tidied away in between; it comes again with the next offer.
            return Ok(false);
        }
        let named = arrived.slot.version.clone();
        let runs = tokio::task::spawn_blocking(move || trying::says_its_version(&program, &named))
            .await
            .context("try a version")?;
        if !runs {
            let told = AgentUpgrade {
                outcome: UpgradeOutcome::Refused,
                from: version::own().to_owned(),
                to: arrived.slot.version,
                reason: Some(UpgradeReason::DoesNotRun),
                order: Some(arrived.order),
            };
            self.handle_refused(Refused { told, again: false }).await?;
            return Ok(false);
        }
        let Some(mut plan) = self.plan() else { return Ok(false) };
        let starts = plan.starts_of(&arrived.slot, arrived.order);
        info!(version = arrived.slot.version, order = arrived.order, "Version is tried");
        plan.trial =
            Some(Trial { slot: arrived.slot, order: arrived.order, from: version::own().to_owned(), starts });
        match plan.keep(&self.config.state_dir) {
            Ok(()) => Ok(true),
            Err(error) => {
                warn!(%error, "Version could not be planned; it is tried with the next offer");
                Ok(false)
            }
        }
    }

    /// A release was refused: told once, and remembered unless the same order may be tried again.
    pub(super) async fn handle_refused(&mut self, refused: Refused) -> anyhow::Result<()> {
        let order = refused.told.order.unwrap_or(0);
        if refused.again && !self.told_again.insert(order) {
            return Ok(());
        }
        let reason = refused.told.reason.map_or("", UpgradeReason::word);
        warn!(version = refused.told.to, reason, "Release refused");
        self.spool(vec![Kind::AgentUpgrade(refused.told)]).await?;
        if !refused.again
            && let Some(mut plan) = self.plan()
        {
            plan.close(order);
            self.keep_plan(&plan);
        }
        self.tidy_versions();

        Ok(())
    }

    fn tidy_versions(&self) {
        let Some(plan) = self.plan() else { return };
        if let Err(error) = Shelf::of(&self.config.state_dir).tidy(&plan) {
            warn!(%error, "Old versions could not be removed");
        }
    }

    /// A plan that cannot be read is no reason to stop watching.
    fn plan(&self) -> Option<Plan> {
        match Plan::load(&self.config.state_dir) {
            Ok(plan) => Some(plan),
            Err(error) => {
                warn!(%error, "Which version is to run could not be read");
                None
            }
        }
    }

    /// Says whether it could be kept; if not, that is no reason to stop watching either.
    fn keep_plan(&self, plan: &Plan) -> bool {
        let kept = plan.keep(&self.config.state_dir);
        if let Err(error) = &kept {
            warn!(%error, "Which version is to run could not be kept");
        }

        kept.is_ok()
    }
}
