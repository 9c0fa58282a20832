//! What `~/.ssh/config` says of hosts (ssh_config(5)): etl takes from it what its own settings leave open.
//!
//! `Match` and `ProxyCommand` are not evaluated: both may run programs here.

use crate::dump::algorithms;
use russh::keys::Algorithm;
use ssh2_config::{Algorithms, DefaultAlgorithms, HostParams, ParseRule, SshConfig as Parsed};
use std::io;
use std::path::{Path, PathBuf};

/// The most that is read of the file, in bytes.
const MOST: u64 = 1 << 20;

/// How many key files of the file are tried: sshd takes six attempts in all before it hangs up.
const KEYS: usize = 4;

/// A file of ssh_config(5), or none.
#[derive(Debug, Default)]
pub(crate) struct SshConfig {
    parsed: Option<Parsed>,
    path: PathBuf,
    home: Option<PathBuf>,
}

/// What the file says of one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HostEntry {
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) user: Option<String>,
    pub(crate) keys: Vec<PathBuf>,
    /// The hosts through which the way leads, the first being the nearest.
    pub(crate) jumps: Vec<String>,
    pub(crate) host_keys: Option<Vec<Algorithm>>,
    /// Whether the file has a ProxyCommand, and no ProxyJump, for it.
    pub(crate) has_command: bool,
}

impl HostEntry {
    /// What is taken from the file, in its words; `None` where that is nothing.
    pub(crate) fn described(&self, path: &Path) -> Option<String> {
        let mut parts = Vec::new();
        parts.extend(self.host.iter().map(|host| format!("HostName {host}")));
        parts.extend(self.user.iter().map(|user| format!("User {user}")));
        parts.extend(self.port.iter().map(|port| format!("Port {port}")));
        parts.extend(self.keys.iter().map(|key| format!("IdentityFile {}", key.display())));
        if !self.jumps.is_empty() {
            parts.push(format!("ProxyJump {}", self.jumps.join(",")));
        }
        parts.extend(self.host_keys.iter().map(|names| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            format!("HostKeyAlgorithms {}", names.join(","))
        }));
        (!parts.is_empty()).then(|| format!("from {}: {}", path.display(), parts.join(", ")))
    }
}

/// Why a file cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unusable {
    /// The line, from 1.
    pub(crate) line: usize,
    pub(crate) problem: String,
}

impl SshConfig {
    /// Reads a file; one that is not there says nothing.
    ///
    /// # Errors
    /// It cannot be read, or says what is not evaluated here.
    pub(crate) fn read(path: &Path, home: Option<&Path>) -> Result<Self, Unusable> {
        let unusable = |line, problem: String| Unusable { line, problem };
        let text = match text_of(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(unusable(1, format!("it cannot be read: {error}"))),
        };
        let parsed = match parse(&text, home) {
            Ok(parsed) => parsed,
            Err(problem) => return Err(unusable(first_wrong(&text, home), problem)),
        };
        let conditional = |params: &HostParams| {
            let mut unread = params.ignored_fields.keys().chain(params.unsupported_fields.keys());
            unread.any(|name| name.eq_ignore_ascii_case("match"))
        };
        if parsed.get_hosts().iter().any(|host| conditional(&host.params)) {
            let of_match = |line: &str| {
                line.trim_start().get(..5).is_some_and(|word| word.eq_ignore_ascii_case("match"))
            };
            let line = text.lines().position(of_match).map_or(1, |n| n + 1);
            return Err(unusable(line, "Match is not evaluated by etl".to_owned()));
        }
        Ok(Self { parsed: Some(parsed), path: path.to_owned(), home: home.map(Path::to_owned) })
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What the file says of a host, by the name under which it is asked for. An error says what it says that cannot be.
    pub(crate) fn of(&self, name: &str) -> Result<HostEntry, String> {
        let Some(parsed) = &self.parsed else { return Ok(HostEntry::default()) };
        let params = parsed.query(name);
        let host = params.host_name.as_deref().map(|host| expanded(host, &[('h', name)])).transpose()?;
        let user = params.user.clone();
        let home = self.home.as_deref().map(|home| home.display().to_string()).unwrap_or_default();
        let tokens = [
            ('d', home.as_str()),
            ('h', host.as_deref().unwrap_or(name)),
            ('n', name),
            ('r', user.as_deref().unwrap_or_default()),
        ];
        let files = params.identity_file.iter().flatten().filter(|path| path.as_os_str() != "none");
        let keys = files.map(|path| expanded(&path.to_string_lossy(), &tokens).map(PathBuf::from));
        let keys = keys.take(KEYS).collect::<Result<_, _>>()?;
        let jumps: Vec<String> = params.proxy_jump.clone().unwrap_or_default();
        let none = jumps.iter().any(|jump| jump.eq_ignore_ascii_case("none"));
        let has_command = params.unsupported_fields.iter().any(|(name, words)| {
            name.eq_ignore_ascii_case("proxycommand") && words.first().is_none_or(|word| word != "none")
        });
        Ok(HostEntry {
            host,
            port: params.port,
            user,
            keys,
            has_command: has_command && jumps.is_empty(),
            jumps: if none { Vec::new() } else { jumps },
            host_keys: host_keys(&params.host_key_algorithms)?,
        })
    }
}

fn text_of(path: &Path) -> io::Result<String> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MOST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn parse(text: &str, home: Option<&Path>) -> Result<Parsed, String> {
    let own = algorithms::host_keys().iter().map(ToString::to_string).collect();
    let defaults = DefaultAlgorithms { host_key_algorithms: own, ..DefaultAlgorithms::empty() };
    let mut parsed = Parsed::default().default_algorithms(defaults);
    if let Some(home) = home {
        parsed = parsed.home_dir(home);
    }
    let rules = ParseRule::ALLOW_UNKNOWN_FIELDS | ParseRule::ALLOW_UNSUPPORTED_FIELDS;
    parsed.parse(&mut text.as_bytes(), rules).map_err(|error| error.to_string())
}

/// The first line that cannot be read, from 1: the reader does not say it.
fn first_wrong(text: &str, home: Option<&Path>) -> usize {
    let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).chain([text.len()]).collect();
    ends.partition_point(|end| parse(text.get(..*end).unwrap_or_default(), home).is_ok()) + 1
}

