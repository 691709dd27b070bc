//! A database server that is killed, freezes, or loses its connections in the middle of a commit:
//! commands wait for the server and continue on their own.

use std::thread;
use std::time::Duration;

use eklavya_testkit::install::ledger_checks::UnsentRequests;
use eklavya_testkit::install::running::wait_until;
use eklavya_testkit::install::{SCRIPT, STAGES, TestInstall};

use crate::fixtures::fault_proxy::{CommitCut, FaultProxy};
use crate::fixtures::seeded_random::SeededRandom;
use crate::fixtures::verdict::FaultVerdict;

const FENCE: &str = "SELECT CAST(fence AS TEXT) FROM leases";

#[test]
fn work_survives_a_killed_or_frozen_database_server() {
    let install = TestInstall::on_postgres(&crate::idempotent_script(SCRIPT));
    let mut dice = SeededRandom::new("server");
    for (number, stage) in STAGES.into_iter().enumerate() {
        if stage[1] == "approve" {
            install.run(stage).ok();
            continue;
        }
        let before = install.query_column(FENCE);
        let running = install.start(stage);
        // A command that has not started any work reports that the database does not answer, and
        // ends.
        assert!(wait_until(|| install.query_column(FENCE) != before));
        thread::sleep(Duration::from_millis(50 * dice.next_below(30) as u64));
        match number % 4 {
            0 => {
                install.server().kill();
                thread::sleep(Duration::from_millis(100 * dice.next_below(10) as u64));
                install.server().restart();
            }
            2 => {
                install.server().freeze();
                thread::sleep(Duration::from_secs(3));
                install.server().thaw();
            }
            _ => install.server().cut_connections(),
        }
        running.wait().ok();
    }
    install.assert_delivered_despite_fault(UnsentRequests::Possible);
}

#[test]
fn a_commit_of_unknown_outcome_is_neither_lost_nor_repeated() {
    let mut install = TestInstall::on_postgres(&crate::idempotent_script(SCRIPT));
    let proxy = FaultProxy::start_before(install.server().port());
    let direct = install.server().port().to_string();
    let url = install
        .server()
        .url()
        .replace(&direct, &proxy.port.to_string());
    install.set_variable("EKLAVYA_STORE_URL", &url);
    let mut dice = SeededRandom::new("commits");
    for stage in STAGES {
        let decided = stage[1] == "approve";
        // A decision is one commit. Work begins after the commit that records who requested it.
        let mut number = || if decided { 0 } else { 1 + dice.next_below(24) };
        let cuts = [CommitCut::BeforeCommit, CommitCut::AfterCommit].map(|cut| (number(), cut));
        proxy.cut_at(cuts.to_vec());
        // The audit trail must have a tool call whose record is in doubt exactly once.
        match stage[0] {
            "verify" => proxy.cut_transaction_with("agent.tool", CommitCut::AfterCommit),
            "demo" | "build" if !decided => {
                proxy.cut_transaction_with("agent.tool", CommitCut::BeforeCommit);
            }
            _ => {}
        }
        let outcome = install.run(stage);
        println!("{stage:?}: {cuts:?} of {:?}", proxy.seen_commits());
        if decided && outcome.code != 0 {
            let again = install.run(stage);
            assert!([0, 4].contains(&again.code), "{again:#?}");
        } else {
            outcome.ok();
        }
    }
    install.assert_delivered_despite_fault(UnsentRequests::Possible);
}
