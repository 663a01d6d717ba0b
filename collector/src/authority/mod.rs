//! The authority over this fleet's identities: a root that agents know by its digest, an intermediate below it that
//! signs, the collector's own certificate, and those of the hosts.
//!
//! | file | subject |
//! |---|---|
//! | [`folder`] | what lies where, and how it is read |
//! | [`change`] | a new intermediate, a new root, a root key that goes offline |
//! | [`private`] | files that only we may read |
//!
//! The root's key may be taken out of the collector; day to day only the intermediate's is needed. The collector's own
//! certificate is made anew, with a fresh key that is never written anywhere, each time the program starts: agents
//! trust the root, not it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SerialNumber,
};
use rustls::server::WebPkiClientVerifier;
use rustls::{CertificateError, RootCertStore};
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer, UnixTime};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::hello::COLLECTOR_NAME;
use vonggac_protocol::id::{AgencyId, HostId};
use vonggac_protocol::limits::CSR_BYTES_MAX;
use vonggac_protocol::time::Timestamp;

use crate::random;

pub mod change;
mod folder;
mod private;

#[cfg(test)]
mod tests;

use folder::Folder;
pub use private::{make_private_dir, read_private, write_private};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The root outlives the machines it names; it can be replaced at any time (`authority rotate --root`).
const ROOT_DAYS: u32 = 20 * 365;

/// An intermediate signs for three years; a person makes the next one with the root's key before it ends.
const INTERMEDIATE_DAYS: u32 = 3 * 365;

/// The collector's certificate is made anew at every start; no process lives longer than this.
const COLLECTOR_DAYS: u32 = 5 * 365;

/// Certificates count from a day before they were made, for hosts whose clock is behind.
const CLOCK_TOLERANCE: Duration = DAY;

/// The last second that a certificate can name (RFC 5280, section 4.1.2.5).
const END_OF_TIME_SECS: u64 = 253_402_300_799;

/// How long certificates of hosts count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// From issue to end.
    pub life: Duration,
    /// For how long after its end a certificate may still be renewed, and nothing else.
    pub grace: Duration,
}

/// The authority, ready to issue.
pub struct Authority {
    folder: Folder,
    issuer: Issuer<'static, KeyPair>,
    issuer_ends: Timestamp,
}

/// A certificate for a host.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The certificate.
    pub certificate: Vec<u8>,
    /// Its SHA-256, by which the collector knows it again.
    pub digest: Digest,
    /// Its serial number.
    pub serial: Vec<u8>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Until when it counts.
    pub not_after: Timestamp,
}

/// A chain and its key, for a TLS server.
pub struct ServerIdentity {
    /// The certificate, then those above it up to the root: who enrols checks the latter against the pin.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key of the first.
    pub key: PrivateKeyDer<'static>,
}

impl Authority {
    /// Makes a new authority in this folder, which must not hold one: a root, and an intermediate below it.
    ///
    /// # Errors
    /// If there is one already, or a file cannot be written.
    pub fn make(dir: &Path, now: Timestamp) -> anyhow::Result<Self> {
        if folder::stands(dir) {
            bail!("{} holds an authority already", dir.display());
        }
        change::found(dir, now)?;

        Self::load(dir)
    }

    /// Loads the authority of this folder; one made before there were intermediates signs with the root itself.
    ///
    /// # Errors
    /// If a file is missing or unusable, or others may read a key.
    pub fn load(dir: &Path) -> anyhow::Result<Self> {
        let folder = Folder::load(dir)?;
        let (certificate, key) = folder.signer()?;
        let (_, issuer_ends) = validity(certificate)?;
        let issuer =
            Issuer::from_ca_cert_der(certificate, key).context("read the certificate of the issuer")?;

        Ok(Self { folder, issuer, issuer_ends })
    }

    /// What agents know the authority by: SHA-256 of the root's certificate.
    #[must_use]
    pub fn pin(&self) -> Digest {
        Digest::of(&self.folder.root)
    }

