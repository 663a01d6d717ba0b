//! SHA-256 of many files at once: what each engine of this processor hashes in a second of processor time.
//!
//! Files lie in memory, so that the figures are those of the hash and of one copy, which stands for the kernel's.

use anyhow::Context as _;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Map, Value};
use vonggac_sha256::{Engine, Hasher, Next};

use super::{progress, quantile, rounded};

/// What a scan asks of its hasher.
const LANE_BYTES: usize = 64 * 1024;

/// All the bytes that files are pieces of: more than the processor keeps near, as on a disk's first scan.
const BYTES: usize = 96 << 20;

/// Engines take turns, so that what else the machine does falls on all of them.
const ROUNDS: usize = 9;

/// Names of the mixes and lengths of their files, in turn.
const MIXES: [(&str, &[usize]); 2] = [
    ("64_kib_to_1_mib", &[65_536, 1_048_576, 131_072, 300_000, 524_288, 80_001, 720_896]),
    ("2_kib", &[2048, 1500, 2700, 2047, 1900]),
];

pub(super) fn measure() -> anyhow::Result<Map<String, Value>> {
    let bytes: Vec<u8> = (0..BYTES).map(|at| at.to_le_bytes()[at % 3] ^ 0x5a).collect();
    let engines = Engine::available();
    let mut map = Map::new();
    map.insert("best".to_owned(), Engine::best().to_string().into());
    for (mix, lengths) in MIXES {
        progress(&format!("{ROUNDS} rounds of {mix}"));
        let mut rates = vec![Vec::new(); engines.len()];
        let mut ratios = vec![Vec::new(); engines.len()];
        for _ in 0..ROUNDS {
            let round = engines
                .iter()
                .map(|engine| rate(*engine, &bytes, lengths))
                .collect::<anyhow::Result<Vec<_>>>()?;
            for (at, figure) in round.iter().enumerate() {
                rates[at].push(*figure);
                // The reference, which is the sha2 crate, comes first of all engines.
                ratios[at].push(figure / round[0]);
            }
        }
        for (at, engine) in engines.iter().enumerate() {
            map.insert(format!("{mix}_{engine}_mb_per_cpu_second"), rounded(median(&mut rates[at])?));
            map.insert(format!("{mix}_{engine}_ratio_to_sha2"), rounded(median(&mut ratios[at])?));
        }
    }

    Ok(map)
}

/// Hashes all bytes as files of these lengths; megabytes in a second of this thread's processor time.
fn rate(engine: Engine, bytes: &[u8], lengths: &[usize]) -> anyhow::Result<f64> {
    let mut hasher = Hasher::new(engine, LANE_BYTES);
    let mut rest = bytes;
    let mut lengths = lengths.iter().cycle();
    let mut hashed = 0;
    let start = processor_seconds();
    hasher.run(
        &mut |_| {
            let length = rest.len().min(lengths.next().copied().unwrap_or(usize::MAX));
            if length == 0 {
                return Next::End;
            }
            let file;
            (file, rest) = rest.split_at(length);

            Next::Job(file)
        },
        &mut |_, result| hashed += result.map_or(0, |hashed| hashed.bytes),
    );
    let took = processor_seconds() - start;
    anyhow::ensure!(hashed == u64::try_from(bytes.len())?, "all bytes were hashed");

    Ok(f64::from(u32::try_from(hashed)?) / 1e6 / took)
}

fn processor_seconds() -> f64 {
    let spent = clock_gettime(ClockId::ThreadCPUTime);

    std::time::Duration::try_from(spent).unwrap_or_default().as_secs_f64()
}

fn median(figures: &mut [f64]) -> anyhow::Result<f64> {
    figures.sort_by(f64::total_cmp);

    quantile(figures, 0.5).context("no figures")
}
