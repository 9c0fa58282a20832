//! `etl man`: manual pages, made of the help texts.

use crate::base::error::{Error, Result};
use crate::cli::{Args, ManArgs};
use crate::settings::error::OptionError;

/// A manual page in roff.
pub(crate) fn man(args: &ManArgs) -> Result<String> {
    let mut definition = Args::definition();
    definition.build();
    let page = match &args.command {
        None => definition,
        Some(name) => definition.find_subcommand(name).cloned().ok_or_else(|| OptionError::NoCommand {
            name: name.clone(),
            commands: definition.get_subcommands().map(|command| command.get_name().to_owned()).collect(),
        })?,
    };
    let mut roff = Vec::new();
    clap_mangen::Man::new(page)
        .render(&mut roff)
        .map_err(|source| Error::system("the manual page cannot be made", source))?;
    Ok(String::from_utf8_lossy(&roff).into_owned())
}
