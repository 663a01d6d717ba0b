//! Every engine against published answers and against the `sha2` crate.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};

use proptest::prelude::*;
use sha2::Digest as _;
use vonggac_sha256::{Engine, Hashed, Hasher, Next, digest};

/// What a reader does at one call.
#[derive(Clone, Copy, Debug)]
enum Turn {
    /// Gives at most so many bytes.
    Give(usize),
    Interrupt,
    Fail,
}

/// A file that is read in turns of any kind; after the last turn it gives all that is asked for.
#[derive(Debug)]
struct Job {
    name: usize,
    content: Vec<u8>,
    read: usize,
    turns: VecDeque<Turn>,
}

impl Job {
    fn new(name: usize, length: usize) -> Self {
        Self { name, content: content(name, length), read: 0, turns: VecDeque::new() }
    }
}

impl Read for Job {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = match self.turns.pop_front() {
            None => usize::MAX,
            Some(Turn::Give(bytes)) => bytes.max(1),
            Some(Turn::Interrupt) => return Err(ErrorKind::Interrupted.into()),
            Some(Turn::Fail) => return Err(ErrorKind::ConnectionReset.into()),
        };
        let bytes = most.min(buffer.len()).min(self.content.len() - self.read);
        buffer[..bytes].copy_from_slice(&self.content[self.read..self.read + bytes]);
        self.read += bytes;

        Ok(bytes)
    }
}

/// Bytes that differ from job to job and from block to block.
fn content(name: usize, length: usize) -> Vec<u8> {
    let mut state = u64::try_from(name).expect("a small number") ^ 0x9e37_79b9_7f4a_7c15;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };

    (0..length).map(|_| next()).collect()
}

fn expected(bytes: &[u8]) -> [u8; 32] {
    sha2::Sha256::digest(bytes).into()
}

/// Runs jobs; `late(asked, idle)` says whether the next job has not come yet at this asking.
fn run(
    hasher: &mut Hasher,
    jobs: Vec<Job>,
    mut late: impl FnMut(usize) -> bool,
) -> Vec<(Job, io::Result<Hashed>)> {
    let mut waiting = VecDeque::from(jobs);
    let mut over = Vec::new();
    let mut asked = 0;
    hasher.run(
        &mut |idle| {
            asked += 1;
            if !idle && late(asked) {
                return Next::NotNow;
            }
            waiting.pop_front().map_or(Next::End, Next::Job)
        },
        &mut |job, result| over.push((job, result)),
    );
    assert!(waiting.is_empty(), "every job was taken");

    over
}

