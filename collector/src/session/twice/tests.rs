//! Machines with an identity, their disks, copies of them, power cuts: stories, then all orders of everything.

use proptest::prelude::*;

use super::*;

const INSTALLED: Digest = Digest([1; 32]);

/// A machine: what it is, and what is on its disk.
#[derive(Clone, Debug)]
struct Machine {
    standing: MachineTold,
    renewed: u32,
}

impl Machine {
    fn new(board: u8) -> Self {
        let marks = MachineMarks {
            hardware: Some(Digest([board; 32])),
            network: vec![Digest([board; 32])],
            ..MachineMarks::default()
        };

        Self { standing: MachineTold { marks, continuity: None }, renewed: 0 }
    }

    /// As the agent does: the new epoch first, then the step.
    fn keep(&mut self, next: NextStep) {
        if next.set_back {
            self.renewed += 1;
        }
        self.standing.continuity = Some(next.continuity);
    }
}

/// A collector that knows one identity.
#[derive(Clone, Default)]
struct Desk {
    known: Known,
    given: u8,
}

impl Desk {
    /// A hello; the step is given if the machine is let in.
    fn hello(&mut self, machine: &Machine) -> Result<NextStep, Weighed> {
        let weighed = weigh(&self.known, INSTALLED, Some(&machine.standing));
        let is_set_back = match weighed {
            Weighed::Same => false,
            Weighed::SetBack => true,
            Weighed::Twice(_) | Weighed::TurnedAway => return Err(weighed),
        };
        self.given = self.given.wrapping_add(1);
        let secret = ContinuitySecret([self.given; 16]);

        Ok(self.known.take_in(INSTALLED, Some(&machine.standing), is_set_back, secret).unwrap())
    }

    /// A hello whose welcome arrives, is kept and confirmed.
    fn whole(&mut self, machine: &mut Machine) -> Result<NextStep, Weighed> {
        let next = self.hello(machine)?;
        machine.keep(next);
        self.confirm(next);

        Ok(next)
    }

    fn confirm(&mut self, next: NextStep) {
        self.known.life = self.known.life.map(|life| life.confirmed(next.continuity.number));
    }
}

#[test]
fn a_welcome_that_is_lost_at_any_place_and_any_number_of_times_holds_nobody() {
    let (mut desk, mut machine) = (Desk::default(), Machine::new(1));

    for _ in 0..5 {
        desk.hello(&machine).unwrap();
        desk.hello(&machine).unwrap();
        let kept_not_confirmed = desk.hello(&machine).unwrap();
        machine.keep(kept_not_confirmed);
        desk.whole(&mut machine).unwrap();
    }

    assert_eq!(machine.renewed, 0);
    assert!(desk.known.left.is_empty());
}

#[test]
fn an_image_on_other_hardware_is_seen_at_its_first_hello() {
    let (mut desk, mut machine) = (Desk::default(), Machine::new(1));
    desk.whole(&mut machine).unwrap();
    let mut copy = machine.clone();
    copy.standing.marks = Machine::new(2).standing.marks;

    assert_eq!(desk.hello(&copy), Err(Weighed::Twice(TwiceBy::Hardware)));
}

#[test]
fn a_replaced_network_card_and_marks_that_cannot_be_read_any_more_hold_nobody() {
    let (mut desk, mut machine) = (Desk::default(), Machine::new(1));
    desk.whole(&mut machine).unwrap();

    machine.standing.marks.network = vec![Digest([9; 32])];
    desk.whole(&mut machine).unwrap();
    machine.standing.marks = MachineMarks::default();
    desk.whole(&mut machine).unwrap();
    let other = Machine {
        standing: MachineTold { marks: Machine::new(2).standing.marks, ..machine.standing },
        ..machine
    };

    assert_eq!(desk.hello(&other), Err(Weighed::Twice(TwiceBy::Hardware)), "what was known stays known");
}

#[test]
fn of_two_machines_that_are_alike_the_second_to_come_back_is_told_from_a_restored_backup() {
    let (mut desk, mut machine) = (Desk::default(), Machine::new(1));
    desk.whole(&mut machine).unwrap();
    let mut copy = machine.clone();

    desk.whole(&mut machine).unwrap();
    let back = desk.whole(&mut copy).unwrap();

    assert!(back.set_back, "as far as can be told a restored backup: its spool begins anew, nothing is lost");
    assert_eq!(desk.hello(&machine), Err(Weighed::Twice(TwiceBy::Continuity)));
}