/// `text` with its tokens (ssh_config(5), TOKENS) replaced.
fn expanded(text: &str, tokens: &[(char, &str)]) -> Result<String, String> {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let token = chars.next();
        let known = tokens.iter().find(|(name, _)| Some(*name) == token);
        match (token, known) {
            (Some('%'), _) => out.push('%'),
            (_, Some((_, value))) => out.push_str(value),
            _ => {
                let token = token.map(String::from).unwrap_or_default();
                return Err(format!("{text}: %{token} is not evaluated by etl"));
            }
        }
    }
    Ok(out)
}

/// The host key algorithms that the file names, of those that etl has.
fn host_keys(named: &Algorithms) -> Result<Option<Vec<Algorithm>>, String> {
    if named.is_default() {
        return Ok(None);
    }
    let own = algorithms::host_keys();
    let of = |name: &String| own.iter().find(|algorithm| algorithm.to_string() == *name).cloned();
    let kept: Vec<Algorithm> = named.algorithms().iter().filter_map(of).collect();
    if kept.is_empty() {
        return Err(format!("HostKeyAlgorithms {}: etl has none of them", named.algorithms().join(",")));
    }
    Ok(Some(kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SshConfig, Unusable> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, text).unwrap();
        SshConfig::read(&path, Some(Path::new("/home/me")))
    }

    #[test]
    fn the_first_value_counts_and_key_files_add_up() {
        let config = read(
            "# note\nHost vbs? !vbs9\n  HostName %h.example.org\n  Port=2222\n  IdentityFile ~/.ssh/%r@%n\n\
             Host *\n  User \"cps\"\n  Port 22\n  IdentityFile /keys/%h\n  ProxyJump ops@gate:2022,inner\n\
             Host plain\n  ProxyJump none\n",
        );
        let config = config.unwrap();
        let found = config.of("vbs1").unwrap();
        assert_eq!(found.host.as_deref(), Some("vbs1.example.org"));
        assert_eq!((found.port, found.user.as_deref()), (Some(2222), Some("cps")));
        let keys = ["/home/me/.ssh/cps@vbs1", "/keys/vbs1.example.org"].map(PathBuf::from);
        assert_eq!(found.keys, keys);
        assert_eq!(found.jumps, ["ops@gate:2022", "inner"]);
        assert_eq!(config.of("vbs9").unwrap().port, Some(22));
        assert_eq!(SshConfig::default().of("vbs1").unwrap(), HostEntry::default());
    }

    #[test]
    fn host_keys_are_those_of_etl_that_are_named() {
        let names = |text: &str| {
            let found = read(text).unwrap().of("h").unwrap().host_keys.unwrap();
            found.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            names("HostKeyAlgorithms rsa-sha2-512,sk-ssh-ed25519@openssh.com,ssh-ed25519\n"),
            ["rsa-sha2-512", "ssh-ed25519"]
        );
        assert!(!names("HostKeyAlgorithms -ssh-ed25519\n").contains(&"ssh-ed25519".to_owned()));
        assert_eq!(names("HostKeyAlgorithms ^rsa-sha2-256\n")[0], "rsa-sha2-256");
        let error = read("HostKeyAlgorithms ssh-dss\n").unwrap().of("h").unwrap_err();
        assert_eq!(error, "HostKeyAlgorithms ssh-dss: etl has none of them");
        assert_eq!(read("Host x\n HostKeyAlgorithms ssh-dss\n").unwrap().of("h").unwrap().host_keys, None);
    }

    #[test]
    fn what_is_not_evaluated_is_said_with_its_line() {
        let wrong = |text: &str| read(text).unwrap_err();
        let conditional = wrong("Host a\n User u\n\nMatch host b\n User v\n");
        assert_eq!((conditional.line, conditional.problem.as_str()), (4, "Match is not evaluated by etl"));
        let port = wrong("Host a\n  User u\n  Port ssh\nHost b\n");
        assert_eq!((port.line, port.problem.as_str()), (3, "expected port number"));
        let token = read("Host a\n HostName %k\n").unwrap().of("a").unwrap_err();
        assert_eq!(token, "%k: %k is not evaluated by etl");
        // What is none of etl's affairs.
        let other = read("SomethingNew yes\nControlMaster auto\nHost a\n ProxyCommand nc %h %p\n").unwrap();
        assert!(other.of("a").unwrap().has_command && !other.of("b").unwrap().has_command);
    }
}
