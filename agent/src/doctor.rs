//! Which layer between this machine and its collector fails: each is tried in turn, and the first that fails is named.

use std::net::SocketAddr;
use std::time::Duration;

use vonggac_carrier::Connection;
use vonggac_protocol::frame::Frame;
use vonggac_protocol::hello::{ALPN_LINK, Hello, LaneSpan, RefusalCode, WIRE_VERSION, Welcome};
use vonggac_protocol::id::{Epoch, Lane};
use vonggac_protocol::machine::{Continuity, MachineTold};

use crate::clock;
use crate::config::Config;
use crate::identity::{Identity, fingerprint};
use crate::keep;
use crate::os::machine;
use crate::print::{Lang, Message, chain};
use crate::spool::{Limits, Spool};
use crate::status::{Status, local};
use crate::wire::dial::{DialError, connect_quic, connect_tcp, resolve, route};
use crate::wire::tls::{Client, Credentials, client_config};
use crate::wire::{frames, refusal_id};

/// A collector that is well answers within this.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a collector may take to refuse our certificate after the handshake.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);

/// The layers, lowest first. Each needs those before it.
const LAYERS: [&str; 9] = [
    "doctor-identity",
    "doctor-disk",
    "doctor-name",
    "doctor-route",
    "doctor-udp",
    "doctor-pin",
    "doctor-clock",
    "doctor-certificate",
    "doctor-approval",
];

/// What was found of a layer.
#[derive(Debug)]
pub struct Finding {
    /// The name of the layer's message.
    pub layer: &'static str,
    /// Good, or what is wrong; `None` if a layer below fails.
    pub result: Option<Result<Message, Message>>,
}

impl Finding {
    /// The finding in words.
    #[must_use]
    pub fn say(&self, lang: Lang) -> String {
        let layer = Message::new(self.layer).say(lang);
        match &self.result {
            Some(Ok(detail)) => {
                Message::new("doctor-good").with("layer", layer).with("detail", detail.say(lang))
            }
            Some(Err(detail)) => {
                Message::new("doctor-bad").with("layer", layer).with("detail", chain(detail, lang))
            }
            None => Message::new("doctor-skipped").with("layer", layer),
        }
        .say(lang)
    }

    /// Whether the layer fails.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        matches!(self.result, Some(Err(_)))
    }
}

/// Tries every layer. Sends a hello only if no agent runs here, since two connections of one identity disturb each
/// other; otherwise the running agent's own word is taken for the last layer.
pub async fn examine(config: &Config) -> Vec<Finding> {
    let mut examination = Examination { good: Vec::new(), step: None };
    let failed = examination.all(config).await.err();
    let mut results: Vec<Option<Result<Message, Message>>> =
        examination.good.into_iter().map(|good| Some(Ok(good))).collect();
    results.extend(failed.map(|bad| Some(Err(bad))));
    results.resize_with(LAYERS.len(), || None);

    LAYERS.into_iter().zip(results).map(|(layer, result)| Finding { layer, result }).collect()
}

/// Good findings, in the order of the layers; the first failure ends it.
struct Examination {
    good: Vec<Message>,
    step: Option<Continuity>,
}

impl Examination {
    async fn all(&mut self, config: &Config) -> Result<(), Message> {
        let identity =
            Identity::open(&config.state_dir).map_err(|error| match error.downcast::<Message>() {
                Ok(message) => message,
                Err(error) => Message::new("identity-broken")
                    .with("path", config.state_dir.display())
                    .because(error.reallocate_into_boxed_dyn_error_without_backtrace()),
            })?;
        let names = &identity.names;
        config.never_enrol.check()?;
        self.step = crate::machine::step(&config.state_dir, names.host).unwrap_or(None);
        self.good
            .push(Message::new("status-host").with("host", names.host).with("agency", &names.agency_name));
        keep::probe(&config.state_dir).map_err(|error| {
            Message::new("doctor-disk-bad").with("path", config.state_dir.display()).because(error)
        })?;
        self.good.push(Message::new("doctor-disk-good"));
        let to_message = |error: DialError| {
            Message::new(error.message_id()).with("address", &names.address).because(error)
        };
        let addresses = resolve(&names.address).await.map_err(to_message)?;
        let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        self.good.push(Message::new("doctor-addresses").with("found", list.join(", ")));
        let to = self.route(&addresses).map_err(to_message)?;

        self.handshake(config, &identity, to).await
    }

