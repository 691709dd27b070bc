//! Fair shares: which of several projects starts the next agent. Pure functions.

use eklavya_core::ids::ProjectId;
use eklavya_core::project::priority::ProjectPriority;

/// What one turn costs a project of priority 1. Every priority divides it without a remainder.
const TURN: u64 = 2520;

/// A project whose agent waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShareClaimant {
    pub project: ProjectId,
    /// The project's weight.
    pub priority: ProjectPriority,
    /// Agents of the project that run.
    pub running: u32,
    /// The project's progress through its turns: see [`after_turn`].
    pub pass: u64,
    /// The number of the project's oldest request; numbers rise with time.
    pub since: u64,
}

/// Returns the index of the next claimant: the one with the fewest running agents by weight, then the
/// one with the fewest turns by weight, then the oldest.
///
/// Running agents are therefore proportional to weights to within one agent, and no project gets more
/// than its proportion before every project has an agent. If fewer agents can run than there are
/// projects, turns are proportional over time.
pub(crate) fn next_share(claimants: &[ShareClaimant]) -> Option<usize> {
    let order = |a: &ShareClaimant, b: &ShareClaimant| {
        let by_weight = |one: &ShareClaimant, other: &ShareClaimant| {
            u64::from(one.running) * u64::from(other.priority.get())
        };
        by_weight(a, b)
            .cmp(&by_weight(b, a))
            .then(a.pass.cmp(&b.pass))
            .then(a.since.cmp(&b.since))
    };
    let indexed = claimants.iter().enumerate();
    let next = indexed.min_by(|(_, a), (_, b)| order(a, b));
    next.map(|(index, _)| index)
}

/// Returns the pass of a project after another turn.
pub(crate) fn after_turn(pass: u64, priority: ProjectPriority) -> u64 {
    pass + TURN / u64::from(priority.get())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Projects that always have more agents waiting than can run.
    struct GreedyProjects {
        claimants: Vec<ShareClaimant>,
        requests: u64,
    }

    impl GreedyProjects {
        fn new(priorities: &[u32]) -> Self {
            let claimant = |(since, priority): (u64, &u32)| ShareClaimant {
                project: ProjectId::random(),
                priority: ProjectPriority::new(*priority).unwrap(),
                running: 0,
                pass: 0,
                since,
            };
            Self {
                claimants: (0..).zip(priorities).map(claimant).collect(),
                requests: priorities.len() as u64,
            }
        }

        /// Starts the next agent and returns the index of its project.
        fn grant_next(&mut self) -> usize {
            let next = next_share(&self.claimants).unwrap();
            let claimant = &mut self.claimants[next];
            claimant.running += 1;
            claimant.pass = after_turn(claimant.pass, claimant.priority);
            claimant.since = self.requests;
            self.requests += 1;
            next
        }

        fn weight(&self, index: usize) -> u32 {
            self.claimants[index].priority.get()
        }
    }

    fn priorities() -> impl Strategy<Value = Vec<u32>> {
        prop::collection::vec(1..=9_u32, 1..10)
    }

    #[test]
    fn slots_and_turns_are_shared_by_priority() {
        let mut two = GreedyProjects::new(&[9, 1]);
        for _ in 0..10 {
            two.grant_next();
        }
        let slots: Vec<u32> = two.claimants.iter().map(|c| c.running).collect();
        assert_eq!(slots, [9, 1]);

        let mut one_slot = GreedyProjects::new(&[3, 1]);
        let mut turns = [0, 0];
        for _ in 0..40 {
            let next = one_slot.grant_next();
            turns[next] += 1;
            one_slot.claimants[next].running = 0;
        }
        assert_eq!(turns, [30, 10]);
        assert_eq!(next_share(&[]), None);
    }

    proptest! {
        /// By weight, no project is more than one agent ahead of any other project.
        #[test]
        fn slots_are_proportional_to_priorities_within_one_slot(priorities in priorities(), slots in 1..60_u32) {
            let mut projects = GreedyProjects::new(&priorities);
            for _ in 0..slots {
                projects.grant_next();
            }
            for (a, one) in projects.claimants.iter().enumerate() {
                for (b, other) in projects.claimants.iter().enumerate() {
                    let beyond = one.running.saturating_sub(1) * projects.weight(b);
                    prop_assert!(beyond <= other.running * projects.weight(a));
                }
            }
        }

        /// If agents end in any order, every project gets a turn within about twice as many turns as
        /// the sum of the weights.
        #[test]
        fn no_project_starves(priorities in priorities(), slots in 1..6_usize, ends in prop::collection::vec(any::<prop::sample::Index>(), 400)) {
            let mut projects = GreedyProjects::new(&priorities);
            let mut running: Vec<usize> = (0..slots).map(|_| projects.grant_next()).collect();
            let mut waited = vec![0_u32; priorities.len()];
            let total: u32 = priorities.iter().sum();
            for end in ends {
                let ended = running.swap_remove(end.index(running.len()));
                projects.claimants[ended].running -= 1;
                let next = projects.grant_next();
                running.push(next);
                waited[next] = 0;
                for (index, turns) in waited.iter_mut().enumerate() {
                    if index != next && projects.claimants[index].running == 0 {
                        *turns += 1;
                        prop_assert!(*turns <= 2 * (total + 10), "{index} of {priorities:?}");
                    }
                }
            }
        }
    }
}