    /// The root's certificate.
    #[must_use]
    pub fn root(&self) -> &CertificateDer<'static> {
        &self.folder.root
    }

    /// The roots that agents are to trust: the present one first, then the one before it until it is let go.
    #[must_use]
    pub fn roots(&self) -> Vec<CertificateDer<'static>> {
        std::iter::once(&self.folder.root).chain(&self.folder.previous).cloned().collect()
    }

    /// Whoever may have signed a certificate that a host still has.
    #[must_use]
    pub fn issuers(&self) -> Vec<CertificateDer<'static>> {
        self.roots().into_iter().chain(self.folder.intermediates()).collect()
    }

    /// Until when what signs counts; nothing is issued beyond it.
    #[must_use]
    pub fn issuer_ends(&self) -> Timestamp {
        self.issuer_ends
    }

    /// Until when the root counts.
    ///
    /// # Errors
    /// If its certificate cannot be read.
    pub fn root_ends(&self) -> anyhow::Result<Timestamp> {
        Ok(validity(&self.folder.root)?.1)
    }

    /// Whether the root's key is not in the collector.
    #[must_use]
    pub fn root_key_is_offline(&self) -> bool {
        self.folder.root_key.is_none()
    }

    /// Whether an intermediate signs, and not the root itself.
    #[must_use]
    pub fn has_intermediate(&self) -> bool {
        self.folder.issuer.is_some()
    }

    /// A fresh identity for the collector's end of the link.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn collector_identity(&self, now: Timestamp) -> anyhow::Result<ServerIdentity> {
        self.server_identity(&[COLLECTOR_NAME.to_owned()], now)
    }

    /// A fresh identity for a TLS server of these names and addresses, such as the console.
    ///
    /// # Errors
    /// If a name is not one, or the system has no randomness.
    pub fn server_identity(&self, names: &[String], now: Timestamp) -> anyhow::Result<ServerIdentity> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).context("make a key")?;
        let common = names.first().map_or(COLLECTOR_NAME, String::as_str);
        let mut params = named(common, now, now.plus(DAY * COLLECTOR_DAYS).min(self.issuer_ends))?;
        params.subject_alt_names =
            CertificateParams::new(names.to_vec()).context("name the server")?.subject_alt_names;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer).context("sign the collector's certificate")?;
        let mut chain = vec![certificate.der().clone()];
        chain.extend(self.folder.issuer.as_ref().map(|issuer| issuer.certificate.clone()));
        chain.extend(self.folder.cross.clone());
        chain.extend(self.roots());
        let key = PrivateKeyDer::try_from(key.serialize_der())
            .map_err(|error| anyhow::anyhow!("use the collector's key: {error}"))?;

        Ok(ServerIdentity { chain, key })
    }

    /// Issues a certificate for the public key of a request; nothing else of the request is used.
    ///
    /// # Errors
    /// If the request is too long, not a request, or not signed by its own key.
    pub fn issue(
        &self,
        request: &[u8],
        host: HostId,
        agency: &AgencyId,
        life: Duration,
        now: Timestamp,
    ) -> anyhow::Result<Issued> {
        if request.len() > CSR_BYTES_MAX {
            bail!("a request of {} bytes, at most {CSR_BYTES_MAX} are accepted", request.len());
        }
        let request = CertificateSigningRequestDer::from(request);
        let public_key = CertificateSigningRequestParams::from_der(&request)
            .context("read the certificate request")?
            .public_key;
        if public_key.algorithm() != &PKCS_ECDSA_P256_SHA256 {
            bail!("a request for another kind of key than ECDSA on P-256");
        }
        let not_after = whole_second(now.plus(life).min(self.issuer_ends));
        let mut params = named(&host.to_string(), now, not_after)?;
        params.distinguished_name.push(DnType::OrganizationName, agency.as_str());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let serial = params.serial_number.as_ref().map(SerialNumber::to_bytes).unwrap_or_default();
        let certificate =
            params.signed_by(&public_key, &self.issuer).context("sign the host's certificate")?;
        let certificate = certificate.der().to_vec();

        Ok(Issued { digest: Digest::of(&certificate), certificate, serial, issued_at: now, not_after })
    }
}

/// Certificates know seconds only.
fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp(at.0 - at.0.rem_euclid(1_000))
}

/// What every certificate of ours has: a name, a serial number, a span.
fn named(common_name: &str, now: Timestamp, not_after: Timestamp) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let moment = |at: Timestamp| {
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_millis(u64::try_from(at.0).unwrap_or(0))
    };
    params.not_before = moment(now.minus(CLOCK_TOLERANCE));
    params.not_after = moment(not_after);
    let mut serial = random::bytes::<16>()?;
    // RFC 5280 wants a positive number; without leading zeros it reads back as it was.
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = Some(SerialNumber::from(serial.to_vec()));

    Ok(params)
}

/// A certificate that may sign others, `below` levels of them authorities too.
fn authority_params(
    name: &str,
    below: u8,
    now: Timestamp,
    not_after: Timestamp,
) -> anyhow::Result<CertificateParams> {
    let mut params = named(name, now, not_after)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(below));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;

    Ok(params)
}

/// From when until when a certificate counts, as the verifier of chains reads it: it looks at the span first and
/// names the bound that a time is beyond.
fn validity(certificate: &CertificateDer<'_>) -> anyhow::Result<(Timestamp, Timestamp)> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone().into_owned()).context("read a certificate")?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .context("read a span")?;
    let bound_at = |secs| {
        let at = UnixTime::since_unix_epoch(Duration::from_secs(secs));
        let bound = match verifier.verify_client_cert(certificate, &[], at) {
            Err(rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext {
                not_before,
                ..
            })) => not_before,
            Err(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext {
                not_after, ..
            })) => not_after,
            Ok(_) | Err(_) => at,
        };
        Timestamp(i64::try_from(bound.as_secs()).unwrap_or(i64::MAX / 1_000).saturating_mul(1_000))
    };

    Ok((bound_at(0), bound_at(END_OF_TIME_SECS)))
}
