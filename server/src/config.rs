//! What the operator decides, and the file it is written in.
//!
//! `relay.toml` is made by `khaima-relay init` with a comment on every line. Unknown keys are errors: a limit with a
//! typing mistake must not silently be the default.
//!
//! Not its concern: the keys beside it (`home`).

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::core::{Creation, Policy, Quota};
use crate::transport::ConnectionLimits;

/// Name of the configuration file in a relay's directory.
pub const CONFIG_FILE: &str = "relay.toml";

/// Why a configuration cannot be used. The message names the line or the key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is no such file: the directory is not a relay's. Run `khaima-relay init` first.
    #[error("there is no relay.toml")]
    Missing,
    /// It cannot be read.
    #[error("relay.toml cannot be read")]
    Io(#[source] io::Error),
    /// It is not TOML, a key is unknown, or a value has the wrong type. Holds where and what, for the operator.
    #[error("relay.toml is damaged: {0}")]
    Syntax(String),
    /// A number is out of its range.
    #[error("relay.toml: {key} must be from {least} to {most}")]
    Range {
        /// The key.
        key: &'static str,
        /// The least allowed.
        least: u64,
        /// The most allowed.
        most: u64,
    },
}

/// A relay's configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The directory with the relay's keys and database.
    pub home: PathBuf,
    /// The UDP address to listen on. Port 0 takes any free one.
    pub listen: SocketAddr,
    /// The host in the address that people are given: a name or an IP address.
    pub host: String,
    /// The port in that address, if it is another than the one listened on.
    pub port: Option<u16>,
    /// What is allowed.
    pub policy: Policy,
    /// How many connections there may be.
    pub connections: ConnectionLimits,
}

impl Config {
    /// Reads `relay.toml` in `home`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], by cause.
    pub fn load(home: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(home.join(CONFIG_FILE)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ConfigError::Missing,
            io::ErrorKind::InvalidData => ConfigError::Syntax("not text".to_owned()),
            _ => ConfigError::Io(error),
        })?;
        Self::parse(home, &text)
    }

    /// Reads configuration text.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Syntax`] with line and column, or [`ConfigError::Range`].
    pub fn parse(home: &Path, text: &str) -> Result<Self, ConfigError> {
        let file: ConfigFile = toml::from_str(text)
            .map_err(|error| ConfigError::Syntax(error.to_string().trim_end().to_owned()))?;
        file.check()?;
        Ok(file.into_config(home))
    }

    /// A relay on a free port of this machine, open to everybody on it: for tests.
    #[must_use]
    pub fn loopback(home: &Path) -> Self {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let file =
            ConfigFile { creation: CreationName::Open, ..ConfigFile::new(listen, "127.0.0.1".to_owned()) };
        file.into_config(home)
    }

    /// The text of a new configuration file: every key with its default and what it is for.
    #[must_use]
    pub fn template(listen: SocketAddr, host: &str) -> String {
        let file = ConfigFile::new(listen, host.to_owned());
        let (limits, days) = (&file.limits, &file.days);
        // Nothing in a host or address needs escaping: both are checked before they come here.
        format!(
            r#"# Khaima relay. After a change, restart the relay. Lines that begin with # are remarks.

# The UDP address and port to listen on. Port 443 looks most like ordinary web traffic; it needs a right that
# other ports do not: run as a service with AmbientCapabilities=CAP_NET_BIND_SERVICE, or as described in the manual.
listen = "{listen}"

# The name or IP address that people reach this machine by. It becomes part of the relay's address.
host = "{host}"

# The port in the relay's address, if a router forwards another one to the port above.
# port = 443

# Who may make mailboxes: "invite" (people with a code from `khaima-relay invite`) or "open" (everybody).
creation = "{creation}"

# How many mailboxes one use of an invite code is good for. A person needs one for each contact and group.
permits_per_code = {permits}

[limits]
# Mailboxes on this relay in all.
mailboxes = {mailboxes}
# Envelopes that may wait in one mailbox, and their size together.
envelopes_per_mailbox = {envelopes}
megabytes_per_mailbox = {megabytes}
# One-time prekey bundles in one mailbox.
bundles_per_mailbox = {bundles}
# Connections in all, and from one neighbourhood of addresses (a /24 of IPv4, a /48 of IPv6).
connections = {connections}
connections_per_neighbourhood = {per_prefix}
# Mailboxes made from one neighbourhood in a day; counts only where creation = "open".
mailboxes_per_neighbourhood_and_day = {creations}

[days]
# Days an envelope waits for its owner: 1 to 60.
envelopes = {envelope_days}
# Days a mailbox lives without its owner: 30 to 730.
unused_mailboxes = {idle_days}
"#,
            creation = "invite",
            permits = file.permits_per_code,
            mailboxes = limits.mailboxes,
            envelopes = limits.envelopes_per_mailbox,
            megabytes = limits.megabytes_per_mailbox,
            bundles = limits.bundles_per_mailbox,
            connections = limits.connections,
            per_prefix = limits.connections_per_neighbourhood,
            creations = limits.mailboxes_per_neighbourhood_and_day,
            envelope_days = days.envelopes,
            idle_days = days.unused_mailboxes,
        )
    }
}

