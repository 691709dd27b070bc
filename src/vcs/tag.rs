//! Tags mark what was delivered.

use super::error::VcsError;
use super::identity::Signature;
use super::refs::check_ref;
use super::repository::Repository;
use crate::domain::commit::CommitId;

impl Repository {
    /// Marks `commit` with the annotated tag `name`. Doing it again is fine; the same name for
    /// another commit is [`VcsError::TagTaken`].
    pub async fn tag(
        &self,
        name: &str,
        commit: &CommitId,
        tagger: &Signature,
        message: &str,
    ) -> Result<(), VcsError> {
        let refname = format!("refs/tags/{name}");
        check_ref(&refname)?;
        let call = self
            .call("tag")
            .args(["--annotate", "--no-sign", "--cleanup=verbatim", "--file=-"])
            .args([name, commit.as_str()])
            .env("GIT_COMMITTER_NAME", tagger.identity().name())
            .env("GIT_COMMITTER_EMAIL", tagger.identity().email())
            .env("GIT_COMMITTER_DATE", tagger.date())
            .input(format!("{message}\n").into_bytes());
        // The tag is tried only where none is, and looked at again when that fails: two callers
        // with the same wish both succeed.
        let mut failure = None;
        if self.resolve(&refname).await?.is_none() {
            let answer = call.answer().await?;
            if answer.status.success() {
                return Ok(());
            }
            failure = Some(answer.failure("tag", self.path()));
        }
        match (self.resolve(&refname).await?, failure) {
            (Some(marks), _) if marks == *commit => Ok(()),
            (Some(marks), _) => {
                let (tag, wanted) = (name.to_owned(), commit.clone());
                Err(VcsError::TagTaken { tag, marks, wanted })
            }
            (None, Some(failure)) => Err(failure),
            (None, None) => Err(VcsError::Moved { refname }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::VcsError;
    use crate::vcs::fixture::Bench;

    #[tokio::test]
    async fn a_tag_stays_where_it_is() {
        let bench = Bench::new().await;
        let [one, two] = [
            bench.commit("one", &[]).await,
            bench.commit("two", &[]).await,
        ];
        let (repository, who) = (&bench.repository, Bench::signature());
        repository.tag("v1", &one, &who, "first").await.unwrap();
        repository.tag("v1", &one, &who, "again").await.unwrap();
        let error = repository.tag("v1", &two, &who, "moved").await.unwrap_err();
        assert!(matches!(error, VcsError::TagTaken { .. }), "{error}");
        assert_eq!(repository.resolve("refs/tags/v1").await.unwrap(), Some(one));
        assert!(repository.tag("-d", &two, &who, "option").await.is_err());
    }
}
