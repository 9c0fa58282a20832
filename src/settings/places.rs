//! The files of a command: what is read is not written, no two things are written to one file, and what etl did not write is
//! neither replaced nor added to unless the operator permits it for that file.

use crate::base::files::{ForeignFile, is_own_stream};
use crate::base::json_lines::JournalKind;
use crate::base::marks;
use crate::settings::dumps::Dump;
use crate::settings::error::OptionError;
use crate::settings::identity::{Identity, Role};
use crate::settings::record;
use crate::settings::target::Choice;
use pipeline::files::mark::{self, Found};
use pipeline::load::spec::Spec;
use pipeline::load::sqlite::is_foreign as is_foreign_database;
use pipeline::row_outcomes;
use std::path::{Path, PathBuf};

/// What is written to a file, and by what it is recognised the next time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// A script.
    Script,
    /// A database of SQLite.
    Database,
    /// Rejected rows.
    Rejects,
    /// A line for each source row.
    Outcomes,
    /// A report as JSON or as a page.
    Report,
    /// A report as text.
    Text,
    /// The log.
    Log,
    /// Lines of JSON.
    Lines(JournalKind),
    /// A dump that was brought here.
    Dump,
    /// The record beside it.
    Record,
    /// What a step of a cutover leaves, which only the cutover's state tells from another program's file.
    Step,
}

impl Written {
    /// Whether the file at `path`, which begins with `head`, is one that etl wrote.
    pub(crate) fn is_own(self, path: &Path, head: &[u8]) -> bool {
        match self {
            Self::Script => mark::is_script(head),
            Self::Database => mark::is_sqlite(head) && !is_foreign_database(path, head),
            Self::Rejects => mark::is_rejects(head),
            Self::Outcomes => row_outcomes::is_outcomes(head),
            Self::Report => marks::is_report(head),
            Self::Text => marks::is_text_report(head),
            Self::Log => marks::is_log(head),
            Self::Lines(keeper) => keeper.is_own(head),
            Self::Dump => record::is_recorded(path),
            Self::Record => record::is_record(head),
            Self::Step => false,
        }
    }
}

/// The files of a command, as they are named.
#[derive(Debug)]
pub(crate) struct Places<'f> {
    taken: Vec<(Role, Option<Identity>)>,
    /// The files that may be replaced although etl did not write them.
    force: &'f [PathBuf],
}

impl<'f> Places<'f> {
    pub(crate) fn new(force: &'f [PathBuf]) -> Self {
        Self { taken: Vec::new(), force }
    }

    /// Files that are read.
    pub(crate) fn read(&mut self, role: Role, identity: Option<Identity>) {
        self.taken.push((role, identity));
    }

    /// The dumps, which are read.
    pub(crate) fn dumps(&mut self, dumps: &[Dump]) {
        for dump in dumps {
            self.read(Role::Dump(dump.name.clone()), dump.identity.clone());
        }
    }

    /// The file that the target is.
    pub(crate) fn target(&mut self, target: Option<&Choice>) -> Result<(), OptionError> {
        match target.map(|choice| &choice.spec) {
            Some(Spec::Script(path)) => self.write(Role::Target, path, Written::Script),
            Some(Spec::Sqlite(path)) => self.write(Role::Target, path, Written::Database),
            Some(Spec::Postgres(_)) | None => Ok(()),
        }
    }

    /// A dump that is brought here, and the record beside it. Its folder may be made yet.
    pub(crate) fn bring(&mut self, database: &'static str, dump: &Path) -> Result<(), OptionError> {
        if dump.parent().is_some_and(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
            return Ok(());
        }
        self.write(Role::Brought(database), dump, Written::Dump)?;
        self.write(Role::Record, &record::beside(dump), Written::Record)
    }

    /// A file that is replaced or added to.
    ///
    /// # Errors
    /// It is something else too, etl did not write it, or no file can be there.
    pub(crate) fn write(&mut self, role: Role, path: &Path, written: Written) -> Result<(), OptionError> {
        let refused = |problem: String, remedy: String| {
            Err(OptionError::Place { role: role.clone(), path: path.to_owned(), problem, remedy })
        };
        let found = match mark::look(path, |head| written.is_own(path, head)) {
            Ok(found) => found,
            Err(_) if Identity::at(path).is_none() => {
                return refused("there is no such folder".to_owned(), "make the folder first".to_owned());
            }
            Err(error) => {
                let problem = format!("whether etl wrote this file cannot be seen: {error}");
                return refused(problem, "name another file".to_owned());
            }
        };
        let log = written == Written::Log;
        match found {
            Found::Folder => return refused("this is a folder".to_owned(), "name a file in it".to_owned()),
            // What takes the bytes of a log and is no file contains nothing that could be lost.
            Found::Device if log => return Ok(()),
            Found::Blocking if log && is_own_stream(path) => return Ok(()),
            Found::Device | Found::Blocking => {
                return refused(
                    "this is no regular file".to_owned(),
                    name_another(&role, "name a file").to_owned(),
                );
            }
            Found::Nothing | Found::Own | Found::Foreign => {}
        }
        let identity = Identity::at(path);
        if identity.is_none() {
            return refused("there is no such folder".to_owned(), "make the folder first".to_owned());
        }
        if let Some((first, _)) = self.taken.iter().find(|(_, taken)| *taken == identity) {
            let (first, second, path) = (first.clone(), role, path.to_owned());
            return Err(OptionError::SamePlace { first, second, path });
        }
        let permitted = self.force.iter().any(|forced| Identity::at(forced) == identity);
        match (found, written) {
            _ if permitted => {}
            (Found::Own, Written::Rejects) => {
                let problem = "this file exists, and may hold rows that were mended".to_owned();
                let remedy = "name another file; rows that were mended are read when the file is named among the dumps";
                return refused(problem, remedy.to_owned());
            }
            (Found::Foreign, _) => {
                return Err(foreign(&role, path).into());
            }
            _ => {}
        }
        self.taken.push((role, identity));
        Ok(())
    }
}

/// The refusal of a file that etl did not write.
pub(crate) fn foreign(role: &Role, path: &Path) -> ForeignFile {
    let name_another = name_another(role, "name another file");
    ForeignFile { role: role.to_string(), path: path.to_owned(), name_another }
}

fn name_another(role: &Role, otherwise: &'static str) -> &'static str {
    match role {
        Role::Log => "name another file with --log, or keep none with --no-log",
        Role::Journal => "name another file with --journal",
        _ => otherwise,
    }
}
