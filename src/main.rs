//! The command `etl`: reads the command line, runs it, prints the error, returns the exit code.

use etl::cli::execute;
use etl::ui::environment::Environment;
use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Without it a process with too large a file is ended by a signal instead of an error.
    drop(etl::ui::signals::outlive_long_files());
    // What is refused here cannot be had in another way either.
    drop(etl::base::memory::keep_private());
    let line: Vec<OsString> = std::env::args_os().collect();
    let exit = match execute(&line, &Environment::of_process(), &mut io::stdout().lock()) {
        Ok(exit) => exit,
        Err(error) => {
            error.print();
            error.exit()
        }
    };
    etl::ui::echo::restore();
    exit.into()
}
