//! What leaves by itself, over real sockets on loopback: mail, webhooks; a dead server, a lost answer, a full queue.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vonggac_collector::sending::secret::{self, Secret};
use vonggac_collector::sending::settings::{Event, MailTls, Misfit, Settings};
use vonggac_collector::sending::{courier, webhook};
use vonggac_collector::store::audit::OPERATOR;
use vonggac_collector::store::sending::destinations::{self, Wanted};
use vonggac_collector::store::sending::lists::{self, Filter, Sent};
use vonggac_collector::store::sending::{announce, outgoing};
use vonggac_collector::store::sessions::SessionKind;
use vonggac_collector::store::view::Scope;
use vonggac_collector::store::view::words::Severity;
use vonggac_collector::store::windows::Doer;
use vonggac_protocol::time::Timestamp;

use super::ask::World;

/// The longest that anything here may take.
const MOST: Duration = Duration::from_secs(20);

/// A courier that runs until it is stopped or killed.
pub(crate) struct Courier {
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Courier {
    pub(crate) fn start(world: &World) -> Self {
        let stop = CancellationToken::new();

        Self { stop: stop.clone(), task: tokio::spawn(courier::run(world.seed.desk.store.clone(), stop)) }
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }

    /// Ends it wherever it stands, as a kill does.
    async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

pub(crate) fn wanted(name: &str, settings: Settings) -> Wanted {
    Wanted {
        name: name.to_owned(),
        settings,
        agency: None,
        severity: Severity::Low,
        events: Event::ASKED.to_vec(),
        role: None,
        drills: false,
        allow_local: true,
    }
}

pub(crate) fn to_mail(port: u16) -> Settings {
    Settings::Mail {
        host: "127.0.0.1".to_owned(),
        port,
        tls: MailTls::None,
        user: None,
        from: "Vọng Gác <canh@tinh.example>".to_owned(),
        to: vec!["truc@tinh.example".to_owned()],
        ca: None,
    }
}

pub(crate) fn to_hook(port: u16) -> Settings {
    Settings::Webhook { url: format!("http://127.0.0.1:{port}/nhan?x=1"), ca: None }
}

impl World {
    pub(crate) async fn destination(&self, wanted: Wanted, secret: Option<Secret>) -> Result<i64, Misfit> {
        let store = &self.seed.desk.store;
        let file = secret.map(|secret| secret::keep(store.folder(), &secret).unwrap());
        let at = self.seed.desk.now();
        let add = move |tx: &rusqlite::Transaction<'_>| {
            let doer = Doer { person: OPERATOR, audited: OPERATOR, scope: &Scope::All, at };
            destinations::add(tx, &wanted, file.as_deref(), doer)
        };

        store.write(add).await.unwrap()
    }

    /// Makes an incident graver, by which its destinations hear of it.
    pub(crate) async fn grade(&self, incident: i64, severity: &str) {
        let token = self.session("binh", SessionKind::Token).await;
        let path = format!("/api/v1/incidents/{incident}");
        let seen = self.call(&token, "GET", &path, None, "").await;
        let act = json!({"act": "grade", "severity": severity, "text": "x"}).to_string();
        let done = self.call(&token, "POST", &format!("{path}/act"), Some(seen.header("etag")), &act).await;
        assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    }

    pub(crate) async fn messages(&self, filter: Filter) -> Vec<Sent> {
        self.seed.desk.store.read(move |db| lists::messages(db, &Scope::All, filter, 10_000)).await.unwrap()
    }

    /// Waits until a message is as wanted.
    pub(crate) async fn message(&self, what: &str, fits: impl Fn(&Sent) -> bool) -> Sent {
        let look = async {
            loop {
                if let Some(found) = self.messages(Filter::default()).await.into_iter().find(&fits) {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };

        tokio::time::timeout(MOST, look).await.unwrap_or_else(|_| panic!("{what} in time"))
    }

    /// Lets a destination be tried at once, as if its rest were over.
    async fn rested(&self) {
        let end = |tx: &rusqlite::Transaction<'_>| {
            tx.execute("UPDATE destination SET not_before = 0", [])?;
            Ok(tx.execute("UPDATE outgoing SET next_at = 0 WHERE state = 'waiting'", [])?)
        };
        self.seed.desk.store.write(end).await.unwrap();
    }
}

/// What a mail server does with the mail that it is given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Takes,
    /// Reads the whole mail and dies before it answers.
    DiesAfterData,
    /// Reads the whole mail and never answers.
    Hangs,
    Never,
}

/// Serves one SMTP conversation as RFC 5321 has it; gives the mail, if one was given whole.
pub(crate) async fn smtp(listener: &TcpListener, mood: Mood) -> Option<String> {
    let (mut stream, _) = listener.accept().await.unwrap();
    stream.write_all(b"220 thu.example ESMTP\r\n").await.unwrap();

    converse(stream, mood).await
}

/// The same after the greeting, over any stream.
pub(crate) async fn converse<S>(stream: S, mood: Mood) -> Option<String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (read, mut write) = tokio::io::split(stream);
    let mut lines = BufReader::new(read).lines();
    let mut mail = None;
    while let Ok(Some(line)) = lines.next_line().await {
        let answer = match line.get(..4).unwrap_or(&line).to_ascii_uppercase().as_str() {
            "EHLO" => "250-thu.example\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
            "MAIL" if mood == Mood::Never => "550 5.7.1 khong nhan\r\n",
            "DATA" => {
                write.write_all(b"354 go\r\n").await.unwrap();
                let mut text = String::new();
                while let Ok(Some(line)) = lines.next_line().await {
                    if line == "." {
                        break;
                    }
                    text.push_str(&line);
                    text.push('\n');
                }
                mail = Some(text);
                if mood == Mood::Hangs {
                    // The line stays open until the other side is gone.
                    tokio::spawn(async move { lines.next_line().await.map(|_| write) });
                    return mail;
                }
                if mood == Mood::DiesAfterData {
                    return mail;
                }
                "250 2.0.0 Ok: queued as 7C0FFEE\r\n"
            }
            "QUIT" => {
                write.write_all(b"221 bye\r\n").await.ok();
                break;
            }
            _ => "250 ok\r\n",
        };
        if write.write_all(answer.as_bytes()).await.is_err() {
            break;
        }
    }

