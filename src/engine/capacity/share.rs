//! Fair shares: which of several projects gets the next place. A pure decision.

use eklavya_core::ids::ProjectId;
use eklavya_core::project::priority::ProjectPriority;

/// What one turn costs a project of priority 1; every priority divides it without a rest.
const TURN: u64 = 2520;

/// A project that wants a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShareClaimant {
    /// The project.
    pub project: ProjectId,
    /// Its weight.
    pub priority: ProjectPriority,
    /// Places that it has.
    pub running: u32,
    /// How far it has come by the turns that it had: see [`after_turn`].
    pub pass: u64,
    /// The number of its oldest request, which rises with time.
    pub since: u64,
}

/// Returns the place in the list of the claimant that is next: the one that has the least by its
/// weight; of several the one that has had the fewest turns by its weight; then the oldest.
///
/// So places are proportional to weights to within one place, every project has one before any has
/// a second one out of proportion, and where there are fewer places than projects, turns are
/// proportional over time.
pub fn next_share(claimants: &[ShareClaimant]) -> Option<usize> {
    let order = |a: &ShareClaimant, b: &ShareClaimant| {
        let by_weight = |one: &ShareClaimant, other: &ShareClaimant| {
            u64::from(one.running) * u64::from(other.priority.get())
        };
        by_weight(a, b)
            .cmp(&by_weight(b, a))
            .then(a.pass.cmp(&b.pass))
            .then(a.since.cmp(&b.since))
    };
    let places = claimants.iter().enumerate();
    let next = places.min_by(|(_, a), (_, b)| order(a, b));
    next.map(|(place, _)| place)
}

/// Returns how far a project has come after another turn.
pub fn after_turn(pass: u64, priority: ProjectPriority) -> u64 {
    pass + TURN / u64::from(priority.get())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Projects that always want more places than there are.
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

        /// Gives the next place away and returns who has it.
        fn grant_next(&mut self) -> usize {
            let next = next_share(&self.claimants).unwrap();
            let claimant = &mut self.claimants[next];
            claimant.running += 1;
            claimant.pass = after_turn(claimant.pass, claimant.priority);
            claimant.since = self.requests;
            self.requests += 1;
            next
        }

        fn weight(&self, place: usize) -> u32 {
            self.claimants[place].priority.get()
        }
    }

    fn priorities() -> impl Strategy<Value = Vec<u32>> {
        prop::collection::vec(1..=9_u32, 1..10)
    }

    #[test]
    fn ten_places_go_nine_to_one_and_one_place_in_turn() {
        let mut two = GreedyProjects::new(&[9, 1]);
        for _ in 0..10 {
            two.grant_next();
        }
        let places: Vec<u32> = two.claimants.iter().map(|c| c.running).collect();
        assert_eq!(places, [9, 1]);

        let mut one_place = GreedyProjects::new(&[3, 1]);
        let mut turns = [0, 0];
        for _ in 0..40 {
            let next = one_place.grant_next();
            turns[next] += 1;
            one_place.claimants[next].running = 0;
        }
        assert_eq!(turns, [30, 10]);
        assert_eq!(next_share(&[]), None);
    }

    proptest! {
        /// Nobody has more than one place beyond what anybody else has by weight.
        #[test]
        fn places_are_proportional_to_within_one(priorities in priorities(), places in 1..60_u32) {
            let mut hungry = GreedyProjects::new(&priorities);
            for _ in 0..places {
                hungry.grant_next();
            }
            for (a, one) in hungry.claimants.iter().enumerate() {
                for (b, other) in hungry.claimants.iter().enumerate() {
                    let beyond = one.running.saturating_sub(1) * hungry.weight(b);
                    prop_assert!(beyond <= other.running * hungry.weight(a));
                }
            }
        }

        /// With one place, and agents that end in any order, everybody gets a turn within as many
        /// turns as the weights add up to, counted in those of the least.
        #[test]
        fn no_project_starves(priorities in priorities(), places in 1..6_usize, ends in prop::collection::vec(any::<prop::sample::Index>(), 400)) {
            let mut hungry = GreedyProjects::new(&priorities);
            let mut running: Vec<usize> = (0..places).map(|_| hungry.grant_next()).collect();
            let mut waited = vec![0_u32; priorities.len()];
            let total: u32 = priorities.iter().sum();
            for end in ends {
                let ended = running.swap_remove(end.index(running.len()));
                hungry.claimants[ended].running -= 1;
                let next = hungry.grant_next();
                running.push(next);
                waited[next] = 0;
                for (place, turns) in waited.iter_mut().enumerate() {
                    if place != next && hungry.claimants[place].running == 0 {
                        *turns += 1;
                        prop_assert!(*turns <= 2 * (total + 10), "{place} of {priorities:?}");
                    }
                }
            }
        }
    }
}
