//! Stories: no chance but in the lengths; what goes wrong is chosen, and all the rest works.

use super::{HOUR, Outcome, Point, Side, World};

/// The steps of a change's path at which somebody can be made to die. The step over a hole in a damaged spool is not
/// among them: no story leads there, weather does.
pub const STEPS: usize = STORY.len();

const STORY: [Point; 12] = [
    Point::Sensed,
    Point::Written,
    Point::Torn,
    Point::Synced,
    Point::BaselineMoved,
    Point::Sent,
    Point::Forgotten,
    Point::Renewed,
    Point::Received,
    Point::Committing,
    Point::Committed,
    Point::AckSent,
];

/// A world where all works but the paths, for three days with a restart of every host in the middle; `flood` more than
/// the spools hold.
///
/// # Errors
/// As [`run`](super::run).
pub fn three_days_out(seed: u64, flood: bool) -> anyhow::Result<Outcome> {
    let mut world = calm(seed)?;
    for host in 0..world.hosts.len() {
        world.cut_off(host, 72 * HOUR);
    }
    world.run_until(world.now + 36 * HOUR)?;
    for host in 0..world.hosts.len() {
        for _ in 0..if flood { 3 } else { 0 } {
            world.flood(host);
        }
    }
    world.run_until(world.now + HOUR)?;
    (0..world.hosts.len()).for_each(|host| world.reboot(host));
    world.run_until(world.now + 35 * HOUR)?;
    world.come_to_rest()?;

    Ok(world.outcome())
}

/// A file changes, and whoever works at each of these steps of its path dies there, one after the other. Returns also
/// how many died.
///
/// # Errors
/// As [`run`](super::run).
pub fn deaths_at(seed: u64, steps: &[usize]) -> anyhow::Result<(Outcome, u64)> {
    let mut world = calm(seed)?;
    for step in steps {
        let point = STORY[*step];
        let side = if point.is_collectors() { Side::Collector } else { Side::Host(0) };
        if point == Point::Renewed {
            // What the collector has heard since the copy is what tells the copy from the disk.
            world.copy(0)?;
            world.change(0);
            world.run_until(world.now + HOUR)?;
            world.set_back(0)?;
        }
        world.armed = Some((side, point));
        world.change(0);
        world.report(0, 0);
        let by = world.now + 2 * HOUR;
        while world.armed.is_some() && world.now < by && world.law.broken.is_empty() {
            world.step()?;
        }
    }
    let died = ["died_at_a_step", "torn_write", "deletion_undone"];
    let died = died.iter().filter_map(|what| world.counts.get(what)).sum();
    world.come_to_rest()?;

    Ok((world.outcome(), died))
}

/// A world that has run for an hour, in which nothing fails by itself.
fn calm(seed: u64) -> anyhow::Result<World> {
    let mut world = World::new(seed, None)?;
    world.calm = true;
    world.begin()?;
    world.run_until(HOUR)?;

    Ok(world)
}
