//! `etl check`: what a run would do, without doing it.

use crate::base::error::Result;
use crate::base::exit::Exit;
use crate::base::shell::quote;
use crate::import::args::CheckArgs;
use crate::import::conversion::convert;
use crate::import::options::Options;
use crate::import::report::summary::CommandKind;
use crate::ui::environment::Environment;
use std::ffi::OsString;
use std::io::Write;

/// Converts the dumps and writes nothing.
pub(crate) fn check(
    args: &CheckArgs,
    line: &[OsString],
    environment: &Environment<'_>,
    out: &mut dyn Write,
) -> Result<Exit> {
    let options = Options::of_check(args, environment)?;
    let next = run_instead(line);
    convert(CommandKind::Check { next: &next, full: args.full }, &options, environment, out)
}

/// The command line of the run that this check prepares.
fn run_instead(line: &[OsString]) -> String {
    let words = line.iter().skip(2).map(|word| word.to_string_lossy());
    let mut next = "etl run".to_owned();
    let mut assumed = false;
    let kept = words.filter(|word| {
        let value = std::mem::replace(&mut assumed, word == "--assume-absent");
        !value && !assumed && word != "--full" && !word.starts_with("--assume-absent=")
    });
    for word in kept {
        next.push(' ');
        next.push_str(&quote(&word));
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_has_the_arguments_of_the_check() {
        for (line, next) in [
            (&["/usr/bin/etl", "check", "a.sql", "--full", "-t", "x.db"][..], "etl run a.sql -t x.db"),
            (&["etl", "check", "a b.sql"], "etl run 'a b.sql'"),
            (&["etl", "check", "--assume-absent", "a.b", "a.sql", "--assume-absent=c.d"], "etl run a.sql"),
        ] {
            let line: Vec<OsString> = line.iter().map(OsString::from).collect();
            assert_eq!(run_instead(&line), next);
        }
    }
}