/// Where a relay listens unless told otherwise.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 4433);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    listen: SocketAddr,
    host: String,
    port: Option<u16>,
    creation: CreationName,
    #[serde(default = "permits_per_code")]
    permits_per_code: u32,
    #[serde(default)]
    limits: LimitsFile,
    #[serde(default)]
    days: DaysFile,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum CreationName {
    Invite,
    Open,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LimitsFile {
    mailboxes: u64,
    envelopes_per_mailbox: u32,
    megabytes_per_mailbox: u32,
    bundles_per_mailbox: u32,
    connections: u32,
    connections_per_neighbourhood: u32,
    mailboxes_per_neighbourhood_and_day: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DaysFile {
    envelopes: u32,
    unused_mailboxes: u32,
}

impl Default for LimitsFile {
    fn default() -> Self {
        let (policy, connections) = (Policy::default(), ConnectionLimits::default());
        Self {
            mailboxes: policy.most_mailboxes,
            envelopes_per_mailbox: policy.quota.envelopes,
            megabytes_per_mailbox: u32::try_from(policy.quota.bytes >> 20).unwrap_or(u32::MAX),
            bundles_per_mailbox: policy.most_bundles,
            connections: u32::try_from(connections.total).unwrap_or(u32::MAX),
            connections_per_neighbourhood: u32::try_from(connections.per_prefix).unwrap_or(u32::MAX),
            mailboxes_per_neighbourhood_and_day: policy.rates.creations_per_prefix_and_day,
        }
    }
}

impl Default for DaysFile {
    fn default() -> Self {
        let policy = Policy::default();
        Self { envelopes: policy.envelope_days, unused_mailboxes: policy.idle_days }
    }
}

fn permits_per_code() -> u32 {
    Policy::default().permits_per_code
}

impl ConfigFile {
    fn new(listen: SocketAddr, host: String) -> Self {
        Self {
            listen,
            host,
            port: None,
            creation: CreationName::Invite,
            permits_per_code: permits_per_code(),
            limits: LimitsFile::default(),
            days: DaysFile::default(),
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        let (limits, days) = (&self.limits, &self.days);
        let ranges: [(&'static str, u64, RangeInclusive<u64>); 10] = [
            ("port", self.port.map_or(1, u64::from), 1..=65_535),
            ("permits_per_code", self.permits_per_code.into(), 1..=1_024),
            ("limits.mailboxes", limits.mailboxes, 1..=100_000_000),
            ("limits.envelopes_per_mailbox", limits.envelopes_per_mailbox.into(), 16..=1_000_000),
            ("limits.megabytes_per_mailbox", limits.megabytes_per_mailbox.into(), 1..=65_536),
            ("limits.bundles_per_mailbox", limits.bundles_per_mailbox.into(), 16..=1_000),
            ("limits.connections", limits.connections.into(), 1..=1_000_000),
            (
                "limits.connections_per_neighbourhood",
                limits.connections_per_neighbourhood.into(),
                1..=1_000_000,
            ),
            ("days.envelopes", days.envelopes.into(), 1..=60),
            ("days.unused_mailboxes", days.unused_mailboxes.into(), 30..=730),
        ];
        match ranges.into_iter().find(|(_, value, range)| !range.contains(value)) {
            Some((key, _, range)) => {
                Err(ConfigError::Range { key, least: *range.start(), most: *range.end() })
            }
            None => Ok(()),
        }
    }

    fn into_config(self, home: &Path) -> Config {
        let defaults = Policy::default();
        let mut rates = defaults.rates;
        rates.creations_per_prefix_and_day = self.limits.mailboxes_per_neighbourhood_and_day;
        let usize_of = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        Config {
            home: home.to_owned(),
            listen: self.listen,
            host: self.host,
            port: self.port,
            policy: Policy {
                creation: match self.creation {
                    CreationName::Invite => Creation::Invite,
                    CreationName::Open => Creation::Open,
                },
                permits_per_code: self.permits_per_code,
                most_mailboxes: self.limits.mailboxes,
                quota: Quota {
                    envelopes: self.limits.envelopes_per_mailbox,
                    bytes: u64::from(self.limits.megabytes_per_mailbox) << 20,
                },
                most_bundles: self.limits.bundles_per_mailbox,
                envelope_days: self.days.envelopes,
                idle_days: self.days.unused_mailboxes,
                rates,
            },
            connections: ConnectionLimits {
                total: usize_of(self.limits.connections),
                per_prefix: usize_of(self.limits.connections_per_neighbourhood),
                ..ConnectionLimits::default()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(Path::new("relay"), text)
    }

    fn template() -> String {
        Config::template(DEFAULT_LISTEN, "relay.test")
    }

    #[test]
    fn the_template_is_read_back_as_the_defaults() {
        let config = parse(&template()).unwrap();
        assert_eq!(config.policy, Policy::default());
        assert_eq!((config.listen, config.host.as_str(), config.port), (DEFAULT_LISTEN, "relay.test", None));
    }

    #[test]
    fn a_damaged_line_is_named() {
        let text = template().replace("envelopes = 30", "envelopes = thirty");
        let line = text.lines().position(|line| line.starts_with("envelopes = thirty")).unwrap() + 1;
        let message = parse(&text).unwrap_err().to_string();
        assert!(message.contains(&format!("line {line}")), "{message}");
    }

    #[test]
    fn a_misspelt_key_is_an_error() {
        let text = template().replace("connections = ", "conections = ");
        let message = parse(&text).unwrap_err().to_string();
        assert!(message.contains("conections"), "{message}");
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        for (from, to, key) in [
            ("envelopes = 30", "envelopes = 61", "days.envelopes"),
            ("envelopes = 30", "envelopes = 0", "days.envelopes"),
            ("unused_mailboxes = 180", "unused_mailboxes = 29", "days.unused_mailboxes"),
            ("permits_per_code = 200", "permits_per_code = 1025", "permits_per_code"),
        ] {
            let text = template().replace(from, to);
            let message = parse(&text).unwrap_err().to_string();
            assert!(message.contains(key), "{message}");
        }
    }

    #[test]
    fn a_short_file_has_the_defaults() {
        let config = parse("listen = \"127.0.0.1:1\"\nhost = \"127.0.0.1\"\ncreation = \"open\"").unwrap();
        assert_eq!(config.policy, Policy { creation: Creation::Open, ..Policy::default() });
    }
}
