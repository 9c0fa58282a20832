//! `etl completions`: what a shell needs to complete command lines.

use crate::cli::{Args, CompletionsArgs};

/// The completion script.
pub(crate) fn completions(args: &CompletionsArgs) -> String {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::definition(), "etl", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