    /// The first address that this machine has a way to.
    fn route(&mut self, addresses: &[SocketAddr]) -> Result<SocketAddr, DialError> {
        let mut last = DialError::Silent;
        for to in addresses {
            match route(*to) {
                Ok(from) => {
                    self.good.push(Message::new("doctor-from").with("found", from.ip()));
                    return Ok(*to);
                }
                Err(error) => last = error,
            }
        }

        Err(last)
    }

    async fn handshake(
        &mut self,
        config: &Config,
        identity: &Identity,
        to: SocketAddr,
    ) -> Result<(), Message> {
        let credentials = Credentials {
            trust: identity.trust(),
            own: Some((identity.certificate.clone(), identity.key.clone_key())),
        };
        let broken =
            |_: anyhow::Error| Message::new("identity-broken").with("path", config.state_dir.display());
        let client = client_config(&credentials, ALPN_LINK, ANSWER_TIMEOUT).map_err(broken)?;
        let begun = clock::instant();
        let connected = connect_quic(to, &client).await;
        if matches!(connected, Err(DialError::Silent)) {
            return self.by_tcp(config, identity, to, &client).await;
        }
        let millis = clock::instant().duration_since(begun).as_millis();
        let answers = Message::new("doctor-answers").with("address", to).with("millis", millis);
        let to_message =
            |error: DialError| Message::new(error.message_id()).with("address", to).because(error);
        let connection = match connected {
            Ok(connection) => connection,
            Err(error) => {
                // Whoever shows a certificate answers over UDP.
                if matches!(error, DialError::Pin | DialError::Certificate(_) | DialError::Clock) {
                    self.good.push(answers);
                }
                if matches!(error, DialError::Clock) {
                    self.good.push(Message::new("doctor-pin-good"));
                }
                return Err(to_message(error));
            }
        };
        self.good.extend([answers, Message::new("doctor-pin-good")]);

        self.words(config, identity, &connection).await
    }

    /// UDP brings no answer: whether TCP does.
    async fn by_tcp(
        &mut self,
        config: &Config,
        identity: &Identity,
        to: SocketAddr,
        client: &Client,
    ) -> Result<(), Message> {
        let begun = clock::instant();
        let connection = connect_tcp(to, client).await.map_err(|error| {
            let error = if matches!(error, DialError::SilentTcp) { DialError::SilentBoth } else { error };
            Message::new(error.message_id()).with("address", to).because(error)
        })?;
        let millis = clock::instant().duration_since(begun).as_millis();
        let answers = Message::new("doctor-answers-tcp").with("address", to).with("millis", millis);
        self.good.extend([answers, Message::new("doctor-pin-good")]);

        self.words(config, identity, &connection).await
    }

    /// What the collector says, or the running agent.
    async fn words(
        &mut self,
        config: &Config,
        identity: &Identity,
        connection: &Connection,
    ) -> Result<(), Message> {
        match spool_state(config) {
            Some(lanes) => self.hello(identity, connection, lanes).await,
            None => self.by_status(config, connection).await,
        }
    }

    /// Says hello and takes the collector's word for clock, certificate and approval.
    async fn hello(
        &mut self,
        identity: &Identity,
        connection: &Connection,
        (epoch, lanes): (Epoch, Vec<LaneSpan>),
    ) -> Result<(), Message> {
        let machine_id = machine::machine_id().ok();
        let hello = Hello {
            wire: WIRE_VERSION,
            version: crate::version::own().to_owned(),
            fingerprint: fingerprint(identity.names.host, machine_id.as_deref(), &machine::name()),
            epoch,
            lanes,
            now: clock::now(),
            assignment: 0,
            trusts: None,
            tell_outer: None,
            platform: None,
            machine: Some(MachineTold { marks: crate::machine::marks(), continuity: self.step }),
        };
        let answer = async {
            let (mut send, mut receive) = connection.open_control().await.ok()?;
            frames::write(&mut send, &Frame::Hello(hello)).await.ok()?;
            frames::read(&mut receive).await.ok()
        };
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, answer).await.ok().flatten();
        connection.close(0, b"examined");
        self.good.push(Message::new("doctor-clock-valid"));
        match answer {
            Some(Frame::Welcome(welcome)) => {
                self.welcomed(&welcome);
                Ok(())
            }
            Some(Frame::Refused(refusal)) => {
                if !matches!(refusal.code, RefusalCode::IdentityRevoked | RefusalCode::CertificateExpired) {
                    self.good.push(Message::new("doctor-welcome"));
                }
                Err(Message::new(refusal_id(refusal.code)))
            }
            Some(_) | None => Err(Message::new("doctor-certificate-refused")),
        }
    }

    fn welcomed(&mut self, welcome: &Welcome) {
        let offset = clock::now().0.saturating_sub(welcome.now.0) / 1000;
        if let Some(clock) = self.good.last_mut() {
            *clock = Message::new("doctor-clock-offset").with("seconds", offset);
        }
        let accepted = match &welcome.standing {
            Some(standing) => Message::new("doctor-welcome-until")
                .with("until", local(standing.not_after))
                .with("issued", local(standing.issued_at)),
            None => Message::new("doctor-welcome"),
        };
        self.good.extend([accepted, Message::new("doctor-accepted")]);
    }

    /// What the handshake tells without a hello, and the running agent's word for the rest.
    async fn by_status(&mut self, config: &Config, connection: &Connection) -> Result<(), Message> {
        let refused = tokio::time::timeout(REFUSAL_TIMEOUT, connection.closed()).await.is_ok();
        connection.close(0, b"examined");
        self.good.push(Message::new("doctor-clock-valid"));
        if refused {
            return Err(Message::new("doctor-certificate-refused"));
        }
        self.good.push(Message::new("doctor-welcome"));
        match Status::read(&config.state_dir) {
            Ok(Some(status)) if status.connected => {
                self.good.push(Message::new("doctor-by-status"));
                Ok(())
            }
            Ok(Some(status)) => Err(match status.reason {
                Some(reason) => Message::named(reason).with("address", status.address),
                None => Message::new("status-connecting"),
            }),
            Ok(None) | Err(_) => Err(Message::new("status-connecting")),
        }
    }
}

