//! Attempts to get out, from inside, as root and as an ordinary user of the host: all are stopped,
//! and each is shown to work where its guards are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use eklavya_core::domain::role::Role;
use eklavya_core::process;
use eklavya_sandbox::{Guard, Inner, Profile, Sandbox, Spec, is_root};

use self::attempts::{ATTEMPTS, Attempt, Shown, Who};
use self::host::Host;
use crate::isolation;
use crate::support::{Project, exe};

mod attempts;
mod browser;
mod host;

/// An unprivileged user of the host, other than those that agents of root become.
const NOBODY: u32 = 65_534;
/// Size of the temporary file systems; the attempts to fill them write more.
const TMP_BYTES: u64 = 16 << 20;

/// All attempts that there are. A browser has no sandbox but ours.
static ALL: LazyLock<Vec<Attempt>> = LazyLock::new(|| {
    let of_browser = isolation::OURS.then(browser::attempts);
    let all = ATTEMPTS.iter().cloned();
    all.chain(of_browser.into_iter().flatten()).collect()
});

/// What came of an attempt in one sandbox: whether it worked, and what the kernel said.
type Outcomes = BTreeMap<String, (bool, String)>;

/// One user's results: attempts by name.
#[derive(Debug, Default)]
struct Results {
    stopped: BTreeSet<String>,
    /// Those that were shown to work without their guards.
    shown: BTreeSet<String>,
    /// What is not as it should be.
    faults: Vec<String>,
}

/// The places of a run: one project, and what is around it on the host.
struct Ground {
    project: Project,
    bare: Sandbox,
    host: Host,
}

impl Ground {
    async fn new() -> Self {
        let project = Project::new().await;
        let host = Host::new(&project).await;
        Self {
            project,
            bare: Sandbox::none(exe()),
            host,
        }
    }

    /// Puts the files that the attempts are about into the clone, which an earlier attempt may have
    /// changed. They belong to the agent, so that nothing but the walls protects them.
    fn stock(&self) {
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
        self.project.own();
    }

    fn spec(&self, who: Who, without: &[Guard]) -> Spec {
        let mut spec = match who {
            Who::Developer => self.project.spec(Profile::Agent(Role::Developer)),
            Who::Browser => self.project.spec(Profile::Browser),
            Who::Architect => {
                let programs: Vec<&str> = ["/usr/bin/perl"]
                    .into_iter()
                    .chain(isolation::PERL_LIBRARY)
                    .collect();
                self.project.probing(Role::Architect, &programs)
            }
        };
        spec.tmp_bytes = TMP_BYTES;
        spec.door = Some(self.project.dirs.door.clone());
        spec.without = without.to_vec();
        spec
    }

    /// Tries `attempts` in one sandbox.
    async fn attempt(&self, who: Who, without: &[Guard], attempts: &[&Attempt]) -> Outcomes {
        self.stock();
        let spec = self.spec(who, without);
        self.run(&self.project.sandbox, &spec, attempts).await
    }

    /// Tries `attempts` without a sandbox.
    async fn attempt_bare(&self, attempts: &[&Attempt]) -> Outcomes {
        self.stock();
        let spec = self.spec(Who::Developer, &[]);
        self.run(&self.bare, &spec, attempts).await
    }

    async fn run(&self, sandbox: &Sandbox, spec: &Spec, attempts: &[&Attempt]) -> Outcomes {
        let perl = Path::new("/usr/bin/perl").canonicalize().unwrap();
        let script = self.host.script(attempts);
        let mut inner = Inner::new(perl, ["-e", &script]).env("PATH", "/usr/bin:/bin");
        if let (Some(library), true) = (isolation::PERL_LIBRARY, spec.tool_binaries.len() > 1) {
            let real = Path::new(library).canonicalize().unwrap();
            inner = inner.env("LD_PRELOAD", real);
        }
        let streams = eklavya_sandbox::Streams {
            stdin: std::process::Stdio::null(),
            ..eklavya_sandbox::Streams::piped()
        };
        let mut child = sandbox.spawn(spec, inner, streams).await.unwrap();
        let said = crate::support::output(&mut child).await;
        let exit = child.wait().await.unwrap();
        let outcomes: Outcomes = said.lines().filter_map(outcome).collect();
        assert!(
            exit.is_success() && outcomes.len() == attempts.len(),
            "{exit:?}, {} of {}: {said}",
            outcomes.len(),
            attempts.len()
        );
        outcomes
    }
}