    mail
}

pub(crate) fn header<'a>(mail: &'a str, name: &str) -> &'a str {
    mail.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim()
}

/// Takes one request and gives its headers and body; the stream waits for an answer.
pub(crate) async fn hook(listener: &TcpListener) -> (TcpStream, String, String) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut bytes = Vec::new();
    let mut part = [0_u8; 4096];
    loop {
        let read = stream.read(&mut part).await.unwrap();
        assert!(read > 0, "the request is whole");
        bytes.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length: usize = field(head, "content-length").parse().unwrap();
        if body.len() >= length {
            return (stream, head.to_owned(), body.to_owned());
        }
    }
}

fn field<'a>(head: &'a str, name: &str) -> &'a str {
    let found = head.lines().filter_map(|line| line.split_once(':'));

    found
        .filter(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
        .next()
        .unwrap_or("")
}

#[tokio::test]
async fn a_mail_goes_out_once_in_vietnamese_and_its_receipt_is_kept() {
    let world = World::new().await;
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    world.destination(wanted("trực ban", to_mail(server.local_addr().unwrap().port())), None).await.unwrap();
    let id = world.incident("/etc/passwd").await;
    world.grade(id, "low").await;
    assert!(world.messages(Filter::default()).await.is_empty(), "a lowered one is told to nobody");

    world.grade(id, "critical").await;
    let courier = Courier::start(&world);
    let mail = tokio::time::timeout(MOST, smtp(&server, Mood::Takes)).await.unwrap().unwrap();
    let sent = world.message("the receipt", |one| one.state == "sent").await;
    courier.stop().await;

    assert_eq!(sent.receipt.as_deref(), Some("250 2.0.0 Ok: queued as 7C0FFEE"));
    assert_eq!((sent.incident, sent.event.as_str(), sent.tries), (Some(id), "raised", 1));
    assert_eq!(header(&mail, "Message-ID:"), format!("<{}@tinh.example>", sent.uid));
    assert!(mail.contains("=?utf-8?"), "the subject is not ASCII: {mail}");
    let body = mail.split_once("\n\n").unwrap().1.replace('\n', "");
    let text = String::from_utf8(data_encoding::BASE64.decode(body.as_bytes()).unwrap()).unwrap();
    assert!(
        text.contains("UBND xã Hòa Bình") && text.contains("/etc/passwd") && text.contains("Nghiêm trọng"),
        "{text}"
    );
    assert!(
        tokio::time::timeout(Duration::from_millis(50), server.accept()).await.is_err(),
        "nothing more comes"
    );
}

