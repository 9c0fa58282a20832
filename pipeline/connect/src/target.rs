//! Takes a target as it was typed apart into parameters: a `postgresql://` URI or `key=value` pairs.
//!
//! The grammar is libpq's (PostgreSQL documentation, "Connection Strings").
//! Messages must not repeat text that could be part of a password: a password with a `/` or a space in it, not
//! escaped, ends up where a host, a port or a parameter's name is expected.

use secrecy::{ExposeSecret, SecretString};

use super::error::ConnectError;
use super::parameter::named;

/// A parameter's name as written, and its value.
pub(super) type Pair = (String, SecretString);

/// Says whether a target carries a password (or a key's passphrase), so that a command line holding one can be
/// refused: command lines are seen by every user of the machine and are kept in histories.
///
/// A target that cannot be understood counts as carrying one when it might.
pub fn password_in(target: &str) -> bool {
    match pairs(target) {
        Ok(pairs) => pairs.iter().any(|(name, value)| {
            named(name).is_some_and(|parameter| parameter.secret) && !value.expose_secret().is_empty()
        }),
        Err(_) if after_scheme(target).is_some() => target.contains('@') || target.contains("password"),
        Err(_) => {
            target.contains('=')
                && (target.to_ascii_lowercase().contains("password") || names_password(target))
        }
    }
}

/// Takes a target apart. Names are not checked against the known ones; of a name given twice, the last counts.
pub(super) fn pairs(target: &str) -> Result<Vec<Pair>, ConnectError> {
    if let Some(rest) = after_scheme(target) {
        return uri(rest);
    }
    if target.contains('=') {
        return keyword_values(target);
    }
    Err(wrong("expected postgresql://user@host:port/database or key=value pairs such as service=karbor"))
}

fn after_scheme(target: &str) -> Option<&str> {
    target.strip_prefix("postgresql://").or_else(|| target.strip_prefix("postgres://"))
}

fn wrong(problem: impl Into<String>) -> ConnectError {
    ConnectError::Target { problem: problem.into() }
}

/// What follows the scheme: `[user[:password]@][host[:port],…][/database][?name=value&…]`.
fn uri(rest: &str) -> Result<Vec<Pair>, ConnectError> {
    let mut pairs = Vec::new();
    let authority = rest.split('/').next().unwrap_or_default();
    let mut rest = rest;
    let mut has_user = false;
    if let Some((credentials, _)) = authority.split_once('@') {
        has_user = true;
        rest = rest.get(credentials.len() + 1..).unwrap_or_default();
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        push(&mut pairs, "user", user)?;
        push(&mut pairs, "password", password)?;
    }
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (hosts, database) = place.split_once('/').unwrap_or((place, ""));
    if place.contains('@') {
        return Err(wrong(if has_user {
            "an @ in the user, the password or the database must be written %40"
        } else {
            "an @ in the database must be written %40, and a / in the user or the password %2F"
        }));
    }
    push_hosts(&mut pairs, hosts)?;
    push(&mut pairs, "dbname", database)?;
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let Some((name, value)) = parameter.split_once('=') else {
            return Err(wrong("a parameter after the ? has no \"=\"; an & in a value must be written %26"));
        };
        if value.contains('=') {
            return Err(wrong("a parameter after the ? has two \"=\"; one in a value must be written %3D"));
        }
        match (name, value) {
            // What JDBC calls it; libpq takes it for that reason.
            ("ssl", "true") => push(&mut pairs, "sslmode", "require")?,
            _ => push(&mut pairs, &decoded(name)?, value)?,
        }
    }
    Ok(pairs)
}

