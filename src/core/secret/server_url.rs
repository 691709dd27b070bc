//! Server URLs, like `postgres://user@host:5432/database`: parsing, and redaction for display.

use url::{ParseError, Url};

/// Query parameters that locate the server; all others may be secret.
const SHOWN_PARAMETERS: [&str; 4] = ["host", "hostaddr", "port", "sslmode"];

/// Parses a URL. If only the query names the host, for example as the directory of a socket
/// (`postgres://user@/database?host=/run/postgresql`), the URL gets the host `localhost`, because
/// it could not be parsed without a host.
pub fn parse(text: &str) -> Result<Url, ParseError> {
    match Url::parse(text) {
        Err(ParseError::EmptyHost) => Url::parse(&insert_host(text).ok_or(ParseError::EmptyHost)?),
        parsed => parsed,
    }
}

fn insert_host(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let (user, path) = rest.split_once("@/")?;
    let in_query = path.contains("?host=") || path.contains("&host=");
    (in_query && !user.contains(['/', '?', '#']))
        .then(|| format!("{scheme}://{user}@localhost/{path}"))
}

/// Returns a URL for display: without its password and without query parameters that may be secret.
pub fn redact(url: &Url) -> Url {
    let mut shown = url.clone();
    // A URL with a host can always be without a password.
    let _ = shown.set_password(None);
    shown.set_fragment(None);
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(name, _)| SHOWN_PARAMETERS.contains(&&**name))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let texts: Vec<String> = kept
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    shown.set_query((!texts.is_empty()).then(|| texts.join("&")).as_deref());
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_url_may_omit_the_host() {
        let url = parse("postgres://me:pw@/shop?sslmode=disable&host=/run/pg").unwrap();
        assert_eq!(url.host_str(), Some("localhost"));
        assert_eq!(url.path(), "/shop");
        assert!(parse("postgres://me@/shop").is_err());
        assert!(parse("postgres://me@a/b@/shop?host=/x").is_ok_and(|u| u.host_str() == Some("a")));
    }

    #[test]
    fn a_redacted_url_keeps_the_server_and_no_secret() {
        for (url, expected) in [
            (
                "postgres://me:pw@db:5432/shop",
                "postgres://me@db:5432/shop",
            ),
            (
                "postgres://me@db/shop?password=pw&host=/run/pg&sslkey=pw#pw",
                "postgres://me@db/shop?host=/run/pg",
            ),
            ("redis://:pw@cache/0", "redis://cache/0"),
        ] {
            assert_eq!(redact(&Url::parse(url).unwrap()).as_str(), expected);
        }
    }
}
