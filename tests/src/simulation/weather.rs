//! What goes wrong, by chance.

use super::agenda::Event;
use super::disk;
use super::{HOUR, MINUTE, Point, SECOND, Side, World};

/// A year of wall clock.
const YEAR: i64 = 365 * 24 * 3_600_000;

impl World {
    /// Plans the next fault, if the weather is bad.
    pub(super) fn plan_fault(&mut self) {
        if !self.calm {
            let pause = SECOND + self.below(2 * self.setup.fault_every);
            self.plan_in(pause, Event::Fault);
        }
    }

    /// Something goes wrong.
    pub(super) fn fault(&mut self) -> anyhow::Result<()> {
        if self.calm {
            return Ok(());
        }
        self.plan_fault();
        let host = self.numbers.below(self.hosts.len());
        match self.numbers.below(40) {
            0..=5 => self.arm(host),
            6..=8 => {
                self.count("path_cut");
                let long = self.below(20 * MINUTE);
                self.cut_off(host, long);
            }
            9 => {
                self.count("path_cut_long");
                let long = self.below(12 * HOUR);
                self.cut_off(host, long);
            }
            10 => self.everybody_cut_off(),
            11 if self.numbers.once_in(8) => self.days_out(host),
            11..=14 => {
                self.count("path_rough");
                self.links[host].rough_until = self.now + self.below(2 * HOUR);
            }
            15 | 16 => {
                self.count("path_slow");
                self.links[host].latency = 1 + self.below(10 * SECOND);
            }
            17 | 18 => {
                self.count("connection_ended");
                let connection = self.hosts[host].connection;
                self.collector_closes(host, connection);
                self.lost(host, connection);
            }
            19 | 20 => {
                self.count("agent_killed");
                self.host_dies(host, false)?;
            }
            21 | 22 => {
                self.count("host_power_cut");
                self.host_dies(host, true)?;
            }
            23 => {
                self.count("host_rebooted");
                self.reboot(host);
            }
            24..=27 => self.collector_fault(),
            28 => self.back_up_or_restore()?,
            29 | 30 => self.copy_or_set_back(host)?,
            31 | 32 => {
                self.count("clock_jump");
                let years = i64::try_from(self.numbers.below(41)).unwrap_or(0) - 20;
                self.hosts[host].clock_off = years * YEAR;
            }
            33 => {
                self.count("disk_full_span");
                self.hosts[host].full_until = self.now + self.below(10 * MINUTE);
            }
            34 if self.numbers.once_in(3) => self.flood(host),
            _ => self.burst(host),
        }

        Ok(())
    }

    fn collector_fault(&mut self) {
        match self.numbers.below(4) {
            0 => {
                self.count("collector_busy");
                self.collector.busy_until = self.now + self.below(HOUR);
                self.collector_dies();
            }
            1 => {
                self.count("collector_slow");
                self.collector.slow_until = self.now + self.below(HOUR);
            }
            _ => {
                self.count("collector_killed");
                self.collector_dies();
            }
        }
    }

    /// Somebody will die at the next occasion of one step.
    fn arm(&mut self, host: usize) {
        let point = Point::ALL[self.numbers.below(Point::ALL.len())];
        let side = if point.is_collectors() { Side::Collector } else { Side::Host(host) };
        self.armed = Some((side, point));
    }

    fn everybody_cut_off(&mut self) {
        self.count("everybody_cut_off");
        let long = self.below(3 * HOUR);
        for host in 0..self.hosts.len() {
            self.cut_off(host, long);
        }
    }

    /// Three days without a path, and a restart in the middle.
    fn days_out(&mut self, host: usize) {
        self.count("three_days_out");
        self.cut_off(host, 72 * HOUR);
        self.plan_in(36 * HOUR, Event::Reboot { host });
    }

    fn back_up_or_restore(&mut self) -> anyhow::Result<()> {
        let folder = self.folder.path().to_owned();
        if self.numbers.once_in(2) && self.restore(&folder)? {
            self.count("collector_restored");
            return Ok(());
        }

        self.back_up(&folder)
    }

    /// A copy of a host's disk is made; or the disk is set back to it.
    fn copy_or_set_back(&mut self, host: usize) -> anyhow::Result<()> {
        if self.hosts[host].process.is_none() {
            return Ok(());
        }
        if self.numbers.once_in(2) && self.hosts[host].snapshot.is_some() {
            return self.set_back(host);
        }

        self.copy(host)
    }

    /// A copy of a host's disk is made.
    pub(super) fn copy(&mut self, host: usize) -> anyhow::Result<()> {
        let one = &mut self.hosts[host];
        one.snapshot = Some((disk::image(&one.dir.join("spool"))?, one.baseline, one.file));

        Ok(())
    }

    /// A host's disk is set back to its copy.
    pub(super) fn set_back(&mut self, host: usize) -> anyhow::Result<()> {
        let Some((image, baseline, file)) = self.hosts[host].snapshot.take() else { return Ok(()) };
        let dir = self.hosts[host].dir.join("spool");
        self.count("host_set_back");
        let connection = self.hosts[host].connection;
        self.collector_closes(host, connection);
        self.hosts[host].process = None;
        disk::write(&dir, &image)?;
        let one = &mut self.hosts[host];
        one.life += 1;
        one.baseline = baseline;
        one.file = file;
        let epoch = self.new_epoch();
        let one = &self.hosts[host];
        let (mut spool, _) = vonggac_agent::spool::Spool::open(&dir, one.limits, epoch)?;
        let found = super::host::contents(&mut spool)?;
        self.law.set_back(host, spool.epoch().0, &found);
        drop(spool);
        self.plan_start(host, MINUTE);

        Ok(())
    }

    /// More than the spool holds.
    pub(super) fn flood(&mut self, host: usize) {
        self.count("spool_flooded");
        for _ in 0..80 {
            let filling = 10_000 + self.numbers.below(14_000);
            self.report(host, filling);
        }
    }

    fn burst(&mut self, host: usize) {
        for _ in 0..self.numbers.below(20) {
            self.report(host, 0);
        }
        self.change(host);
    }
}
