//! How this machine becomes one of the fleet: a key that never leaves it, a request, a certificate.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::sign::CertifiedKey;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use vonggac_carrier::Way;
use vonggac_protocol::digest::Digest;
use vonggac_protocol::enrolment::{EnrolReply, EnrolRequest, Enrolled, EnrolmentString};
use vonggac_protocol::frame::Frame;
use vonggac_protocol::hello::{ALPN_ENROL, WIRE_VERSION};

use crate::identity::{Identity, Names};
use crate::keep;
use crate::machine;
use crate::print::Message;
use crate::wire::dial::dial;
use crate::wire::tls::{Credentials, client_config, provider};
use crate::wire::trust::Trust;
use crate::wire::{frames, refusal_id};

/// The collector answers after one commit; longer means that it does not.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// What came of an enrolment.
#[derive(Debug)]
pub struct Outcome {
    /// The names that the machine has now.
    pub names: Names,
    /// Whether it may work at once, or waits for a person.
    pub approved: bool,
}

/// Enrols this machine and writes its identity.
///
/// # Errors
/// With a [`Message`] for a person: if an identity stands and `again` is not set, if the collector is not the pinned
/// one, if it refuses, or if the disk does.
pub async fn enrol(
    string: &EnrolmentString,
    name: &str,
    state_dir: &Path,
    again: bool,
) -> anyhow::Result<Outcome> {
    if Identity::stands(state_dir) && !again {
        return Err(Message::new("enrol-identity-stands").with("path", state_dir.display()).into());
    }
    let _lock = keep::lock(state_dir)?;
    let (key, request) = make_request(name)?;
    let reply = ask(string, name, request).await?;
    let enrolled = match reply {
        EnrolReply::Accepted(enrolled) => enrolled,
        EnrolReply::Refused(refusal) => return Err(Message::new(refusal_id(refusal.code)).into()),
    };
    let identity = check(string, &enrolled, &key)?;
    identity
        .write(state_dir, &key.serialize_pem())
        .map_err(|error| Message::new("state-unwritable").with("path", state_dir.display()).because(error))?;

    Ok(Outcome { names: identity.names, approved: enrolled.approved })
}

/// A new ECDSA P-256 key and the request for its certificate. The collector gives the names in the certificate; the
/// one in the request only helps a person who looks at it.
pub(crate) fn make_request(name: &str) -> anyhow::Result<(KeyPair, Vec<u8>)> {
    let key = KeyPair::generate().context("make a key")?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    let request = params.serialize_request(&key).context("make a certificate request")?;

    Ok((key, request.der().to_vec()))
}

async fn ask(string: &EnrolmentString, name: &str, request: Vec<u8>) -> anyhow::Result<EnrolReply> {
    let credentials = Credentials { trust: Trust::Pin(string.pin), own: None };
    let client = client_config(&credentials, ALPN_ENROL, ANSWER_TIMEOUT)?;
    let connection = dial(&string.address, &client, Way::Quic)
        .await
        .map_err(|error| Message::new(error.message_id()).with("address", &string.address).because(error))?;
    let request = EnrolRequest {
        wire: WIRE_VERSION,
        agency: string.agency.clone(),
        token: string.token,
        request,
        name: name.to_owned(),
        version: crate::version::own().to_owned(),
        marks: Some(machine::marks()),
    };
    let conversation = async {
        let (mut send, mut receive) = connection.open_control().await?;
        frames::write(&mut send, &Frame::EnrolRequest(request)).await?;
        send.finish();

        anyhow::Ok(frames::read(&mut receive).await?)
    };
    let answer = tokio::time::timeout(ANSWER_TIMEOUT, conversation)
        .await
        .map_err(|_| Message::new("enrol-no-answer"))?
        .map_err(|error| Message::new("enrol-cut-off").because(error))?;
    connection.close(0, b"done");
    connection.wait_idle().await;

    match answer {
        Frame::EnrolReply(reply) => Ok(reply),
        Frame::Refused(refusal) => Ok(EnrolReply::Refused(refusal)),
        Frame::Hello(_)
        | Frame::Welcome(_)
        | Frame::Batch(_)
        | Frame::Ack(_)
        | Frame::Heartbeat(_)
        | Frame::Assign(_)
        | Frame::EnrolRequest(_)
        | Frame::Goodbye(_)
        | Frame::Outer(_)
        | Frame::Renew(_)
        | Frame::Renewed(_)
        | Frame::ReleaseOffer(_)
        | Frame::ReleaseWanted(_)
        | Frame::ReleasePiece(_)
        | Frame::StepKept(_) => Err(Message::new("enrol-cut-off").into()),
    }
}

/// The answer is used only if the authority is the pinned one and the certificate is for our key.
fn check(string: &EnrolmentString, enrolled: &Enrolled, key: &KeyPair) -> anyhow::Result<Identity> {
    if Digest::of(&enrolled.authority) != string.pin || enrolled.agency != string.agency {
        return Err(Message::new("enrol-answer-unfit").into());
    }
    let identity = Identity {
        names: Names {
            host: enrolled.host,
            agency: enrolled.agency.clone(),
            agency_name: enrolled.agency_name.clone(),
            address: string.address.clone(),
            pin: string.pin,
        },
        certificate: enrolled.certificate.clone().into(),
        roots: vec![enrolled.authority.clone().into()],
        known: None,
        key: PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes())
            .context("read the new key back")?,
    };
    CertifiedKey::from_der(vec![identity.certificate.clone()], identity.key.clone_key(), &provider())
        .map_err(|error| Message::new("enrol-answer-unfit").because(error))?;

    Ok(identity)
}

