//! Whether a chain is the collector's, also when this machine's clock is years off.
//!
//! Trust rests on the roots. Time is the collector's word where there is one: a clock that is behind what a collector
//! of ours once said is not believed; a chain that by our clock is over, but by that word was not, is accepted, for
//! otherwise a wrong clock would lock the machine out for ever. A chain of other roots is refused at any time.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{ServerCertVerified, ServerCertVerifier as _};
use rustls::crypto::CryptoProvider;
use rustls::{CertificateError, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::hello::COLLECTOR_NAME;
use vonggac_protocol::time::Timestamp;

/// Spans that are tried: one for each certificate of a chain and one for the turn back.
const TRIES: usize = 6;

/// Whom to believe.
#[derive(Clone, Debug)]
pub enum Trust {
    /// The root of this digest, which must be in the chain; a person is there, and the clock must be right.
    Pin(Digest),
    /// These roots, and the last moment that a collector under them told.
    Roots {
        /// The roots.
        roots: Vec<CertificateDer<'static>>,
        /// What a collector of ours said the time was; `None` if it never did.
        known: Option<Timestamp>,
    },
}

/// A chain as it was shown: the collector's certificate, and those above it.
#[derive(Clone, Debug)]
pub struct Chain {
    /// The collector's.
    pub end: CertificateDer<'static>,
    /// Those above it, in any order.
    pub above: Vec<CertificateDer<'static>>,
}

impl Trust {
    /// The roots that count for this chain; `None` if the pinned one is not there.
    fn roots(&self, above: &[CertificateDer<'_>]) -> Option<Vec<CertificateDer<'static>>> {
        match self {
            Self::Pin(pin) => {
                let root = above.iter().find(|certificate| Digest::of(certificate) == *pin)?;
                Some(vec![root.clone().into_owned()])
            }
            Self::Roots { roots, .. } => Some(roots.clone()),
        }
    }

    /// Checks a chain; `None` if the pinned root is not in it.
    pub(super) fn verify(
        &self,
        chain: &Chain,
        name: &ServerName<'_>,
        provider: &Arc<CryptoProvider>,
        now: UnixTime,
    ) -> Option<Result<ServerCertVerified, rustls::Error>> {
        let roots = self.roots(&chain.above)?;
        let known = match self {
            Self::Pin(_) => None,
            Self::Roots { known, .. } => Some(unix(known.unwrap_or(Timestamp(0)))),
        };

        Some(verify_about(&roots, chain, name, provider, now, known))
    }
}

fn unix(at: Timestamp) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_millis(u64::try_from(at.0).unwrap_or(0)))
}

/// Checks a chain now; if `known` is given, also at the times that a wrong clock may hide.
fn verify_about(
    roots: &[CertificateDer<'static>],
    chain: &Chain,
    name: &ServerName<'_>,
    provider: &Arc<CryptoProvider>,
    now: UnixTime,
    known: Option<UnixTime>,
) -> Result<ServerCertVerified, rustls::Error> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root.clone())?;
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone())
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    let verify = |at| verifier.verify_server_cert(&chain.end, &chain.above, name, &[], at);
    let Some(known) = known else { return verify(now) };
    let (mut at, mut may_turn_back) = (later(now, known), true);
    for _ in 0..TRIES {
        match verify(at) {
            // Our clock is behind, and nobody told us how far.
            Err(rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext {
                not_before,
                ..
            })) => at = later(at, not_before),
            // By our clock it is over. By the collector's last word it may not be.
            Err(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { .. }))
                if may_turn_back && at.as_secs() > known.as_secs() =>
            {
                (at, may_turn_back) = (known, false);
            }
            decided => return decided,
        }
    }

    verify(at)
}

fn later(a: UnixTime, b: UnixTime) -> UnixTime {
    if a.as_secs() >= b.as_secs() { a } else { b }
}

/// Whether a chain that was shown stands under these roots too, whatever the time.
#[must_use]
pub fn stands_under(
    chain: &Chain,
    roots: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> bool {
    let Ok(name) = ServerName::try_from(COLLECTOR_NAME) else { return false };
    let zero = UnixTime::since_unix_epoch(Duration::ZERO);

    verify_about(roots, chain, &name, provider, zero, Some(zero)).is_ok()
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};

    use super::*;
    use crate::wire::tls;

    /// A root of twenty years and a collector's certificate from 2026 to 2028 under it.
    fn chain() -> (CertificateDer<'static>, Chain) {
        let key = KeyPair::generate().unwrap();
        let mut root = CertificateParams::default();
        root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        (root.not_before, root.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2046, 1, 1));
        let certificate = root.self_signed(&key).unwrap().der().clone();
        let issuer = Issuer::new(root, key);
        let mut params = CertificateParams::new(vec![COLLECTOR_NAME.to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2028, 1, 1));
        let end = params.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().der().clone();

        (certificate.clone(), Chain { end, above: vec![certificate] })
    }

    fn year(year: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs((year - 1970) * 31_557_600 + 86_400))
    }

    fn known(at: u64) -> Option<Timestamp> {
        Some(Timestamp(i64::try_from(year(at).as_secs()).unwrap() * 1_000))
    }

    fn believes(trust: &Trust, chain: &Chain, now: u64) -> bool {
        let name = ServerName::try_from(COLLECTOR_NAME).unwrap();

        trust.verify(chain, &name, &tls::provider(), year(now)).is_some_and(|found| found.is_ok())
    }

    #[test]
    fn a_clock_that_is_years_off_locks_nobody_out() {
        let (root, chain) = chain();
        let trust = |known| Trust::Roots { roots: vec![root.clone()], known };

        for now in [1970, 1999, 2027, 2035, 2099] {
            assert!(believes(&trust(None), &chain, now), "{now}, nothing known");
            assert!(believes(&trust(known(2027)), &chain, now), "{now}, known 2027");
        }
    }

    #[test]
    fn a_chain_that_had_ended_by_the_collectors_own_word_is_refused_whatever_the_clock_says() {
        let (root, chain) = chain();
        let trust = Trust::Roots { roots: vec![root], known: known(2029) };

        for now in [1970, 2027, 2029, 2099] {
            assert!(!believes(&trust, &chain, now), "{now}");
        }
    }

    #[test]
    fn a_foreign_chain_is_refused_at_any_time() {
        let ((root, _), (_, foreign)) = (chain(), chain());
        let trust = Trust::Roots { roots: vec![root.clone()], known: None };

        for now in [1970, 2027, 2099] {
            assert!(!believes(&trust, &foreign, now), "{now}");
        }
        assert!(!stands_under(&foreign, &[root], &tls::provider()));
    }

    #[test]
    fn at_enrolment_the_clock_must_be_right_and_the_pinned_root_shown() {
        let (root, chain) = chain();
        let pin = Trust::Pin(Digest::of(&root));

        assert!(believes(&pin, &chain, 2027));
        assert!(!believes(&pin, &chain, 1970) && !believes(&pin, &chain, 2099));
        assert!(!believes(&Trust::Pin(Digest::of(b"another")), &chain, 2027));
    }
}
