//! Authors of commits, with dates.

use jiff::Timestamp;

/// A name and an email address as git records them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitIdentity {
    name: String,
    email: String,
}

/// An identity at a point in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitSignature {
    identity: GitIdentity,
    at: Timestamp,
}

impl GitIdentity {
    /// Returns the identity without the characters that have a meaning in git (`<`, `>`, control
    /// characters, punctuation at the ends); an empty part becomes `unknown`.
    pub fn new(name: &str, email: &str) -> Self {
        Self {
            name: sanitize(name),
            email: sanitize(email).replace(' ', ""),
        }
    }

    /// Returns the orchestrator's identity.
    pub fn orchestrator() -> Self {
        Self::new("Eklavya", "eklavya@localhost")
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn email(&self) -> &str {
        &self.email
    }

    /// Returns this identity at a point in time; git stores whole seconds since 1970.
    pub fn at(self, at: Timestamp) -> GitSignature {
        GitSignature { identity: self, at }
    }
}

impl GitSignature {
    /// Returns the same point in time with another identity.
    pub(crate) fn with_identity(self, identity: GitIdentity) -> Self {
        Self { identity, ..self }
    }

    pub fn identity(&self) -> &GitIdentity {
        &self.identity
    }

    /// Returns the date in the format of `GIT_AUTHOR_DATE`.
    pub(crate) fn date(&self) -> String {
        format!("@{} +0000", self.at.as_second().max(0))
    }

    /// Returns `Name <email> seconds zone`, the format of git's import streams.
    pub(crate) fn line(&self) -> String {
        let GitIdentity { name, email } = &self.identity;
        format!("{name} <{email}> {} +0000", self.at.as_second().max(0))
    }
}

fn sanitize(text: &str) -> String {
    let kept: String = text
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '<' | '>'))
        .collect();
    // Git itself strips these from both ends (`crud` in its ident.c).
    let crud =
        |c: char| c.is_whitespace() || matches!(c, '.' | ',' | ':' | ';' | '"' | '\\' | '\'');
    match kept.trim_matches(crud) {
        "" => "unknown".to_owned(),
        rest => rest.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::GitIdentity;
    use jiff::Timestamp;

    #[test]
    fn a_hostile_name_cannot_break_out_of_the_identity_line() {
        let evil = GitIdentity::new("Mallory <m@x>\n\ncommitter Admin", "a b<c>\0@d");
        assert_eq!(evil.name(), "Mallory m@xcommitter Admin");
        assert_eq!(evil.email(), "abc@d");
        assert_eq!(GitIdentity::new("<>", " . ").name(), "unknown");
        let line = GitIdentity::new("A", "a@b")
            .at(Timestamp::from_second(-5).unwrap())
            .line();
        assert_eq!(line, "A <a@b> 0 +0000");
    }
}
