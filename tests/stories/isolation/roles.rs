//! Agents that try to write outside the directories of their role.

use eklavya_testkit::story::StoryProject;
use eklavya_testkit::story::rehearsal::{
    ANY, RehearsalBuilder, bash_step, plan_with_tasks, say_step, tool_step, write_step,
};
use serde_json::json;

fn edit_step(path: &str) -> serde_json::Value {
    tool_step(
        "Edit",
        json!({ "file_path": path, "old_string": "hello", "new_string": "hacked" }),
    )
}

fn overwrite_step(path: &str) -> serde_json::Value {
    tool_step("Write", json!({ "file_path": path, "content": "hacked" }))
}

#[test]
fn a_tester_and_an_architect_write_only_in_their_directories() {
    let plan = plan_with_tasks(&[("T1", "tester", &[]), ("T2", "architect", &[])]);
    let outside = |own: &str| {
        vec![
            overwrite_step("{{ clone }}/site/index.html"),
            edit_step("{{ clone }}/site/index.html"),
            overwrite_step("{{ clone }}/site/new.html"),
            overwrite_step(&format!("{{{{ clone }}}}/{own}/../site/up.html")),
            overwrite_step(&format!("{{{{ clone }}}}/{own}/door/through.html")),
            overwrite_step("{{ clone }}/.git/hooks/post-checkout"),
            overwrite_step("/tmp/elsewhere.txt"),
            overwrite_step("/etc/elsewhere.txt"),
            bash_step("touch site/shell.html"),
            write_step(&format!("{own}/mine.txt"), "this is allowed\n"),
            say_step("I tried."),
        ]
    };
    // The demo left a link below each directory that the roles may write.
    let demo =
        "ln -s ../site tests/door && ln -s ../site docs/door && git add -A && git commit -qm links";
    let prepared =
        RehearsalBuilder::happy_path(&plan).with_step("developer", "demo-*", bash_step(demo));
    let rehearsal = prepared
        .with_answers("tester", "T1", ANY, outside("tests"))
        .with_answers("architect", "T2", ANY, outside("docs"));
    let story = StoryProject::with_approved_plan(&plan, &rehearsal);
    story.ok("demo build shop");
    story.ok("demo approve shop 1 --yes");
    let before = story.tree("main");
    assert_eq!(story.json("build shop")["status"], "built");
    let after = story.tree("main");
    let new: Vec<&String> = after
        .keys()
        .filter(|path| !before.contains_key(*path))
        .collect();
    assert_eq!(new, ["docs/mine.txt", "tests/mine.txt"]);
    for (path, blob) in &before {
        assert_eq!(after.get(path), Some(blob), "{path}");
    }
    let trail = story.audit();
    for (task, role) in [("T1", "tester"), ("T2", "architect")] {
        let did = story.agent_output(task, 1);
        assert!(did.contains("site/new.html"), "{role} did {did}");
        let id = story.agents(task)[0]["id"].as_str().unwrap().to_owned();
        let log = story.ok(&format!("agents logs {id}")).stdout;
        assert!(log.contains("site/new.html"), "{log}");
        let tried = trail.iter().any(|entry| {
            entry.action == "agent.tool"
                && entry.actor.contains(&id)
                && entry.details["input"].to_string().contains("site/new.html")
                && entry.details["decision"] == "denied"
        });
        assert!(tried, "{role}: {trail:#?}");
    }
}

