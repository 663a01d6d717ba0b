//! Worlds by chance: whatever fails, the laws hold; and the laws notice what is wrong on purpose.

use vonggac_tests::simulation::{self, Mistake, Outcome, stories};

fn run(seed: u64, hours: u64) -> Outcome {
    let outcome = simulation::run(seed, hours, None).unwrap();
    let last = outcome.trace.iter().rev().take(60).rev().collect::<Vec<_>>();
    assert!(outcome.broken.is_empty(), "seed {seed}: {:#?} after {last:#?}", outcome.broken);

    outcome
}

#[test]
fn the_laws_hold_in_any_weather() {
    let outcomes: Vec<Outcome> = (1..=12).map(|seed| run(seed, 100)).collect();

    for fault in [
        "agent_killed",
        "host_power_cut",
        "collector_killed",
        "collector_restored",
        "host_set_back",
        "torn_write",
        "frame_lost",
        "clock_jump",
        "spool_flooded",
    ] {
        assert!(
            outcomes.iter().any(|outcome| outcome.counts.contains_key(fault)),
            "{fault} happened nowhere"
        );
    }
}

#[test]
fn the_same_seed_is_the_same_world_to_the_last_byte() {
    let prints: Vec<u64> = [3, 3, 4].into_iter().map(|seed| run(seed, 50).print).collect();

    assert_eq!(prints[0], prints[1]);
    assert_ne!(prints[0], prints[2]);
}

#[test]
fn every_planted_mistake_is_noticed() {
    for mistake in Mistake::ALL {
        let noticed =
            (1..=200).any(|seed| !simulation::run(seed, 200, Some(mistake)).unwrap().broken.is_empty());

        assert!(noticed, "{mistake:?}");
    }
}

#[test]
fn three_days_without_a_path_and_a_restart_in_the_middle_lose_nothing() {
    for seed in 1..=3 {
        let outcome = stories::three_days_out(seed, false).unwrap();

        assert!(outcome.broken.is_empty(), "seed {seed}: {:#?}", outcome.broken);
        assert_eq!(outcome.missing, 0, "seed {seed}: everything arrived, in order and once");
        assert!(
            outcome.hours >= 73 && outcome.records > 20,
            "{} in {} hours",
            outcome.records,
            outcome.hours
        );
    }
}

#[test]
fn what_three_days_without_a_path_cost_a_spool_that_is_too_small_is_named_place_by_place() {
    let outcome = stories::three_days_out(1, true).unwrap();

    assert!(outcome.broken.is_empty(), "{:#?}", outcome.broken);
    assert!(outcome.missing > 0, "the spool ran over");
}

#[test]
fn a_change_arrives_whoever_dies_at_whatever_step_of_its_path_also_twice_in_a_row() {
    for first in 0..stories::STEPS {
        for second in std::iter::once(None).chain((0..stories::STEPS).map(Some)) {
            let steps: Vec<usize> = std::iter::once(first).chain(second).collect();

            let (outcome, died) = stories::deaths_at(7, &steps).unwrap();

            assert!(outcome.broken.is_empty(), "{steps:?}: {:#?}", outcome.broken);
            assert_eq!(died, u64::try_from(steps.len()).unwrap(), "{steps:?}");
            assert_eq!(outcome.missing, 0, "{steps:?}");
        }
    }
}
