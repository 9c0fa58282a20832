//! The commands, one file each.

mod batch;
mod check;
mod columns;
mod completions;
mod conversion;
mod cutover;
mod dump;
mod man;
mod policies;
mod purge;
mod rollback;
mod run;
mod sample;
mod schema;
mod status;
mod sync;
mod verify;
mod work;

use crate::cli::{Args, Command};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::options::password_in_arguments;
use crate::surroundings::Surroundings;
use crate::terminal::heard;
use std::ffi::OsString;
use std::io::Write;

/// Does what a command line says; what it answers goes to `out`.
///
/// # Errors
/// The command line cannot be followed, or the command failed.
pub fn execute(line: &[OsString], surroundings: &Surroundings<'_>, out: &mut dyn Write) -> Result<Exit> {
    // Before anything could repeat an argument in a message.
    password_in_arguments(line)?;
    let text = match Args::read(line.iter().cloned())?.command {
        Command::Run(args) => return run::run(&args, surroundings, out),
        Command::Dump(args) => return dump::dump(&args, surroundings, out),
        Command::Check(args) => return check::check(&args, line, surroundings, out),
        Command::Verify(args) => return verify::verify(&args, surroundings, out),
        Command::Batch(args) => return batch::batch(&args, surroundings, out),
        Command::Sync(args) => return sync::sync(&args, surroundings, out),
        Command::Cutover(args) => return cutover::cutover(&args, surroundings, out),
        Command::Policies(args) => return policies::policies(&args, surroundings, out),
        Command::Rollback(args) => return rollback::rollback(&args, surroundings, out),
        Command::Status(args) => status::status(&args, surroundings)?,
        Command::Purge(args) => return purge::purge(&args, surroundings, out),
        Command::Schema(args) => schema::schema(&args),
        Command::Columns(args) => columns::columns(&args)?,
        Command::Sample(args) => sample::sample(&args)?,
        Command::Completions(args) => completions::completions(&args),
        Command::Man(args) => man::man(&args)?,
    };
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    heard(written).map_err(|source| Error::Unsaid {
        what: "standard output".to_owned(),
        source,
        exit: Exit::Failed,
    })?;
    Ok(Exit::Done)
}
