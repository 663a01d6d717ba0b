//! Over TLS: mail with STARTTLS and from the first byte, webhooks, syslog; a certificate of nobody we trust gets nothing.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use vonggac_collector::sending::secret::Secret;
use vonggac_collector::sending::settings::{MailTls, Settings, SyslogLine, SyslogOver};

use super::ask::World;
use super::sending::{Courier, Mood, converse, wanted};

const MOST: Duration = Duration::from_secs(20);

/// A server of this name and the certificate by which it is known.
struct Server {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    ca: String,
    port: u16,
}

impl Server {
    async fn new() -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();

        Self { listener, acceptor: TlsAcceptor::from(Arc::new(config)), ca: cert.pem(), port }
    }

    async fn plain(&self) -> TcpStream {
        tokio::time::timeout(MOST, self.listener.accept()).await.unwrap().unwrap().0
    }

    async fn tls(&self) -> TlsStream<TcpStream> {
        self.acceptor.accept(self.plain().await).await.unwrap()
    }

    fn mail(&self, tls: MailTls) -> Settings {
        Settings::Mail {
            host: "localhost".to_owned(),
            port: self.port,
            tls,
            user: None,
            from: "canh@tinh.example".to_owned(),
            to: vec!["truc@tinh.example".to_owned()],
            ca: Some(self.ca.clone()),
        }
    }
}

async fn line(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    while !text.ends_with("\r\n") {
        text.push(char::from(stream.read_u8().await.unwrap()));
    }

    text
}

#[tokio::test]
async fn mail_goes_over_starttls_and_over_tls_from_the_first_byte() {
    let world = World::new().await;
    let (upgraded, implicit) = (Server::new().await, Server::new().await);
    world.destination(wanted("starttls", upgraded.mail(MailTls::Starttls)), None).await.unwrap();
    world.destination(wanted("tls", implicit.mail(MailTls::Implicit)), None).await.unwrap();
    let id = world.incident("/etc/passwd").await;
    world.grade(id, "low").await;
    world.grade(id, "critical").await;

    let courier = Courier::start(&world);
    let by_starttls = async {
        let mut stream = upgraded.plain().await;
        stream.write_all(b"220 thu.example ESMTP\r\n").await.unwrap();
        assert!(line(&mut stream).await.starts_with("EHLO"));
        stream.write_all(b"250-thu.example\r\n250 STARTTLS\r\n").await.unwrap();
        assert_eq!(line(&mut stream).await, "STARTTLS\r\n");
        stream.write_all(b"220 go\r\n").await.unwrap();
        converse(upgraded.acceptor.accept(stream).await.unwrap(), Mood::Takes).await.unwrap()
    };
    let by_tls = async {
        let mut stream = implicit.tls().await;
        stream.write_all(b"220 thu.example ESMTP\r\n").await.unwrap();
        converse(stream, Mood::Takes).await.unwrap()
    };
    let (one, two) = tokio::join!(by_starttls, by_tls);
    for to in ["starttls", "tls"] {
        world.message(to, |one| one.destination == to && one.state == "sent").await;
    }
    courier.stop().await;

    assert!(one.contains("Message-ID:") && two.contains("Message-ID:"));
}

#[tokio::test]
async fn a_mail_server_without_starttls_gets_no_mail() {
    let world = World::new().await;
    let server = Server::new().await;
    world.destination(wanted("a", server.mail(MailTls::Starttls)), None).await.unwrap();
    let id = world.incident("/etc/passwd").await;
    world.grade(id, "low").await;
    world.grade(id, "critical").await;

    let courier = Courier::start(&world);
    let mut stream = server.plain().await;
    stream.write_all(b"220 thu.example ESMTP\r\n").await.unwrap();
    assert!(line(&mut stream).await.starts_with("EHLO"));
    stream.write_all(b"250 thu.example\r\n").await.unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.ok();
    world
        .message("the failed try", |one| one.tries > 0 && one.state != "sending" && one.state != "sent")
        .await;
    courier.stop().await;

    assert!(!rest.contains("MAIL"), "{rest}");
}

#[tokio::test]
async fn webhooks_and_syslog_go_to_a_certificate_that_was_written_down_and_to_no_other() {
    let world = World::new().await;
    let (hooked, logged, other) = (Server::new().await, Server::new().await, Server::new().await);
    let hook = |port: u16, ca: &str| Settings::Webhook {
        url: format!("https://localhost:{port}/x"),
        ca: Some(ca.to_owned()),
    };
    let log = Settings::Syslog {
        host: "localhost".to_owned(),
        port: logged.port,
        over: SyslogOver::Tls,
        line: SyslogLine::Rfc5424,
        ca: Some(logged.ca.clone()),
    };
    let key = || Some(Secret::new_webhook().unwrap());
    world.destination(wanted("hook", hook(hooked.port, &hooked.ca)), key()).await.unwrap();
    world.destination(wanted("log", log), None).await.unwrap();
    world.destination(wanted("other", hook(other.port, &hooked.ca)), key()).await.unwrap();
    let id = world.incident("/etc/passwd").await;
    world.grade(id, "low").await;
    world.grade(id, "critical").await;

    let courier = Courier::start(&world);
    let take_hook = async {
        let mut stream = hooked.tls().await;
        let mut part = [0_u8; 16_384];
        let read = stream.read(&mut part).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        stream.flush().await.unwrap();
        assert!(part[..read].starts_with(b"POST /x "));
        stream
    };
    let take_line = async {
        let mut stream = logged.tls().await;
        let mut framed = Vec::new();
        stream.read_to_end(&mut framed).await.unwrap();
        stream.shutdown().await.ok();
        String::from_utf8(framed).unwrap()
    };
    let refuse = async { other.acceptor.accept(other.plain().await).await.is_err() };
    let (_open, framed, refused) = tokio::join!(take_hook, take_line, refuse);
    for to in ["hook", "log"] {
        world.message(to, |one| one.destination == to && one.state == "sent").await;
    }
    let kept = world
        .message("the other", |one| one.destination == "other" && one.state == "waiting" && one.tries > 0)
        .await;
    courier.stop().await;

    let (count, line) = framed.split_once(' ').unwrap();
    assert_eq!(count.parse::<usize>().unwrap(), line.len());
    assert!(refused && kept.error.contains("TLS"), "{kept:?}");
}
