//! A certificate renewed long before it ends, and roots followed when the collector's change.
//!
//! The time of a renewal is worked out from what the collector says of the certificate and of the time, never from this
//! machine's clock.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rcgen::KeyPair;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tracing::{info, warn};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::hello::Welcome;
use vonggac_protocol::renewal::{CERTIFICATE_BYTES_MAX, ROOTS_MAX, Renew, Renewed, Standing};
use vonggac_protocol::time::Timestamp;

use crate::clock;
use crate::enrol::make_request;
use crate::identity::Identity;
use crate::os::machine;
use crate::wire::tls::provider;
use crate::wire::trust::{Chain, stands_under};

/// An answer takes the collector one commit.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Between two tries lies an eighth of what is left, within these.
const RETRY_PART: u32 = 8;
const RETRY_LEAST: Duration = Duration::from_secs(1);
const RETRY_MOST: Duration = Duration::from_secs(24 * 60 * 60);

/// When the certificate of a connection is to be renewed, and what came of it.
#[derive(Debug)]
pub(super) struct Renewal {
    state: State,
    ends: Instant,
    /// From 0 to 1: where in the span of renewals this host's is.
    jitter: f64,
}

#[derive(Debug)]
enum State {
    /// The collector does not renew.
    Never,
    At(Instant),
    Asked {
        key: KeyPair,
        until: Instant,
    },
}

/// A key made here with the certificate that the collector gave for it.
#[derive(Debug)]
pub(super) struct Pair {
    key_pem: String,
    certificate: CertificateDer<'static>,
}

impl Renewal {
    /// From what a welcome says; `now` is when it came.
    pub(super) fn new(standing: Option<&Standing>, told: Timestamp, now: Instant, jitter: f64) -> Self {
        let jitter = jitter.clamp(0.0, 1.0);
        let Some(standing) = standing else { return Self { state: State::Never, ends: now, jitter } };
        let ends = now + standing.not_after.since(told);
        let begin = if standing.only_renew { now } else { now + wait(standing, told, jitter) };

        Self { state: State::At(begin), ends, jitter }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub(super) fn wake_at(&self) -> Option<Instant> {
        match &self.state {
            State::Never => None,
            State::At(at) => Some(*at),
            State::Asked { until, .. } => Some(*until),
        }
    }

    /// Asks, if it is time: with a new key, which stays here.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> anyhow::Result<Option<Renew>> {
        match &self.state {
            State::At(at) if *at <= now => {
                let (key, request) = make_request(&machine::name())?;
                self.state = State::Asked { key, until: now + ANSWER_WITHIN };
                info!("Certificate is to be renewed");

                Ok(Some(Renew { request }))
            }
            State::Asked { until, .. } if *until <= now => {
                warn!("Collector did not answer a renewal");
                self.retry(now, None);

                Ok(None)
            }
            State::Never | State::At(_) | State::Asked { .. } => Ok(None),
        }
    }

    /// Takes the answer; gives the new pair, if there is one.
    pub(super) fn handle_renewed(&mut self, renewed: Renewed, now: Instant) -> Option<Pair> {
        let state = std::mem::replace(&mut self.state, State::Never);
        let State::Asked { key, .. } = state else {
            self.state = state;
            return None;
        };
        match renewed {
            Renewed::Accepted(renewal) => match pair(&key, renewal.certificate) {
                Ok(pair) => return Some(pair),
                Err(error) => {
                    warn!(error = %format!("{error:#}"), "Renewed certificate cannot be used");
                    self.retry(now, None);
                }
            },
            Renewed::Refused(refusal) => {
                warn!(code = ?refusal.code, "Certificate was not renewed");
                self.retry(now, refusal.retry_after_secs);
            }
        }

        None
    }

    /// The pair could not be kept.
    pub(super) fn handle_unkept(&mut self, now: Instant) {
        self.retry(now, None);
    }

    fn retry(&mut self, now: Instant, asked_secs: Option<u32>) {
        let left = self.ends.saturating_duration_since(now);
        let wait = (left / RETRY_PART).clamp(RETRY_LEAST, RETRY_MOST);
        let asked = Duration::from_secs(u64::from(asked_secs.unwrap_or(0))).min(RETRY_MOST);
        self.state = State::At(now + wait.max(asked).mul_f64(1.0 + self.jitter / 4.0));
    }
}

/// Two thirds of a life, and up to a twelfth more, so that machines enrolled together do not renew together.
fn wait(standing: &Standing, told: Timestamp, jitter: f64) -> Duration {
    let life = standing.not_after.since(standing.issued_at);
    let begin = standing.issued_at.plus(life / 3 * 2 + (life / 12).mul_f64(jitter));

    begin.since(told)
}

/// The certificate must be for the key that was made here.
fn pair(key: &KeyPair, certificate: Vec<u8>) -> anyhow::Result<Pair> {
    ensure!(certificate.len() <= CERTIFICATE_BYTES_MAX, "a certificate of {} bytes", certificate.len());
    let certificate = CertificateDer::from(certificate);
    let key_pem = key.serialize_pem();
    let private = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).context("read the new key back")?;
    CertifiedKey::from_der(vec![certificate.clone()], private, &provider())
        .context("fit key and certificate together")?;

    Ok(Pair { key_pem, certificate })
}

impl Pair {
    /// Puts it in the place of the one before, on the disk first. Blocks.
    pub(super) fn keep(self, identity: &mut Identity, state_dir: &Path) -> anyhow::Result<()> {
        identity.take_pair(state_dir, &self.key_pem, self.certificate).context("keep the renewed certificate")
    }
}

