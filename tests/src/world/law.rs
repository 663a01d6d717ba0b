//! What must hold after every step.

use super::{World, host};

impl World {
    /// Checks every law.
    ///
    /// # Panics
    /// If one is broken, with the steps that led there.
    pub fn check(&self) {
        let faults: Vec<String> =
            self.places().chain(self.acknowledgements()).chain(self.baselines()).collect();
        let last: Vec<&String> = self.trace.iter().rev().take(30).collect();
        assert!(faults.is_empty(), "{faults:#?} after (latest first) {last:#?}");
    }

    /// Every place up to the mark is kept once, as it was written, or named missing.
    fn places(&self) -> impl Iterator<Item = String> {
        self.collector.disk.iter().filter_map(|((host, epoch, lane), kept)| {
            let whole =
                (1..=kept.mark).all(|seq| kept.records.contains_key(&seq) != kept.missing.contains(&seq));
            let beyond = kept.records.keys().chain(&kept.missing).any(|seq| *seq > kept.mark);
            let altered = kept
                .records
                .iter()
                .any(|(seq, bytes)| self.written.get(&(*host, *epoch, *lane, *seq)) != Some(bytes));

            (!whole || beyond || altered).then(|| {
                format!(
                    "host {host} epoch {epoch} {}: whole {whole}, beyond {beyond}, altered {altered}",
                    lane.word()
                )
            })
        })
    }

    /// What a host was told is kept is on the collector's disk, unless an older copy of that disk was put back.
    fn acknowledgements(&self) -> impl Iterator<Item = String> {
        self.hosts.iter().enumerate().filter(|_| !self.collector.restored).filter_map(|(number, host)| {
            let marks = self.collector.marks(number, host.disk.epoch);
            let acked = [host.disk.lanes[0].acked, host.disk.lanes[1].acked];

            (0..2)
                .any(|lane| acked[lane] > marks[lane])
                .then(|| format!("host {number} was told that {acked:?} are kept, and {marks:?} are"))
        })
    }

    /// A baseline never has what the spool did not have first.
    fn baselines(&self) -> impl Iterator<Item = String> {
        self.hosts.iter().enumerate().filter_map(|(number, host)| {
            let told = host.disk.baseline == 0
                || self.written.iter().any(|((of, ..), bytes)| {
                    *of == number && host::version_of(bytes) == Some(host.disk.baseline)
                });

            (!told).then(|| {
                format!("host {number} has version {} in its baseline and told nobody", host.disk.baseline)
            })
        })
    }
}
