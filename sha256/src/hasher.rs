//! Jobs into lanes, and digests out.

use std::io::{self, ErrorKind, Read};

use crate::engine::{Engine, Kernels};
use crate::kernel::{BLOCK, START, States, WIDTH, reference};

/// Room behind a lane's bytes for the padding of its last block or two; not a power of two, so that lanes of equal
/// length do not all fall on the same sets of the cache.
const PADDING: usize = 3 * BLOCK;

/// Longer pieces would only take memory: they leave every cache.
const LANE_BYTES_MAX: usize = 16 << 20;

/// So few busy lanes are quicker one or two at a time than all at once.
///
/// All sixteen lanes of AVX-512 take the time of nine streams on the SHA instructions, or of one and a half in plain
/// code; all eight of AVX2 that of two and a half in plain code (docs/decisions/0014).
const fn few(engine: Engine, kernels: Kernels) -> u32 {
    match (engine, kernels.pairs) {
        (Engine::Avx512, Some(_)) => 8,
        (Engine::Avx512, None) => 1,
        (Engine::Avx2, _) => 2,
        (Engine::Reference | Engine::Instructions, _) => u32::MAX,
    }
}

/// What a caller answers when a lane is free.
pub enum Next<J> {
    /// Hash this one.
    Job(J),
    /// Nothing yet: go on with what the lanes hold, then ask again. Not allowed as an answer to `idle`.
    NotNow,
    /// Nothing more will come.
    End,
}

/// What was read of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hashed {
    /// SHA-256 of all bytes.
    pub digest: [u8; 32],
    /// How many bytes there were.
    pub bytes: u64,
}

/// Lanes with their buffers; made once and used for any number of runs.
pub struct Hasher {
    engine: Engine,
    kernels: Kernels,
    /// Up to so many busy lanes are not taken all at once.
    few: u32,
    lane_bytes: usize,
    stride: usize,
    buffers: Vec<u8>,
    states: States,
    lanes: Lanes,
    #[cfg(test)]
    spoilt: Option<usize>,
}

/// What each lane is at.
struct Lanes {
    /// Where its next block begins, in the buffers.
    at: [usize; WIDTH],
    /// Whole blocks from there on.
    left: [usize; WIDTH],
    /// The padding is among them: the stream ends with them.
    last: [bool; WIDTH],
    /// Bytes read of its job.
    bytes: [u64; WIDTH],
    /// Bit by bit: it has a job.
    busy: u32,
}

impl Hasher {
    /// Takes memory for the engine's lanes: a little more than [`Engine::lanes`] times `lane_bytes`.
    ///
    /// `lane_bytes` is the size of one read; it is rounded up to whole blocks. An engine that is not
    /// [available](Engine::available) is replaced by [`Engine::Reference`].
    #[must_use]
    pub fn new(engine: Engine, lane_bytes: usize) -> Self {
        let available = Engine::available();
        let engine = if available.contains(&engine) { engine } else { Engine::Reference };
        let kernels = engine.kernels(available).unwrap_or(Kernels { wide: None, pairs: None });

        Self::with(engine, kernels, lane_bytes)
    }

    /// With these kernels, trusted or not.
    pub(crate) fn with(engine: Engine, kernels: Kernels, lane_bytes: usize) -> Self {
        let lane_bytes = lane_bytes.clamp(BLOCK, LANE_BYTES_MAX).next_multiple_of(BLOCK);
        let stride = lane_bytes + PADDING;

        Self {
            engine,
            kernels,
            few: few(engine, kernels),
            lane_bytes,
            stride,
            buffers: vec![0; stride * engine.lanes()],
            states: States::new(),
            lanes: Lanes {
                at: [0; WIDTH],
                left: [0; WIDTH],
                last: [false; WIDTH],
                bytes: [0; WIDTH],
                busy: 0,
            },
            #[cfg(test)]
            spoilt: None,
        }
    }

    /// The engine in use.
    #[must_use]
    pub const fn engine(&self) -> Engine {
        self.engine
    }

