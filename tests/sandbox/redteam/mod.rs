//! Attempts to escape, as root and as an ordinary user of the host: all are stopped, and each
//! works if its guards are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use eklavya_core::agent::role::Role;
use eklavya_core::process;
use eklavya_sandbox::{
    ProgramSpec, ProtectionLayer, Sandbox, SandboxProfile, SandboxSpec, is_root,
};
use eklavya_testkit::program::eklavya_program;

use self::attempts::{ATTEMPTS, AttackOrigin, AttackProof, EscapeAttempt};
use self::host::HostTargets;
use self::results::{RedTeamResults, UNTRIED, result_table};
use crate::fixtures::backend::SandboxBackend;
use crate::fixtures::sandbox_project::SandboxProject;

mod attempts;
mod browser;
mod host;
mod results;

/// An unprivileged user of the host, other than the user of agents that root starts.
const ORDINARY_USER: u32 = 65_534;
/// Size of the temporary file systems; the attempts to fill them write more.
const TMP_BYTES: u64 = 16 << 20;

/// The attempts of all origins, including browsers.
static ALL: LazyLock<Vec<EscapeAttempt>> = LazyLock::new(|| {
    let all = ATTEMPTS.iter().cloned();
    all.chain(browser::attempts()).collect()
});

/// Returns the attempts for a backend. A browser runs in Eklavya's own sandbox on both backends, so
/// its attempts are made once.
fn all_attempts(backend: SandboxBackend) -> &'static [EscapeAttempt] {
    if backend.has_own_layers() {
        &ALL
    } else {
        ATTEMPTS
    }
}

/// The outcomes in one sandbox by attempt: whether it worked, and the kernel's error.
type EscapeOutcomes = BTreeMap<String, (bool, String)>;

/// The project of a run, and its targets on the host.
struct RedTeamFixture {
    backend: SandboxBackend,
    project: SandboxProject,
    bare: Sandbox,
    host: HostTargets,
}

impl RedTeamFixture {
    async fn new(backend: SandboxBackend) -> Self {
        let project = SandboxProject::new(backend).await;
        let host = HostTargets::new(&project).await;
        Self {
            backend,
            project,
            bare: Sandbox::unsandboxed(eklavya_program()),
            host,
        }
    }

    /// Restores the target files in the clone, which an earlier attempt may have changed. They
    /// belong to the agent, so that only the sandbox protects them.
    fn restore_files(&self) {
        let (src, git) = (self.project.path("src"), self.project.path(".git"));
        for directory in [&src, &self.project.path("docs"), &git.join("hooks")] {
            fs::remove_dir_all(directory).unwrap();
            fs::create_dir(directory).unwrap();
        }
        for number in 0..10 {
            fs::write(src.join(format!("f{number}")), "kept").unwrap();
        }
        fs::create_dir_all(self.project.path("empty")).unwrap();
        for made in ["new", "c", ".git/commondir", "../door/new"] {
            let _ = fs::remove_file(self.project.path(made));
        }
        let door = &self.project.dirs.door;
        let _ = fs::rename(door.join("g"), door.join("gateway.sock"));
        fs::write(git.join("config"), "[core]\n").unwrap();
        self.project.chown_to_agent();
    }

    fn spec(&self, origin: AttackOrigin, without: &[ProtectionLayer]) -> SandboxSpec {
        let mut spec = match origin {
            AttackOrigin::Developer => self.project.spec(SandboxProfile::Agent(Role::Developer)),
            AttackOrigin::Browser => self.project.spec(SandboxProfile::Browser),
            AttackOrigin::Architect => {
                let programs: Vec<&str> = ["/usr/bin/perl"]
                    .into_iter()
                    .chain(self.backend.perl_library())
                    .collect();
                self.project.probe_spec(Role::Architect, &programs)
            }
        };
        spec.tmp_bytes = TMP_BYTES;
        spec.door = Some(self.project.dirs.door.clone());
        spec.disabled_layers = without.to_vec();
        spec
    }

    /// Makes `attempts` in one sandbox.
    async fn attempt(
        &self,
        origin: AttackOrigin,
        without: &[ProtectionLayer],
        attempts: &[&EscapeAttempt],
    ) -> EscapeOutcomes {
        self.restore_files();
        let spec = self.spec(origin, without);
        self.run(&self.project.sandbox, &spec, attempts).await
    }

