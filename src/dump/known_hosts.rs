//! Which host keys are known: the lines of known_hosts (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT") and what they say of a
//! key that a node shows.
//!
//! Nothing is decided here about a key that is unknown; one that is not the recorded one is never accepted by anybody.

use hmac::{Hmac, KeyInit as _, Mac as _};
use russh::keys::ssh_key::certificate::CertType;
use russh::keys::ssh_key::known_hosts::{Entry, HostPatterns, Marker};
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, Certificate, HashAlg, PublicKey};
use sha1::Sha1;
use std::io;
use std::path::Path;

/// The port that known_hosts leaves out.
const SSH_PORT: u16 = 22;

/// The entries of one host.
#[derive(Debug, Default)]
pub(crate) struct Known {
    keys: Vec<(usize, PublicKey)>,
    revoked: Vec<(usize, PublicKey)>,
    /// Whose certificates are those of the host.
    authorities: Vec<(usize, PublicKey)>,
}

/// What known_hosts says of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the recorded one.
    Known,
    /// The host is not in the file.
    Unknown,
    /// Another key is recorded for the host.
    Changed {
        /// The fingerprint of the recorded key.
        recorded: String,
        /// Its line, from 1.
        line: usize,
    },
    /// The key is marked as one that is not to be trusted.
    Revoked {
        /// The line, from 1.
        line: usize,
    },
}

impl Known {
    /// The entries of a host; a file that is not there has none.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn read(path: &Path, host: &str, port: u16) -> io::Result<Self> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(Self::parse(&String::from_utf8_lossy(&bytes), host, port)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// The entries of a host in the text of a file. Lines that are none say nothing, as for every SSH client.
    fn parse(text: &str, host: &str, port: u16) -> Self {
        let name = shown_host(host, port);
        let mut known = Self::default();
        for (n, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let single_spaced = line.split_whitespace().collect::<Vec<_>>().join(" ");
            let Ok(entry) = single_spaced.parse::<Entry>() else { continue };
            if !matches(entry.host_patterns(), &name) {
                continue;
            }
            let key = (n + 1, entry.public_key().clone());
            match entry.marker() {
                None => known.keys.push(key),
                Some(Marker::Revoked) => known.revoked.push(key),
                Some(Marker::CertAuthority) => known.authorities.push(key),
            }
        }
        known
    }

    /// What is known of a key.
    pub(crate) fn verdict(&self, key: &PublicKey) -> Verdict {
        let same = |(_, recorded): &&(usize, PublicKey)| recorded.key_data() == key.key_data();
        if let Some((line, _)) = self.revoked.iter().find(same) {
            return Verdict::Revoked { line: *line };
        }
        if self.keys.iter().find(same).is_some() {
            return Verdict::Known;
        }
        let alike = self.keys.iter().find(|(_, recorded)| recorded.algorithm() == key.algorithm());
        match alike.or(self.keys.first()) {
            Some((line, recorded)) => Verdict::Changed { recorded: fingerprint(recorded), line: *line },
            None => Verdict::Unknown,
        }
    }

    /// Whether certificates of the host can be judged.
    pub(crate) fn has_authorities(&self) -> bool {
        !self.authorities.is_empty()
    }

    /// Whether a certificate proves that a key is the host's, at a time in seconds since 1970; an error says why not.
    pub(crate) fn certified(&self, certificate: &Certificate, host: &str, now: i64) -> Result<(), String> {
        let authority = certificate.signature_key();
        let revoked = |key: &KeyData| self.revoked.iter().any(|(_, revoked)| revoked.key_data() == key);
        let fits_host = |principal: &String| fits(principal.as_bytes(), host.as_bytes());
        let shown = authority.fingerprint(HashAlg::Sha256);
        if certificate.cert_type() != CertType::Host {
            return Err("it is that of a user".to_owned());
        }
        if revoked(authority) || revoked(certificate.public_key()) {
            return Err("known_hosts revokes its key, or that of its authority".to_owned());
        }
        if !self.authorities.iter().any(|(_, known)| known.key_data() == authority) {
            return Err(format!("{shown} signed it, which is no authority in known_hosts"));
        }
        if !certificate.valid_principals().iter().any(fits_host) {
            let names = certificate.valid_principals().join(", ");
            return Err(format!(
                "it is for {}, and not for {host}",
                if names.is_empty() { "nobody" } else { &names }
            ));
        }
        if let Some(option) = certificate.critical_options().iter().next() {
            return Err(format!("it has the critical option {}", option.0));
        }
        let now = u64::try_from(now).unwrap_or(0);
        if now < certificate.valid_after() || now >= certificate.valid_before() {
            return Err("its time is over, or has not come".to_owned());
        }
        certificate.validate_at(now, [&shown]).map_err(|_| "its signature is wrong".to_owned())
    }

