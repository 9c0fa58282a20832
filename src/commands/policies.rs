//! `etl policies`: what policies a target holds, in the form in which they are wanted.

use crate::cli::PoliciesArgs;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::listing::Listing;
use crate::options::{Choice, OptionError, read_columns};
use crate::password::{self, Typed};
use crate::progress::{Counters, Display, Style};
use crate::signals;
use crate::surroundings::Surroundings;
use crate::terminal::heard;
use pipeline::load::{Context, policies};
use pipeline::progress::{Cancel, Progress};
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Reads the policies and writes each as it comes.
pub(super) fn policies(
    args: &PoliciesArgs,
    surroundings: &Surroundings<'_>,
    out: &mut dyn Write,
) -> Result<Exit> {
    let target = Choice::find(args.target.as_deref(), surroundings)?.ok_or(OptionError::NoTarget)?;
    let names = read_columns(args.columns.as_deref())?.target;
    let cancel = Arc::new(Cancel::default());
    let progress = Arc::new(Progress::new(0));
    let counters = Counters { progress: Arc::clone(&progress), dumps: Vec::new() };
    let display = Display::start(Style::Nothing, counters)
        .map_err(|source| Error::System { what: "no thread can be started", source })?;
    let _watch = signals::Watch::start(Arc::clone(&cancel), progress, display.screen())
        .map_err(|source| Error::System { what: "signals cannot be watched for", source })?;
    let (watched, screen) = (surroundings.stderr_terminal, display.screen());
    let ask = password::on_terminal(watched, screen, Arc::clone(&cancel), Typed::default());
    let context = Context::without_import(names, ask, cancel);
    let mut out = BufWriter::new(out);
    let unsaid = |source| Error::Unsaid { what: "standard output".to_owned(), source, exit: Exit::Failed };
    let mut listing = Listing::new(args.form, &mut out);
    let mut written: io::Result<()> = Ok(());
    policies::read(&target.spec, context, &mut |plan| {
        written = listing.plan(&plan);
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    heard(written.and_then(|()| listing.finish())).map_err(unsaid)?;
    Ok(Exit::Done)
}
