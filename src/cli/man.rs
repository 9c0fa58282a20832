//! `etl man`: manual pages, made of the help texts.

use crate::base::error::{Error, Result};
use crate::base::marks::{MANUAL, is_manual};
use crate::cli::{Args, ManArgs};
use crate::settings::error::OptionError;
use clap::Command;
use clap_mangen::roff::{Roff, roman};
use pipeline::files;
use pipeline::files::mark::{self, Found};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Everybody may read a manual page.
const PUBLIC: u32 = 0o644;

/// A manual page in roff, or, with a folder to write all of them to, their number in words.
pub(crate) fn man(args: &ManArgs) -> Result<String> {
    let mut command = Args::definition().disable_help_subcommand(true);
    command.build();
    if let Some(folder) = &args.all {
        let pages = write(&command, folder)?;
        return Ok(format!("{pages} manual pages are in {}\n", folder.display()));
    }
    for name in &args.command {
        let unknown = || OptionError::NoCommand {
            name: name.clone(),
            commands: command.get_subcommands().map(|command| command.get_name().to_owned()).collect(),
        };
        command = command.find_subcommand(name).cloned().ok_or_else(unknown)?;
    }
    page(&command)
}

/// Writes the pages of a command and of all below it into a folder, and counts them.
fn write(command: &Command, folder: &Path) -> Result<usize> {
    fs::create_dir_all(folder)
        .map_err(|source| Error::file("the folder of manual pages", folder.display(), source))?;
    let mut commands = vec![command];
    let mut pages = 0;
    while let Some(command) = commands.pop() {
        commands.extend(command.get_subcommands());
        let name = command.get_display_name().unwrap_or_else(|| command.get_name());
        let path = folder.join(format!("{name}.1"));
        let unwritten = |source| Error::file("the manual page", path.display(), source);
        if !matches!(mark::look(&path, is_manual).map_err(unwritten)?, Found::Nothing | Found::Own) {
            return Err(OptionError::ForeignManual { path }.into());
        }
        files::replace(&path, page(command)?.as_bytes())
            .and_then(|()| fs::set_permissions(&path, Permissions::from_mode(PUBLIC)))
            .map_err(unwritten)?;
        pages += 1;
    }
    Ok(pages)
}

/// The page of a command. What stands under its help keeps its lines, which clap_mangen runs together.
fn page(command: &Command) -> Result<String> {
    let notes = command.get_after_long_help().or_else(|| command.get_after_help()).map(ToString::to_string);
    let bare = command.clone().after_help(None::<&str>).after_long_help(None::<&str>);
    let mut text = format!("{MANUAL}\n").into_bytes();
    clap_mangen::Man::new(bare)
        .render(&mut text)
        .map_err(|source| Error::system("the manual page cannot be made", source))?;
    Ok(String::from_utf8_lossy(&text).into_owned() + &sections(&notes.unwrap_or_default()))
}

/// Notes as sections: a line that begins at the margin and ends with a colon is a heading.
fn sections(notes: &str) -> String {
    let mut roff = Roff::new();
    let mut open = false;
    for line in notes.lines() {
        match line.strip_suffix(':').filter(|heading| !heading.starts_with(' ')) {
            Some(heading) => {
                if open {
                    roff.control("fi", []);
                }
                roff.control("SH", [heading.to_uppercase().as_str()]);
                roff.control("nf", []);
                open = true;
            }
            None => drop(roff.text([roman(line.strip_prefix("  ").unwrap_or(line))])),
        }
    }
    if open {
        roff.control("fi", []);
    }
    roff.render()
}