    /// Hashes jobs until `next` says [`Next::End`] and all lanes are empty.
    ///
    /// `next` is asked whenever a lane is free, and told whether all of them are: then it may block until there is
    /// a job, and must not answer [`Next::NotNow`]. `done` gets every job back, in the order in which they end, with its
    /// digest or with the error that ended its reading. A job is read in pieces of at most `lane_bytes` until it gives
    /// no more bytes; a reader that knows its end may say so without a system call. Reads that were
    /// [interrupted](ErrorKind::Interrupted) are repeated.
    pub fn run<J: Read>(
        &mut self,
        next: &mut dyn FnMut(bool) -> Next<J>,
        done: &mut dyn FnMut(J, io::Result<Hashed>),
    ) {
        let mut jobs: [Option<J>; WIDTH] = std::array::from_fn(|_| None);
        self.lanes.busy = 0;
        let mut ended = false;
        loop {
            if !ended {
                ended = self.take(&mut jobs, next, done);
            }
            if self.lanes.busy == 0 {
                if ended {
                    return;
                }
                std::thread::yield_now();
                continue;
            }
            self.compress();
            self.follow(&mut jobs, done);
        }
    }

    /// Gives jobs to free lanes; whether the caller has no more.
    fn take<J: Read>(
        &mut self,
        jobs: &mut [Option<J>; WIDTH],
        next: &mut dyn FnMut(bool) -> Next<J>,
        done: &mut dyn FnMut(J, io::Result<Hashed>),
    ) -> bool {
        for (lane, slot) in jobs.iter_mut().enumerate().take(self.engine.lanes()) {
            while self.lanes.busy & (1 << lane) == 0 {
                let mut job = match next(self.lanes.busy == 0) {
                    Next::Job(job) => job,
                    Next::NotNow => return false,
                    Next::End => return true,
                };
                self.states.set_lane(lane, START);
                self.lanes.bytes[lane] = 0;
                match self.fill(lane, &mut job) {
                    Ok(()) => {
                        *slot = Some(job);
                        self.lanes.busy |= 1 << lane;
                    }
                    Err(error) => done(job, Err(error)),
                }
            }
        }

        false
    }