fn outcome(line: &str) -> Option<(String, (bool, String))> {
    let mut words = line.split('\t');
    let (name, result, why) = (words.next()?, words.next()?, words.next()?);
    Some((name.to_owned(), (result == "works", why.to_owned())))
}

fn harmless(attempt: &Attempt) -> Option<&'static str> {
    let mut all = isolation::HARMLESS.iter();
    all.find_map(|(name, reason)| (*name == attempt.name).then_some(*reason))
}

fn by(who: Who) -> Vec<&'static Attempt> {
    ALL.iter()
        .filter(|known| known.who == who && harmless(known).is_none())
        .collect()
}

async fn suite() -> Results {
    let ground = Ground::new().await;
    let mut results = Results::default();
    let all = [Who::Developer, Who::Architect, Who::Browser];
    for who in all.into_iter().filter(|who| !by(*who).is_empty()) {
        all_guards(&ground, who, &mut results).await;
        if isolation::OURS {
            for guards in sets(who) {
                without(&ground, who, guards, &mut results).await;
            }
        }
    }
    bare(&ground, &mut results).await;
    results
}

/// The sandbox as it is: nothing works, and nothing was changed that the role may not change.
async fn all_guards(ground: &Ground, who: Who, results: &mut Results) {
    for (name, (worked, why)) in ground.attempt(who, &[], &by(who)).await {
        if worked {
            results.faults.push(format!("{name} works ({why})"));
        } else {
            results.stopped.insert(name);
        }
    }
    if who != Who::Developer {
        for number in 0..10 {
            let file = ground.project.path(format!("src/f{number}"));
            assert_eq!(fs::read_to_string(file).unwrap(), "kept");
        }
    }
    let config = fs::read_to_string(ground.project.path(".git/config")).unwrap();
    assert_eq!(config, "[core]\n");
}

/// Returns the guards that are left out together to show something.
fn sets(who: Who) -> Vec<&'static [Guard]> {
    let mut sets: Vec<&[Guard]> = Vec::new();
    for attempt in by(who) {
        let guards = attempt.shown.guards();
        if !guards.is_empty() && !sets.contains(&guards) {
            sets.push(guards);
        }
    }
    sets
}

/// Without all of the guards it works; with any one of them it does not.
async fn without(ground: &Ground, who: Who, guards: &'static [Guard], results: &mut Results) {
    let about: Vec<_> = by(who)
        .into_iter()
        .filter(|attempt| attempt.shown.guards() == guards)
        .collect();
    for kept in guards.iter().filter(|_| guards.len() > 1) {
        let left: Vec<Guard> = guards
            .iter()
            .copied()
            .filter(|guard| guard != kept)
            .collect();
        for (name, (worked, why)) in ground.attempt(who, &left, &about).await {
            if worked {
                let fault = format!("{name} works with {kept:?} alone ({why})");
                results.faults.push(fault);
            }
        }
    }
    let outcomes = ground.attempt(who, guards, &about).await;
    results.note_shown(outcomes, &format!("without {guards:?}"));
}

async fn bare(ground: &Ground, results: &mut Results) {
    let about: Vec<_> = ALL
        .iter()
        .filter(|attempt| {
            attempt.shown == Shown::Bare || (attempt.shown == Shown::BareAsRoot && is_root())
        })
        .collect();
    let outcomes = ground.attempt_bare(&about).await;
    results.note_shown(outcomes, "without a sandbox");
}

impl Results {
    fn note_shown(&mut self, outcomes: Outcomes, how: &str) {
        for (name, (worked, why)) in outcomes {
            if worked {
                self.shown.insert(name);
            } else if !depends_on_the_kernel(&name) {
                let fault = format!("{name} does not work {how} ({why})");
                self.faults.push(fault);
            }
        }
    }
}

