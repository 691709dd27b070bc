//! kill -9 of the orchestrator in each stage: no agent survives it, and the same command goes on
//! without losing or repeating anything.

use crate::SCRIPT;
use crate::running::{Running, eventually};
use crate::studio::{STAGES, Studio};
use crate::upstream::{Asked, Reply};

/// Kills the orchestrator and looks at what is left of it.
#[track_caller]
fn kill(studio: &Studio, running: Running) {
    running.kill_9();
    studio.assert_no_agent_process();
}

/// Runs a stage up to the request that `here` describes, and kills it there.
#[track_caller]
fn kill_at(studio: &Studio, stage: &[&str], reply: Reply, here: fn(&Asked) -> bool) {
    studio.upstream.answers(move |asked| match asked {
        asked if here(asked) && asked.again == 0 => reply.clone(),
        _ => Reply::Play,
    });
    let running = studio.start(stage);
    let asked = studio.upstream.wait_for(here);
    studio.wait_until_recorded(&asked);
    kill(studio, running);
    studio.upstream.plays();
}

#[test]
fn the_work_survives_its_orchestrator_in_every_stage() {
    // A test command that takes a while, to be killed in the middle of it.
    let script = SCRIPT.replace("testCommand: \"sh", "testCommand: \"sleep 1; sh");
    let studio = Studio::new(&script);
    let [plan, approve, demo, choose, build, verify, deliver] = STAGES;

    kill_at(&studio, plan, Reply::Hang, |asked| {
        asked.role == "architect" && asked.step == 1
    });
    studio.run(plan).ok();
    studio.run(approve).ok();
    kill_at(&studio, demo, Reply::HangAfter(4), |asked| {
        asked.is("demo-1", 1)
    });
    // While its preview starts: that it is ready is not written down in time.
    let ready = "AFTER UPDATE ON demos WHEN NEW.status = 'ready'";
    kill_in_transaction(&studio, demo, ready, || {
        studio.ask("SELECT status FROM demos") == ["starting"]
    });
    studio.run(demo).ok();
    studio.run(choose).ok();

    // In the middle of an agent, and then in the middle of the test of its merge.
    kill_at(&studio, build, Reply::Hang, |asked| asked.is("T1", 2));
    let running = studio.start(build);
    let scratch = studio.project_dir().join("scratch");
    let tests = || {
        scratch
            .read_dir_utf8()
            .is_ok_and(|mut found| found.next().is_some())
    };
    assert!(eventually(tests));
    kill(&studio, running);
    studio.run(build).ok();
    assert!(!tests());

    kill_at(&studio, verify, Reply::Hang, |asked| {
        asked.role == "qa" && asked.step == 1
    });
    studio.run(verify).ok();
    let recorded = "AFTER INSERT ON deliveries";
    let page = studio.project_dir().join("delivery/dossier.html");
    kill_in_transaction(&studio, deliver, recorded, || page.exists());
    assert_eq!(studio.ask("SELECT tag FROM deliveries"), [""; 0]);
    studio.run(deliver).ok();

    // Nor a preview whose start was cut off, and which nobody knows of.
    assert!(eventually(|| studio.preview_processes().is_empty()));
    insta::assert_snapshot!("final_tree", studio.tree());
    studio.assert_books_are_what_was_billed();
    studio.assert_nothing_was_done_twice();
    studio.assert_the_audit_trail_is_whole();
    assert_eq!(
        studio.ask("SELECT worker FROM leases WHERE worker IS NOT NULL"),
        [""; 0]
    );
    let living = "SELECT status FROM agents WHERE status NOT IN ('completed', 'lost')";
    assert_eq!(studio.ask(living), [""; 0]);
    let show = ["project", "show", "shop", "--output", "json"];
    assert_eq!(studio.run(&show).ok().json()["status"], "delivered");
}

/// Kills the orchestrator once `there` holds, and never later than in the transaction in which
/// `change` happens to the database.
#[track_caller]
fn kill_in_transaction(studio: &Studio, stage: &[&str], change: &str, there: impl Fn() -> bool) {
    studio.meddle(&format!(
        "CREATE TRIGGER slow {change} BEGIN SELECT (WITH RECURSIVE n(i) AS \
         (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000000000) SELECT count(*) FROM n); END"
    ));
    let running = studio.start(stage);
    assert!(eventually(there));
    kill(studio, running);
    studio.meddle("DROP TRIGGER slow");
}