/// Every job came back once, with the right digest unless its reader failed.
fn check(over: &[(Job, io::Result<Hashed>)], jobs: usize) {
    let mut names: Vec<usize> = over.iter().map(|(job, _)| job.name).collect();
    names.sort_unstable();
    assert_eq!(names, (0..jobs).collect::<Vec<_>>(), "every job comes back once");
    for (job, result) in over {
        match result {
            Ok(hashed) => {
                assert_eq!(hashed.bytes, u64::try_from(job.content.len()).expect("a small number"));
                assert_eq!(
                    hashed.digest,
                    expected(&job.content),
                    "job {} of {} bytes",
                    job.name,
                    hashed.bytes
                );
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
}

#[test]
fn published_answers() {
    let million = vec![b'a'; 1_000_000];
    let two_blocks = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    let four_blocks = b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno\
        ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";
    let answers: [(&[u8], &str); 5] = [
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (two_blocks, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
        (four_blocks, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"),
        (&million, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ];
    for engine in Engine::available() {
        let mut hasher = Hasher::new(*engine, 4096);
        let jobs = answers.iter().enumerate().map(|(name, (bytes, _))| Job {
            name,
            content: bytes.to_vec(),
            read: 0,
            turns: VecDeque::new(),
        });
        for (job, result) in run(&mut hasher, jobs.collect(), |_| false) {
            assert_eq!(hex(&result.unwrap().digest), answers[job.name].1, "{engine}");
        }
    }
    for (bytes, answer) in answers {
        assert_eq!(hex(&digest(bytes)), answer);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_length_around_the_edges_of_blocks_and_of_lanes() {
    let lane_bytes = 1024;
    let around = |edge: usize| edge.saturating_sub(70)..edge + 70;
    let lengths: Vec<usize> =
        (0..=300).chain([1024, 2048, 3072, 16_384].into_iter().flat_map(around)).collect();
    for engine in Engine::available() {
        let mut hasher = Hasher::new(*engine, lane_bytes);
        assert_eq!(hasher.engine(), *engine);
        let jobs = lengths.iter().enumerate().map(|(name, length)| Job::new(name, *length)).collect();
        let over = run(&mut hasher, jobs, |_| false);
        assert!(over.iter().all(|(_, result)| result.is_ok()));
        check(&over, lengths.len());
    }
}

#[test]
fn every_number_of_busy_lanes_gives_the_same_digests() {
    for engine in Engine::available() {
        let mut hasher = Hasher::new(*engine, 4096);
        for count in 0..=20 {
            let jobs = (0..count).map(|name| Job::new(name, 10_000 + 777 * name)).collect();
            check(&run(&mut hasher, jobs, |_| false), count);
        }
    }
}

#[test]
fn one_long_job_outlives_many_short_ones() {
    for engine in Engine::available() {
        let mut hasher = Hasher::new(*engine, 2048);
        let jobs = (0..200).map(|name| Job::new(name, if name == 3 { 600_000 } else { name })).collect();
        let over = run(&mut hasher, jobs, |_| false);
        check(&over, 200);
        if engine.lanes() > 1 {
            assert!(over.last().unwrap().0.name == 3, "short jobs do not wait for the long one");
        }
    }
}

#[test]
fn a_job_that_fails_ends_alone_and_its_lane_serves_again() {
    for engine in Engine::available() {
        let mut hasher = Hasher::new(*engine, 512);
        let jobs = (0..60).map(|name| {
            let mut job = Job::new(name, 5_000);
            if name % 3 == 0 {
                job.turns.extend(std::iter::repeat_n(Turn::Give(128), name));
                job.turns.push_back(Turn::Fail);
            }
            job
        });
        let over = run(&mut hasher, jobs.collect(), |_| false);
        check(&over, 60);
        for (job, result) in &over {
            // Forty turns of 128 bytes read everything but the end.
            assert_eq!(result.is_err(), job.name % 3 == 0 && job.name <= 40, "job {}", job.name);
        }
    }
}

#[test]
fn the_caller_is_told_idle_exactly_when_no_lane_has_work() {
    for engine in Engine::available() {
        let mut hasher = Hasher::new(*engine, 512);
        let (given, returned) = (std::cell::Cell::new(0_usize), std::cell::Cell::new(0_usize));
        hasher.run(
            &mut |idle| {
                assert_eq!(idle, given.get() == returned.get());
                if given.get() == 40 {
                    return Next::End;
                }
                if !idle && given.get() % 3 == 0 {
                    return Next::NotNow;
                }
                given.set(given.get() + 1);
                Next::Job(Job::new(given.get(), 100 * given.get()))
            },
            &mut |_, result| {
                assert!(result.is_ok());
                returned.set(returned.get() + 1);
            },
        );
        assert_eq!(returned.get(), 40);
    }
}

#[test]
fn the_reference_is_always_there_and_the_best_is_available() {
    assert_eq!(Engine::available().first(), Some(&Engine::Reference));
    assert!(Engine::available().contains(&Engine::best()));
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let turn = prop_oneof![
        20 => (1..3000_usize).prop_map(Turn::Give),
        3 => Just(Turn::Interrupt),
        1 => Just(Turn::Fail),
    ];

    prop::collection::vec(turn, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_mix_of_jobs_gives_the_digests_of_the_reference(
        mix in prop::collection::vec((prop_oneof![0..300_usize, 0..9000_usize, 0..60_000_usize], turns()), 0..50),
        late in prop::collection::vec(any::<bool>(), 1..64),
        lane_bytes in prop_oneof![1..200_usize, Just(1024_usize), Just(65_536_usize)],
    ) {
        for engine in Engine::available() {
            let mut hasher = Hasher::new(*engine, lane_bytes);
            let jobs = mix.iter().enumerate().map(|(name, (length, turns))| {
                Job { turns: turns.iter().copied().collect(), ..Job::new(name, *length) }
            });
            let over = run(&mut hasher, jobs.collect(), |asked| late[asked % late.len()]);
            check(&over, mix.len());
        }
    }
}
