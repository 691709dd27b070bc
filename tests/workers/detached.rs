//! `--detach`: the command returns, and the work continues.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use eklavya_testkit::install::STAGES;
use eklavya_testkit::install::running::wait_until;
use eklavya_testkit::install::workers::WorkerInstall;

#[test]
fn detached_work_completes_and_its_worker_exits() {
    let install = WorkerInstall::new();
    let [plan, approve, demo, choose, build, verify, deliver] = STAGES;
    let waiting = |stage: &[&'static str]| [stage, &["--wait"]].concat();

    let first = install.detach(plan);
    assert_eq!(
        (&first["goal"], &first["new"]),
        (&"plan".into(), &true.into())
    );
    let log = first["workerLog"].as_str().unwrap();
    let log = log.replace("[DIR]", install.path().as_str());
    assert_eq!(
        fs::metadata(&log).unwrap().permissions().mode() & 0o777,
        0o600
    );
    // A repeated request does not add a job or start another worker.
    let again = install.run(&[plan, &["--detach"]].concat()).ok();
    assert!(
        !again.stderr.contains("Started a worker"),
        "{}",
        again.stderr
    );
    assert_eq!(install.jobs().len(), 1);
    install.run(&waiting(approve)).ok();

    install.detach(demo);
    install.run(&waiting(choose)).ok();
    // The jobs run one after the other, although all are requested at once.
    for stage in [build, verify, deliver] {
        install.detach(stage);
    }
    let jobs = install.jobs();
    let done = install.wait_for_status(jobs.last().unwrap(), "done");
    assert_eq!(
        (&done["attempt"], &done["exitCode"]),
        (&1.into(), &0.into())
    );
    let ended = || install.workers().is_empty();
    assert!(wait_until(ended), "{:#?}", install.workers());

    insta::assert_snapshot!("final_tree", install.tree());
    install.assert_ledger_equals_bill();
    install.assert_nothing_was_done_twice();
    install.assert_no_agent_process();
    let status = install.run_json(&["status", "shop"]);
    assert_eq!(status[0]["jobs"], serde_json::json!([]));
}