#[test]
fn replacing_a_directory_of_another_role_by_a_link_is_refused() {
    let plan = plan_with_tasks(&[("T1", "developer", &[]), ("T2", "tester", &["T1"])]);
    let base = RehearsalBuilder::happy_path(&plan);
    let demo =
        "git mv tests site/tests && ln -s site/tests tests && git add -A && git commit -qm link";
    let repair = "rm tests && git mv site/tests tests && git add -A && git commit -qm back";
    let link = "rm -rf docs && ln -s site docs";
    let rehearsal = base
        .clone()
        .with_step("developer", "demo-*", bash_step(demo))
        .with_answers(
            "developer",
            "demo-1",
            Some(2),
            [bash_step(repair), say_step("Put back.")],
        )
        .with_answers(
            "developer",
            "T1",
            Some(1),
            [bash_step(link), say_step("Documents are pages.")],
        )
        .with_answers(
            "developer",
            "T1",
            Some(2),
            [
                bash_step("rm docs && git checkout -q . && echo more > site/more.html"),
                say_step("Put back."),
            ],
        );
    let story = StoryProject::with_approved_plan(&plan, &rehearsal);
    story.ok("demo build shop");
    let input = story.agent_input("demo-1", 2);
    assert!(
        input.contains("directory") && input.contains("- tests"),
        "{input}"
    );
    story.ok("demo approve shop 1 --yes");
    story.ok("build shop");
    let input = story.agent_input("T1", 2);
    assert!(
        input.contains("directory") && input.contains("- docs"),
        "{input}"
    );
    let files = story.files("main");
    for file in [
        ".gitignore",
        "docs/brief.md",
        "tests/run.sh",
        "tests/T2.sh",
        "site/more.html",
    ] {
        assert!(
            files.contains(&file.to_owned()),
            "{file} is not in {files:?}"
        );
    }
}

#[test]
fn programs_planted_in_a_clone_never_run_on_the_host() {
    let plan = plan_with_tasks(&[("T1", "developer", &[])]);
    let story = StoryProject::with_approved_demo(&plan, &RehearsalBuilder::happy_path(&plan));
    // The sandbox hides this path, so only a process on the host can create the file.
    let canary = story.env.path().join("canary");
    let touch = format!("touch {canary}; exit 0");
    let plant = format!(
        "exec 2>/dev/null
for hook in pre-commit post-commit post-checkout post-merge reference-transaction pre-auto-gc; do
  printf '#!/bin/sh\\n{touch}\\n' > .git/hooks/$hook; chmod +x .git/hooks/$hook
done
printf '#!/bin/sh\\n{touch}\\n' > evil.sh; chmod +x evil.sh
git config core.hooksPath \"$PWD\"
git config core.fsmonitor \"$PWD/evil.sh\"
git config diff.evil.textconv \"$PWD/evil.sh\"
git config filter.evil.clean \"$PWD/evil.sh\"
git config uploadpack.packObjectsHook \"$PWD/evil.sh\"
mkdir -p common/hooks && cp -r .git/. common/ && cp evil.sh common/hooks/post-checkout
printf '[core]\\n\\tfsmonitor = %s\\n\\thooksPath = %s\\n[diff \"evil\"]\\n\\ttextconv = %s\\n[filter \"evil\"]\\n\\tclean = %s\\n\\tsmudge = %s\\n' \"$PWD/evil.sh\" \"$PWD/common/hooks\" \"$PWD/evil.sh\" \"$PWD/evil.sh\" \"$PWD/evil.sh\" > common/config
echo \"$PWD/common\" > .git/commondir
cp common/config .git/config.worktree
mkdir -p .git/info && echo '* diff=evil filter=evil' > .git/info/attributes
echo '* diff=evil filter=evil' > .gitattributes
printf '[submodule \"x\"]\\n\\tpath = x\\n\\turl = ext::sh -c \"{touch}\"\\n\\tupdate = !sh -c \"{touch}\"\\n' > .gitmodules
rm -rf common
echo planted > site/planted.html
true"
    );
    story.set_rehearsal(&RehearsalBuilder::happy_path(&plan).with_answers(
        "developer",
        "T1",
        ANY,
        [bash_step(&plant), say_step("Nothing to see.")],
    ));
    assert_eq!(story.json("build shop")["status"], "built");
    assert_eq!(story.file("main", "site/planted.html"), "planted\n");
    story.ok("verify shop");
    story.ok("deliver shop");
    assert!(!canary.exists(), "a program of the agent ran on the host");
}
