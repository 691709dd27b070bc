//! Project slugs: the short names that people type.

/// The longest slug: it is used as a directory name and a host label.
pub(crate) const MAX_LENGTH: usize = 40;

/// Subcommands that take the place of a slug on the command line.
const RESERVED: [&str; 7] = ["show", "approve", "reject", "build", "list", "help", "all"];

/// Why a text is not a slug.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSlug {
    /// It is empty or has other characters.
    #[error(
        "{0:?} is not a project slug: use lower-case letters, digits and single hyphens, at most 40, starting with a letter"
    )]
    Format(String),
    /// It is a subcommand.
    #[error("a project cannot be called {0:?}: it is a subcommand")]
    Reserved(String),
}

/// Checks that `text` is a valid slug.
pub fn check(text: &str) -> Result<(), InvalidSlug> {
    let letters = text
        .bytes()
        .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    let starts = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    if !letters || !starts || text.len() > MAX_LENGTH || text.contains("--") || text.ends_with('-')
    {
        return Err(InvalidSlug::Format(text.chars().take(80).collect()));
    }
    if RESERVED.contains(&text) {
        return Err(InvalidSlug::Reserved(text.to_owned()));
    }
    Ok(())
}

/// Returns a slug derived from a project's name: `Coffee Shop!` becomes `coffee-shop`.
///
/// # Errors
/// [`InvalidSlug`] if no usable characters remain; the caller then asks for a slug.
pub fn from_name(name: &str) -> Result<String, InvalidSlug> {
    let mut slug = String::new();
    for letter in name.chars() {
        if letter.is_ascii_alphanumeric() {
            slug.push(letter.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let start = slug
        .find(|c: char| c.is_ascii_lowercase())
        .unwrap_or(slug.len());
    let slug: String = slug[start..].chars().take(MAX_LENGTH).collect();
    let slug = slug.trim_end_matches('-').to_owned();
    check(&slug).map_err(|_| InvalidSlug::Format(name.chars().take(80).collect()))?;
    Ok(slug)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_slugs() {
        assert_eq!(from_name("Coffee Shop!").unwrap(), "coffee-shop");
        assert_eq!(from_name("  2nd -- Café  ").unwrap(), "nd-caf");
        assert!(from_name("日本").is_err());
        assert!(from_name("Show").is_err());
    }

    #[test]
    fn invalid_slugs_are_refused() {
        for text in [
            "",
            "-a",
            "a-",
            "a--b",
            "A",
            "../x",
            "a b",
            "1a",
            &"a".repeat(41),
        ] {
            assert!(check(text).is_err(), "{text}");
        }
        assert!(check(&"a".repeat(40)).is_ok());
    }
}
