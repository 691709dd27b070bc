//! Finds secrets in a history before delivery: those that became known only after a commit was
//! accepted.
//!
//! A bundle contains every commit up to its head, so all of them are searched, not only the last.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use secrecy::SecretString;

use crate::error::GitError;
use crate::repository::ProjectRepository;
use crate::secrets::secret_scan::ChangedFile;
use eklavya_core::ids::commit::CommitId;
use eklavya_core::redactor::Redactor;

/// Limit on the number of reported leaks.
const MAX_LEAKS: usize = 20;

/// The secrets to search for, each with a name for people.
#[derive(Debug, Default)]
pub struct SecretSet {
    combined: Redactor,
    named: Vec<(String, Redactor)>,
}

/// A location in a history, for people; it shows no secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeakLocation {
    /// A file of the last commit.
    File(String),
    /// A file of an earlier commit, which the last one has changed or removed.
    Earlier(String, CommitId),
    /// The message or the identities of a commit.
    Message(CommitId),
}

impl fmt::Display for LeakLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LeakLocation::File(path) => f.write_str(path),
            LeakLocation::Earlier(path, commit) => write!(f, "{path} of commit {}", commit.short()),
            LeakLocation::Message(commit) => write!(f, "the message of commit {}", commit.short()),
        }
    }
}

/// Secrets at one location of a history.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretLeak {
    pub place: LeakLocation,
    /// The names of the secrets.
    pub secrets: Vec<String>,
}

impl SecretSet {
    pub fn add(&mut self, name: String, value: SecretString) {
        self.combined.add_secrets([value.clone()]);
        self.named.push((name, Redactor::new([value])));
    }

    fn matching_names(&self, bytes: &[&[u8]]) -> Vec<String> {
        let holds = |known: &Redactor| bytes.iter().any(|bytes| known.contains_secret(bytes));
        let found = self.named.iter().filter(|(_, known)| holds(known));
        let names: BTreeSet<String> = found.map(|(name, _)| name.clone()).collect();
        names.into_iter().collect()
    }
}

/// The contents of a commit's history.
struct HistoryContents {
    commits: BTreeSet<String>,
    /// The files of all commits, with the earliest commit that contains each.
    files: BTreeMap<ChangedFile, CommitId>,
    /// The files of the last commit.
    tip_files: BTreeSet<ChangedFile>,
}

impl ProjectRepository {
    /// Returns the locations of secrets in `tip` and its history: file contents, file names, and
    /// commit messages. At most `MAX_LEAKS` are returned.
    pub async fn find_leaks(
        &self,
        tip: &CommitId,
        secrets: &SecretSet,
    ) -> Result<Vec<SecretLeak>, GitError> {
        if secrets.combined.is_empty() {
            return Ok(Vec::new());
        }
        let contents = self.list_contents(tip).await?;
        let mut objects = contents.commits.clone();
        objects.extend(contents.files.keys().map(|file| file.object.clone()));
        let holding = self.find_holding(objects, &secrets.combined).await?;
        let mut leaks = BTreeSet::new();
        for object in holding.iter().filter(|one| contents.commits.contains(*one)) {
            leaks.insert(self.describe_message_leak(object, secrets).await?);
        }
        for (file, commit) in &contents.files {
            let held = holding.contains(&file.object);
            if leaks.len() < MAX_LEAKS && (held || secrets.combined.contains_secret(&file.path)) {
                leaks.insert(self.describe_leak(file, commit, &contents, secrets).await?);
            }
        }
        Ok(leaks.into_iter().take(MAX_LEAKS).collect())
    }

    async fn describe_message_leak(
        &self,
        commit: &str,
        secrets: &SecretSet,
    ) -> Result<SecretLeak, GitError> {
        let message = self
            .git_command("cat-file")
            .args(["commit", commit])
            .stdout()
            .await?;
        Ok(SecretLeak {
            place: LeakLocation::Message(self.parse_id("cat-file", commit.as_bytes())?),
            secrets: secrets.matching_names(&[&message]),
        })
    }

    async fn list_contents(&self, tip: &CommitId) -> Result<HistoryContents, GitError> {
        let listed = self
            .git_command("rev-list")
            .arg(tip.as_str())
            .stdout()
            .await?;
        let commits = String::from_utf8_lossy(&listed).into_owned();
        let raw = self
            .git_command("diff-tree")
            .args(["--stdin", "-r", "-z", "-m", "--root"])
            .args(["--no-renames", "--raw"])
            .input(listed)
            .stdout()
            .await?;
        let mut files = BTreeMap::new();
        // Newest first, so that the earliest commit remains.
        for (commit, file) in ChangedFile::parse_commits(&raw) {
            files.insert(file, self.parse_id("diff-tree", &commit)?);
        }
        let raw = self
            .git_command("ls-tree")
            .args(["-r", "-z", "--full-tree", tip.as_str()])
            .stdout()
            .await?;
        Ok(HistoryContents {
            commits: commits.lines().map(str::to_owned).collect(),
            files,
            tip_files: ChangedFile::parse_tree(&raw),
        })
    }

