//! Tags that mark deliveries.

use super::refs::check_ref;
use crate::error::GitError;
use crate::identity::GitSignature;
use crate::repository::ProjectRepository;
use eklavya_core::ids::commit::CommitId;

impl ProjectRepository {
    /// Marks `commit` with the annotated tag `name`. Idempotent; [`GitError::TagTaken`] if the tag
    /// marks another commit.
    pub async fn create_tag(
        &self,
        name: &str,
        commit: &CommitId,
        tagger: &GitSignature,
        message: &str,
    ) -> Result<(), GitError> {
        let refname = format!("refs/tags/{name}");
        check_ref(&refname)?;
        // The tag is created only if it does not exist, and read again if that fails: two callers
        // with the same request both succeed.
        let mut failure = None;
        if self.resolve(&refname).await?.is_none() {
            let content = format!(
                "object {commit}\ntype commit\ntag {name}\ntagger {}\n\n{message}\n",
                tagger.line()
            );
            match self.write_tag(&refname, content).await? {
                Ok(()) => return Ok(()),
                Err(why) => failure = Some(why),
            }
        }
        match (self.resolve(&refname).await?, failure) {
            (Some(marks), _) if marks == *commit => Ok(()),
            (Some(marks), _) => {
                let (tag, wanted) = (name.to_owned(), commit.clone());
                Err(GitError::TagTaken { tag, marks, wanted })
            }
            (None, Some(failure)) => Err(failure),
            (None, None) => Err(GitError::Moved { refname }),
        }
    }

    /// The inner error is git's answer if the tag could not be created, for example because it exists.
    async fn write_tag(
        &self,
        refname: &str,
        content: String,
    ) -> Result<Result<(), GitError>, GitError> {
        let call = self
            .git_command("hash-object")
            .args(["-t", "tag", "-w", "--stdin"]);
        let id = call.input(content.into_bytes()).stdout().await?;
        let id = self.parse_id("hash-object", &id)?;
        let none = id.zeros();
        self.update_ref(&format!("update {refname} {id} {none}"))
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::GitError;
    use crate::test_repo::TestRepo;

    #[tokio::test]
    async fn an_existing_tag_is_not_moved() {
        let repo = TestRepo::new().await;
        let [one, two] = [repo.commit("one", &[]).await, repo.commit("two", &[]).await];
        let (repository, who) = (&repo.repository, TestRepo::signature());
        repository
            .create_tag("v1", &one, &who, "first")
            .await
            .unwrap();
        repository
            .create_tag("v1", &one, &who, "again")
            .await
            .unwrap();
        let error = repository
            .create_tag("v1", &two, &who, "moved")
            .await
            .unwrap_err();
        assert!(matches!(error, GitError::TagTaken { .. }), "{error}");
        assert_eq!(repository.resolve("refs/tags/v1").await.unwrap(), Some(one));
        assert!(
            repository
                .create_tag("-d", &two, &who, "option")
                .await
                .is_err()
        );
    }
}
