//! The fence of the repository: a worker that has lost its lease can no longer move references.
//!
//! `refs/eklavya/fence` contains the number of the newest lease. Every reference update by a fenced
//! [`ProjectRepository`] verifies it in git's own transaction, which holds it locked.

use crate::error::GitError;
use crate::repository::ProjectRepository;

/// The reference to the blob that contains the number.
const FENCE: &str = "refs/eklavya/fence";
/// How often another process may raise the fence at the same moment.
const MAX_ATTEMPTS: u32 = 20;

impl ProjectRepository {
    /// Raises the fence to `number` and returns the repository with this fence.
    ///
    /// # Errors
    /// [`GitError::Fenced`] if the fence is already higher.
    pub async fn raise_fence(&self, number: i64) -> Result<Self, GitError> {
        for _ in 0..MAX_ATTEMPTS {
            let (found, standing) = self.read_fence().await?;
            if standing > number {
                return Err(self.fenced_error());
            }
            let id = self.write_fence_blob(number).await?;
            if standing == number || self.swap_fence(&id, found.as_deref()).await? {
                return Ok(self.with_fence(id));
            }
        }
        Err(GitError::Moved {
            refname: FENCE.to_owned(),
        })
    }

    /// Runs one command of `git update-ref --stdin`; a fenced repository verifies its fence.
    ///
    /// Returns false if the reference did not have the expected value.
    ///
    /// # Errors
    /// [`GitError::Fenced`] if the fence was raised.
    pub(crate) async fn update_ref(&self, command: &str) -> Result<Result<(), GitError>, GitError> {
        let text = match self.fence() {
            None => format!("{command}\n"),
            Some(id) => format!("start\nverify {FENCE} {id}\n{command}\nprepare\ncommit\n"),
        };
        let call = self.git_command("update-ref").arg("--stdin");
        let output = call.input(text.into_bytes()).run().await?;
        if output.status.success() {
            return Ok(Ok(()));
        }
        if let Some(id) = self.fence()
            && self.read_fence_id().await?.as_deref() != Some(id)
        {
            return Err(self.fenced_error());
        }
        Ok(Err(output.into_error("update-ref", self.path())))
    }

    async fn swap_fence(&self, id: &str, before: Option<&str>) -> Result<bool, GitError> {
        let none = "0".repeat(id.len());
        let command = format!("update {FENCE} {id} {}\n", before.unwrap_or(&none));
        let call = self.git_command("update-ref").arg("--stdin");
        let output = call.input(command.into_bytes()).run().await?;
        if output.status.success() {
            return Ok(true);
        }
        if self.read_fence_id().await?.as_deref() == before {
            return Err(output.into_error("update-ref", self.path()));
        }
        Ok(false)
    }

    async fn write_fence_blob(&self, number: i64) -> Result<String, GitError> {
        let call = self.git_command("hash-object").args(["-w", "--stdin"]);
        let made = call
            .input(format!("{number}\n").into_bytes())
            .stdout()
            .await?;
        Ok(self.parse_id("hash-object", &made)?.to_string())
    }

    /// Returns the object and the number of the fence; 0 if it does not exist yet.
    async fn read_fence(&self) -> Result<(Option<String>, i64), GitError> {
        let Some(id) = self.read_fence_id().await? else {
            return Ok((None, 0));
        };
        let text = self
            .git_command("cat-file")
            .args(["blob", &id])
            .text()
            .await?;
        match text.parse() {
            Ok(number) => Ok((Some(id), number)),
            Err(_) => Err(GitError::Output {
                what: "cat-file".to_owned(),
                place: self.path().to_owned(),
                why: format!("{FENCE} does not contain a number"),
            }),
        }
    }

    async fn read_fence_id(&self) -> Result<Option<String>, GitError> {
        let call = self
            .git_command("rev-parse")
            .args(["--verify", "--quiet", FENCE]);
        let output = call.run().await?;
        match output.status.code() {
            Some(0) => Ok(Some(
                self.parse_id("rev-parse", &output.stdout)?.to_string(),
            )),
            Some(1) => Ok(None),
            _ => Err(output.into_error("rev-parse", self.path())),
        }
    }

    fn fenced_error(&self) -> GitError {
        GitError::Fenced {
            place: self.path().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::GitError;
    use crate::test_repo::TestRepo;

    #[tokio::test]
    async fn a_raised_fence_blocks_writers_with_a_lower_fence() {
        let repo = TestRepo::new().await;
        let [one, two] = [repo.commit("one", &[]).await, repo.commit("two", &[]).await];
        let old = repo.repository.raise_fence(3).await.unwrap();
        let main = "refs/heads/main";
        assert!(old.compare_and_swap(main, None, &one).await.unwrap());
        let new = repo.repository.raise_fence(4).await.unwrap();
        let fenced = |error: GitError| matches!(error, GitError::Fenced { .. });
        let moved = old.compare_and_swap(main, Some(&one), &two).await;
        assert!(fenced(moved.unwrap_err()));
        assert!(fenced(
            old.set_ref("refs/eklavya/agents/a", &two)
                .await
                .unwrap_err()
        ));
        let who = TestRepo::signature();
        assert!(fenced(
            old.create_tag("v1", &one, &who, "x").await.unwrap_err()
        ));
        assert!(fenced(repo.repository.raise_fence(3).await.unwrap_err()));
        assert_eq!(new.branch_tip("main").await.unwrap(), Some(one.clone()));
        assert_eq!(new.list_refs("refs/tags").await.unwrap().len(), 0);
        // The same repository without a fence shows what the fence prevents.
        let free = repo.repository.clone();
        assert!(free.compare_and_swap(main, Some(&one), &two).await.unwrap());
        assert!(new.compare_and_swap(main, Some(&two), &one).await.unwrap());
    }

    #[tokio::test]
    async fn a_lease_may_raise_its_own_fence_again_and_a_lost_race_is_no_error() {
        let repo = TestRepo::new().await;
        let one = repo.commit("one", &[]).await;
        repo.repository.raise_fence(1).await.unwrap();
        let own = repo.repository.raise_fence(1).await.unwrap();
        let name = "refs/heads/topic";
        assert!(own.compare_and_swap(name, None, &one).await.unwrap());
        assert!(!own.compare_and_swap(name, None, &one).await.unwrap());
        assert_eq!(own.branch_tip("topic").await.unwrap(), Some(one));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn writers_of_one_lease_wait_for_one_another() {
        let repo = TestRepo::new().await;
        let one = repo.commit("one", &[]).await;
        let own = repo.repository.raise_fence(1).await.unwrap();
        let mut writers = tokio::task::JoinSet::new();
        for number in 0..6 {
            let (own, one) = (own.clone(), one.clone());
            writers.spawn(async move {
                let name = format!("refs/eklavya/agents/{number}");
                own.set_ref(&name, &one).await.unwrap();
            });
        }
        writers.join_all().await;
        assert_eq!(own.list_refs("refs/eklavya/agents").await.unwrap().len(), 6);
    }
}
