//! An authority and the listening half of a collector, small, for tests of what connects to it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint, ServerConfig};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer};
use vonggac_protocol::digest::Digest;
use vonggac_protocol::hello::{ALPN_ENROL, ALPN_LINK, COLLECTOR_NAME};
use vonggac_protocol::id::{AgencyId, HostId};

use crate::identity::{Identity, Names};
use crate::wire::{plain, tls};

/// A certificate authority of a test.
pub(crate) struct Authority {
    pub(crate) certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let certificate = params.self_signed(&key).unwrap().der().clone();

        Self { certificate, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn pin(&self) -> Digest {
        Digest::of(&self.certificate)
    }

    pub(crate) fn sign(&self, request: &[u8]) -> CertificateDer<'static> {
        let request = CertificateSigningRequestDer::from(request.to_vec());
        let mut request = CertificateSigningRequestParams::from_der(&request).unwrap();
        request.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];

        request.signed_by(&self.issuer).unwrap().der().clone()
    }

    /// A host's identity, as an enrolment would give it.
    pub(crate) fn identity(&self, address: SocketAddr) -> Identity {
        let key = KeyPair::generate().unwrap();
        let request = CertificateParams::default().serialize_request(&key).unwrap();

        Identity {
            names: Names {
                host: HostId([5; 16]),
                agency: AgencyId::new("so-tttt").unwrap(),
                agency_name: "Sở".to_owned(),
                address: address.to_string(),
                pin: self.pin(),
            },
            certificate: self.sign(request.der()),
            roots: vec![self.certificate.clone()],
            known: None,
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        }
    }

    /// The key of an identity as enrolment writes it.
    pub(crate) fn key_pem(&self, identity: &Identity) -> String {
        KeyPair::try_from(identity.key.secret_der()).unwrap().serialize_pem()
    }

    /// A collector's endpoint under this authority, on a port of its own.
    pub(crate) fn listen(&self) -> Endpoint {
        self.listen_with(tls::provider())
    }

    /// A collector's endpoint that knows no other key exchange than these.
    pub(crate) fn listen_with(&self, provider: Arc<CryptoProvider>) -> Endpoint {
        let address = (Ipv4Addr::LOCALHOST, 0).into();

        plain::endpoint(Some(self.server_config(provider)), address).unwrap()
    }

    /// What a collector under this authority presents and asks for.
    pub(crate) fn server_config(&self, provider: Arc<CryptoProvider>) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![COLLECTOR_NAME.to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), tls::provider())
            .allow_unauthenticated()
            .build()
            .unwrap();
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(
                vec![certificate, self.certificate.clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        config.alpn_protocols = vec![ALPN_LINK.to_vec(), ALPN_ENROL.to_vec()];
        let config = QuicServerConfig::try_from(config).unwrap();

        ServerConfig::with_crypto(Arc::new(config))
    }
}