/// `host[:port]`, parted by commas; an IPv6 address stands in brackets.
fn push_hosts(pairs: &mut Vec<Pair>, text: &str) -> Result<(), ConnectError> {
    let mut hosts = Vec::new();
    let mut ports = Vec::new();
    for place in text.split(',') {
        let (host, port) = if let Some(bracketed) = place.strip_prefix('[') {
            let (address, port) = bracketed
                .split_once(']')
                .ok_or_else(|| wrong("an IPv6 address opens with [ and lacks its ]"))?;
            (address, port.strip_prefix(':').or(port.is_empty().then_some("")))
        } else {
            let (host, port) = place.split_once(':').unwrap_or((place, ""));
            (host, Some(port))
        };
        let port = port.filter(|port| port.bytes().all(|byte| byte.is_ascii_digit())).ok_or_else(|| {
            wrong("what follows the host's \":\" is not a port; a / in a password must be written %2F")
        })?;
        hosts.push(decoded(host)?);
        ports.push(port);
    }
    push_decoded(pairs, "host", hosts.join(","));
    if ports.iter().any(|port| !port.is_empty()) {
        push_decoded(pairs, "port", ports.join(","));
    }
    Ok(())
}

/// Adds a value that is percent-encoded; an empty one says nothing.
fn push(pairs: &mut Vec<Pair>, name: &str, value: &str) -> Result<(), ConnectError> {
    let value = decoded(value)?;
    push_decoded(pairs, name, value);
    Ok(())
}

fn push_decoded(pairs: &mut Vec<Pair>, name: &str, value: String) {
    if !value.is_empty() {
        pairs.push((name.to_owned(), SecretString::from(value)));
    }
}

/// Undoes percent-encoding (RFC 3986, section 2.1).
fn decoded(text: &str) -> Result<String, ConnectError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let (Some(high), Some(low)) = (hex_digit(rest.first()), hex_digit(rest.get(1))) else {
            return Err(wrong(
                "a % is not followed by two hexadecimal digits; a % itself must be written %25",
            ));
        };
        bytes.push(high << 4 | low);
        rest = rest.get(2..).unwrap_or_default();
    }
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(text),
        Ok(_) => Err(wrong("%00 cannot be part of any value")),
        Err(_) => Err(wrong("a value with %XX in it is not UTF-8")),
    }
}

fn hex_digit(byte: Option<&u8>) -> Option<u8> {
    let digit = char::from(*byte?).to_digit(16)?;
    u8::try_from(digit).ok()
}

/// `name = value` pairs parted by blanks; a value stands in single quotes where it has blanks or is empty, and a
/// backslash takes the next character as it is.
fn keyword_values(text: &str) -> Result<Vec<Pair>, ConnectError> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, after) =
            rest.split_at(rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len()));
        let Some(value) = after.trim_start().strip_prefix('=').filter(|_| !name.is_empty()) else {
            let number = pairs.len() + 1;
            return Err(wrong(format!(
                "the {number}. parameter is not NAME=VALUE; a value with blanks in it needs 'single quotes'"
            )));
        };
        let quoted = value.trim_start().starts_with('\'');
        let (value, after) = keyword_value(value.trim_start())?;
        if !quoted && !named(name).is_some_and(|parameter| parameter.secret) && names_password(&value) {
            return Err(wrong("a value contains another parameter; parameters are separated by blanks"));
        }
        pairs.push((name.to_owned(), SecretString::from(value)));
        rest = after.trim_start();
    }
    Ok(pairs)
}

/// Whether a text contains `password=` or the like, as other programs' connection strings do.
pub fn names_password(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    ["password", "passwd", "pwd"].iter().any(|name| {
        let mut rest = lower.as_str();
        while let Some((_, after)) = rest.split_once(name) {
            if after.trim_start().strip_prefix('=').is_some_and(|value| !value.trim().is_empty()) {
                return true;
            }
            rest = after;
        }
        false
    })
}

