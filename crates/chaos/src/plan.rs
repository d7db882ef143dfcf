//! What is broken, and when: a plan that follows from a seed.

use std::time::Duration;

use crate::random::Random;

/// How much is broken in a run.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Amounts {
    /// Events that `web` is to accept
    #[arg(long, default_value_t = 20_000)]
    pub(crate) events: u64,

    /// Processes killed, and started again at once
    #[arg(long, default_value_t = 30)]
    pub(crate) kills: u64,

    /// Times that Valkey is killed and started again
    #[arg(long, default_value_t = 5)]
    pub(crate) valkey_restarts: u64,

    /// Times that Postgres is killed and started again
    #[arg(long, default_value_t = 3)]
    pub(crate) postgres_restarts: u64,

    /// Times that connections to Valkey are cut, lose an answer, or swallow what is sent
    #[arg(long, default_value_t = 50)]
    pub(crate) cuts: u64,

    /// Times that connections to Valkey are slow for a while
    #[arg(long, default_value_t = 10)]
    pub(crate) delays: u64,
}

/// Something that breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process of this slot is killed.
    Kill { slot: usize },
    /// Valkey is killed, and started again after a while.
    Valkey { away: Duration },
    /// Postgres is killed, and started again after a while.
    Postgres { away: Duration },
    /// What happens to the slot's connections to Valkey.
    Cut { slot: usize, cut: Cut },
    /// The slot's connections to Valkey are slow.
    Delay {
        slot: usize,
        delay: Duration,
        lasts: Duration,
    },
}

/// How connections break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// All end.
    All,
    /// The next answer is lost, and its connection with it.
    Answer,
    /// All swallow what is sent, and nobody is told.
    Silence,
}

/// A fault, and after how many accepted events it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) after: u64,
    pub(crate) fault: Fault,
}

/// The faults of a run on so many processes, in the order in which they come. By accepted events
/// and not by the clock: so a slow machine has as many faults an event as a fast one.
pub(crate) fn plan(seed: u64, amounts: &Amounts, slots: usize) -> Vec<Planned> {
    let mut random = Random::from_seed(seed);
    let mut plan = Vec::new();
    let mut add = |count: u64, random: &mut Random, make: &dyn Fn(&mut Random) -> Fault| {
        for _ in 0..count {
            let after = random.within(0..amounts.events.max(1));
            let fault = make(random);
            plan.push(Planned { after, fault });
        }
    };
    let slot = |random: &mut Random| {
        usize::try_from(random.within(0..slots as u64)).expect("a slot's number was a usize")
    };
    let millis = |random: &mut Random, range| Duration::from_millis(random.within(range));
    add(amounts.kills, &mut random, &|random| Fault::Kill {
        slot: slot(random),
    });
    add(amounts.valkey_restarts, &mut random, &|random| {
        Fault::Valkey {
            away: millis(random, 100..2500),
        }
    });
    add(amounts.postgres_restarts, &mut random, &|random| {
        Fault::Postgres {
            away: millis(random, 100..2500),
        }
    });
    add(amounts.cuts, &mut random, &|random| Fault::Cut {
        slot: slot(random),
        cut: match random.within(0..10) {
            0..5 => Cut::All,
            5..9 => Cut::Answer,
            _ => Cut::Silence,
        },
    });
    add(amounts.delays, &mut random, &|random| Fault::Delay {
        slot: slot(random),
        delay: millis(random, 5..200),
        lasts: millis(random, 500..3000),
    });
    plan.sort_by_key(|planned| planned.after);
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    const AMOUNTS: Amounts = Amounts {
        events: 1000,
        kills: 40,
        valkey_restarts: 5,
        postgres_restarts: 3,
        cuts: 60,
        delays: 7,
    };

    fn count(plan: &[Planned], is_meant: impl Fn(&Fault) -> bool) -> u64 {
        plan.iter()
            .filter(|planned| is_meant(&planned.fault))
            .count() as u64
    }

    #[test]
    fn a_seed_gives_its_plan_and_no_other() {
        assert_eq!(plan(1, &AMOUNTS, 8), plan(1, &AMOUNTS, 8));
        assert_ne!(plan(1, &AMOUNTS, 8), plan(2, &AMOUNTS, 8));
    }

    #[test]
    fn it_holds_what_was_asked_for_in_the_order_in_which_it_comes() {
        let plan = plan(3, &AMOUNTS, 8);
        assert_eq!(count(&plan, |f| matches!(f, Fault::Kill { .. })), 40);
        assert_eq!(count(&plan, |f| matches!(f, Fault::Valkey { .. })), 5);
        assert_eq!(count(&plan, |f| matches!(f, Fault::Postgres { .. })), 3);
        assert_eq!(count(&plan, |f| matches!(f, Fault::Cut { .. })), 60);
        assert_eq!(count(&plan, |f| matches!(f, Fault::Delay { .. })), 7);
        assert!(plan.is_sorted_by_key(|planned| planned.after));
        assert!(plan.iter().all(|planned| planned.after < 1000));
    }

    #[test]
    fn every_process_has_its_share_of_the_kills() {
        let plan = plan(4, &AMOUNTS, 4);
        for wanted in 0..4 {
            let kills = count(
                &plan,
                |fault| matches!(fault, Fault::Kill { slot } if *slot == wanted),
            );
            assert!(kills > 0, "slot {wanted} is never killed");
        }
    }
}
