//! Webhooks, signed as the Standard Webhooks specification says: `webhook-id` stays the same at every try,
//! `webhook-signature` is HMAC-SHA256 over id, moment of the try and body. Nobody follows where an answer points.

use std::time::Duration;

use aws_lc_rs::hmac;
use data_encoding::BASE64;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use vonggac_protocol::time::Timestamp;

use super::outcome::{Failure, Tried, said};
use super::{guard, tls};

/// Bytes of an answer that are read.
const ANSWER_MAX: usize = 4_096;

/// Connecting may take so long.
pub(super) const CONNECT_MOST: Duration = Duration::from_secs(10);

/// Where to, of [`super::Settings::Webhook`].
#[derive(Clone, Copy, Debug)]
pub struct Way<'a> {
    /// The address.
    pub url: &'a str,
    /// The bytes that sign.
    pub key: &'a [u8],
    /// Certificates that alone are trusted.
    pub ca: Option<&'a str>,
    /// Whether the operator allows local addresses.
    pub allow_local: bool,
}

/// The signature's header.
#[must_use]
pub fn signature(key: &[u8], uid: &str, at: Timestamp, body: &str) -> String {
    let secs = at.0.div_euclid(1_000);
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let tag = hmac::sign(&key, format!("{uid}.{secs}.{body}").as_bytes());

    format!("v1,{}", BASE64.encode(tag.as_ref()))
}

/// Posts one message; the answer is the receipt.
///
/// # Errors
/// If the receiver does not say that it took it.
pub async fn send(way: &Way<'_>, uid: &str, body: &str, now: Timestamp) -> Tried {
    let uri: Uri = way.url.parse().map_err(|error| Failure::Refused(format!("the address: {error}")))?;
    let host = uri.host().ok_or_else(|| Failure::Refused("the address has no host".to_owned()))?.to_owned();
    let is_tls = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let request = request(way, &uri, uid, body, now)?;
    let stream = connect(&host, port, way.allow_local).await?;
    if is_tls {
        exchange(tls::over(stream, &host, way.ca).await?, request).await
    } else {
        exchange(stream, request).await
    }
}

fn request(
    way: &Way<'_>,
    uri: &Uri,
    uid: &str,
    body: &str,
    now: Timestamp,
) -> Result<Request<Full<Bytes>>, Failure> {
    let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());

    Request::post(path)
        .header(header::HOST, authority)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, concat!("vonggac/", env!("CARGO_PKG_VERSION")))
        .header("webhook-id", uid)
        .header("webhook-timestamp", now.0.div_euclid(1_000))
        .header("webhook-signature", signature(way.key, uid, now, body))
        .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
        .map_err(|error| Failure::Refused(error.to_string()))
}

/// A connection to the first of a server's addresses that takes one.
pub(super) async fn connect(host: &str, port: u16, allow_local: bool) -> Result<TcpStream, Failure> {
    let mut last = Failure::Unreachable("the server has no address".to_owned());
    for address in guard::resolve(host, port, allow_local).await? {
        last = match tokio::time::timeout(CONNECT_MOST, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => Failure::Unreachable(format!("reach {address}: {error}")),
            Err(_) => Failure::Unreachable(format!("reach {address}: no answer")),
        };
    }

    Err(last)
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Tried
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let broken = |error: hyper::Error| Failure::Unreachable(format!("speak HTTP: {error}"));
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let talking = tokio::spawn(connection);
    let answered = async {
        let answer = sender.send_request(request).await.map_err(broken)?;
        let status = answer.status();
        let read = Limited::new(answer.into_body(), ANSWER_MAX).collect().await;
        let text =
            read.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned()).unwrap_or_default();
        Ok((status, text))
    }
    .await;
    talking.abort();
    let (status, text) = answered?;
    let told = said(&format!("{status} {text}"));

    match status {
        status if status.is_success() => Ok(told),
        // The receiver says that it will never be there again.
        StatusCode::GONE => Err(Failure::Refused(told)),
        _ => Err(Failure::Later(told)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sending::secret::Secret;

    /// The example of the specification's own libraries.
    #[test]
    fn a_known_message_has_the_known_signature() {
        let key = Secret::of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").signing().unwrap();
        let at = Timestamp(1_614_265_330_000);

        let made = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, r#"{"test": 2432232314}"#);

        assert_eq!(made, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
