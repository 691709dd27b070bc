//! A project with known secrets, and the search for them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use camino::Utf8PathBuf;
use eklavya_testkit::install::running::wait_until;
use eklavya_testkit::install::workers::WorkerInstall;
use eklavya_testkit::install::{STAGES, TestInstall};
use eklavya_testkit::servers::redis::TestRedis;
use eklavya_testkit::upstream::ScriptedReply;
use serde_json::Value;

use crate::canaries::CanarySecrets;
use crate::processes::ProcessSampler;
use crate::{leftovers, script};

/// The names of the configured secrets.
const NAMES: [&str; 10] = [
    "AUTH_TOKEN",
    "KEY_FILE",
    "STORE_PASSWORD",
    "BUS_PASSWORD",
    "CI_TOKEN",
    "TEST_KEY",
    "CHECK_KEY",
    "PREVIEW_KEY",
    "IDLE_KEY",
    "ANTHROPIC_API_KEY",
];

struct SecretStory {
    install: WorkerInstall,
    canaries: Arc<CanarySecrets>,
    outputs: Vec<(String, Vec<u8>)>,
    _redis: TestRedis,
}

impl SecretStory {
    fn new() -> Self {
        let mut canaries = CanarySecrets::new(&NAMES);
        let committed = format!("key-of-an-agent-{}", uuid::Uuid::new_v4());
        let mut install = TestInstall::on_postgres(&script::rehearsal_script(&committed));
        canaries.add("MODEL_VARIABLE", &install.key);
        canaries.add("COMMITTED", &committed);
        let redis = TestRedis::guarded(canaries.get("BUS_PASSWORD"));
        let bus = redis.url_with(canaries.get("BUS_PASSWORD"));
        for (name, file) in [
            ("KEY_FILE", "EKLAVYA_MODEL_KEY_FILE"),
            ("STORE_PASSWORD", "EKLAVYA_STORE_PASSWORD_FILE"),
        ] {
            let path = install.path().join(name);
            fs::write(&path, canaries.get(name)).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            install.set_variable(file, path.as_str());
        }
        install.set_variable("EKLAVYA_BUS_URL", &bus);
        install.set_variable("ANTHROPIC_AUTH_TOKEN", canaries.get("AUTH_TOKEN"));
        for name in ["CI_JOB_TOKEN", "GITHUB_TOKEN"] {
            install.set_variable(name, canaries.get("CI_TOKEN"));
        }
        install.set_variable("EKLAVYA_LOG_LEVEL", "trace");
        install.set_variable("EKLAVYA_BUILD_ATTEMPTS", "5");
        let mut story = Self {
            install: WorkerInstall(install),
            canaries: Arc::new(canaries),
            outputs: Vec::new(),
            _redis: redis,
        };
        for (name, uses) in [
            ("TEST_KEY", "tests"),
            ("CHECK_KEY", "checks"),
            ("PREVIEW_KEY", "previews"),
            ("IDLE_KEY", ""),
            ("ANTHROPIC_API_KEY", ""),
        ] {
            story.set(name, uses);
        }
        story
    }

    fn set(&mut self, name: &str, uses: &str) {
        let file = self.install.path().join("value");
        fs::write(&file, self.canaries.get(name)).unwrap();
        let mut words = vec!["secret", "set", "shop", name, "--file", file.as_str()];
        if !uses.is_empty() {
            words.extend(["--for", uses]);
        }
        self.run(&words);
        fs::remove_file(file).unwrap();
    }

    /// Runs a command that must succeed, with the most verbose output.
    #[track_caller]
    fn run(&mut self, words: &[&str]) {
        let words = [words, &["-vvv"]].concat();
        let outcome = self.install.run(&words).ok();
        let text = format!("{}\n{}", outcome.stdout, outcome.stderr);
        self.outputs.push((words.join(" "), text.into_bytes()));
    }

    fn play_story(&mut self) {
        let [plan, approve, demo, choose, build, verify, deliver] = STAGES;
        self.run(&[plan, &["--detach"]].concat());
        self.run(&[approve, &["--wait"]].concat());
        self.run(&[demo, &["--detach"]].concat());
        self.run(&[choose, &["--wait"]].concat());
        for stage in [build, verify, deliver] {
            self.run(&[stage, &["--detach"]].concat());
            let job = self.last_job();
            let ended = || !matches!(self.last_job()["endedAt"], Value::Null);
            assert!(wait_until(ended), "{job:#}");
            let (job, tasks) = (
                self.last_job(),
                self.install.run_json(&["tasks", "list", "shop"]),
            );
            assert_eq!(job["status"], "done", "{job:#} {tasks:#}");
        }
        let ended = || self.install.workers().is_empty();
        assert!(wait_until(ended), "{:#?}", self.install.workers());
    }

