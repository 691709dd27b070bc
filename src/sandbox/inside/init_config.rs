//! What `sandbox-init` has to do, as a value and as command-line words.
//!
//! Outside, a sandbox's specification is turned into an [`InitConfig`] and written as words; inside,
//! the words are parsed. Both sides belong to the same binary, so the words have no version.

use std::ffi::OsString;

use super::confinement::Confinement;
use super::door::DoorForwarding;
use super::landlock_rules::LandlockRules;
use super::resource_limits::ResourceLimits;
use super::seccomp::AllowedSockets;

/// The only argument of `sandbox-init` in a container: the relay sends the configuration over the
/// link.
pub(crate) const TAKE_OVER: &str = "docker";

const LIMITS: &str = "limits";
const FILE_LIMITS: &str = "file-limits";
const SOCKETS_TCP: &str = "sockets-tcp";
const SOCKETS_LOCAL: &str = "sockets-local";
const LANDLOCK: &str = "landlock";

/// What surrounds `sandbox-init`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enclosure {
    /// The namespaces that bubblewrap made.
    Sandbox,
    /// A container, whose processes the engine counts.
    Container,
    /// Nothing: it runs on the host (`--no-sandbox`).
    Host,
}

impl Enclosure {
    const ALL: [Self; 3] = [Enclosure::Sandbox, Enclosure::Container, Enclosure::Host];

    fn keyword(self) -> &'static str {
        match self {
            Enclosure::Sandbox => "sandbox",
            Enclosure::Container => "container",
            Enclosure::Host => "nothing",
        }
    }
}

/// What `sandbox-init` has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InitConfig {
    pub enclosure: Enclosure,
    pub door: DoorForwarding,
    pub limits: ResourceLimits,
    pub confinement: Confinement,
    pub program: OsString,
    pub args: Vec<OsString>,
}

impl InitConfig {
    /// Returns the words in the order in which [`InitConfig::parse`] reads them.
    pub(crate) fn to_words(&self) -> Vec<OsString> {
        let mut words = vec![OsString::from(self.enclosure.keyword())];
        words.extend(self.door.to_words());
        words.extend(self.limits_word().map(OsString::from));
        words.extend(self.sockets_word().map(OsString::from));
        if let Some(rules) = &self.confinement.landlock {
            words.push(LANDLOCK.into());
            words.extend(rules.to_words());
        }
        words.push("--".into());
        words.push(self.program.clone());
        words.extend(self.args.iter().cloned());
        words
    }

    fn limits_word(&self) -> Option<&'static str> {
        match self.limits {
            ResourceLimits::Nothing => None,
            ResourceLimits::Files => Some(FILE_LIMITS),
            ResourceLimits::All => Some(LIMITS),
        }
    }

    fn sockets_word(&self) -> Option<&'static str> {
        self.confinement.sockets.map(|sockets| match sockets {
            AllowedSockets::Tcp => SOCKETS_TCP,
            AllowedSockets::Local => SOCKETS_LOCAL,
        })
    }

    /// Parses all of `words`; `None` if any of them is unknown or missing.
    pub(crate) fn parse(words: &[OsString]) -> Option<Self> {
        let (enclosure, rest) = words.split_first()?;
        let enclosure = Enclosure::ALL
            .into_iter()
            .find(|known| enclosure == known.keyword())?;
        let (door, rest) = DoorForwarding::parse(rest)?;
        let end = rest.iter().position(|word| word == "--")?;
        let (program, args) = rest[end + 1..].split_first()?;
        let (limits, confinement) = parse_confinement(&rest[..end])?;
        Some(Self {
            enclosure,
            door,
            limits,
            confinement,
            program: program.clone(),
            args: args.to_vec(),
        })
    }
}

fn parse_confinement(words: &[OsString]) -> Option<(ResourceLimits, Confinement)> {
    let (mut limits, mut confinement) = (ResourceLimits::Nothing, Confinement::default());
    let mut rest = words;
    while let [word, after @ ..] = rest {
        rest = after;
        match word.to_str()? {
            LIMITS => limits = ResourceLimits::All,
            FILE_LIMITS => limits = ResourceLimits::Files,
            SOCKETS_TCP => confinement.sockets = Some(AllowedSockets::Tcp),
            SOCKETS_LOCAL => confinement.sockets = Some(AllowedSockets::Local),
            LANDLOCK => {
                confinement.landlock = Some(LandlockRules::parse(rest)?);
                rest = &[];
            }
            _ => return None,
        }
    }
    Some((limits, confinement))
}

#[cfg(test)]
mod tests {
    use super::super::landlock_rules::PathAccess;
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn the_words_of_a_configuration_are_parsed() {
        let config = InitConfig::parse(&words("sandbox gateway /d -- claude -p -- x")).unwrap();
        assert_eq!(config.enclosure, Enclosure::Sandbox);
        assert_eq!(config.door, DoorForwarding::Gateway("/d".into()));
        assert_eq!(config.program, "claude");
        assert_eq!(config.args, ["-p", "--", "x"]);
        assert_eq!(config.confinement, Confinement::default());
        let config = InitConfig::parse(&words("sandbox proxy /d -- x")).unwrap();
        assert_eq!(config.door, DoorForwarding::Proxy("/d".into()));
        let config = InitConfig::parse(&words("nothing web /d 80 -- x")).unwrap();
        assert_eq!(
            (config.enclosure, config.door),
            (Enclosure::Host, DoorForwarding::Web("/d".into(), 80))
        );
    }

    #[test]
    fn every_configuration_parses_from_its_own_words() {
        let landlock = LandlockRules {
            min_level: 3,
            paths: vec![(PathAccess::Write, "/-- landlock".into())],
            door_only: true,
        };
        let doors = [
            DoorForwarding::Closed,
            DoorForwarding::Gateway("/d".into()),
            DoorForwarding::Proxy("/d".into()),
            DoorForwarding::Web("/d".into(), 80),
        ];
        let limits = [
            ResourceLimits::Nothing,
            ResourceLimits::Files,
            ResourceLimits::All,
        ];
        let sockets = [None, Some(AllowedSockets::Tcp), Some(AllowedSockets::Local)];
        for (index, enclosure) in Enclosure::ALL.into_iter().enumerate() {
            for door in &doors {
                let config = InitConfig {
                    enclosure,
                    door: door.clone(),
                    limits: limits[index],
                    confinement: Confinement {
                        landlock: (index > 0).then(|| landlock.clone()),
                        sockets: sockets[index],
                    },
                    program: "x".into(),
                    args: words("-- limits"),
                };
                assert_eq!(InitConfig::parse(&config.to_words()), Some(config));
            }
        }
    }

    #[test]
    fn malformed_words_are_refused() {
        for text in [
            "",
            "--",
            "nothing --",
            "nothing closed",
            "nothing open -- x",
            "x closed -- x",
            "nothing web /d 70000 -- x",
            "sandbox closed sockets -- x",
            "sandbox closed landlock 1 -- x",
            "sandbox closed landlock 1 door own -- x",
        ] {
            assert_eq!(InitConfig::parse(&words(text)), None, "{text}");
        }
    }
}
