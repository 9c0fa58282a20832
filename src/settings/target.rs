//! The target as chosen, and the refusal of passwords on the command line.

use crate::settings::error::OptionError;
use crate::settings::file::SiteTarget;
use crate::settings::password_text::may_hold_password;
use crate::ui::environment::Environment;
use pipeline::load::spec::{Spec, may_contain_password};
use std::ffi::OsString;
use std::fmt;
use std::path::Path;

/// The environment variable that names the target where `--target` does not. PG* variables never choose one.
const VARIABLE: &str = "ETL_TARGET";

/// The target of a run that names none.
const FALLBACK: &str = "karbor.db";

/// The target, and who chose it. Printing it shows no connection string, since that may hold a password.
#[derive(Clone)]
pub struct Choice {
    /// The target.
    pub spec: Spec,
    /// Who chose it.
    pub named_by: NamedBy,
}

/// Who chose the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedBy {
    /// `--target`.
    Flag,
    /// ETL_TARGET.
    Environment,
    /// The etl.toml of a site.
    SiteFile,
    /// Nobody.
    Default,
}

impl Choice {
    /// The target that was named, if one was.
    ///
    /// # Errors
    /// The text names none.
    pub fn find(flag: Option<&str>, environment: &Environment<'_>) -> Result<Option<Self>, OptionError> {
        if let Some(text) = flag {
            return Self::parse(text, NamedBy::Flag, "--target").map(Some);
        }
        let variable = environment.value(VARIABLE);
        variable.map(|text| Self::parse(&text, NamedBy::Environment, VARIABLE)).transpose()
    }

    /// The target that a site's file names; a path in it begins at the file's folder.
    ///
    /// # Errors
    /// The text names none.
    pub fn of_site(named: &SiteTarget) -> Result<Self, OptionError> {
        let spec = Spec::parse(&named.text).map_err(|source| OptionError::SiteTarget {
            path: named.path.clone(),
            line: named.line,
            source,
        })?;
        let folder = named.path.parent().unwrap_or(Path::new(""));
        let spec = match spec {
            Spec::Sqlite(path) => Spec::Sqlite(folder.join(path)),
            Spec::Script(path) => Spec::Script(folder.join(path)),
            spec @ Spec::Postgres(_) => spec,
        };
        Ok(Self { spec, named_by: NamedBy::SiteFile })
    }

    /// The target of a run for which none was named.
    #[must_use]
    pub fn fallback() -> Self {
        Self { spec: Spec::Sqlite(FALLBACK.into()), named_by: NamedBy::Default }
    }

    fn parse(text: &str, named_by: NamedBy, name: &'static str) -> Result<Self, OptionError> {
        match Spec::parse(text) {
            Ok(spec) => Ok(Self { spec, named_by }),
            Err(source) => Err(OptionError::Target { named_by: name, source }),
        }
    }

    /// The file that is written, where the target is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.spec {
            Spec::Postgres(_) => None,
            Spec::Sqlite(path) | Spec::Script(path) => Some(path),
        }
    }
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Choice");
        match self.path() {
            Some(path) => shown.field("path", &path),
            None => shown.field("postgresql", &"…"),
        };
        shown.field("named_by", &self.named_by).finish()
    }
}

/// Refuses a command line that holds a password, wherever in it: it is visible to all users of the machine, and would
/// be repeated in messages about arguments that are out of place.
///
/// # Errors
/// It holds one.
pub fn password_in_arguments(line: &[OsString]) -> Result<(), OptionError> {
    for argument in line.iter().skip(1) {
        let argument = argument.to_string_lossy();
        let value = argument.strip_prefix('-').and_then(|flag| flag.split_once('=')).map(|(_, value)| value);
        if stands_in(&argument) || value.is_some_and(stands_in) {
            return Err(OptionError::PasswordInArguments);
        }
    }
    Ok(())
}

/// The same of a word of a command line, which may be the name of a file as well.
fn stands_in(argument: &str) -> bool {
    let understood =
        ["sqlite:", "postgresql://", "postgres://"].iter().any(|begin| argument.starts_with(begin));
    let mistyped = !understood && may_contain_password(argument);
    may_hold_password(argument) || mistyped && !Path::new(argument).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_on_the_command_line_is_found_wherever_it_stands() {
        let check = |line: &[&str], refused: bool| {
            let line: Vec<OsString> = line.iter().map(OsString::from).collect();
            assert_eq!(password_in_arguments(&line).is_err(), refused, "{line:?}");
        };
        check(&["etl", "run", "a.sql", "--target", "postgresql://u:pw@h/d"], true);
        check(&["etl", "run", "a.sql", "--target=postgresql://u:pw@h/d"], true);
        check(&["etl", "run", "a.sql", "-t=postgres://u:pw@h/d"], true);
        check(&["etl", "run", "postgresql://u:pw@h/d"], true);
        check(&["etl", "postgresql://h/d?password=pw"], true);
        check(&["etl", "run", "a.sql", "--target", "host=h password=pw"], true);
        check(&["etl", "run", "a.sql", "--target", "POSTGRESQL://u:pw@h/d"], true);
        check(&["etl", "run", "a.sql", "--target", "postgresql:/u:pw@h/d"], true);
        check(&["etl", "run", "a.sql", "--target", "mysql://u:pw@h/d"], true);
        check(&["etl", "run", "a.sql", "--target", "postgresql://u:@h/d"], false);
        check(&["etl", "run", "a.sql", "--target", "postgresql://u@h:5432/d"], false);
        check(&["etl", "run", "a.sql", "--target", "sqlite:/srv/a:b@c.db"], false);
        check(&["etl", "run", "a@b.sql", "--target", "user@site.db"], false);
        check(&["etl", "run", "password=.sql", "host:/a@b.sql"], false);
        for target in [
            "u:pw@h:5432/d",
            "postgres//u:pw@h/d",
            "Server=h;Password=pw",
            "host=h,password=pw",
            "host=h;PWD=pw",
            "u:pw@h/x.db",
            "u:p/w@h/x.sql",
        ] {
            check(&["etl", "run", "a.sql", "-t", target], true);
            check(&["etl", "run", "a.sql", &format!("--target={target}")], true);
            check(&["etl", "run", target], true);
        }
        check(&["etl", "run", "a.sql", "-t", "sqlite:u:pw@h.db"], false);
        check(&["etl", "purge", "--endpoint", "https://cinder:8776/v3", "--older-than", "1day 2h"], false);
        check(&["etl", "run", "a.sql", "-t", "postgresql://u@h/d?options=-c%20a%3Db"], false);
    }

    #[test]
    fn a_choice_never_shows_its_connection_string() {
        let choice = Choice::parse("postgresql://u:hunter2@h/d", NamedBy::Environment, VARIABLE).unwrap();
        assert!(!format!("{choice:?}").contains("hunter2"));
    }

    #[test]
    fn the_flag_wins_over_the_variable_and_an_empty_variable_says_nothing() {
        let check = |flag: Option<&str>, variable: Option<&str>, expected: Option<NamedBy>| {
            let variable = |name: &str| (name == VARIABLE).then(|| variable.map(str::to_owned)).flatten();
            let environment = Environment { variable: &variable, ..Environment::of_process() };
            let found = Choice::find(flag, &environment).unwrap();
            assert_eq!(found.map(|choice| choice.named_by), expected);
        };
        check(Some("a.db"), Some("b.db"), Some(NamedBy::Flag));
        check(None, Some("b.db"), Some(NamedBy::Environment));
        check(None, Some(""), None);
        check(None, None, None);
    }
}
