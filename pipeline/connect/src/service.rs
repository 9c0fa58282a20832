//! Service files: connection parameters under a name, kept by the operator or the machine.
//!
//! Format and places are libpq's (PostgreSQL documentation, "The Connection Service File").

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::ConnectError;
use super::parameter::named;

/// Where Debian's PostgreSQL looks for the machine's service file when PGSYSCONFDIR does not say.
const SYSTEM_FOLDER: &str = "/etc/postgresql-common";

/// One `name=value` line of a service, with the place it stands in.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) path: PathBuf,
    /// Counted from 1.
    pub(super) number: usize,
}

/// Finds a service and returns its lines, in the order of the file.
///
/// `chosen` is the user's file where one was named (`servicefile`, PGSERVICEFILE): it must exist. Else
/// `~/.pg_service.conf` is read where it exists. The machine's file is the second place to look.
pub(super) fn lookup(
    service: &str,
    chosen: Option<&Path>,
    home: Option<&Path>,
    system_folder: Option<&Path>,
) -> Result<Vec<Line>, ConnectError> {
    let of_user = chosen.map(Path::to_owned).or_else(|| Some(home?.join(".pg_service.conf")));
    let of_system = system_folder.unwrap_or(Path::new(SYSTEM_FOLDER)).join("pg_service.conf");
    let mut looked_in = Vec::new();
    for path in of_user.into_iter().chain([of_system]) {
        match fs::read(&path) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                if let Some(lines) = section(&text, service, &path)? {
                    return Ok(lines);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && chosen != Some(&*path) => {}
            Err(error) => {
                return Err(ConnectError::File {
                    role: "the service file",
                    path,
                    problem: error.to_string(),
                });
            }
        }
        looked_in.push(path);
    }
    Err(ConnectError::ServiceMissing { service: service.to_owned(), looked_in })
}

/// The lines under `[service]`, or nothing where there is no such heading. Only the first such section counts.
fn section(text: &str, service: &str, path: &Path) -> Result<Option<Vec<Line>>, ConnectError> {
    let mut found: Option<Vec<Line>> = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(heading) = line.strip_prefix('[') {
            if found.is_some() {
                break;
            }
            if heading.split_once(']').is_some_and(|(name, _)| name == service) {
                found = Some(Vec::new());
            }
            continue;
        }
        let Some(lines) = &mut found else { continue };
        let number = index + 1;
        let wrong = |problem: &str| ConnectError::ServiceFile {
            path: path.to_owned(),
            line: number,
            problem: problem.to_owned(),
        };
        if line.starts_with("ldap") {
            return Err(wrong("services kept in LDAP are not supported"));
        }
        let (name, value) = line.split_once('=').ok_or_else(|| wrong("expected name=value"))?;
        if name == "service" || name == "servicefile" {
            return Err(wrong("a service cannot name another service"));
        }
        let name = named(name).ok_or_else(|| wrong("unknown connection parameter"))?.name;
        lines.push(Line { name, value: value.to_owned(), path: path.to_owned(), number });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# services\n[other]\nhost=o\n\n [karbor]  \nhost=db1\n port=5433 \n#user=x\nuser=k\n[karbor]\nuser=second\n[odd]\nhost = spaced\n[nested]\nservice=karbor\n[ldap]\nldap://x\n[bare]\nhost\n[unknown]\nfrob=1\n";

    fn shown(lines: Result<Vec<Line>, ConnectError>) -> String {
        match lines {
            Ok(lines) => {
                let shown: Vec<_> = lines
                    .iter()
                    .map(|line| format!("{}:{}={}", line.number, line.name, line.value))
                    .collect();
                shown.join(" ")
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn one_section_is_read() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(".pg_service.conf");
        fs::write(&path, FILE).unwrap();
        let nowhere = home.path().join("etc");
        let path = path.display();
        for (service, expected) in [
            ("karbor", "6:host=db1 7:port=5433 9:user=k".to_owned()),
            ("other", "3:host=o".to_owned()),
            ("odd", format!("{path}:13: unknown connection parameter")),
            ("nested", format!("{path}:15: a service cannot name another service")),
            ("ldap", format!("{path}:17: services kept in LDAP are not supported")),
            ("bare", format!("{path}:19: expected name=value")),
            ("unknown", format!("{path}:21: unknown connection parameter")),
            (
                "karb",
                format!("no service \"karb\" in {path} or {}", nowhere.join("pg_service.conf").display()),
            ),
        ] {
            assert_eq!(
                shown(lookup(service, None, Some(home.path()), Some(&nowhere))),
                expected,
                "{service}"
            );
        }
    }

    #[test]
    fn the_users_file_comes_before_the_machines() {
        let folder = tempfile::tempdir().unwrap();
        let (home, etc) = (folder.path().join("home"), folder.path().join("etc"));
        fs::create_dir_all(&home).unwrap();
        fs::create_dir_all(&etc).unwrap();
        fs::write(etc.join("pg_service.conf"), "[a]\nhost=machine\n[b]\nhost=machine\n").unwrap();
        let ask =
            |service: &str, chosen: Option<&Path>| shown(lookup(service, chosen, Some(&home), Some(&etc)));
        assert_eq!(ask("a", None), "2:host=machine");
        fs::write(home.join(".pg_service.conf"), "[a]\nhost=user\n").unwrap();
        assert_eq!(ask("a", None), "2:host=user");
        assert_eq!(ask("b", None), "4:host=machine");
        let chosen = folder.path().join("chosen");
        assert!(ask("a", Some(&chosen)).contains("No such file"), "a file that was named must exist");
        fs::write(&chosen, "[a]\nhost=chosen\n").unwrap();
        assert_eq!(ask("a", Some(&chosen)), "2:host=chosen");
        assert_eq!(ask("b", Some(&chosen)), "4:host=machine");
    }
}