    /// Reads the next piece into an empty lane: as many bytes as fit, or all there are and the padding.
    fn fill(&mut self, lane: usize, job: &mut impl Read) -> io::Result<()> {
        let start = lane * self.stride;
        let buffer = &mut self.buffers[start..start + self.stride];
        let mut filled = 0;
        let mut last = false;
        while filled < self.lane_bytes && !last {
            match job.read(&mut buffer[filled..self.lane_bytes]) {
                Ok(0) => last = true,
                Ok(read) => filled += read.min(self.lane_bytes - filled),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let lanes = &mut self.lanes;
        lanes.bytes[lane] += u64::try_from(filled).expect("a lane is far below 2^64 bytes");
        let end = if last { pad(buffer, filled, lanes.bytes[lane]) } else { filled };
        lanes.at[lane] = start;
        lanes.left[lane] = end / BLOCK;
        lanes.last[lane] = last;

        Ok(())
    }

    /// Takes blocks into the states: if many lanes are busy, of all of them as many as the one with the fewest has.
    fn compress(&mut self) {
        match self.kernels.wide {
            Some(wide) if self.lanes.busy.count_ones() > self.few => {
                let (at, blocks) = self.lanes.step();
                wide.compress(&mut self.states, &self.buffers, &at, blocks);
                self.lanes.advance(self.lanes.busy, blocks);
            }
            _ => self.compress_few(),
        }
        #[cfg(test)]
        if let Some(lane) = self.spoilt {
            self.states.0[3][lane] ^= 1 << 17;
        }
    }

    /// Takes blocks of each busy lane, two lanes at a time if there are instructions for it.
    fn compress_few(&mut self) {
        let mut busy = self.lanes.busy;
        while busy != 0 {
            let one = lowest(&mut busy);
            match self.kernels.pairs {
                Some(pairs) if busy != 0 => {
                    let two = lowest(&mut busy);
                    let blocks = self.lanes.left[one].min(self.lanes.left[two]);
                    let (mut first, mut second) = (self.states.lane(one), self.states.lane(two));
                    let bytes = [one, two].map(|lane| &self.buffers[self.lanes.at[lane]..][..blocks * BLOCK]);
                    pairs.two([&mut first, &mut second], bytes);
                    self.states.set_lane(one, first);
                    self.states.set_lane(two, second);
                    self.lanes.advance(1 << one | 1 << two, blocks);
                }
                pairs => {
                    let blocks = self.lanes.left[one];
                    let mut words = self.states.lane(one);
                    let bytes = &self.buffers[self.lanes.at[one]..][..blocks * BLOCK];
                    match pairs {
                        Some(pairs) => pairs.one(&mut words, bytes),
                        None => reference::compress(&mut words, bytes),
                    }
                    self.states.set_lane(one, words);
                    self.lanes.advance(1 << one, blocks);
                }
            }
        }
    }

    /// Lanes that are out of blocks read on, or give their digest.
    fn follow<J: Read>(
        &mut self,
        jobs: &mut [Option<J>; WIDTH],
        done: &mut dyn FnMut(J, io::Result<Hashed>),
    ) {
        let mut busy = self.lanes.busy;
        while busy != 0 {
            let lane = lowest(&mut busy);
            if self.lanes.left[lane] > 0 {
                continue;
            }
            let over = if self.lanes.last[lane] {
                Some(Ok(Hashed { digest: self.digest(lane), bytes: self.lanes.bytes[lane] }))
            } else {
                let job = jobs[lane].as_mut().expect("a busy lane has a job");
                self.fill(lane, job).err().map(Err)
            };
            if let Some(result) = over {
                self.lanes.busy &= !(1 << lane);
                done(jobs[lane].take().expect("a busy lane has a job"), result);
            }
        }
    }

    fn digest(&self, lane: usize) -> [u8; 32] {
        let mut digest = [0; 32];
        for (bytes, word) in digest.chunks_exact_mut(4).zip(self.states.lane(lane)) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }

        digest
    }

    /// From now on, this lane's states are wrong by a bit.
    #[cfg(test)]
    pub(crate) const fn spoil(&mut self, lane: usize) {
        self.spoilt = Some(lane);
    }
}

impl Lanes {
    /// Where each lane's next blocks begin, and how many of them every busy lane has. A lane without a job is sent along
    /// with a busy one: it reads what is in the cache anyhow, into a state that nobody asks for.
    fn step(&self) -> ([usize; WIDTH], usize) {
        let mut at = self.at;
        let mut blocks = usize::MAX;
        let companion = self.at[index(self.busy.trailing_zeros())];
        for (lane, at) in at.iter_mut().enumerate() {
            let busy = self.busy & (1 << lane) != 0;
            blocks = if busy { blocks.min(self.left[lane]) } else { blocks };
            *at = if busy { *at } else { companion };
        }

        (at, blocks)
    }

    /// These lanes took so many blocks.
    fn advance(&mut self, lanes: u32, blocks: usize) {
        for (lane, (at, left)) in self.at.iter_mut().zip(&mut self.left).enumerate() {
            let taken = if lanes & (1 << lane) == 0 { 0 } else { blocks };
            *at += taken * BLOCK;
            *left -= taken;
        }
    }
}

/// Takes the lowest lane out of a set.
fn lowest(lanes: &mut u32) -> usize {
    let lane = index(lanes.trailing_zeros());
    *lanes &= *lanes - 1;

    lane
}

fn index(lane: u32) -> usize {
    usize::try_from(lane).expect("lanes are few")
}

/// Puts the padding behind the last bytes of a stream; where it ends.
fn pad(buffer: &mut [u8], filled: usize, bytes: u64) -> usize {
    let end = (filled + 9).next_multiple_of(BLOCK);
    buffer[filled] = 0x80;
    buffer[filled + 1..end - 8].fill(0);
    buffer[end - 8..end].copy_from_slice(&bytes.wrapping_mul(8).to_be_bytes());

    end
}
