//! The database stops in the middle of work: the work is interrupted, waits, and continues.

use std::sync::Arc;

use eklavya_testkit::install::running::wait_until;
use eklavya_testkit::install::{SCRIPT, STAGES, TestInstall};
use eklavya_testkit::servers::postgres::TestPostgres;
use eklavya_testkit::upstream::{RecordedRequest, ScriptedReply};
use nix::sys::signal::Signal;

use crate::error_lines;

const WAITS: &str = "waiting for it up to";

/// Returns an installation with a project on its own server.
fn install_on_server() -> (TestInstall, Arc<TestPostgres>) {
    let server = Arc::new(TestPostgres::durable());
    let mut install = TestInstall::empty(SCRIPT);
    install.set_variable("EKLAVYA_STORE_URL", &server.url());
    install.upstream.look_for_agents_in(&server.url());
    install.run(&["init", "--yes"]).ok();
    install.create_project();
    (install, server)
}

fn is_last_of_the_pm(request: &RecordedRequest) -> bool {
    request.role == "pm" && request.step == 1
}

/// Asserts that the ledger and the budget of the project state exactly the charges of the endpoint.
#[track_caller]
fn assert_ledger_matches_charges(install: &TestInstall, server: &TestPostgres) {
    let open = "SELECT count(*) FROM ledger WHERE status = 'reserved' OR upper_bound";
    assert_eq!(server.psql(open), "0");
    let spent = "SELECT sum(settled_micros) FROM ledger";
    assert_eq!(
        server.psql(spent),
        install.upstream.charged_micros().to_string()
    );
    let stands = "SELECT spent_micros, reserved_micros FROM budgets WHERE scope = 'project'";
    assert_eq!(
        server.psql(stands),
        format!("{}|0", install.upstream.charged_micros())
    );
}

#[test]
fn costs_during_a_database_outage_are_recorded_and_work_resumes() {
    let (install, server) = install_on_server();
    // The database stops before the answer, so the cost cannot be written when it is reported.
    let killed = Arc::clone(&server);
    install.upstream.answer_with(move |request| {
        if is_last_of_the_pm(request) && request.again == 0 {
            killed.kill();
        }
        ScriptedReply::Play
    });
    let running = install.start(STAGES[0]);
    assert!(
        wait_until(|| running.stderr().contains(WAITS)),
        "{}",
        running.stderr()
    );
    install.assert_no_agent_process();
    server.restart();
    let ended = running.wait().ok();
    assert!(
        ended.stderr.contains("the database is back"),
        "{}",
        ended.stderr
    );
    assert_ledger_matches_charges(&install, &server);
    let fences = "SELECT string_agg(DISTINCT fence::text, ' ') FROM agents";
    assert_eq!(server.psql(fences), "1 2");

    // A cut connection is an outage that ends immediately.
    let cut = Arc::clone(&server);
    install.upstream.answer_with(move |request| {
        if request.is_step("demo-1", 1) && request.again == 0 {
            cut.cut_connections();
        }
        ScriptedReply::Play
    });
    install.run_stages(1..STAGES.len());
    insta::assert_snapshot!("final_tree", install.tree());
    assert_ledger_matches_charges(&install, &server);
    let held = "SELECT count(*) FROM leases WHERE worker IS NOT NULL";
    assert_eq!(server.psql(held), "0");
}

#[test]
fn waiting_for_the_database_ends_on_an_interrupt_or_after_the_patience() {
    let (mut install, server) = install_on_server();
    let held = |install: &TestInstall| {
        install.upstream.answer_with(|request| match request {
            request if is_last_of_the_pm(request) && request.again < 2 => ScriptedReply::Hang,
            _ => ScriptedReply::Play,
        });
    };
    held(&install);
    let running = install.start(STAGES[0]);
    install.upstream.wait_for_request(is_last_of_the_pm);
    server.kill();
    assert!(
        wait_until(|| running.stderr().contains(WAITS)),
        "{}",
        running.stderr()
    );
    running.signal(Signal::SIGINT);
    running.wait().assert_exit_code(130);
    install.assert_no_agent_process();

    install.set_variable("EKLAVYA_STORE_PATIENCE_SECONDS", "0");
    server.restart();
    let running = install.start(STAGES[0]);
    install
        .upstream
        .wait_for_request(|request| is_last_of_the_pm(request) && request.again == 1);
    server.kill();
    let ended = error_lines(&running.wait().assert_exit_code(7));
    assert!(ended.contains("the database is unavailable"), "{ended}");
    assert!(
        ended.contains("Start the server and run the command again"),
        "{ended}"
    );
    install.assert_no_agent_process();

    server.restart();
    install.run(STAGES[0]).ok();
    let open = "SELECT count(*) FROM ledger WHERE status = 'reserved'";
    assert_eq!(server.psql(open), "0");
}
