//! Pieces: what a channel's bytes, and words about channels, look like on TCP.
//!
//! ```text
//! +------+---------+-----------------+---------------------+
//! | kind | channel | length, u16 BE  | so many bytes       |
//! +------+---------+-----------------+---------------------+
//! ```

/// Bytes before what a piece carries.
pub(super) const HEADER: usize = 4;

/// Bytes of a channel in one piece: header and piece fill one record of TLS.
pub(super) const CARRIED_MAX: usize = 16 * 1024 - HEADER;

/// Bytes of a reason, after its number.
pub(super) const REASON_MAX: usize = 1_024;

/// What a piece is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Bytes of a channel.
    Bytes,
    /// The channel has ended in this direction.
    End,
    /// The peer may send so many bytes more on the channel (u32 BE).
    Credit,
    /// The connection has ended: number (u32 BE) and reason. The last piece.
    Close,
    /// What was sent has come; nothing else had to be said.
    Heard,
}

impl Kind {
    fn number(self) -> u8 {
        match self {
            Self::Bytes => 0,
            Self::End => 1,
            Self::Credit => 2,
            Self::Close => 3,
            Self::Heard => 4,
        }
    }

    /// `None`: a kind of a later version, which is passed over.
    pub(super) fn of(number: u8) -> Option<Self> {
        [Self::Bytes, Self::End, Self::Credit, Self::Close, Self::Heard]
            .into_iter()
            .find(|kind| kind.number() == number)
    }
}

/// Puts a piece at the end of `out`. What does not fit a piece is cut off.
pub(super) fn put(out: &mut Vec<u8>, kind: Kind, channel: usize, carried: &[u8]) {
    let length = u16::try_from(carried.len()).unwrap_or(u16::MAX);
    let carried = carried.get(..usize::from(length)).unwrap_or_default();
    out.push(kind.number());
    out.push(u8::try_from(channel).unwrap_or(u8::MAX));
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(carried);
}

/// The last piece.
pub(super) fn close(code: u32, reason: &[u8]) -> Vec<u8> {
    let mut carried = code.to_be_bytes().to_vec();
    carried.extend(reason.iter().take(REASON_MAX));
    let mut out = Vec::new();
    put(&mut out, Kind::Close, 0, &carried);

    out
}

/// What a header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    /// `None`: passed over.
    pub(super) kind: Option<Kind>,
    pub(super) channel: usize,
    pub(super) length: usize,
}

impl Header {
    pub(super) fn read(bytes: [u8; HEADER]) -> Self {
        let [kind, channel, high, low] = bytes;

        Self {
            kind: Kind::of(kind),
            channel: usize::from(channel),
            length: usize::from(u16::from_be_bytes([high, low])),
        }
    }
}