#[cfg(test)]
mod tests {
    use vonggac_carrier::Connection;
    use vonggac_protocol::enrolment::Token;
    use vonggac_protocol::hello::{Refusal, RefusalCode};
    use vonggac_protocol::id::{AgencyId, HostId};
    use vonggac_protocol::time::Timestamp;

    use super::*;
    use crate::os::protect;
    use crate::print::{Lang, chain};
    use crate::wire::tests::Authority;

    fn string(address: std::net::SocketAddr, pin: Digest) -> EnrolmentString {
        let agency = AgencyId::new("so-tttt").unwrap();
        EnrolmentString { address: address.to_string(), pin, agency, token: Token([9; 16]) }
    }

    /// Answers one enrolment.
    async fn answer(endpoint: quinn::Endpoint, authority: &Authority, refusal: Option<RefusalCode>) {
        let connection = Connection::from(endpoint.accept().await.unwrap().await.unwrap());
        let (mut send, mut receive) = connection.accept_control().await.unwrap();
        let Frame::EnrolRequest(request) = frames::read(&mut receive).await.unwrap() else { panic!() };
        let reply = match refusal {
            Some(code) => {
                EnrolReply::Refused(Refusal { code, detail: String::new(), retry_after_secs: None })
            }
            None => EnrolReply::Accepted(Enrolled {
                host: HostId([5; 16]),
                agency: request.agency,
                agency_name: "Sở Thông tin".to_owned(),
                certificate: authority.sign(&request.request).to_vec(),
                authority: authority.certificate.to_vec(),
                now: Timestamp(0),
                approved: true,
            }),
        };
        frames::write(&mut send, &Frame::EnrolReply(reply)).await.unwrap();
        send.finish();
        connection.closed().await;
    }

    #[tokio::test]
    async fn a_machine_that_enrols_has_an_identity_that_only_it_can_read() {
        let state = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let endpoint = authority.listen();
        let string = string(endpoint.local_addr().unwrap(), authority.pin());

        let (outcome, ()) =
            tokio::join!(enrol(&string, "may-1", state.path(), false), answer(endpoint, &authority, None));

        let outcome = outcome.unwrap();
        let identity = Identity::open(state.path()).unwrap();
        assert_eq!(identity.names, outcome.names);
        assert_eq!(protect::is_only_owners(&state.path().join("identity/key.pem")).unwrap(), Some(true));
        let again = enrol(&string, "may-1", state.path(), false).await.unwrap_err();
        assert_eq!(again.downcast_ref::<Message>().unwrap().id(), "enrol-identity-stands");
    }

    #[tokio::test]
    async fn a_collector_of_another_authority_is_told_nothing() {
        let state = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let endpoint = authority.listen();
        let string = string(endpoint.local_addr().unwrap(), Authority::new().pin());

        let (outcome, handshake) = tokio::join!(enrol(&string, "may-1", state.path(), false), async {
            endpoint.accept().await.unwrap().await
        });

        let error = outcome.unwrap_err();
        assert_eq!(error.downcast_ref::<Message>().unwrap().id(), "dial-pin");
        assert!(handshake.is_err());
        assert!(!Identity::stands(state.path()));
    }

    #[tokio::test]
    async fn a_refusal_says_why_and_does_not_repeat_the_token() {
        let state = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let endpoint = authority.listen();
        let string = string(endpoint.local_addr().unwrap(), authority.pin());

        let (outcome, ()) = tokio::join!(
            enrol(&string, "may-1", state.path(), false),
            answer(endpoint, &authority, Some(RefusalCode::TokenUsed))
        );

        let error = outcome.unwrap_err();
        let text = format!("{error:?} {}", chain(error.as_ref(), Lang::Vi));
        assert_eq!(error.downcast_ref::<Message>().unwrap().id(), "refusal-token-used");
        assert!(!text.contains(&string.to_string()[20..]) && !text.contains("9, 9, 9"));
    }

    #[tokio::test]
    async fn an_answer_for_another_key_is_not_used() {
        let state = tempfile::tempdir().unwrap();
        let (key, _) = make_request("a").unwrap();
        let (_, request_of_another) = make_request("b").unwrap();
        let authority = Authority::new();
        let string = string("127.0.0.1:1".parse().unwrap(), authority.pin());
        let enrolled = Enrolled {
            host: HostId([5; 16]),
            agency: string.agency.clone(),
            agency_name: String::new(),
            certificate: authority.sign(&request_of_another).to_vec(),
            authority: authority.certificate.to_vec(),
            now: Timestamp(0),
            approved: true,
        };

        let error = check(&string, &enrolled, &key).unwrap_err();

        assert_eq!(error.downcast_ref::<Message>().unwrap().id(), "enrol-answer-unfit");
        assert!(!Identity::stands(state.path()));
    }
}
