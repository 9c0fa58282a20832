//! The dumps as named: each one once, none of them typed by hand.

use crate::settings::error::OptionError;
use crate::settings::identity::Identity;
use parsers::input::STDIN;
use pipeline::load::spec::Spec;

/// A dump that was named.
#[derive(Debug)]
pub(crate) struct Dump {
    /// Its name as typed.
    pub(crate) name: String,
    /// Which file it is; `None` where it does not exist, which opening it will tell.
    pub(crate) identity: Option<Identity>,
    /// Whether it can be read twice.
    pub(crate) regular: bool,
}

/// Checks the names of dumps.
pub(crate) fn check(names: &[String], stdin_terminal: bool) -> Result<Vec<Dump>, OptionError> {
    let mut dumps: Vec<Dump> = Vec::new();
    for name in names {
        if let Ok(Spec::Postgres(_)) = Spec::parse(name)
            && !std::path::Path::new(name).exists()
        {
            return Err(OptionError::TargetAsDump { name: name.clone() });
        }
        if name == STDIN && stdin_terminal {
            return Err(OptionError::StdinTerminal);
        }
        let path = if name == STDIN { "/dev/stdin" } else { name };
        let metadata = std::fs::metadata(path).ok();
        let identity = metadata.as_ref().map(Identity::of);
        if let Some(same) = dumps.iter().find(|dump| identity.is_some() && dump.identity == identity) {
            return Err(OptionError::SameDump { first: same.name.clone(), second: name.clone() });
        }
        let regular = metadata.is_some_and(|metadata| metadata.is_file()) && name != STDIN;
        dumps.push(Dump { name: name.clone(), identity, regular });
    }
    Ok(dumps)
}