    fn last_job(&self) -> Value {
        self.install.jobs().pop().unwrap()
    }

    /// Asserts that processes and agents used the secrets, so that the search means something.
    fn assert_story_used_the_secrets(&self, seen: &crate::processes::ProcessFindings) {
        let given = ["TEST_KEY", "CHECK_KEY", "PREVIEW_KEY", "MODEL_VARIABLE"];
        for name in given {
            assert!(
                seen.given.contains(name),
                "{name} was not given to any process"
            );
        }
        assert!(!seen.agents.is_empty());
        let log = self.install.upstream.requests();
        let key = self.canaries.get("ANTHROPIC_API_KEY");
        assert!(!log.is_empty() && log.iter().all(|request| request.key == key));
        let feedback = "SELECT string_agg(feedback, '') FROM tasks WHERE key = 'T1'";
        let output = "SELECT string_agg(output, '') FROM evidence";
        assert!(self.install.query_column(output)[0].contains("it is [secret]"));
        assert_eq!(
            self.install.query_column(feedback)[0],
            "",
            "the last attempt at T1 was accepted"
        );
        let attempts = self
            .install
            .query_column("SELECT attempt::text FROM tasks WHERE key = 'T1'");
        assert_eq!(
            attempts,
            ["3"],
            "one attempt committed a key, and one failed a test"
        );
        let uses = "SELECT count(*)::text FROM audit_logs WHERE action = 'secret.use'";
        assert_ne!(self.install.query_column(uses), ["0"]);
    }
}

#[test]
fn a_project_on_postgres_and_redis_leaves_no_secret_in_any_file_row_or_output() {
    let mut story = SecretStory::new();
    let project = story.install.project_dir();
    let sampler = ProcessSampler::start(Arc::clone(&story.canaries), &project);
    let rounds = sampler.rounds();
    story.install.upstream.answer_with(move |_| {
        rounds.wait_for_next();
        ScriptedReply::Play
    });
    story.play_story();
    let seen = sampler.stop();
    story.assert_story_used_the_secrets(&seen);
    assert!(seen.leaks.is_empty(), "{:#?}", seen.leaks);

    let install = &story.install;
    let (path, home) = (install.path().to_owned(), install.home());
    // The copy is a SQLite file, which is searched with all other files.
    let copy = format!("sqlite:{}", path.join("copy.db"));
    install
        .run(&["db", "copy", "--from", "store", "--to", &copy])
        .ok();
    let export = path.join("export.jsonl");
    let exported = install.run(&["audit", "export", "shop"]).ok();
    fs::write(&export, exported.stdout).unwrap();

    let configured = ["KEY_FILE", "STORE_PASSWORD"].map(|name| path.join(name));
    let configured: Vec<_> = configured.iter().map(Utf8PathBuf::as_path).collect();
    let mut places = story.outputs.clone();
    places.extend(leftovers::command_outputs(install));
    places.extend(leftovers::dump_rows(install));
    places.push((
        "the repository".to_owned(),
        leftovers::unpack_objects(&install.project_dir().join("repo.git")),
    ));
    let bundle = home.join("projects/shop/delivery/shop.bundle");
    places.push((
        "the bundle".to_owned(),
        leftovers::unpack_bundle(&bundle, &path),
    ));
    let files = leftovers::files_below(&path, &configured);
    let transcripts = files
        .iter()
        .filter(|(name, _)| name.contains("/transcripts/"));
    assert!(transcripts.count() >= 7, "transcripts exist");
    // The value that the agent invented is in its own workspace and transcript, but must not be in
    // the repository or the delivery.
    let own = |story: &str| story.contains("/work/") || story.contains("/transcripts/");
    for (name, bytes) in places.iter().chain(&files) {
        let mut found = story.canaries.found_in(bytes);
        found.retain(|canary| *canary != "COMMITTED");
        assert!(found.is_empty(), "{name} contains {found:?}");
    }
    for name in ["the repository", "the bundle"] {
        let (_, bytes) = places.iter().find(|(story, _)| story == name).unwrap();
        story.canaries.assert_none_in(name, bytes);
    }
    let committed = |(name, bytes): &&(String, Vec<u8>)| {
        story.canaries.found_in(bytes).contains(&"COMMITTED") && own(name)
    };
    assert!(
        files.iter().any(|file| committed(&file)),
        "the search finds the value in the agent's own files"
    );
}
