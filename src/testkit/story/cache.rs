//! Projects that stories start from: created once by the product, and copied.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::program::{eklavya_program, target_tmpdir};
use crate::story::rehearsal::RehearsalBuilder;
use crate::story::{SLUG, StoryProject};

/// Fills the data directory of `story` with a project that follows `plan` and has reached `stage`:
/// `planned` (the plan is approved) or `demo` (the demo is approved).
pub fn restore_project(story: &StoryProject, stage: &str, plan: &Value) {
    let made = ensure_made(stage, plan);
    copy_tree(&made, story.env.home().as_std_path());
}

fn ensure_made(stage: &str, plan: &Value) -> PathBuf {
    let shelf = cache_directory();
    let mut hasher = DefaultHasher::new();
    (
        stage,
        plan.to_string(),
        RehearsalBuilder::happy_path(plan).text(),
    )
        .hash(&mut hasher);
    let name = format!("{stage}-{:016x}", hasher.finish());
    // Every test is its own process: one creates the project, the others wait.
    let lock = File::create(shelf.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    let ready = shelf.join(&name);
    if !ready.exists() {
        let story = StoryProject::with_new_project(&RehearsalBuilder::happy_path(plan));
        story.ok(&format!("plan {SLUG}"));
        story.ok(&format!("plan approve {SLUG} --yes"));
        if stage == "demo" {
            story.ok(&format!("demo build {SLUG}"));
            story.ok(&format!("demo approve {SLUG} 1 --yes"));
        }
        let half = shelf.join(format!("{name}.half"));
        if half.exists() {
            fs::remove_dir_all(&half).unwrap();
        }
        copy_tree(story.env.home().as_std_path(), &half);
        fs::rename(&half, &ready).unwrap();
    }
    ready
}

/// Returns the cache directory of this build of the product, and removes those of other builds.
fn cache_directory() -> PathBuf {
    let program = fs::metadata(eklavya_program()).unwrap();
    let mut hasher = DefaultHasher::new();
    (program.len(), program.modified().unwrap()).hash(&mut hasher);
    let all = target_tmpdir().unwrap().join("stories");
    let own = all.join(format!("{:016x}", hasher.finish()));
    fs::create_dir_all(&all).unwrap();
    let lock = File::create(all.join("lock")).unwrap();
    lock.lock().unwrap();
    if fs::create_dir(&own).is_ok() {
        for other in fs::read_dir(&all).unwrap().flatten() {
            if other.path().is_dir() && other.path() != own {
                fs::remove_dir_all(other.path()).unwrap();
            }
        }
    }
    own
}

/// Copies a directory with owners, modes and links.
#[expect(clippy::disallowed_methods, reason = "a test copies as a user does")]
fn copy_tree(from: &Path, to: &Path) {
    let done = std::process::Command::new("cp")
        .arg("-a")
        .args([from, to])
        .status();
    assert!(done.unwrap().success(), "cannot copy {}", from.display());
}