    /// Returns those of `objects` in which `known` finds a secret.
    async fn find_holding(
        &self,
        objects: BTreeSet<String>,
        known: &Redactor,
    ) -> Result<BTreeSet<String>, GitError> {
        let mut waiting = vec![objects.into_iter().collect::<Vec<_>>()];
        let mut found = BTreeSet::new();
        while let Some(mut some) = waiting.pop() {
            let request = some.iter().cloned().collect();
            let call = |what: &str| self.git_command(what);
            if found.len() >= MAX_LEAKS
                || !self.any_object_holds_secret(call, request, known).await?
            {
                continue;
            }
            match some.len() {
                0 => {}
                1 => found.extend(some),
                count => {
                    waiting.push(some.split_off(count / 2));
                    waiting.push(some);
                }
            }
        }
        Ok(found)
    }

    async fn describe_leak(
        &self,
        file: &ChangedFile,
        commit: &CommitId,
        contents: &HistoryContents,
        secrets: &SecretSet,
    ) -> Result<SecretLeak, GitError> {
        let call = self.git_command("cat-file").args(["blob", &file.object]);
        let content = call.stdout().await?;
        let path = secrets
            .combined
            .redact_text(&String::from_utf8_lossy(&file.path));
        Ok(SecretLeak {
            place: if contents.tip_files.contains(file) {
                LeakLocation::File(path)
            } else {
                LeakLocation::Earlier(path, commit.clone())
            },
            secrets: secrets.matching_names(&[&content, &file.path]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_repo::TestRepo;

    fn secrets() -> SecretSet {
        let mut secrets = SecretSet::default();
        secrets.add("STRIPE_KEY".to_owned(), "sk-test-4711-secret".into());
        secrets.add("MAIL_PASSWORD".to_owned(), "correct horse".into());
        secrets
    }

    async fn leak_texts(repo: &TestRepo, tip: &CommitId) -> Vec<String> {
        let leaks = repo.repository.find_leaks(tip, &secrets()).await.unwrap();
        let leak_texts = leaks.into_iter().map(|leak| {
            let earliest = leak.place.to_string();
            format!("{} in {earliest}", leak.secrets.join(" and "))
        });
        leak_texts.collect()
    }

    #[tokio::test]
    async fn a_secret_is_found_in_every_file_of_the_last_commit_and_in_every_form() {
        let repo = TestRepo::new().await;
        let files = [
            ("clean", "nothing"),
            ("config/pay.js", "key = 'sk-test-4711-secret'"),
            ("both", "sk-test-4711-secret correct horse"),
            ("encoded", "Y29ycmVjdCBob3JzZQ=="),
            ("correct horse/list", "x"),
        ];
        let tip = repo.commit("first", &files).await;
        let found = leak_texts(&repo, &tip).await;
        assert_eq!(
            found,
            [
                "MAIL_PASSWORD in [secret]/list",
                "MAIL_PASSWORD and STRIPE_KEY in both",
                "STRIPE_KEY in config/pay.js",
                "MAIL_PASSWORD in encoded",
            ]
        );
    }

    #[tokio::test]
    async fn a_removed_secret_is_found_in_the_history() {
        let repo = TestRepo::new().await;
        let first = repo.commit("first", &[("a", "sk-test-4711-secret")]).await;
        let second = repo
            .commit_on(&first, "say correct horse", &[("a", "clean")])
            .await;
        let third = repo
            .commit_on(&second, "third", &[("a", "clean"), ("b", "1")])
            .await;
        let found = leak_texts(&repo, &third).await;
        let (a, b) = (first.short(), second.short());
        assert_eq!(
            found,
            [
                format!("STRIPE_KEY in a of commit {a}"),
                format!("MAIL_PASSWORD in the message of commit {b}"),
            ]
        );
    }

    #[tokio::test]
    async fn a_commit_without_secrets_has_no_leaks_and_many_leaks_are_limited() {
        let repo = TestRepo::new().await;
        let clean = repo.commit("first", &[("a", "1"), ("b", "2")]).await;
        assert_eq!(leak_texts(&repo, &clean).await, Vec::<String>::new());
        let none = SecretSet::default();
        assert_eq!(repo.repository.find_leaks(&clean, &none).await.unwrap(), []);
        let names: Vec<String> = (0..100).map(|number| format!("f{number}")).collect();
        let texts: Vec<String> = names
            .iter()
            .map(|name| format!("{name} correct horse"))
            .collect();
        let paths = names.iter().map(String::as_str);
        let files: Vec<_> = paths.zip(texts.iter().map(String::as_str)).collect();
        let tip = repo.commit_on(&clean, "many", &files).await;
        assert_eq!(leak_texts(&repo, &tip).await.len(), MAX_LEAKS);
    }
}