#[tokio::test]
async fn a_webhook_is_signed_as_the_standard_says_and_a_lost_answer_brings_the_same_id_again() {
    let world = World::new().await;
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let key = Secret::new_webhook().unwrap();
    let to = wanted("điều phối", to_hook(server.local_addr().unwrap().port()));
    world.destination(to, Some(key.clone())).await.unwrap();
    let id = world.incident("/etc/passwd").await;
    world.grade(id, "critical").await;

    // The receiver has it whole, and the line breaks before its answer.
    let courier = Courier::start(&world);
    let (lost, first_head, first) = tokio::time::timeout(MOST, hook(&server)).await.unwrap();
    drop(lost);
    let waits = world.message("the failed try", |one| one.state == "waiting" && one.tries == 1).await;
    assert!(waits.next_at.unwrap() > waits.made_at && !waits.error.is_empty(), "{waits:?}");
    courier.kill().await;
    world.rested().await;
    let courier = Courier::start(&world);
    let (mut stream, head, body) = tokio::time::timeout(MOST, hook(&server)).await.unwrap();
    stream.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\nnhan so 5").await.unwrap();
    let sent = world.message("the receipt", |one| one.state == "sent").await;
    courier.stop().await;

    assert_eq!((field(&first_head, "webhook-id"), &first), (sent.uid.as_str(), &body));
    assert_eq!(field(&head, "webhook-id"), sent.uid);
    assert!(head.starts_with("POST /nhan?x=1 HTTP/1.1"), "{head}");
    let at = Timestamp(field(&head, "webhook-timestamp").parse::<i64>().unwrap() * 1_000);
    let signed = webhook::signature(&key.signing().unwrap(), &sent.uid, at, &body);
    assert_eq!(field(&head, "webhook-signature"), signed);
    assert_eq!((sent.receipt.as_deref(), sent.tries), (Some("202 Accepted nhan so 5"), 2));
    let told: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (told["type"].as_str(), told["data"]["incident"].as_i64()),
        (Some("incident.raised"), Some(id))
    );
}

#[tokio::test]
async fn a_courier_killed_in_the_middle_sends_again_under_the_same_id_and_confirmed_ones_never() {
    let world = World::new().await;
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    world.destination(wanted("a", to_mail(server.local_addr().unwrap().port())), None).await.unwrap();
    let (one, two) = (world.incident("/etc/passwd").await, world.incident("/var").await);
    world.grade(one, "low").await;
    world.grade(one, "critical").await;
    let courier = Courier::start(&world);
    let confirmed = tokio::time::timeout(MOST, smtp(&server, Mood::Takes)).await.unwrap().unwrap();
    world.message("the first", |one| one.state == "sent").await;
    world.grade(two, "low").await;
    world.grade(two, "critical").await;

    // The whole mail is there, nobody has answered, the sender dies.
    let cut = tokio::time::timeout(MOST, smtp(&server, Mood::DiesAfterData));
    let cut = cut.await.unwrap().unwrap();
    courier.kill().await;
    world.rested().await;
    let courier = Courier::start(&world);
    let again = tokio::time::timeout(MOST, smtp(&server, Mood::Takes)).await.unwrap().unwrap();
    world.message("the second", |sent| sent.state == "sent" && sent.incident == Some(two)).await;
    courier.stop().await;

    assert_eq!(cut, again, "every try is the same mail to the byte");
    assert_ne!(header(&confirmed, "Message-ID:"), header(&again, "Message-ID:"));
    assert!(world.messages(Filter { is_open: true, ..Filter::default() }).await.is_empty());
}

