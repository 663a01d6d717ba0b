//! Jobs into lanes, and digests out.

use std::io::{self, ErrorKind, Read};

use crate::engine::Engine;
use crate::kernel::{BLOCK, START, States, WIDTH, reference};

/// Room behind a lane's bytes for the padding of its last block or two; not a power of two, so that lanes of equal
/// length do not all fall on the same sets of the cache.
const PADDING: usize = 3 * BLOCK;

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
    lane_bytes: usize,
    stride: usize,
    buffers: Vec<u8>,
    states: States,
    lanes: Lanes,
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
        let engine = if Engine::available().contains(&engine) { engine } else { Engine::Reference };
        let lane_bytes = lane_bytes.clamp(BLOCK, 1 << 30).next_multiple_of(BLOCK);
        let stride = lane_bytes + PADDING;

        Self {
            engine,
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

    /// Takes blocks of every busy lane into its state: as many as the lane with the fewest has.
    fn compress(&mut self) {
        for lane in 0..self.engine.lanes() {
            let (at, left) = (self.lanes.at[lane], self.lanes.left[lane]);
            let mut words = self.states.lane(lane);
            reference::compress(&mut words, &self.buffers[at..at + left * BLOCK]);
            self.states.set_lane(lane, words);
            self.lanes.at[lane] += left * BLOCK;
            self.lanes.left[lane] = 0;
        }
    }

    /// Lanes that are out of blocks read on, or give their digest.
    fn follow<J: Read>(
        &mut self,
        jobs: &mut [Option<J>; WIDTH],
        done: &mut dyn FnMut(J, io::Result<Hashed>),
    ) {
        for (lane, slot) in jobs.iter_mut().enumerate() {
            if self.lanes.busy & (1 << lane) == 0 || self.lanes.left[lane] > 0 {
                continue;
            }
            let Some(mut job) = slot.take() else { continue };
            let over = if self.lanes.last[lane] {
                Some(Ok(Hashed { digest: self.digest(lane), bytes: self.lanes.bytes[lane] }))
            } else {
                self.fill(lane, &mut job).err().map(Err)
            };
            match over {
                Some(result) => {
                    self.lanes.busy &= !(1 << lane);
                    done(job, result);
                }
                None => *slot = Some(job),
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
}

/// Puts the padding behind the last bytes of a stream; where it ends.
fn pad(buffer: &mut [u8], filled: usize, bytes: u64) -> usize {
    let end = (filled + 9).next_multiple_of(BLOCK);
    buffer[filled] = 0x80;
    buffer[filled + 1..end - 8].fill(0);
    buffer[end - 8..end].copy_from_slice(&bytes.wrapping_mul(8).to_be_bytes());

    end
}