/// Where the spool stands; `None` if an agent runs here and has it open, or there is none.
fn spool_state(config: &Config) -> Option<(Epoch, Vec<LaneSpan>)> {
    let _lock = keep::lock(&config.state_dir).ok()?;
    let limits = Limits { bytes_max: config.spool_bytes_max, ..Limits::default() };
    let epoch = crate::link::new_epoch().ok()?;
    let (spool, _) = Spool::open(&config.state_dir.join("spool"), limits, epoch).ok()?;
    let span = |lane| {
        let span = spool.span(lane);
        LaneSpan { lane, kept_from: span.kept_from, next: span.next }
    };

    Some((spool.epoch(), Lane::ALL.map(span).to_vec()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::wire::tests::Authority;

    fn enrolled(authority: &Authority, state_dir: &Path, address: &str) -> Config {
        let _lock = keep::lock(state_dir).unwrap();
        let mut identity = authority.identity("127.0.0.1:1".parse().unwrap());
        address.clone_into(&mut identity.names.address);
        identity.write(state_dir, &authority.key_pem(&identity)).unwrap();

        Config { state_dir: state_dir.to_owned(), ..Config::default() }
    }

    fn first_bad(findings: &[Finding]) -> Option<&'static str> {
        findings.iter().find(|finding| finding.is_bad()).map(|finding| finding.layer)
    }

    #[tokio::test]
    async fn the_layer_that_fails_is_named_and_those_above_it_are_not_judged() {
        let authority = Authority::new();
        let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let cases = [
            ("name.invalid:4433".to_owned(), "doctor-name"),
            (nobody.local_addr().unwrap().to_string(), "doctor-udp"),
        ];
        for (address, layer) in cases {
            let state = tempfile::tempdir().unwrap();
            let config = enrolled(&authority, state.path(), &address);

            let findings = examine(&config).await;

            assert_eq!(first_bad(&findings), Some(layer), "{findings:?}");
            assert!(findings.last().unwrap().result.is_none());
        }
    }

    #[tokio::test]
    async fn a_machine_without_an_identity_is_told_to_enrol() {
        let state = tempfile::tempdir().unwrap();
        let config = Config { state_dir: state.path().to_owned(), ..Config::default() };

        let findings = examine(&config).await;

        assert_eq!(first_bad(&findings), Some("doctor-identity"));
        assert!(findings[0].say(Lang::Vi).contains("chưa ghi danh"), "{}", findings[0].say(Lang::Vi));
    }

    #[tokio::test]
    async fn a_collector_that_is_not_the_pinned_one_is_told_from_one_that_does_not_answer() {
        let authority = Authority::new();
        let endpoint = Authority::new().listen();
        let state = tempfile::tempdir().unwrap();
        let config = enrolled(&authority, state.path(), &endpoint.local_addr().unwrap().to_string());

        let (findings, handshake) =
            tokio::join!(examine(&config), async { endpoint.accept().await.unwrap().await });

        assert!(handshake.is_err());
        assert_eq!(first_bad(&findings), Some("doctor-pin"), "{findings:?}");
        assert!(findings.iter().any(|finding| finding.layer == "doctor-udp" && !finding.is_bad()));
    }
}