#[tokio::test]
async fn a_no_for_ever_is_told_in_the_incident_and_sent_again_only_when_a_person_says_so() {
    let world = World::new().await;
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    world.destination(wanted("a", to_mail(server.local_addr().unwrap().port())), None).await.unwrap();
    let id = world.incident("/etc/passwd").await;
    world.grade(id, "low").await;
    world.grade(id, "critical").await;

    let courier = Courier::start(&world);
    tokio::select! {
        failed = world.message("the refusal", |one| one.state == "failed") => {
            assert!(failed.error.contains("5.7.1"), "{failed:?}");
        }
        _ = async { loop { smtp(&server, Mood::Never).await; } } => {}
    }
    let token = world.session("an", SessionKind::Token).await;
    let seen = world.call(&token, "GET", &format!("/api/v1/incidents/{id}"), None, "").await.json();
    let last = seen["entries"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((last["action"].as_str(), last["after"].as_str()), (Some("send_failed"), Some("a")));
    let now = vonggac_collector::clock::now();
    world.seed.desk.store.write(move |tx| outgoing::retry(tx, None, now)).await.unwrap();
    tokio::time::timeout(MOST, smtp(&server, Mood::Takes)).await.unwrap().unwrap();
    world.message("the receipt", |one| one.state == "sent").await;
    courier.stop().await;
}

#[tokio::test]
async fn a_full_queue_drops_nothing_it_tells_all_of_an_incident_in_one_message_once_there_is_room() {
    let world = World::new().await;
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let key = Secret::new_webhook().unwrap();
    let to = wanted("a", to_hook(server.local_addr().unwrap().port()));
    let destination = world.destination(to, Some(key)).await.unwrap();
    let fill = move |tx: &rusqlite::Transaction<'_>| {
        for n in 0..i64::try_from(outgoing::WAITING_MAX).unwrap() {
            announce::test(tx, destination, "x", Timestamp(n))?.unwrap();
        }
        announce::test(tx, destination, "x", Timestamp(-1))
    };
    let over = world.seed.desk.store.write(fill).await.unwrap();
    let id = world.incident("/etc/passwd").await;

    assert!(over.is_none(), "the queue is bounded");
    world.grade(id, "low").await;
    world.grade(id, "high").await;
    world.grade(id, "critical").await;
    let held = world.seed.desk.store.read(|db| destinations::list(db, &Scope::All)).await.unwrap();
    assert_eq!((held[0].waiting, held[0].held), (outgoing::WAITING_MAX, 1));
    let token = world.session("an", SessionKind::Token).await;
    let seen = world.call(&token, "GET", &format!("/api/v1/incidents/{id}"), None, "").await.json();
    let told =
        seen["entries"].as_array().unwrap().iter().filter(|entry| entry["action"] == "send_held").count();
    assert_eq!(told, 1, "the incident says that a destination was not told");
    let empty = "UPDATE outgoing SET state = 'withdrawn' WHERE event = 'test'";
    world.seed.desk.store.write(move |tx| Ok(tx.execute(empty, [])?)).await.unwrap();
    let courier = Courier::start(&world);
    let (mut stream, _, body) = tokio::time::timeout(MOST, hook(&server)).await.unwrap();
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    world.message("the receipt", |one| one.state == "sent" && one.event == "caught_up").await;
    courier.stop().await;

    let told: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((told["data"]["incident"].as_i64(), told["data"]["events"].as_u64()), (Some(id), Some(2)));
    assert_eq!(told["data"]["severity"], "critical", "as it stands now");
}

