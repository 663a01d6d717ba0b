//! The authority over this fleet's identities: its own certificate, the collector's, and those of the hosts.
//!
//! The authority's key is made at `init`, lies in `authority/authority.key` readable by nobody else, and is the one
//! secret whose loss means enrolling every host anew. The collector's own certificate is made anew, with a fresh
//! key that is never written anywhere, each time the program starts: agents trust the authority, not it.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SerialNumber,
};
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::hello::COLLECTOR_NAME;
use vonggac_protocol::id::{AgencyId, HostId};
use vonggac_protocol::limits::CSR_BYTES_MAX;
use vonggac_protocol::time::Timestamp;

use crate::random;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The authority outlives the machines it names.
const AUTHORITY_DAYS: u32 = 20 * 365;

/// The collector's certificate is made anew at every start; no process lives longer than this.
const COLLECTOR_DAYS: u32 = 5 * 365;

/// Certificates do not renew themselves yet (`docs/limits.md`): long enough that no host drops out before they do.
/// Revoking takes effect at once whatever it says, since every connection is looked up in the store.
pub const HOST_DAYS: u32 = 3 * 365;

/// Certificates count from a day before they were made, for hosts whose clock is behind.
const CLOCK_TOLERANCE: Duration = DAY;

/// The authority, ready to issue.
pub struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate for a host.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The certificate.
    pub certificate: Vec<u8>,
    /// Its SHA-256, by which the collector knows it again.
    pub digest: Digest,
    /// Until when it counts.
    pub not_after: Timestamp,
}

/// A chain and its key, for a TLS server.
pub struct ServerIdentity {
    /// The certificate, then the authority's: who enrols checks the latter against the pin.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key of the first.
    pub key: PrivateKeyDer<'static>,
}

impl Authority {
    /// Makes a new authority in this folder, which must not hold one.
    ///
    /// # Errors
    /// If there is one already, or a file cannot be written.
    pub fn make(dir: &Path, now: Timestamp) -> anyhow::Result<Self> {
        let (certificate_path, key_path) = paths(dir);
        if certificate_path.exists() || key_path.exists() {
            bail!("{} holds an authority already", dir.display());
        }
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).context("make a key")?;
        let mut params = named("Vong Gac authority", now, AUTHORITY_DAYS)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).context("sign the authority's certificate")?;
        make_private_dir(dir)?;
        write_private(&key_path, key.serialize_pem().as_bytes())?;
        fs::write(&certificate_path, certificate.der())
            .with_context(|| format!("write {}", certificate_path.display()))?;

        Self::load(dir)
    }

    /// Loads the authority of this folder.
    ///
    /// # Errors
    /// If a file is missing or unusable, or others may read the key.
    pub fn load(dir: &Path) -> anyhow::Result<Self> {
        let (certificate_path, key_path) = paths(dir);
        let certificate = fs::read(&certificate_path)
            .with_context(|| format!("read {} (has `init` been run?)", certificate_path.display()))?;
        let key = read_private(&key_path)?;
        let key = KeyPair::from_pem(&key).with_context(|| format!("read the key {}", key_path.display()))?;
        let certificate = CertificateDer::from(certificate);
        let issuer =
            Issuer::from_ca_cert_der(&certificate, key).context("read the authority's certificate")?;

        Ok(Self { certificate, issuer })
    }

    /// The authority's certificate.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// What agents know the authority by: SHA-256 of its certificate.
    #[must_use]
    pub fn pin(&self) -> Digest {
        Digest::of(&self.certificate)
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
        let mut params = named(common, now, COLLECTOR_DAYS)?;
        params.subject_alt_names =
            CertificateParams::new(names.to_vec()).context("name the server")?.subject_alt_names;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer).context("sign the collector's certificate")?;
        let chain = vec![certificate.der().clone(), self.certificate.clone()];
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
        let mut params = named(&host.to_string(), now, HOST_DAYS)?;
        params.distinguished_name.push(DnType::OrganizationName, agency.as_str());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate =
            params.signed_by(&public_key, &self.issuer).context("sign the host's certificate")?;
        let certificate = certificate.der().to_vec();

        Ok(Issued { digest: Digest::of(&certificate), certificate, not_after: now.plus(DAY * HOST_DAYS) })
    }
}

fn paths(dir: &Path) -> (PathBuf, PathBuf) {
    (dir.join("authority.der"), dir.join("authority.key"))
}

fn named(common_name: &str, now: Timestamp, days: u32) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let moment = |at: Timestamp| {
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_millis(u64::try_from(at.0).unwrap_or(0))
    };
    params.not_before = moment(now.minus(CLOCK_TOLERANCE));
    params.not_after = moment(now.plus(DAY * days));
    let mut serial = random::bytes::<16>()?;
    // RFC 5280 wants a positive number.
    serial[0] &= 0x7f;
    params.serial_number = Some(SerialNumber::from(serial.to_vec()));

    Ok(params)
}

/// Makes a folder that only we may enter.
///
/// # Errors
/// If it cannot be made.
pub fn make_private_dir(dir: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("make the folder {}", dir.display()))?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
        .with_context(|| format!("close the folder {} to others", dir.display()))?;

    Ok(())
}

/// Writes a new file that only we may read.
///
/// # Errors
/// If it is there already or cannot be written.
pub fn write_private(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("make the file {}", path.display()))?;
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .with_context(|| format!("write {}", path.display()))?;

    Ok(())
}

/// Reads a file that only we may read.
///
/// # Errors
/// If it cannot be read, or others may read it too.
pub fn read_private(path: &Path) -> anyhow::Result<String> {
    let mode =
        fs::metadata(path).with_context(|| format!("look at {}", path.display()))?.permissions().mode();
    if mode & 0o077 != 0 {
        bail!("others may read {}: its mode is {:03o}, expected 600", path.display(), mode & 0o777);
    }

    fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_000_000_000);

    fn made() -> (tempfile::TempDir, Authority) {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::make(folder.path(), NOW).unwrap();

        (folder, authority)
    }

    fn request() -> Vec<u8> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();

        CertificateParams::default().serialize_request(&key).unwrap().der().to_vec()
    }

    #[test]
    fn an_authority_loads_again_with_the_same_pin() {
        let (folder, authority) = made();

        assert_eq!(Authority::load(folder.path()).unwrap().pin(), authority.pin());
        assert!(Authority::make(folder.path(), NOW).is_err());
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let (folder, _) = made();
        let key_path = paths(folder.path()).1;

        fs::set_permissions(&key_path, fs::Permissions::from_mode(0o644)).unwrap();

        assert!(format!("{:#}", Authority::load(folder.path()).err().unwrap()).contains("644"));
    }

    #[test]
    fn a_request_whose_signature_is_wrong_is_refused() {
        let (_folder, authority) = made();
        let (host, agency) = (HostId([1; 16]), AgencyId::new("so-tttt").unwrap());
        let mut wrong = request();
        let last = wrong.len() - 1;
        wrong[last] ^= 1;

        assert!(authority.issue(&request(), host, &agency, NOW).is_ok());
        assert!(authority.issue(&wrong, host, &agency, NOW).is_err());
        assert!(authority.issue(b"nonsense", host, &agency, NOW).is_err());
    }
}
