//! A line so slow that a piece of a release takes longer than a word may: whoever reads on is no wrongdoer.

use vonggac_protocol::limits::RELEASE_PIECE_BYTES;
use vonggac_protocol::release::{FORMAT, Manifest, Platform, ReleaseWanted, pack_piece};

use super::*;
use crate::releases::Opened;
use crate::store::releases::{self, Order};

/// Bytes that no compression makes fewer.
fn program() -> Vec<u8> {
    let length = usize::try_from(RELEASE_PIECE_BYTES).unwrap();

    (0_u32..).flat_map(|number| Digest::of(&number.to_be_bytes()).0).take(length).collect()
}

async fn offered(world: &World) -> (Platform, Digest) {
    let (program, platform) = (program(), Platform::own());
    let sha256 = Digest::of(&program);
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        version: "9.0.0".to_owned(),
        platform: platform.clone(),
        made_at: Timestamp(1),
        not_before: Timestamp(1),
        size: RELEASE_PIECE_BYTES,
        sha256,
        pieces: vec![sha256],
        key: "RW".to_owned(),
    };
    let (text, signature) = ("manifest".to_owned(), "signature".to_owned());
    let opened = Opened { manifest, text, signature, pieces: vec![pack_piece(&program)] };
    let version = Some("9.0.0".to_owned());
    let order = Order { version, agency: None, percent: 100, by: "an".to_owned(), reason: String::new() };
    let offer = move |tx: &rusqlite::Transaction<'_>| {
        releases::take(tx, &opened, "an", clock::now())?;
        releases::order(tx, &order, clock::now())
    };
    world.store.write(offer).await.unwrap();

    (platform, sha256)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_line_is_handed_a_piece_for_longer_than_a_word_may_take() {
    let world = world().await;
    let (platform, sha256) = offered(&world).await;
    let connection = world.connect(0).await;
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    let hello = Hello { platform: Some(platform), ..hello(0) };
    send.write_all(&Frame::Hello(hello).encode()).await.unwrap();
    assert!(matches!(read(&mut receive).await.unwrap(), Frame::Welcome(_)));
    assert!(matches!(read(&mut receive).await.unwrap(), Frame::ReleaseOffer(_)));
    let wanted = ReleaseWanted { sha256, piece: 0 };
    send.write_all(&Frame::ReleaseWanted(wanted).encode()).await.unwrap();

    // The pace of the line: all of it takes more than the three seconds in which something must be read.
    let mut pace = tokio::time::interval(Duration::from_millis(300));
    let mut prefix = [0; 4];
    receive.read_exact(&mut prefix).await.unwrap();
    let mut body = vec![0; Frame::length(prefix).unwrap()];
    let began = clock::instant();
    for part in body.chunks_mut(16 * 1024) {
        pace.tick().await;
        receive.read_exact(part).await.unwrap();
    }

    assert!(clock::instant() - began > Duration::from_secs(3));
    let Frame::ReleasePiece(piece) = Frame::decode(&body).unwrap() else { panic!("no piece") };
    assert_eq!(piece.packed, pack_piece(&program()));
    assert!(connection.close_reason().is_none());
    world.stopped().await;
}
