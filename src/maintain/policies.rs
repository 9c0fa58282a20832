//! `etl policies`: what policies a target holds, in the form in which they are wanted.

pub mod listing;

use crate::base::error::{Error, Result};
use crate::base::exit::Exit;
use crate::maintain::args::PoliciesArgs;
use crate::maintain::policies::listing::Listing;
use crate::settings::columns::read_columns;
use crate::settings::error::OptionError;
use crate::settings::target::Choice;
use crate::ui::environment::Environment;
use crate::ui::password;
use crate::ui::password::Typed;
use crate::ui::progress::{Counters, Display, Style};
use crate::ui::signals;
use crate::ui::terminal::ignore_broken_pipe;
use pipeline::load::{Context, policies};
use pipeline::progress::{Cancel, Progress};
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Reads the policies and writes each as it comes.
pub(crate) fn policies(
    args: &PoliciesArgs,
    environment: &Environment<'_>,
    out: &mut dyn Write,
) -> Result<Exit> {
    let target = Choice::find(args.target.as_deref(), environment)?.ok_or(OptionError::NoTarget)?;
    let names = read_columns(args.columns.as_deref())?.target;
    let cancel = Arc::new(Cancel::default());
    let progress = Arc::new(Progress::new(0));
    let counters = Counters { progress: Arc::clone(&progress), dumps: Vec::new() };
    let display = Display::start(Style::Nothing, counters)
        .map_err(|source| Error::system("no thread can be started", source))?;
    let _watch = signals::Watch::start(Arc::clone(&cancel), progress, display.screen())
        .map_err(|source| Error::system("signals cannot be watched for", source))?;
    let (watched, screen) = (environment.stderr_terminal, display.screen());
    let ask = password::on_terminal(watched, screen, Arc::clone(&cancel), Typed::default());
    let context = Context::without_import(names, ask, cancel);
    let mut out = BufWriter::new(out);
    let unsaid = |source| Error::output("standard output", source, Exit::Failed);
    let columns = environment.columns.filter(|_| environment.stdout_terminal);
    let mut listing = Listing::new(args.form, columns, &mut out);
    let mut written: io::Result<()> = Ok(());
    policies::read(&target.spec, context, &mut |plan| {
        written = listing.plan(&plan);
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    ignore_broken_pipe(written.and_then(|()| listing.finish())).map_err(unsaid)?;
    Ok(Exit::Done)
}
