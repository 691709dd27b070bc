//! Observes a lease until it may be taken over: a pure state machine over observations.
//!
//! Clocks are set back and forward, so no clock alone decides. A holder that renews its lease is
//! alive whatever the term; a holder that did not renew it during a whole observed term is not.

use std::time::Duration;

use jiff::Timestamp;

use crate::lease::{Lease, LeaseHolder, renewal_interval};

/// What the observations mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseAvailability {
    Free,
    /// The holder is dead or was silent for too long: the lease may be taken over.
    Abandoned,
    /// The holder may be alive. If its term has expired, the silence of a few renewals is enough,
    /// otherwise the silence of a whole term.
    Held {
        term_expired: bool,
    },
}

/// The observations of one contender.
#[derive(Debug, Clone, Default)]
pub struct LeaseMonitor {
    seen: Option<LeaseObservation>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct LeaseObservation {
    fence: i64,
    renewals: i64,
    heartbeat: Timestamp,
    since: Duration,
}

impl LeaseMonitor {
    /// Returns the availability of the lease at `at`, by the contender's own monotonic clock, and
    /// at
    /// `now`, by the database's clock.
    ///
    /// `dead` means that the holder's process is known to be gone.
    pub fn observe(
        &mut self,
        at: Duration,
        lease: &Lease,
        now: Timestamp,
        dead: bool,
    ) -> LeaseAvailability {
        let Some(holder) = &lease.holder else {
            self.seen = None;
            return LeaseAvailability::Free;
        };
        if dead {
            return LeaseAvailability::Abandoned;
        }
        let silence = at.saturating_sub(self.silent_since(at, lease.fence, holder));
        let term_expired = holder.expires_at <= now;
        if silence >= holder.term().max(required_silence(holder))
            || (term_expired && silence >= required_silence(holder))
        {
            LeaseAvailability::Abandoned
        } else {
            LeaseAvailability::Held { term_expired }
        }
    }