fn depends_on_the_kernel(name: &str) -> bool {
    let attempt = ALL.iter().find(|known| known.name == name).unwrap();
    matches!(attempt.shown, Shown::WhereKnown(_))
}

/// Run by itself as an ordinary user, by the test below where that one is root.
#[tokio::test]
#[ignore = "a part of `every_attempt_to_get_out_is_stopped`"]
async fn as_an_ordinary_user() {
    let results = suite().await;
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

/// Runs the test above as somebody who is not root.
async fn ordinary_user() -> Results {
    let place = tempfile::tempdir().unwrap();
    open(place.path());
    // Where the programs were built, that user may not be able to go.
    let test = place.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &test).unwrap();
    let eklavya = place.path().join("eklavya");
    fs::copy(env!("CARGO_BIN_EXE_eklavya"), &eklavya).unwrap();
    let mut command = process::command(&test);
    command
        .args(["redteam::as_an_ordinary_user", "--exact", "--ignored"])
        .args(["--nocapture"])
        .env("EKLAVYA_TEST_PROGRAM", &eklavya)
        .env("PATH", "/usr/bin:/bin")
        .current_dir(place.path())
        .gid(NOBODY)
        .uid(NOBODY);
    let output = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut results = Results::default();
    for line in said.lines() {
        match line.split_once('\t') {
            Some(("STOPPED", name)) => drop(results.stopped.insert(name.to_owned())),
            Some(("SHOWN", name)) => drop(results.shown.insert(name.to_owned())),
            Some(("FAULT", fault)) => results.faults.push(format!("as an ordinary user: {fault}")),
            _ => {}
        }
    }
    results
}

fn open(directory: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
}

/// What the table says of one who has not tried.
const UNTRIED: &str = "not tried";

fn table(root: Option<&Results>, user: Option<&Results>) -> String {
    let mut text = format!("{} attempts\n", ALL.len());
    for attempt in ALL.iter() {
        let of = |results: &Results| {
            if results.stopped.contains(attempt.name) {
                "stopped"
            } else {
                "WORKS"
            }
        };
        let shown = match attempt.shown {
            Shown::Without(_) | Shown::WhereKnown(_) if !isolation::OURS => {
                "see bubblewrap's table"
            }
            Shown::Without(_) => "works without them",
            Shown::WhereKnown(_) => "works without them where the kernel has it",
            Shown::Bare => "works without a sandbox",
            Shown::BareAsRoot => "works without a sandbox, as root",
            Shown::No(reason) => reason,
        };
        let (root, user) = (root.map_or(UNTRIED, of), user.map_or(UNTRIED, of));
        let (name, guard) = (attempt.name, attempt.guard);
        if let Some(reason) = harmless(attempt) {
            writeln!(text, "{name} | harmless: {reason}").unwrap();
            continue;
        }
        writeln!(text, "{name} | {guard} | {root} | {user} | {shown}").unwrap();
    }
    text
}

#[tokio::test]
async fn every_attempt_to_get_out_is_stopped() {
    assert!(ATTEMPTS.len() >= 60);
    let names: BTreeSet<&str> = ALL.iter().map(|attempt| attempt.name).collect();
    assert_eq!(names.len(), ALL.len(), "two have one name");
    let (root, user) = match (is_root(), isolation::OURS) {
        (true, true) => {
            let (root, user) = tokio::join!(suite(), ordinary_user());
            (Some(root), Some(user))
        }
        (true, false) => (Some(suite().await), None),
        (false, _) => (None, Some(suite().await)),
    };
    let text = table(root.as_ref(), user.as_ref());
    println!("{text}");
    let results = root.iter().chain(&user);
    let faults: Vec<&String> = results.flat_map(|results| &results.faults).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    // Who is not root cannot try it as root.
    let text = if isolation::OURS {
        text.replace(UNTRIED, "stopped")
    } else {
        text
    };
    insta::assert_snapshot!(text);
}