/// Takes what a welcome says of time and roots; says whether the roots are others now. Blocks.
pub(super) fn learn(
    identity: &mut Identity,
    state_dir: &Path,
    welcome: &Welcome,
    chain: Option<&Chain>,
) -> bool {
    if let Err(error) = identity.learn_time(state_dir, welcome.now, clock::now()) {
        warn!(%error, "The collector's time could not be kept");
    }
    let Some(standing) = &welcome.standing else { return false };
    if !standing.only_renew
        && let Err(error) = Identity::forget_first_pair(state_dir)
    {
        warn!(%error, "The key before could not be removed");
    }
    let Some(roots) = &standing.roots else { return false };
    let roots: Vec<CertificateDer<'static>> =
        roots.iter().map(|root| CertificateDer::from(root.to_vec())).collect();
    match follow(identity, state_dir, roots, chain) {
        Ok(changed) => changed,
        Err(error) => {
            warn!(error = %format!("{error:#}"), "The collector's roots were not taken");
            false
        }
    }
}

/// Takes roots only if the collector that names them stands under them, as it stands under those that are trusted.
fn follow(
    identity: &mut Identity,
    state_dir: &Path,
    roots: Vec<CertificateDer<'static>>,
    chain: Option<&Chain>,
) -> anyhow::Result<bool> {
    ensure!((1..=ROOTS_MAX).contains(&roots.len()), "{} roots, 1 to {ROOTS_MAX} are accepted", roots.len());
    ensure!(roots.iter().all(|root| root.len() <= CERTIFICATE_BYTES_MAX), "a root that is too long");
    let digests = |roots: &[CertificateDer<'_>]| {
        let mut digests: Vec<Digest> = roots.iter().map(|root| Digest::of(root)).collect();
        digests.sort_unstable();
        digests
    };
    if digests(&roots) == digests(&identity.roots) {
        return Ok(false);
    }
    let chain = chain.context("there is no chain to try them on")?;
    ensure!(stands_under(chain, &roots, &provider()), "the collector does not stand under them");
    identity.take_roots(state_dir, roots).context("keep them")?;
    info!("The collector's roots changed");

    Ok(true)
}

#[cfg(test)]
mod tests {
    use vonggac_protocol::hello::{Refusal, RefusalCode};
    use vonggac_protocol::renewal::Renewal as New;

    use super::*;
    use crate::wire::tests::Authority;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    const ISSUED: Timestamp = Timestamp(1_795_000_000_000);

    fn standing(only_renew: bool) -> Standing {
        Standing { issued_at: ISSUED, not_after: ISSUED.plus(DAY * 30), only_renew, roots: None }
    }

    #[test]
    fn a_renewal_begins_after_two_thirds_of_the_life_by_the_collectors_clock() {
        let now = clock::instant();
        let told = ISSUED.plus(DAY * 5);

        let soonest = Renewal::new(Some(&standing(false)), told, now, 0.0);
        let latest = Renewal::new(Some(&standing(false)), told, now, 1.0);

        assert_eq!(soonest.wake_at(), Some(now + DAY * 15));
        assert_eq!(latest.wake_at(), Some(now + DAY * 15 + DAY * 5 / 2));
        assert_eq!(Renewal::new(Some(&standing(true)), ISSUED.plus(DAY * 40), now, 0.5).wake_at(), Some(now));
        assert_eq!(Renewal::new(None, told, now, 0.5).wake_at(), None);
    }

    #[test]
    fn a_refused_or_unanswered_renewal_is_tried_again_while_there_is_time() {
        let now = clock::instant();
        let mut renewal = Renewal::new(Some(&standing(false)), ISSUED.plus(DAY * 22), now, 0.0);

        assert!(renewal.handle_timeout(now).unwrap().is_some());
        assert!(renewal.handle_timeout(now + ANSWER_WITHIN).unwrap().is_none());
        let again = renewal.wake_at().unwrap();
        assert!(again > now + ANSWER_WITHIN && again < now + DAY * 2, "{:?}", again - now);
        assert!(renewal.handle_timeout(again).unwrap().is_some());
        let refusal =
            Refusal { code: RefusalCode::Busy, detail: String::new(), retry_after_secs: Some(80_000) };
        assert!(renewal.handle_renewed(Renewed::Refused(refusal), again).is_none());
        assert!(renewal.wake_at().unwrap() >= again + Duration::from_secs(80_000));
    }

    #[test]
    fn a_certificate_for_another_key_is_not_taken_and_one_for_ours_is() {
        let (authority, now) = (Authority::new(), clock::instant());
        let mut renewal = Renewal::new(Some(&standing(true)), ISSUED, now, 0.0);
        let (_, another) = make_request("x").unwrap();
        let answer = |request: &[u8]| {
            let certificate = authority.sign(request).to_vec();
            Renewed::Accepted(New { certificate, issued_at: ISSUED, not_after: ISSUED })
        };

        let asked = renewal.handle_timeout(now).unwrap().unwrap();
        assert!(renewal.handle_renewed(answer(&another), now).is_none());
        assert!(
            renewal.handle_renewed(answer(&asked.request), now).is_none(),
            "it was not asked for any more"
        );
        let at = renewal.wake_at().unwrap();
        let asked = renewal.handle_timeout(at).unwrap().unwrap();
        assert!(renewal.handle_renewed(answer(&asked.request), at).is_some());
    }
}
