//! The environment variables with which programs find the proxy at the door.

use std::ffi::{OsStr, OsString};

use super::seccomp::AllowedSockets;

/// The hosts that programs reach without the proxy: the sandbox's own loopback.
const DIRECT: &str = "localhost,127.0.0.1,::1";
/// The same for a sandbox in which only the door can listen on the loopback. `localhost` is not in
/// the list, because most programs match every name that ends in it, as the names of previews do.
const DIRECT_WITHOUT_SERVERS: &str = "127.0.0.1,::1";

/// Returns the variables for a proxy at `port` of the sandbox's 127.0.0.1, for a program that may
/// create these sockets.
///
/// Programs disagree on upper and lower case; curl reads `http_proxy` in lower case only.
pub(crate) fn proxy_variables(
    login: &OsStr,
    port: u16,
    sockets: Option<AllowedSockets>,
) -> Vec<(&'static str, OsString)> {
    let mut url = OsString::from("http://");
    url.push(login);
    url.push(format!("@127.0.0.1:{port}"));
    let proxies = [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
    ];
    let direct = match sockets {
        Some(AllowedSockets::Tcp) => DIRECT_WITHOUT_SERVERS,
        Some(AllowedSockets::Local) | None => DIRECT,
    };
    let direct = ["NO_PROXY", "no_proxy"].map(|name| (name, direct.into()));
    let proxies = proxies.map(|name| (name, url.clone()));
    proxies.into_iter().chain(direct).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxy_variables_in_both_cases_name_the_door_and_exclude_the_loopback() {
        let of = |sockets, wanted: &str| {
            let variables = proxy_variables(OsStr::new("agent:key"), 4321, sockets);
            let found = variables.iter().find(|(name, _)| *name == wanted).unwrap();
            found.1.to_str().unwrap().to_owned()
        };
        let local = Some(AllowedSockets::Local);
        assert_eq!(of(local, "https_proxy"), "http://agent:key@127.0.0.1:4321");
        assert_eq!(of(local, "HTTP_PROXY"), of(local, "https_proxy"));
        assert_eq!(of(local, "NO_PROXY"), "localhost,127.0.0.1,::1");
        assert_eq!(of(Some(AllowedSockets::Tcp), "no_proxy"), "127.0.0.1,::1");
    }
}