/// One value and what follows it.
fn keyword_value(text: &str) -> Result<(String, &str), ConnectError> {
    let (text, quoted) = match text.strip_prefix('\'') {
        Some(text) => (text, true),
        None => (text, false),
    };
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, taken)| taken)),
            '\'' if quoted => return Ok((value, characters.as_str())),
            blank if blank.is_whitespace() && !quoted => {
                return Ok((value, text.get(at..).unwrap_or_default()));
            }
            other => value.push(other),
        }
    }
    if quoted { Err(wrong("a quoted value lacks its closing quote")) } else { Ok((value, "")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `name=value` for each pair, or the problem.
    fn shown(target: &str) -> String {
        match pairs(target) {
            Ok(pairs) => {
                let shown: Vec<_> =
                    pairs.iter().map(|(name, value)| format!("{name}={}", value.expose_secret())).collect();
                shown.join(" | ")
            }
            Err(error) => error.to_string(),
        }
    }

    fn check(target: &str, expected: &str) {
        assert_eq!(shown(target), expected, "{target}");
    }

    #[test]
    fn uris() {
        check("postgresql://", "");
        check("postgres://db", "host=db");
        check("postgresql://u@h:1/d", "user=u | host=h | port=1 | dbname=d");
        check("postgresql://u:p@h/d", "user=u | password=p | host=h | dbname=d");
        check("postgresql://u:p%40%2F%3a@h", "user=u | password=p@/: | host=h");
        check("postgresql://u:a:b@h", "user=u | password=a:b | host=h");
        check("postgresql://u:p?q@h", "user=u | password=p?q | host=h");
        check("postgresql://a,b:2,[::1]:3/d", "host=a,b,::1 | port=,2,3 | dbname=d");
        check("postgresql:///d?host=/run/pg&port=7", "dbname=d | host=/run/pg | port=7");
        check("postgresql://%2Frun%2Fpg/d", "host=/run/pg | dbname=d");
        check("postgresql://h?sslmode=verify-full&user=a%40b", "host=h | sslmode=verify-full | user=a@b");
        check("postgresql://h?options=-c%20a%3Db", "host=h | options=-c a=b");
        check("postgresql://h?ssl=true", "host=h | sslmode=require");
        check("postgresql://[::1]", "host=::1");
        check("postgresql://u@h/%E6%95%B0", "user=u | host=h | dbname=数");
    }

    #[test]
    fn pairs_of_names_and_values() {
        check("host=h port=1", "host=h | port=1");
        check("  host = h\tport=  1  ", "host=h | port=1");
        check("password='a b\\'c\\\\d' user=u", "password=a b'c\\d | user=u");
        check("password=a\\ b user=''", "password=a b | user=");
        check("options='-c a=b'", "options=-c a=b");
        check("host='h'port=1", "host=h | port=1");
    }

    #[test]
    fn no_message_repeats_what_may_be_a_password() {
        // In every case the password is made of these words.
        for target in [
            "postgresql://u:sec/ret@h/d",
            "postgresql://u:7/ret@h/d",
            "postgresql://u:sec@ret@h/d",
            "postgresql://u:sec%ret@h/d",
            "postgresql://u:sec%00ret@h/d",
            "postgresql://u:sec%ffret@h/d",
            "postgresql://[u:sec/ret@h",
            "postgresql://h?password=sec&ret",
            "postgresql://h?password=sec=ret",
            "password=sec ret host=h",
            "password='sec ret",
            "host=h,password=secret",
            "host=h;Password = secret",
            "host=h&dbname=d&password=secret",
        ] {
            let shown = shown(target);
            assert!(shown.starts_with("the target is not understood"), "{target}: {shown}");
            assert!(!shown.contains("sec") && !shown.contains("ret"), "{target}: {shown}");
            assert!(password_in(target), "{target}");
        }
        check(
            "karbor",
            "the target is not understood: expected postgresql://user@host:port/database or key=value pairs such as \
             service=karbor",
        );
    }

    #[test]
    fn passwords_on_a_command_line_are_seen() {
        for (target, expected) in [
            ("postgresql://u@h/d", false),
            ("postgresql://u:@h/d", false),
            ("postgresql://h:5432/d?user=a@b", false),
            ("service=karbor", false),
            ("host=h password=''", false),
            ("host=h passfile=/p", false),
            ("karbor.sqlite", false),
            ("/var/a@b/password.sqlite", false),
            ("postgresql://u:p@h/d", true),
            ("postgres://u:p@h", true),
            ("postgresql://h?password=p", true),
            ("postgresql://h?pass%77ord=p", true),
            ("postgresql://h?sslpassword=p", true),
            ("password = p", true),
            ("host=h password=p", true),
            ("host=h password='p", true),
        ] {
            assert_eq!(password_in(target), expected, "{target}");
        }
    }
}
