//! The dump of Karbor's own tables, made before anything is written to them: by pg_dump, or by gs_dump where the target is
//! openGauss or GaussDB.

use super::error::CutoverError;
use super::files::{missing, whole};
use super::host::Host;
use super::lines::{Lines, typed};
use super::settings::{GS_DUMP, PG_DUMP};
use crate::base::error::{Error, Result};
use pipeline::files::Replacement;
use pipeline::karbor::WRITTEN;
use pipeline::load::names::TargetNames;
use std::path::Path;

/// What is to be done where pg_dump fails.
const PG_DUMP_FAILED: &str = "name the pg_dump of the server's version with pg_dump in [karbor], a command with dump_command, or \
                              leave it out with dump = false";

/// What is to be done where the target is openGauss or GaussDB.
const GS_DUMP_FAILED: &str = "the target is openGauss or GaussDB: name its gs_dump with pg_dump in [karbor], a command with \
                              dump_command, or leave it out with dump = false";

/// How the dump is made.
#[derive(Debug)]
pub struct SafetyDump<'d> {
    /// The program, where one is named.
    pub program: Option<String>,
    /// Options beside those that etl gives.
    pub options: &'d [String],
    /// Makes the command line.
    pub lines: Lines<'d>,
    /// What the target calls its tables.
    pub names: &'d TargetNames,
}

impl SafetyDump<'_> {
    /// Makes it, and gives it its name `path` when it is whole; its size in bytes.
    ///
    /// # Errors
    /// The program fails, or not all of the tables are in the dump.
    pub fn make(self, host: &mut dyn Host, path: &Path) -> Result<u64> {
        let file = |source| Error::file("the dump of Karbor's tables", path.display(), source);
        let failed = |what: String, remedy: &str| -> Error {
            CutoverError::Failed { what, remedy: Some(remedy.to_owned()) }.into()
        };
        let gauss = host.is_gauss()?;
        let program = self.program.unwrap_or_else(|| if gauss { GS_DUMP } else { PG_DUMP }.to_owned());
        // Private before the first byte is in it: both programs write into the file that is there.
        let part = Replacement::create(path).map_err(file)?;
        let line = self.lines.safety_dump(&program, self.options, self.names, part.path());
        tracing::info!("{}", typed(&line));
        let ran = host.run_local(&line, None, true)?;
        if !ran.well() {
            let remedy = if gauss { GS_DUMP_FAILED } else { PG_DUMP_FAILED };
            return Err(failed(format!("{program}: {}", ran.how()), remedy));
        }
        let Some(size) = whole(part.path()).map_err(file)? else {
            let what = format!("{}: the dump has no end", path.display());
            return Err(failed(what, "see whether the disk is full, and type the same command again"));
        };
        let written = WRITTEN.map(|table| self.names.table(table.name));
        let missing = missing(part.path(), &written).map_err(file)?;
        if !missing.is_empty() {
            let what = format!("{program}: not in the dump: {}", missing.join(", "));
            let remedy = "gs_dump leaves out what its user does not own: let the owner of Karbor's tables make the dump, by a \
                          command with dump_command";
            return Err(failed(what, remedy));
        }
        part.publish().map_err(file)?;
        Ok(size)
    }
}