    /// `all` with those first of which the host has keys here: of several keys that a host has, it is to show a known one.
    pub(crate) fn preferred(&self, all: &[Algorithm]) -> Vec<Algorithm> {
        let known = |algorithm: &Algorithm| {
            self.keys.iter().any(|(_, key)| match (key.algorithm(), algorithm) {
                (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }) => true,
                (recorded, algorithm) => recorded == *algorithm,
            })
        };
        let (mut first, rest): (Vec<_>, Vec<_>) = all.iter().cloned().partition(known);
        first.extend(rest);
        first
    }
}

/// A host as known_hosts names it.
pub(crate) fn shown_host(host: &str, port: u16) -> String {
    if port == SSH_PORT { host.to_owned() } else { format!("[{host}]:{port}") }
}

/// A key's fingerprint as ssh-keygen shows it.
pub(crate) fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

fn matches(patterns: &HostPatterns, host: &str) -> bool {
    match patterns {
        HostPatterns::HashedName { salt, hash } => Hmac::<Sha1>::new_from_slice(salt)
            .is_ok_and(|mac| mac.chain_update(host.as_bytes()).verify_slice(hash).is_ok()),
        HostPatterns::Patterns(patterns) => {
            let found = |pattern: &str| fits(pattern.as_bytes(), host.as_bytes());
            let negated = patterns.iter().filter_map(|pattern| pattern.strip_prefix('!')).any(found);
            !negated && patterns.iter().any(|pattern| found(pattern))
        }
    }
}

/// Whether a pattern with `*` and `?` stands for a name, whatever the case of its letters.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            (0..=name.len()).any(|from| name.get(from..).is_some_and(|tail| fits(rest, tail)))
        }
        (Some((b'?', pattern)), Some((_, name))) => fits(pattern, name),
        (Some((a, pattern)), Some((b, name))) => a.eq_ignore_ascii_case(b) && fits(pattern, name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const SECOND: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILIG2T/B0l0gaqj3puu510tu9N1OkQ4znY3LYuEm5zCF";
    const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=";

    #[track_caller]
    fn check(text: &str, host: &str, port: u16, expected: &Verdict) {
        let key: PublicKey = FIRST.parse().unwrap();
        assert_eq!(Known::parse(text, host, port).verdict(&key), *expected, "{text}");
    }

    fn changed(line: usize) -> Verdict {
        Verdict::Changed { recorded: fingerprint(&SECOND.parse().unwrap()), line }
    }

    #[test]
    fn a_key_is_known_by_name_pattern_or_hash() {
        for line in [
            format!("db1 {FIRST}"),
            format!("db1,192.0.2.5 {FIRST} a comment"),
            format!("other,DB? {FIRST}"),
            format!("* {FIRST}"),
            format!("# a comment\n\n  db1\t{FIRST}"),
            format!("db1 {SECOND}\ndb1 {FIRST}"),
        ] {
            check(&line, "db1", 22, &Verdict::Known);
        }
        check(&format!("[db1]:2222 {FIRST}"), "db1", 2222, &Verdict::Known);
        let hashed = "|1|O33ESRMWPVkMYIwJ1Uw+n877jTo=|nuuC5vEqXlEZ/8BXQR7m619W6Ak=";
        check(&format!("{hashed} {FIRST}"), "example.com", 22, &Verdict::Known);
        check(&format!("{hashed} {SECOND}"), "example.com", 22, &changed(1));
        check(&format!("{hashed} {FIRST}"), "example.org", 22, &Verdict::Unknown);
    }

    #[test]
    fn what_is_not_recorded_is_unknown() {
        for text in [
            "",
            "no line of this kind",
            &format!("db2 {FIRST}"),
            &format!("[db1]:2222 {FIRST}"),
            &format!("!db1,* {FIRST}"),
            &format!("# db1 {SECOND}"),
            &format!("@cert-authority * {SECOND}"),
        ] {
            check(text, "db1", 22, &Verdict::Unknown);
        }
    }

    #[test]
    fn another_key_than_the_recorded_one_is_named_with_its_line() {
        check(&format!("# first\ndb1 {SECOND}"), "db1", 22, &changed(2));
        // The one of the same kind is what the user compares with.
        check(&format!("db1 {ECDSA}\ndb1 {SECOND}"), "db1", 22, &changed(2));
        let ecdsa = Verdict::Changed { recorded: fingerprint(&ECDSA.parse().unwrap()), line: 1 };
        check(&format!("db1 {ECDSA}"), "db1", 22, &ecdsa);
    }

    #[test]
    fn a_revoked_key_is_refused_even_where_it_is_recorded() {
        let text = format!("db1 {FIRST}\n@revoked * {FIRST}");
        check(&text, "db1", 22, &Verdict::Revoked { line: 2 });
    }

    #[test]
    fn a_host_is_asked_for_the_kind_of_key_that_is_recorded() {
        let all = [
            Algorithm::Ed25519,
            Algorithm::Rsa { hash: None },
            ECDSA.parse::<PublicKey>().unwrap().algorithm(),
        ];
        let known = Known::parse(&format!("db1 {ECDSA}"), "db1", 22);
        assert_eq!(known.preferred(&all), [all[2].clone(), all[0].clone(), all[1].clone()]);
        assert_eq!(Known::default().preferred(&all), all);
    }
}