#[tokio::test]
async fn a_drill_goes_nowhere_but_where_drills_are_wanted_and_one_made_before_sending_is_withdrawn() {
    let world = World::new().await;
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().unwrap().port();
    world.destination(wanted("thật", to_mail(port)), None).await.unwrap();
    let with = Wanted { drills: true, ..wanted("diễn tập", to_mail(port)) };
    world.destination(with, None).await.unwrap();
    let id = world.incident("/etc/passwd").await;
    world.grade(id, "low").await;
    world.grade(id, "high").await;
    assert_eq!(world.messages(Filter::default()).await.len(), 2);

    let token = world.session("binh", SessionKind::Token).await;
    let path = format!("/api/v1/incidents/{id}");
    let seen = world.call(&token, "GET", &path, None, "").await;
    let drill = json!({"act": "drill", "hours": 8, "text": "x"}).to_string();
    world.call(&token, "POST", &format!("{path}/act"), Some(seen.header("etag")), &drill).await;
    world.grade(id, "critical").await;
    let courier = Courier::start(&world);
    let mail = tokio::time::timeout(MOST, smtp(&server, Mood::Takes)).await.unwrap().unwrap();
    let sent = world.message("the drill's", |one| one.state == "sent").await;
    courier.stop().await;

    assert!(sent.is_drill && sent.destination == "diễn tập", "{sent:?}");
    let text = mail.split_once("\n\n").unwrap().1.replace('\n', "");
    let text = String::from_utf8(data_encoding::BASE64.decode(text.as_bytes()).unwrap()).unwrap();
    assert!(text.to_uppercase().contains("DIỄN TẬP"), "{text}");
    let all = world.messages(Filter::default()).await;
    assert_eq!(all.iter().filter(|one| one.state == "withdrawn").count(), 2);
    assert_eq!(all.len(), 3);
}

#[tokio::test]
async fn what_is_no_destination_is_refused_and_local_addresses_are_the_operators_alone() {
    let world = World::new().await;
    let key = || Some(Secret::new_webhook().unwrap());
    let mut strict = wanted("a", Settings::Webhook { url: "https://127.0.0.1:1/x".to_owned(), ca: None });
    strict.allow_local = false;
    let open = Wanted { allow_local: false, ..wanted("b", to_hook(1)) };
    let nobody = Wanted { role: Some("nobody".to_owned()), ..wanted("c", to_mail(1)) };
    let nothing = Wanted { events: Vec::new(), ..wanted("d", to_mail(1)) };
    let user = Settings::Webhook { url: "https://a:b@x.example/".to_owned(), ca: None };

    assert_eq!(world.destination(open, key()).await, Err(Misfit::Open));
    assert_eq!(world.destination(nobody, None).await, Err(Misfit::Role));
    assert_eq!(world.destination(nothing, None).await, Err(Misfit::Events));
    assert_eq!(world.destination(wanted("e", user), key()).await, Err(Misfit::Url));
    let id = world.destination(strict, key()).await.unwrap();
    let at = world.seed.desk.now();
    world.seed.desk.store.write(move |tx| announce::test(tx, id, "x", at)).await.unwrap();
    let courier = Courier::start(&world);
    let refused = world.message("the refusal", |one| one.state == "failed").await;
    courier.stop().await;
    assert!(refused.error.contains("local"), "{refused:?}");
    let shown = world.seed.desk.store.read(|db| destinations::list(db, &Scope::All)).await.unwrap();
    assert!(!serde_json::to_string(&shown).unwrap().contains("whsec"), "no secret is shown");
    let folder = std::fs::read_dir(world.folder().join("keys")).unwrap();
    for file in folder.map(|file| file.unwrap()) {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
}
