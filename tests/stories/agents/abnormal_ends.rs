//! Agents with unusual work, and agents that exceed their limits.

use eklavya_testkit::host::processes_at;
use eklavya_testkit::story::StoryProject;
use eklavya_testkit::story::rehearsal::{
    ANY, RehearsalBuilder, bash_step, plan_with_tasks, say_step,
};

#[test]
fn work_with_unusual_files_output_and_processes_is_accepted() {
    let ids = ["T1", "T2", "T3", "T4", "T5", "T6", "T7"];
    let tasks: Vec<(&str, &str, &[&str])> =
        ids.iter().map(|id| (*id, "developer", &[][..])).collect();
    let plan = plan_with_tasks(&tasks);
    let rehearsal = RehearsalBuilder::happy_path(&plan)
        .with_answers("developer", "T1", ANY, [
            bash_step("head -c 3000000 /dev/zero | tr '\\0' 'x'; head -c 3000000 /dev/zero | tr '\\0' 'y' >&2; echo 1 > site/1"),
            say_step(&"very long words ".repeat(20_000)),
        ])
        .with_answers("developer", "T2", ANY, [
            bash_step("mkdir -p 'site/größe 📏' && echo 2 > 'site/größe 📏/naïve.txt' && echo 2 > \"$(printf 'site/two\\nlines')\" && echo 2 > 'site/ space ' && echo 2 > \"$(printf 'site/\\377raw')\" && git add -A && git commit -qm 'Nämen 📏'"),
            say_step("Names."),
        ])
        .with_answers("developer", "T3", ANY, [
            bash_step("mkdir -p nested && cd nested && git init -q . && echo 3 > inside && git add -A && git -c user.name=x -c user.email=x@x commit -qm x && cd .. && echo 3 > site/3 && (git add -A; git commit -qm 'With a repository'); true"),
            say_step("Nested."),
        ])
        .with_answers("developer", "T4", ANY, [
            bash_step("echo 4 > site/4; find .git -depth -delete; ls -a .git; true"),
            say_step("Who needs history?"),
        ])
        .with_answers("developer", "T5", ANY, [
            bash_step("echo 5 > site/5; (setsid sleep 3456 > /dev/null 2>&1 &); (trap '' HUP TERM INT; setsid sleep 4567 > /dev/null 2>&1 &); true"),
            say_step("Something runs on."),
        ])
        .with_answers("developer", "T6", ANY, [bash_step("echo 6 > site/6"), say_step("")])
        .with_answers("developer", "T7", ANY, [
            bash_step("cd site && mkfifo pipe && ln -s /etc/passwd secrets && ln -s loop loop && mkdir -p shut && echo 7 > shut/7 && chmod 000 shut && echo 7 > mute && chmod 000 mute && echo 7 > 7"),
            say_step("Strange files."),
        ]);
    let story = StoryProject::with_approved_demo(&plan, &rehearsal);
    assert_eq!(story.json("build shop")["status"], "built");
    let files = story.git(&["ls-tree", "-rz", "--name-only", "main"]);
    let files: Vec<&str> = files.split('\0').collect();
    for file in [
        "site/1",
        "site/größe 📏/naïve.txt",
        "site/two\nlines",
        "site/ space ",
        "site/3",
        "site/4",
        "site/5",
        "site/6",
        "site/7",
    ] {
        assert!(files.contains(&file), "{file:?} is not in {files:?}");
    }
    assert!(
        !files.iter().any(|file| file.contains(".git/")),
        "{files:?}"
    );
    story.git(&["fsck", "--strict"]);
    assert_eq!(
        processes_at(story.env.path().as_std_path()),
        Vec::<String>::new()
    );
    story.ok("agents logs --help");
    for id in ids {
        let agent = story.agents(id)[0]["id"].as_str().unwrap().to_owned();
        story.ok(&format!("agents logs {agent}"));
    }
    story.ok("verify shop");
    story.ok("deliver shop");
}

#[test]
fn a_task_whose_agent_exceeds_its_turns_is_retried_and_then_blocked() {
    let plan = plan_with_tasks(&[("T1", "developer", &[])]);
    let story = StoryProject::with_approved_demo(&plan, &RehearsalBuilder::happy_path(&plan))
        .with_variable("EKLAVYA_CLAUDE_MAX_TURNS", "2")
        .with_variable("EKLAVYA_BUILD_ATTEMPTS", "2");
    let steps = (0..9).map(|n| bash_step(&format!("echo {n} >> site/endless.txt")));
    story.set_rehearsal(&RehearsalBuilder::happy_path(&plan).with_answers(
        "developer",
        "T1",
        ANY,
        steps,
    ));
    let asked = story.run("build shop").assert_exit_code(6);
    assert!(asked.stderr.contains("turns"), "{}", asked.stderr);
    assert!(
        story.agent_input("T1", 2).contains("turns"),
        "{}",
        story.agent_input("T1", 2)
    );
    assert_eq!(story.task("T1")["status"], "blocked");
    // The work of the failed attempts is kept: the next attempt continues from there.
    story.ok("tasks retry shop T1");
    story.set_rehearsal(&RehearsalBuilder::happy_path(&plan));
    assert_eq!(story.json("build shop")["status"], "built");
    assert!(story.file("main", "site/endless.txt").starts_with("0\n1\n"));
}

#[test]
fn an_agent_that_exceeds_the_disk_quota_is_ended_and_its_task_is_retried() {
    let plan = plan_with_tasks(&[("T1", "developer", &[])]);
    let fill = "head -c 64M /dev/zero > site/big; echo small > site/small; sleep 1000";
    let rehearsal = RehearsalBuilder::happy_path(&plan).with_answers(
        "developer",
        "T1",
        Some(1),
        [bash_step(fill)],
    );
    let story = StoryProject::with_approved_demo(&plan, &rehearsal)
        .with_variable("EKLAVYA_SANDBOX_DISK_BYTES", &(32 << 20).to_string());
    assert_eq!(story.json("build shop")["status"], "built");
    let input = story.agent_input("T1", 2);
    assert!(
        input.contains("used 6") && input.contains("sandbox.diskBytes"),
        "{input}"
    );
    let files = story.files("main");
    assert!(files.contains(&"site/T1.html".to_owned()), "{files:?}");
    assert!(!files.contains(&"site/big".to_owned()), "{files:?}");
    // The checkpoint keeps small files and drops the large one.
    let kept = story.git(&[
        "for-each-ref",
        "--format=%(refname)",
        "refs/eklavya/checkpoints",
    ]);
    let kept = story.files(kept.trim());
    assert!(kept.contains(&"site/small".to_owned()), "{kept:?}");
    let left = processes_at(story.env.path().as_std_path());
    assert_eq!(left, Vec::<String>::new());

    // A person can inspect the result in the sandbox of any role.
    let seen = story
        .ok("sandbox run --role developer shop -- ls site")
        .stdout;
    assert!(seen.contains("T1.html"), "{seen}");
    let seen = story
        .ok("sandbox run --role qa shop -- git log -1 --format=%s")
        .stdout;
    assert!(!seen.is_empty());
}
