//! A new certificate for a host that is connected: whose it is, the connection says, never the request.

use std::sync::Arc;
use std::time::Duration;

use minicbor::bytes::ByteVec;
use rusqlite::Transaction;
use tracing::{info, warn};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::hello::{Refusal, RefusalCode};
use vonggac_protocol::renewal::{Renew, Renewal, Renewed, Standing};
use vonggac_protocol::time::Timestamp;

use crate::authority::{Authority, Issued, Terms};
use crate::clock;
use crate::intake::Sender;
use crate::listen::frames::refusal;
use crate::store::Store;
use crate::store::certificates::{self, Identity, Validity};
use crate::store::hosts::HostState;

/// A certificate is issued again no sooner than after this part of a life; a month gives a day.
const AGAIN_AFTER: u32 = 30;

/// Who has none that counts is served again sooner.
const AGAIN_WITHOUT: Duration = Duration::from_secs(60);

/// Renews certificates.
pub struct Renewals {
    store: Store,
    authority: Arc<Authority>,
    terms: Terms,
}

/// Which roots hosts are to trust, and how long after its end a certificate may be renewed.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The roots.
    pub roots: Vec<Vec<u8>>,
    /// The grace.
    pub grace: Duration,
}

impl Offer {
    /// What a host is told of its certificate and of the roots.
    #[must_use]
    pub fn standing(&self, known: &Identity, trusts: Option<&[Digest]>, now: Timestamp) -> Standing {
        let differs = trusts.is_some_and(|trusts| {
            let ours: Vec<Digest> = self.roots.iter().map(|root| Digest::of(root)).collect();
            ours.len() != trusts.len() || !ours.iter().all(|root| trusts.contains(root))
        });

        Standing {
            issued_at: known.issued_at,
            not_after: known.not_after,
            only_renew: known.validity(self.grace, now) == Validity::OnlyRenew,
            roots: differs.then(|| self.roots.iter().cloned().map(ByteVec::from).collect()),
        }
    }
}

impl Renewals {
    /// Renews from this authority, into this store.
    #[must_use]
    pub fn new(store: Store, authority: Arc<Authority>, terms: Terms) -> Self {
        Self { store, authority, terms }
    }

    /// What hosts are told.
    #[must_use]
    pub fn offer(&self) -> Offer {
        let roots = self.authority.roots().iter().map(|root| root.to_vec()).collect();

        Offer { roots, grace: self.terms.grace }
    }

    /// Answers a request of a connected host.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn answer(&self, sender: Sender, renew: Renew) -> anyhow::Result<Renewed> {
        let now = clock::now();
        let known = self.store.read(move |db| certificates::identify(db, sender.certificate)).await?;
        let Some(known) = known.filter(|known| known.host == sender.host) else {
            return Ok(Renewed::Refused(refusal(
                RefusalCode::IdentityRevoked,
                "the certificate is not known",
            )));
        };
        let issued =
            match self.authority.issue(&renew.request, known.host, &known.agency, self.terms.life, now) {
                Ok(issued) => issued,
                Err(error) => {
                    return Ok(Renewed::Refused(refusal(RefusalCode::RequestUnusable, format!("{error:#}"))));
                }
            };
        let terms = self.terms;
        let renewed = self.store.write(move |tx| file(tx, sender, issued, terms, now)).await?;
        match &renewed {
            Renewed::Accepted(renewal) => info!(until = %renewal.not_after, "Certificate renewed"),
            Renewed::Refused(refusal) => warn!(code = ?refusal.code, "Certificate not renewed"),
        }

        Ok(renewed)
    }
}

/// Keeps a certificate, if the host may have it at this moment.
fn file(
    tx: &Transaction<'_>,
    sender: Sender,
    issued: Issued,
    terms: Terms,
    now: Timestamp,
) -> anyhow::Result<Renewed> {
    let known = certificates::identify(tx, sender.certificate)?;
    let state = known.as_ref().map_or(HostState::Revoked, |known| known.state);
    if state != HostState::Active {
        return Ok(Renewed::Refused(super::greet::refusal_of(state)));
    }
    let Some(known) = known else { return Ok(Renewed::Refused(super::greet::refusal_of(state))) };
    let again = match known.validity(terms.grace, now) {
        Validity::Whole => terms.life / AGAIN_AFTER,
        Validity::OnlyRenew => AGAIN_WITHOUT.min(terms.life / AGAIN_AFTER),
        Validity::Over => return Ok(Renewed::Refused(over())),
    };
    let last = certificates::last_issued(tx, known.host)?.unwrap_or(Timestamp(0));
    let since = now.since(last);
    if since < again {
        let wait = u32::try_from((again - since).as_secs()).unwrap_or(u32::MAX).saturating_add(1);
        let refusal = refusal(RefusalCode::Busy, "a certificate was issued a short time ago");
        return Ok(Renewed::Refused(Refusal { retry_after_secs: Some(wait), ..refusal }));
    }
    certificates::add(tx, &issued, known.host)?;

    Ok(Renewed::Accepted(Renewal {
        certificate: issued.certificate,
        issued_at: issued.issued_at,
        not_after: issued.not_after,
    }))
}

/// What to tell a host whose certificate is good for nothing.
#[must_use]
pub fn over() -> Refusal {
    let detail = "the certificate ended too long ago, or a newer one took its place: enrol again";

    refusal(RefusalCode::CertificateExpired, detail)
}

/// What to tell a host whose certificate ended while it was connected: it may come back at once, to renew.
#[must_use]
pub fn ended() -> Refusal {
    let refusal =
        refusal(RefusalCode::CertificateExpired, "the certificate has ended: come back and renew it");

    Refusal { retry_after_secs: Some(1), ..refusal }
}