    /// Makes `attempts` without a sandbox.
    async fn attempt_bare(&self, attempts: &[&EscapeAttempt]) -> EscapeOutcomes {
        self.restore_files();
        let spec = self.spec(AttackOrigin::Developer, &[]);
        self.run(&self.bare, &spec, attempts).await
    }

    async fn run(
        &self,
        sandbox: &Sandbox,
        spec: &SandboxSpec,
        attempts: &[&EscapeAttempt],
    ) -> EscapeOutcomes {
        let perl = Path::new("/usr/bin/perl").canonicalize().unwrap();
        let script = self.host.script(attempts);
        let mut inner = ProgramSpec::new(perl, ["-e", &script]).env("PATH", "/usr/bin:/bin");
        if let (Some(library), true) = (self.backend.perl_library(), spec.tool_binaries.len() > 1) {
            let real = Path::new(library).canonicalize().unwrap();
            inner = inner.env("LD_PRELOAD", real);
        }
        let streams = eklavya_sandbox::StdioStreams {
            stdin: std::process::Stdio::null(),
            ..eklavya_sandbox::StdioStreams::piped()
        };
        let mut child = sandbox.spawn(spec, inner, streams).await.unwrap();
        let text = crate::fixtures::sandbox_project::read_output(&mut child).await;
        let exit = child.wait().await.unwrap();
        let outcomes: EscapeOutcomes = text.lines().filter_map(parse_outcome).collect();
        assert!(
            exit.is_success() && outcomes.len() == attempts.len(),
            "{exit:?}, {} of {}: {text}",
            outcomes.len(),
            attempts.len()
        );
        outcomes
    }
}

fn parse_outcome(line: &str) -> Option<(String, (bool, String))> {
    let mut words = line.split('\t');
    let (name, result, why) = (words.next()?, words.next()?, words.next()?);
    Some((name.to_owned(), (result == "works", why.to_owned())))
}

fn harmless_reason(backend: SandboxBackend, attempt: &EscapeAttempt) -> Option<&'static str> {
    let mut all = backend.harmless_attempts().iter();
    all.find_map(|(name, reason)| (*name == attempt.name).then_some(*reason))
}

fn attempts_by(backend: SandboxBackend, origin: AttackOrigin) -> Vec<&'static EscapeAttempt> {
    all_attempts(backend)
        .iter()
        .filter(|known| known.origin == origin && harmless_reason(backend, known).is_none())
        .collect()
}

async fn run_all(backend: SandboxBackend) -> RedTeamResults {
    let fixture = RedTeamFixture::new(backend).await;
    let mut results = RedTeamResults::default();
    let all = [
        AttackOrigin::Developer,
        AttackOrigin::Architect,
        AttackOrigin::Browser,
    ];
    let has_attempts = |origin: &AttackOrigin| !attempts_by(backend, *origin).is_empty();
    for origin in all.into_iter().filter(has_attempts) {
        try_all_guards(&fixture, origin, &mut results).await;
        if backend.has_own_layers() {
            for guards in guard_sets(backend, origin) {
                try_without_guards(&fixture, origin, guards, &mut results).await;
            }
        }
    }
    try_unsandboxed(&fixture, &mut results).await;
    results
}

/// With all guards, no attempt works, and no file changes that the role may not change.
async fn try_all_guards(
    fixture: &RedTeamFixture,
    origin: AttackOrigin,
    results: &mut RedTeamResults,
) {
    for (name, (worked, why)) in fixture
        .attempt(origin, &[], &attempts_by(fixture.backend, origin))
        .await
    {
        if worked {
            results.faults.push(format!("{name} works ({why})"));
        } else {
            results.stopped.insert(name);
        }
    }
    if origin != AttackOrigin::Developer {
        for number in 0..10 {
            let file = fixture.project.path(format!("src/f{number}"));
            assert_eq!(fs::read_to_string(file).unwrap(), "kept");
        }
    }
    let config = fs::read_to_string(fixture.project.path(".git/config")).unwrap();
    assert_eq!(config, "[core]\n");
}

/// Returns the sets of guards that are left out together to prove attempts.
fn guard_sets(backend: SandboxBackend, origin: AttackOrigin) -> Vec<&'static [ProtectionLayer]> {
    let mut sets: Vec<&[ProtectionLayer]> = Vec::new();
    for attempt in attempts_by(backend, origin) {
        let guards = attempt.proof.guards();
        if !guards.is_empty() && !sets.contains(&guards) {
            sets.push(guards);
        }
    }
    sets
}

