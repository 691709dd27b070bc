//! References: reads, and moves by compare and swap.

use std::collections::BTreeMap;

use crate::error::GitError;
use crate::repository::ProjectRepository;
use eklavya_core::ids::commit::CommitId;

impl ProjectRepository {
    /// Returns the commit at the tip of the branch `name`; `None` if it does not exist.
    pub async fn branch_tip(&self, name: &str) -> Result<Option<CommitId>, GitError> {
        self.resolve(&branch_ref(name)?).await
    }

    /// Returns the commit of a full reference name (`refs/...`; a tag is followed) or a full commit
    /// id; `None` if it does not exist.
    pub async fn resolve(&self, name: &str) -> Result<Option<CommitId>, GitError> {
        if name.parse::<CommitId>().is_err() {
            check_ref(name)?;
        }
        let commit = format!("{name}^{{commit}}");
        let call = self
            .git_command("rev-parse")
            .args(["--verify", "--quiet", &commit]);
        let output = call.run().await?;
        match output.status.code() {
            Some(0) => self.parse_id("rev-parse", &output.stdout).map(Some),
            Some(1) => Ok(None),
            _ => Err(output.into_error("rev-parse", self.path())),
        }
    }

    /// Returns the references under `prefix` (such as `refs/eklavya/agents`) and their commits.
    pub async fn list_refs(&self, prefix: &str) -> Result<BTreeMap<String, CommitId>, GitError> {
        check_ref(prefix)?;
        let format = "--format=%(objectname) %(refname)";
        let listed = self
            .git_command("for-each-ref")
            .args([format, prefix])
            .text()
            .await?;
        let entry = |line: &str| {
            let (id, name) = line.split_once(' ').unwrap_or((line, ""));
            Ok((
                name.to_owned(),
                self.parse_id("for-each-ref", id.as_bytes())?,
            ))
        };
        listed.lines().map(entry).collect()
    }

    /// Moves `refname` from `old` (`None`: it must not exist) to `new`.
    ///
    /// Returns false if it had another value, which is not an error.
    ///
    /// # Errors
    /// [`GitError::Fenced`], as for every reference update, if the fence was raised.
    pub async fn compare_and_swap(
        &self,
        refname: &str,
        old: Option<&CommitId>,
        new: &CommitId,
    ) -> Result<bool, GitError> {
        check_ref(refname)?;
        let expected = old.map_or_else(|| new.zeros(), ToString::to_string);
        match self
            .update_ref(&format!("update {refname} {new} {expected}"))
            .await?
        {
            Ok(()) => Ok(true),
            Err(failure) if self.resolve(refname).await?.as_ref() == old => Err(failure),
            Err(_) => Ok(false),
        }
    }

    /// Sets `refname` to `new`, whatever its value. For references that one agent owns; use
    /// [`ProjectRepository::compare_and_swap`] for branches.
    pub async fn set_ref(&self, refname: &str, new: &CommitId) -> Result<(), GitError> {
        check_ref(refname)?;
        self.update_ref(&format!("update {refname} {new}")).await?
    }

    /// Whether `ancestor` is `commit` or one of its ancestors.
    pub async fn is_ancestor(
        &self,
        ancestor: &CommitId,
        commit: &CommitId,
    ) -> Result<bool, GitError> {
        let call = self.git_command("merge-base");
        let output = call
            .args(["--is-ancestor", ancestor.as_str(), commit.as_str()])
            .run()
            .await?;
        match output.status.code() {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(output.into_error("merge-base", self.path())),
        }
    }

    /// Parses the id that git printed.
    pub(crate) fn parse_id(&self, what: &str, printed: &[u8]) -> Result<CommitId, GitError> {
        let text = String::from_utf8_lossy(printed).trim().to_owned();
        CommitId::try_from(text).map_err(|why| GitError::Output {
            what: what.to_owned(),
            place: self.path().to_owned(),
            why: why.to_string(),
        })
    }
}

/// Returns the full name of the branch `name`.
pub(crate) fn branch_ref(name: &str) -> Result<String, GitError> {
    let refname = format!("refs/heads/{name}");
    check_ref(&refname)?;
    Ok(refname)
}

/// Accepts a full reference name: a strict subset of git's rules, so that a name is never parsed as
/// an option, a range or an expression.
pub(crate) fn check_ref(refname: &str) -> Result<(), GitError> {
    let part_is_good = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['.', '-'])
            && !part.ends_with('.')
            && !part.contains("..")
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
            && part.strip_suffix(".lock").is_none()
    };
    let good = refname.len() <= 200
        && refname
            .strip_prefix("refs/")
            .is_some_and(|rest| rest.split('/').all(part_is_good));
    if good {
        Ok(())
    } else {
        Err(GitError::BadName {
            name: refname.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::check_ref;
    use crate::test_repo::TestRepo;

    #[test]
    fn only_plain_reference_names_are_accepted() {
        for good in ["refs/heads/main", "refs/heads/demo/2", "refs/tags/v1.0.0"] {
            assert!(check_ref(good).is_ok(), "{good}");
        }
        let bad = [
            "main",
            "refs/",
            "refs/heads/",
            "refs/heads/-x",
            "refs/heads/a..b",
            "refs/heads/a.lock",
            "refs/heads/.a",
            "refs/heads/a b",
            "refs/heads/a\nb",
            "refs/heads/@{1}",
            "refs/heads/a^",
            "refs//a",
            "--all",
        ];
        for bad in bad {
            assert!(check_ref(bad).is_err(), "{bad:?}");
        }
    }

    #[tokio::test]
    async fn a_lost_race_is_a_result_and_not_an_error() {
        let repo = TestRepo::new().await;
        let [one, two] = [repo.commit("one", &[]).await, repo.commit("two", &[]).await];
        let (repository, name) = (&repo.repository, "refs/heads/topic");
        assert!(repository.compare_and_swap(name, None, &one).await.unwrap());
        assert!(!repository.compare_and_swap(name, None, &two).await.unwrap());
        assert!(
            !repository
                .compare_and_swap(name, Some(&two), &one)
                .await
                .unwrap()
        );
        assert!(
            repository
                .compare_and_swap(name, Some(&one), &two)
                .await
                .unwrap()
        );
        assert_eq!(repository.branch_tip("topic").await.unwrap(), Some(two));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn exactly_one_of_many_concurrent_swaps_wins() {
        let repo = TestRepo::new().await;
        let base = repo.commit("base", &[]).await;
        repo.repository
            .set_ref("refs/heads/main", &base)
            .await
            .unwrap();
        let mut racers = tokio::task::JoinSet::new();
        for number in 0..8 {
            let new = repo.commit(&format!("racer {number}"), &[]).await;
            let (repository, base) = (repo.repository.clone(), base.clone());
            racers.spawn(async move {
                repository
                    .compare_and_swap("refs/heads/main", Some(&base), &new)
                    .await
                    .unwrap()
            });
        }
        let won = racers.join_all().await;
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
    }
}