    /// Returns when the holder's silence began.
    fn silent_since(&mut self, at: Duration, fence: i64, holder: &LeaseHolder) -> Duration {
        let seen = LeaseObservation {
            fence,
            renewals: holder.renewals,
            heartbeat: holder.heartbeat,
            since: at,
        };
        match &self.seen {
            Some(known)
                if *known
                    == (LeaseObservation {
                        since: known.since,
                        ..seen.clone()
                    }) =>
            {
                known.since
            }
            _ => self.seen.insert(seen).since,
        }
    }
}

/// How long a holder with an expired term must be silent: it misses two renewals.
fn required_silence(holder: &LeaseHolder) -> Duration {
    const LEAST: Duration = Duration::from_secs(1);
    (renewal_interval(holder.term()) * 5 / 2).max(LEAST)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::ProjectId;

    const TERM: Duration = Duration::from_secs(30);
    const POLL: u64 = 500;

    /// A holder whose renewals and clock a test controls, in milliseconds.
    #[derive(Debug, Clone, Copy)]
    struct SimulatedHolder {
        renewals: i64,
        clock: i64,
        heartbeat: i64,
    }

    impl SimulatedHolder {
        fn new() -> Self {
            Self {
                renewals: 0,
                clock: 1_000_000_000,
                heartbeat: 1_000_000_000,
            }
        }

        fn renew(&mut self) {
            (self.renewals, self.heartbeat) = (self.renewals + 1, self.clock);
        }

        fn lease(&self) -> Lease {
            let heartbeat = moment(self.heartbeat);
            Lease {
                project: ProjectId::random(),
                fence: 7,
                holder: Some(LeaseHolder {
                    worker: "w".into(),
                    machine: "m".into(),
                    host: "h".into(),
                    pid: 1,
                    process_start: 1,
                    renewals: self.renewals,
                    acquired_at: heartbeat,
                    heartbeat,
                    expires_at: heartbeat + TERM,
                }),
            }
        }

        fn observed_by(&self, monitor: &mut LeaseMonitor, at: u64) -> LeaseAvailability {
            monitor.observe(
                Duration::from_millis(at),
                &self.lease(),
                moment(self.clock),
                false,
            )
        }
    }

    fn moment(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    #[test]
    fn a_lease_is_available_without_a_holder_or_with_a_dead_one() {
        let mut monitor = LeaseMonitor::default();
        let (play, now) = (SimulatedHolder::new(), moment(0));
        let free = Lease {
            holder: None,
            ..play.lease()
        };
        assert_eq!(
            monitor.observe(Duration::ZERO, &free, now, false),
            LeaseAvailability::Free
        );
        let dead = monitor.observe(Duration::ZERO, &play.lease(), now, true);
        assert_eq!(dead, LeaseAvailability::Abandoned);
    }

    #[test]
    fn an_expired_lease_is_abandoned_after_two_missed_renewals() {
        let (mut monitor, mut play) = (LeaseMonitor::default(), SimulatedHolder::new());
        assert_eq!(
            play.observed_by(&mut monitor, 0),
            LeaseAvailability::Held {
                term_expired: false
            }
        );
        play.clock += 30_000;
        assert_eq!(
            play.observed_by(&mut LeaseMonitor::default(), 0),
            LeaseAvailability::Held { term_expired: true }
        );
        assert_eq!(
            play.observed_by(&mut monitor, 4_900),
            LeaseAvailability::Held { term_expired: true }
        );
        assert_eq!(
            play.observed_by(&mut monitor, 5_000),
            LeaseAvailability::Abandoned
        );
    }

    #[test]
    fn a_renewal_restarts_the_watch_even_with_the_same_heartbeat() {
        let (mut monitor, mut play) = (LeaseMonitor::default(), SimulatedHolder::new());
        play.clock += 3_600_000;
        assert_eq!(
            play.observed_by(&mut monitor, 0),
            LeaseAvailability::Held { term_expired: true }
        );
        play.renewals += 1;
        assert_eq!(
            play.observed_by(&mut monitor, 5_000),
            LeaseAvailability::Held { term_expired: true }
        );
        assert_eq!(
            play.observed_by(&mut monitor, 10_000),
            LeaseAvailability::Abandoned
        );
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_keep_a_dead_holders_lease() {
        let (mut monitor, mut play) = (LeaseMonitor::default(), SimulatedHolder::new());
        play.clock -= 3_600_000;
        assert_eq!(
            play.observed_by(&mut monitor, 0),
            LeaseAvailability::Held {
                term_expired: false
            }
        );
        assert_eq!(
            play.observed_by(&mut monitor, 29_999),
            LeaseAvailability::Held {
                term_expired: false
            }
        );
        assert_eq!(
            play.observed_by(&mut monitor, 30_000),
            LeaseAvailability::Abandoned
        );
    }

    fn jumps() -> impl Strategy<Value = Vec<(u64, i64)>> {
        let jump = prop_oneof![4 => Just(0), 1 => -7_200_000..7_200_000_i64];
        prop::collection::vec((0..POLL, jump), 200)
    }

    proptest! {
        #[test]
        fn a_holder_that_renews_keeps_its_lease(steps in jumps(), late in 0..2_000_u64) {
            let (mut monitor, mut play) = (LeaseMonitor::default(), SimulatedHolder::new());
            let (mut at, mut renewed) = (0, 0);
            for (pause, jump) in steps {
                at += pause;
                play.clock += i64::try_from(pause).unwrap() + jump;
                // The renewal interval with a delay.
                if at - renewed > 2_000 + late {
                    play.renew();
                    renewed = at;
                }
                let availability = play.observed_by(&mut monitor, at);
                let waits = matches!(availability, LeaseAvailability::Held { .. });
                prop_assert!(waits, "{availability:?} at {at}");
            }
        }

        #[test]
        fn a_holder_that_is_silent_is_replaced_within_a_term(steps in jumps()) {
            let (mut monitor, mut play) = (LeaseMonitor::default(), SimulatedHolder::new());
            let (mut at, mut taken) = (0, None);
            for (pause, jump) in steps {
                let availability = play.observed_by(&mut monitor, at);
                if availability == LeaseAvailability::Abandoned {
                    taken.get_or_insert(at);
                }
                at += pause;
                play.clock += i64::try_from(pause).unwrap() + jump;
            }
            prop_assert!(at < 30_000 || taken.is_some_and(|taken| taken <= 30_000 + POLL));
        }
    }
}
