//! Which engines this processor has, the known answers that each must give, the choice.

use std::fmt;
use std::io::Read;
use std::sync::OnceLock;

use crate::hasher::{Hasher, Next};
use crate::kernel::{Pairs, Wide};

/// What compresses the blocks. All engines give the same digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Engine {
    /// One stream, by the `sha2` crate. On every processor.
    Reference,
    /// Two streams interleaved on the SHA instructions of x86-64.
    Instructions,
    /// Eight streams in the lanes of AVX2.
    Avx2,
    /// Sixteen streams in the lanes of AVX-512.
    Avx512,
}

/// The kernels of an engine: what [`Engine::available`] found to be there and to answer rightly.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernels {
    /// All lanes at once.
    pub(crate) wide: Option<Wide>,
    /// One or two lanes; without it, each lane alone by the reference.
    pub(crate) pairs: Option<Pairs>,
}

impl Engine {
    /// All of them, the quicker ones first.
    ///
    /// Sixteen lanes of AVX-512 hash 1.7 times as much as two streams on the SHA instructions, where a processor has
    /// both (docs/decisions/0014); those twice as much as eight lanes of AVX2.
    const BY_SPEED: [Self; 4] = [Self::Avx512, Self::Instructions, Self::Avx2, Self::Reference];

    /// The engines that this processor has and that gave the known answers, [`Self::Reference`] first.
    ///
    /// The answers are asked for once in the life of the process, at the first call. An engine that answers wrongly is left out.
    #[must_use]
    pub fn available() -> &'static [Self] {
        static FOUND: OnceLock<Vec<Engine>> = OnceLock::new();

        FOUND.get_or_init(|| {
            Self::trusted(&|engine, kernels| answers_rightly(&mut Hasher::with(engine, kernels, 64)))
        })
    }

    /// The engine that hashes most bytes in a second here.
    #[must_use]
    pub fn best() -> Self {
        let available = Self::available();

        Self::BY_SPEED.into_iter().find(|engine| available.contains(engine)).unwrap_or(Self::Reference)
    }

    /// How many jobs it works on at a time.
    #[must_use]
    pub const fn lanes(self) -> usize {
        match self {
            Self::Reference => 1,
            Self::Instructions => 2,
            Self::Avx2 => 8,
            Self::Avx512 => 16,
        }
    }

    /// The engines that are here and `right` about what they answer. The SHA instructions come first, because vector
    /// engines hand their last lanes to them.
    fn trusted(right: &dyn Fn(Self, Kernels) -> bool) -> Vec<Self> {
        let mut trusted = vec![Self::Reference];
        for engine in [Self::Instructions, Self::Avx2, Self::Avx512] {
            if engine.kernels(&trusted).is_some_and(|kernels| right(engine, kernels)) {
                trusted.push(engine);
            }
        }

        trusted
    }

    /// Its kernels, if the processor has them; `trusted` are the engines that answered rightly so far.
    pub(crate) fn kernels(self, trusted: &[Self]) -> Option<Kernels> {
        let pairs = if trusted.contains(&Self::Instructions) { Pairs::find() } else { None };

        match self {
            Self::Reference => Some(Kernels { wide: None, pairs: None }),
            Self::Instructions => Pairs::find().map(|pairs| Kernels { wide: None, pairs: Some(pairs) }),
            Self::Avx2 => Wide::avx2().map(|wide| Kernels { wide: Some(wide), pairs }),
            Self::Avx512 => Wide::avx512().map(|wide| Kernels { wide: Some(wide), pairs }),
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reference => "reference",
            Self::Instructions => "sha-instructions",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        })
    }
}

/// Digests published in FIPS 180-4's examples, and of a thousand times the letter a (by `sha256sum`).
const ANSWERS: [(&[u8], &str); 5] = [
    (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
        b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ),
    (
        b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrst\
          nopqrstu",
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
    ),
    (&[b'a'; 1000], "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3"),
];

/// Whether every lane, busy or left alone, gives the known answers.
fn answers_rightly(hasher: &mut Hasher) -> bool {
    let lanes = hasher.engine().lanes();
    // As many of each message as there are lanes, so that all lanes work beside neighbours that hold other ones.
    let mut waiting = (0..ANSWERS.len() * lanes).map(|number| Known::new(number % ANSWERS.len()));
    let mut right = 0;
    hasher.run(&mut |_| waiting.next().map_or(Next::End, Next::Job), &mut |job: Known, result| {
        right += usize::from(result.is_ok_and(|hashed| hex(&hashed.digest) == job.answer));
    });

    right == ANSWERS.len() * lanes
}

/// A message with a known digest.
struct Known {
    rest: &'static [u8],
    answer: &'static str,
}

impl Known {
    fn new(number: usize) -> Self {
        let (rest, answer) = ANSWERS[number];

        Self { rest, answer }
    }
}

impl Read for Known {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.rest.read(buffer)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_answers_wrongly_is_left_out() {
        let all = Engine::trusted(&|_, _| true);
        for wrong in &all[1..] {
            let trusted = Engine::trusted(&|engine, _| engine != *wrong);
            assert_eq!(trusted.len(), all.len() - 1);
            assert!(!trusted.contains(wrong));
        }
        assert_eq!(Engine::trusted(&|_, _| false), [Engine::Reference]);
    }

    #[test]
    fn no_lane_is_handed_to_instructions_that_answered_wrongly() {
        let without = Engine::trusted(&|engine, _| engine != Engine::Instructions);
        for engine in without.iter().filter_map(|engine| engine.kernels(&without)) {
            assert!(engine.pairs.is_none());
        }
    }

    #[test]
    fn one_wrong_bit_of_one_lane_is_noticed() {
        for engine in Engine::available() {
            let kernels = engine.kernels(Engine::available()).unwrap();
            let mut hasher = Hasher::with(*engine, kernels, 64);
            assert!(answers_rightly(&mut hasher));
            for lane in 0..engine.lanes() {
                hasher.spoil(lane);
                assert!(!answers_rightly(&mut hasher), "{engine}, lane {lane}");
            }
        }
    }
}
