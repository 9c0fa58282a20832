//! The command `etl`: reads the command line, does what it says, prints what went wrong, answers an exit code.

use etl::commands::execute;
use etl::error::Error;
use etl::exit::Exit;
use etl::surroundings::Surroundings;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

fn main() -> ExitCode {
    // Without it the process only ends less politely there.
    drop(etl::signals::outlive_long_files());
    // What is refused here cannot be had in another way either.
    drop(etl::memory::keep_private());
    let line: Vec<OsString> = std::env::args_os().collect();
    let exit = match execute(&line, &Surroundings::of_process(), &mut io::stdout().lock()) {
        Ok(exit) => exit,
        Err(error) => {
            tell(&error);
            error.exit()
        }
    };
    exit.into()
}

/// The one place where errors are printed. Where standard error is gone there is nobody left to tell.
fn tell(error: &Error) {
    match error {
        // Help and the version are asked for and go to standard output.
        Error::Arguments(help) if error.exit() == Exit::Done => drop(help.print()),
        _ => drop(io::stderr().write_all(error.text().as_bytes())),
    }
}