#[test]
fn a_machine_that_was_set_back_is_told_until_its_spool_has_begun_anew() {
    let (mut desk, mut machine) = (Desk::default(), Machine::new(1));
    desk.whole(&mut machine).unwrap();
    let mut backup = machine.clone();
    desk.whole(&mut machine).unwrap();

    assert!(desk.hello(&backup).unwrap().set_back);
    assert!(desk.hello(&backup).unwrap().set_back, "the first welcome was lost");
    desk.whole(&mut backup).unwrap();
    assert!(!desk.whole(&mut backup).unwrap().set_back);
    assert_eq!(backup.renewed, 1);
}

#[test]
fn a_collector_that_was_restored_from_a_backup_holds_none_of_its_machines() {
    let (mut desk, mut machine) = (Desk::default(), Machine::new(1));
    desk.whole(&mut machine).unwrap();
    let backup = desk.clone();
    for _ in 0..5 {
        desk.whole(&mut machine).unwrap();
    }
    let mut desk = backup;

    let next = desk.whole(&mut machine).unwrap();

    assert!(!next.set_back && next.continuity.number > 5);
    desk.whole(&mut machine).unwrap();
}

#[test]
fn an_agent_before_steps_goes_on_as_ever() {
    let (mut desk, mut machine) = (Desk::default(), Machine::new(1));
    desk.whole(&mut machine).unwrap();

    assert_eq!(weigh(&desk.known, INSTALLED, None), Weighed::Same);
    assert_eq!(weigh(&desk.known, Digest([2; 32]), None), Weighed::Twice(TwiceBy::Installation));
    assert_eq!(desk.known.take_in(INSTALLED, None, false, ContinuitySecret([0; 16])), None);
    desk.whole(&mut machine).unwrap();
}

#[test]
fn a_copy_made_before_the_first_hello_is_noticed() {
    let (mut desk, mut machine) = (Desk::default(), Machine::new(1));
    let mut copy = machine.clone();

    desk.whole(&mut machine).unwrap();
    desk.whole(&mut copy).unwrap();

    assert!(desk.hello(&machine).is_err());
}

#[test]
fn a_machine_that_was_turned_away_is_refused_and_holds_nobody() {
    let (mut desk, mut machine) = (Desk::default(), Machine::new(1));
    desk.whole(&mut machine).unwrap();
    let copy = Machine {
        standing: MachineTold { marks: Machine::new(2).standing.marks, ..machine.standing.clone() },
        renewed: 0,
    };
    assert!(desk.hello(&copy).is_err());

    desk.known.turned_away.push((INSTALLED, Some(copy.standing.marks.clone())));

    assert_eq!(desk.hello(&copy), Err(Weighed::TurnedAway));
    desk.whole(&mut machine).unwrap();
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// The welcome is lost.
    Lost,
    /// It is kept, the confirmation is lost.
    Kept,
    /// All goes well.
    Whole,
    /// A disk that could not confirm its write, then a power cut: the file is the new one or the old one.
    Torn(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![Just(Step::Lost), Just(Step::Kept), Just(Step::Whole), any::<bool>().prop_map(Step::Torn),]
}

proptest! {
    #[test]
    fn one_honest_machine_is_never_held_nor_set_back(steps in prop::collection::vec(step(), 1..60)) {
        let (mut desk, mut machine) = (Desk::default(), Machine::new(1));
        for step in steps {
            let next = desk.hello(&machine);
            prop_assert!(next.is_ok_and(|next| !next.set_back), "{step:?}");
            let next = next.unwrap();
            match step {
                Step::Lost | Step::Torn(false) => {}
                Step::Kept | Step::Torn(true) => machine.keep(next),
                Step::Whole => { machine.keep(next); desk.confirm(next); }
            }
        }
    }

    #[test]
    fn two_machines_that_are_alike_are_noticed_when_the_first_comes_back(
        before in 0..4_usize,
        turns in prop::collection::vec(any::<bool>(), 12..40),
    ) {
        let (mut desk, mut first) = (Desk::default(), Machine::new(1));
        for _ in 0..before {
            desk.whole(&mut first).unwrap();
        }
        let mut second = first.clone();
        let (mut runs, mut last) = (0, None);
        for turn in turns {
            let machine = if turn { &mut first } else { &mut second };
            if last.replace(turn) != Some(turn) {
                runs += 1;
            }
            match desk.whole(machine) {
                Ok(_) => prop_assert!(runs <= 2, "the first was let in again after the second"),
                Err(weighed) => {
                    prop_assert_eq!(weighed, Weighed::Twice(TwiceBy::Continuity));
                    prop_assert_eq!(runs, 3);
                    return Ok(());
                }
            }
        }
        prop_assert!(runs <= 2);
    }
}
