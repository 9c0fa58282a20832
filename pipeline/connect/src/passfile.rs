//! The password file, `~/.pgpass`: passwords by host, port, database and user.
//!
//! Matching, escaping and the check of its permissions are libpq's (PostgreSQL documentation, "The Password
//! File"). A file that others may read is not used, only warned of.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use secrecy::zeroize::Zeroize;

/// Why a password file was passed over. The login goes on without it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// Others than its owner may use it; `mode` are its permission bits.
    #[error("the password file {} is not used: it has permissions {mode:04o}, which let others at it (chmod 600 {})", path.display(), path.display())]
    PassfileOpen {
        /// The password file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is a folder, a pipe or the like.
    #[error("the password file {} is not used: it is not a plain file", path.display())]
    PassfileNotPlain {
        /// The password file.
        path: PathBuf,
    },
    /// It exists and could not be read.
    #[error("the password file {} is not used: {problem}", path.display())]
    PassfileUnreadable {
        /// The password file.
        path: PathBuf,
        /// What the system said.
        problem: String,
    },
}

/// What a password is looked up for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Login<'a> {
    /// As named in the target; `localhost` for the default unix socket.
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) database: &'a str,
    pub user: &'a str,
}

/// Looks a password up. A file that does not exist has none.
pub(super) fn lookup(path: &Path, login: Login<'_>) -> Result<Option<SecretString>, Warning> {
    let unreadable = |problem: String| Warning::PassfileUnreadable { path: path.to_owned(), problem };
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(unreadable(error.to_string())),
    };
    if !metadata.is_file() {
        return Err(Warning::PassfileNotPlain { path: path.to_owned() });
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(Warning::PassfileOpen { path: path.to_owned(), mode });
    }
    let mut bytes = fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    let found = bytes
        .split(|&byte| byte == b'\n')
        .find_map(|line| password(line, login))
        .map(|password| String::from_utf8(password).map(SecretString::from));
    bytes.zeroize();
    match found {
        None => Ok(None),
        Some(Ok(password)) => Ok(Some(password)),
        Some(Err(_)) => Err(unreadable("the password of the matching line is not UTF-8".to_owned())),
    }
}

/// The password of a line `host:port:database:user:password`, if the line is for this login.
fn password(line: &[u8], login: Login<'_>) -> Option<Vec<u8>> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.starts_with(b"#") {
        return None;
    }
    let port = login.port.to_string();
    let rest = [login.host, &port, login.database, login.user].into_iter().try_fold(line, after_field)?;
    let mut password = Vec::new();
    let mut bytes = rest.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            // A fifth colon ends the password; what follows has no meaning.
            b':' => break,
            b'\\' => password.push(bytes.next().copied().unwrap_or(b'\\')),
            other => password.push(other),
        }
    }
    // An empty password is none: libpq would go on and ask.
    (!password.is_empty()).then_some(password)
}

/// What follows a field that matches: `*`, or the wanted text with `:` and `\` escaped by a `\`.
fn after_field<'a>(line: &'a [u8], wanted: &str) -> Option<&'a [u8]> {
    if let Some(rest) = line.strip_prefix(b"*:") {
        return Some(rest);
    }
    let mut bytes = line.iter();
    for &expected in wanted.as_bytes() {
        let byte = match bytes.next()? {
            b':' => return None,
            b'\\' => bytes.next()?,
            byte => byte,
        };
        if *byte != expected {
            return None;
        }
    }
    bytes.as_slice().strip_prefix(b":")
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use secrecy::ExposeSecret;

    use super::*;

    const LOGIN: Login<'_> = Login { host: "db1", port: 5432, database: "karbor", user: "etl" };

    fn check(line: &str, expected: Option<&str>) {
        let found = password(line.as_bytes(), LOGIN);
        assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{line}");
    }

    #[test]
    fn lines() {
        check("db1:5432:karbor:etl:pw", Some("pw"));
        check("db1:5432:karbor:etl:pw\r", Some("pw"));
        check("*:*:*:*:pw", Some("pw"));
        check("*:5432:*:etl:p\\:w\\\\", Some("p:w\\"));
        check("*:*:*:*:p:w", Some("p"));
        check("*:*:*:*:p w#", Some("p w#"));
        check("*:*:*:*:p\\", Some("p\\"));
        check("\\d\\b1:5432:karbor:etl:pw", Some("pw"));
        check("*:*:*:*:", None);
        check("db:5432:karbor:etl:pw", None);
        check("db11:5432:karbor:etl:pw", None);
        check("db*:5432:karbor:etl:pw", None);
        check("db1:5433:karbor:etl:pw", None);
        check("db1:5432:karbor:etl", None);
        check("#*:*:*:*:pw", None);
        check("", None);
        check(" db1:5432:karbor:etl:pw", None);
    }

    #[test]
    fn names_with_colons_are_escaped() {
        let login = Login { host: "::1", user: "a\\b", ..LOGIN };
        assert_eq!(password(b"\\:\\:1:5432:karbor:a\\\\b:pw", login).unwrap(), b"pw");
        assert_eq!(password(b"::1:5432:karbor:a\\\\b:pw", login), None);
    }

    #[test]
    fn files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pgpass");
        let look =
            || lookup(&path, LOGIN).map(|found| found.map(|password| password.expose_secret().to_owned()));
        assert_eq!(look(), Ok(None), "a file that is not there");
        fs::write(&path, "# mine\n*:*:*:other:no\n*:*:*:etl:first\n*:*:*:etl:second").unwrap();
        for (mode, used) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o610, false)] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let open = Err(Warning::PassfileOpen { path: path.clone(), mode });
            assert_eq!(look(), if used { Ok(Some("first".to_owned())) } else { open }, "{mode:o}");
        }
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, b"*:*:*:etl:\xff\n").unwrap();
        let message = look().unwrap_err().to_string();
        assert!(
            message.ends_with("is not used: the password of the matching line is not UTF-8"),
            "{message}"
        );
        let folder_itself = lookup(folder.path(), LOGIN).unwrap_err();
        assert_eq!(folder_itself, Warning::PassfileNotPlain { path: folder.path().to_owned() });
    }
}