/// An attempt works without all of the guards, and fails with any one of them.
async fn try_without_guards(
    fixture: &RedTeamFixture,
    origin: AttackOrigin,
    guards: &'static [ProtectionLayer],
    results: &mut RedTeamResults,
) {
    let about: Vec<_> = attempts_by(fixture.backend, origin)
        .into_iter()
        .filter(|attempt| attempt.proof.guards() == guards)
        .collect();
    for kept in guards.iter().filter(|_| guards.len() > 1) {
        let left: Vec<ProtectionLayer> = guards
            .iter()
            .copied()
            .filter(|guard| guard != kept)
            .collect();
        for (name, (worked, why)) in fixture.attempt(origin, &left, &about).await {
            if worked {
                let fault = format!("{name} works with {kept:?} alone ({why})");
                results.faults.push(fault);
            }
        }
    }
    let outcomes = fixture.attempt(origin, guards, &about).await;
    results.note_shown(outcomes, &format!("without {guards:?}"));
}

async fn try_unsandboxed(fixture: &RedTeamFixture, results: &mut RedTeamResults) {
    let about: Vec<_> = all_attempts(fixture.backend)
        .iter()
        .filter(|attempt| {
            attempt.proof == AttackProof::Unsandboxed
                || (attempt.proof == AttackProof::UnsandboxedAsRoot && is_root())
        })
        .collect();
    let outcomes = fixture.attempt_bare(&about).await;
    results.note_shown(outcomes, "without a sandbox");
}

/// If `every_attempt_to_get_out_is_stopped` runs as root, it also runs this test as an ordinary
/// user.
pub async fn attempts_of_an_ordinary_user(backend: SandboxBackend) {
    let results = run_all(backend).await;
    for name in &results.stopped {
        println!("STOPPED\t{name}");
    }
    for name in &results.shown {
        println!("SHOWN\t{name}");
    }
    for fault in &results.faults {
        println!("FAULT\t{fault}");
    }
}

/// Runs `attempts_of_an_ordinary_user` as an ordinary user and returns its results.
async fn ordinary_user() -> RedTeamResults {
    let shared = tempfile::tempdir().unwrap();
    make_accessible(shared.path());
    // An ordinary user may be unable to read the build directory.
    let test = shared.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &test).unwrap();
    let eklavya = shared.path().join("eklavya");
    fs::copy(eklavya_program(), &eklavya).unwrap();
    let mut command = process::new_command(&test);
    command
        .args([
            "bubblewrap::redteam::attempts_of_an_ordinary_user",
            "--exact",
            "--ignored",
        ])
        .args(["--nocapture"])
        .env("EKLAVYA_TEST_PROGRAM", &eklavya)
        .env("PATH", "/usr/bin:/bin")
        .current_dir(shared.path())
        .gid(ORDINARY_USER)
        .uid(ORDINARY_USER);
    let output = command.output().await.unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{report}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut results = RedTeamResults::default();
    for line in report.lines() {
        match line.split_once('\t') {
            Some(("STOPPED", name)) => drop(results.stopped.insert(name.to_owned())),
            Some(("SHOWN", name)) => drop(results.shown.insert(name.to_owned())),
            Some(("FAULT", fault)) => results.faults.push(format!("as an ordinary user: {fault}")),
            _ => {}
        }
    }
    results
}

fn make_accessible(directory: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
}

pub async fn every_attempt_to_get_out_is_stopped(backend: SandboxBackend) {
    assert!(ATTEMPTS.len() >= 60);
    let all = all_attempts(backend);
    let names: BTreeSet<&str> = all.iter().map(|attempt| attempt.name).collect();
    assert_eq!(names.len(), all.len(), "two attempts have the same name");
    let (root, user) = match (is_root(), backend.has_own_layers()) {
        (true, true) => {
            let (root, user) = tokio::join!(run_all(backend), ordinary_user());
            (Some(root), Some(user))
        }
        (true, false) => (Some(run_all(backend).await), None),
        (false, _) => (None, Some(run_all(backend).await)),
    };
    let text = result_table(backend, root.as_ref(), user.as_ref());
    println!("{text}");
    let results = root.iter().chain(&user);
    let faults: Vec<&String> = results.flat_map(|results| &results.faults).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    // An ordinary user cannot make the attempts as root.
    let text = if backend.has_own_layers() {
        text.replace(UNTRIED, "stopped")
    } else {
        text
    };
    let name = format!("{backend}_every_attempt_to_get_out_is_stopped");
    insta::assert_snapshot!(name, text);
}
