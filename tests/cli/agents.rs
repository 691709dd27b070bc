//! `eklavya agents` and rehearsals.

use eklavya_testkit::cli::TestEnv;

#[test]
fn unknown_agents_are_errors() {
    let env = TestEnv::new();
    env.run(&["agents", "logs", "3f2a"]).assert_exit_code(3);
    env.run(&["agents", "logs", ""]).assert_exit_code(3);
    let none = env.run(&["agents", "ps", "--output", "json"]).ok();
    assert_eq!(none.stdout, "[]\n");
}

#[test]
fn an_invalid_rehearsal_is_refused_and_no_project_is_created() {
    let env = TestEnv::new();
    env.write_file("brief.md", "A page");
    env.write_file("broken.yaml", "rehearsal: 1\nagents:\n  - role: wizard\n");
    let rest = [
        "--brief",
        "brief.md",
        "--client",
        "Ada",
        "--budget",
        "5",
        "--rehearsal",
    ];
    for file in ["broken.yaml", "missing.yaml"] {
        let line = [&["project", "new", "shop"][..], &rest, &[file]].concat();
        let refused = env.run(&line).assert_exit_code(2);
        assert!(refused.stderr.contains(file), "{}", refused.stderr);
    }
    assert_eq!(
        env.run(&["project", "list", "--output", "json"])
            .ok()
            .stdout,
        "[]\n"
    );
}
