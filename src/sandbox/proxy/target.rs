//! Parsing the target of a request.

use hyper::{Method, Uri};

use super::HTTP_PORT;
use eklavya_core::egress::EgressTarget;

/// Returns the target of a request to a proxy: a CONNECT, or a plain request with an absolute URI.
///
/// # Errors
/// Why the request has no valid target, as a text for the client.
pub fn parse_target(method: &Method, uri: &Uri) -> Result<EgressTarget, String> {
    let authority = uri.authority().ok_or("the request has no host")?.as_str();
    if authority.contains('@') {
        return Err("a URL must not contain a user".to_owned());
    }
    // Parsed here, because hyper treats an invalid port like a missing one.
    let target = if method == Method::CONNECT {
        if uri.scheme().is_some() {
            return Err("CONNECT takes a host and a port, not a URL".to_owned());
        }
        EgressTarget::parse(authority)
    } else {
        if uri.scheme_str() != Some("http") {
            return Err("only http is supported here; use CONNECT for everything else".to_owned());
        }
        EgressTarget::parse_or(authority, HTTP_PORT)
    };
    target.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(method: &str, uri: &str) -> Result<String, String> {
        let uri: Uri = uri.parse().map_err(|_| "no URI".to_owned())?;
        parse_target(&method.parse().unwrap(), &uri).map(|target| target.to_string())
    }

    #[test]
    fn a_target_is_parsed_in_the_same_way_for_every_method() {
        for (method, uri, target) in [
            (
                "GET",
                "http://Demo-1.shop.LOCALHOST/a?b",
                "demo-1.shop.localhost:80",
            ),
            ("POST", "http://a.example:8080/", "a.example:8080"),
            ("GET", "http://[::1]/", "[::1]:80"),
            ("CONNECT", "a.example:443", "a.example:443"),
            ("CONNECT", "[::1]:443", "[::1]:443"),
        ] {
            assert_eq!(read(method, uri).as_deref(), Ok(target));
        }
    }

    #[test]
    fn an_invalid_target_is_an_error_with_a_reason() {
        for (method, uri, why) in [
            ("GET", "/", "the request has no host"),
            ("GET", "https://a.example/", "use CONNECT"),
            ("GET", "ftp://a.example/", "use CONNECT"),
            ("GET", "http://u@a.example/", "a user"),
            ("GET", "http://a.example:0/", "not a port from 1 to 65535"),
            (
                "GET",
                "http://a.example:99999/",
                "not a port from 1 to 65535",
            ),
            ("GET", "http://a.example:/", "not a port from 1 to 65535"),
            ("GET", "http://0x7f.1/", "not a host name"),
            ("CONNECT", "a.example", "has no port"),
            ("CONNECT", "u@a.example:80", "a user"),
            ("CONNECT", "http://a.example:80", "not a URL"),
        ] {
            let error = read(method, uri).unwrap_err();
            assert!(error.contains(why), "{method} {uri}: {error}");
        }
    }
}
