//! Requests of agents to other hosts: a developer fetches a library with git through the proxy at
//! its door, and cannot fetch from unlisted hosts.

use eklavya_testkit::story::StoryProject;
use eklavya_testkit::story::git_http::{create_library, serve_files};
use eklavya_testkit::story::rehearsal::{
    ANY, RehearsalBuilder, bash_step, plan_with_tasks, say_step,
};

#[test]
fn a_developer_fetches_only_from_listed_hosts() {
    let directory = tempfile::tempdir().unwrap();
    create_library(directory.path());
    let port = serve_files(directory.path().to_owned());
    let listed = format!("http://127.0.0.2:{port}/lib/.git");
    let fetch = format!("git clone -q {listed} /tmp/lib && cp /tmp/lib/README site/library.txt");
    let other = format!("git ls-remote http://127.0.0.3:{port}/lib/.git; echo ended with $?");
    let direct = format!(
        "env -u http_proxy -u HTTP_PROXY -u ALL_PROXY -u all_proxy git ls-remote {listed}; \
         echo ended with $?"
    );
    let plan = plan_with_tasks(&[("T1", "developer", &[])]);
    let steps = [
        bash_step(&fetch),
        bash_step(&other),
        bash_step(&direct),
        say_step("Fetched."),
    ];
    let rehearsal = RehearsalBuilder::happy_path(&plan).with_answers("developer", "T1", ANY, steps);
    let hosts = format!("127.0.0.2:{port}");
    let story = StoryProject::with_approved_demo(&plan, &rehearsal)
        .with_variable("EKLAVYA_EGRESS_PACKAGES", &hosts)
        .with_variable("EKLAVYA_EGRESS_PRIVATE", &hosts);
    assert_eq!(story.json("build shop")["status"], "built");
    assert_eq!(story.file("main", "site/library.txt"), "a library\n");
    let did = story.agent_output("T1", 1);
    assert!(
        did.contains("403") && !did.contains("ended with 0"),
        "{did}"
    );
    let trail = story.audit();
    let decided = |decision: &str, target: &str| {
        trail.iter().any(|line| {
            line.action == "egress.request"
                && line.details["decision"] == decision
                && line.details["target"] == target
        })
    };
    assert!(decided("allowed", &hosts), "{trail:#?}");
    assert!(
        decided("denied", &format!("127.0.0.3:{port}")),
        "{trail:#?}"
    );
    let key = "eklavya-door-";
    assert!(
        !trail
            .iter()
            .any(|line| line.details.to_string().contains(key))
    );
}
