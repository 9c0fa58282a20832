//! The log: what a run did, kept in a file that its owner alone can read, without secrets.
//!
//! It is `etl.log` in the current folder if not named otherwise: that is where the settings, the default target and
//! the dumps usually are, and where the operator looks first. Runs are added one after the other, times are UTC. Only
//! events of this program's own crates are kept in detail, so that no driver writes statements or values into it.

use crate::base::error::{Error, Result};
use crate::base::text::Printable;
use crate::base::{files, marks};
use crate::settings::identity::Role;
use crate::settings::outputs::{Log, Outputs};
use crate::settings::places::foreign;
use crate::ui::PRINTED;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use pipeline::files::appended;
use pipeline::files::place::Foreign;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Mutex;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt as _;

/// Begins to log. Answers a warning where the default file cannot be written: that must not stop a run.
///
/// # Errors
/// A file that was named cannot be written.
pub fn start(outputs: &Outputs) -> Result<Option<String>> {
    let (file, warning) = match &outputs.log {
        Log::None => (None, None),
        Log::Named(path) | Log::Default(path) => match (open(path, outputs.foreign(path)), &outputs.log) {
            (Ok(Some(file)), _) => (Some(file), None),
            (Ok(None), _) => return Err(foreign(&Role::Log, path).into()),
            (Err(source), Log::Named(_)) => {
                return Err(Error::file("the log", path.display(), source));
            }
            (Err(error), _) => {
                (None, Some(format!("no log is kept: {} cannot be written: {error}", path.display())))
            }
        },
    };
    let file = file.map(|file| {
        layer()
            .with_ansi(false)
            .with_target(false)
            .with_writer(Mutex::new(Printable(file)))
            .with_filter(own(LevelFilter::DEBUG).with_target(PRINTED, LevelFilter::INFO))
    });
    let shown = match outputs.verbose {
        0 => LevelFilter::OFF,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    let shown = layer()
        .with_ansi(false)
        .with_target(false)
        .with_writer(|| Printable(io::stderr()))
        .with_filter(own(shown).with_target(PRINTED, LevelFilter::OFF));
    // A second log in one process is a test's, which does without.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(file).with(shown));
    Ok(warning)
}

/// The events of this program's crates; of all others at most warnings.
fn own(level: LevelFilter) -> Targets {
    let mut targets = Targets::new().with_default(level.min(LevelFilter::WARN));
    for name in ["etl", "pipeline", "schedules", "connect", "parsers", "postgres"] {
        targets = targets.with_target(name, level);
    }
    targets
}

/// Opens the log; `None` where a file is there that etl did not write.
fn open(path: &Path, foreign: Foreign) -> io::Result<Option<File>> {
    let found = std::fs::metadata(path).map(|found| found.file_type());
    if found.is_ok_and(|found| found.is_char_device() || found.is_fifo() && files::is_own_stream(path)) {
        // Without waiting for a reader that is gone.
        let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let file = OpenOptions::new().append(true).custom_flags(flags.bits()).open(path)?;
        fcntl(&file, FcntlArg::F_SETFL(OFlag::O_APPEND))?;
        return Ok(Some(file));
    }
    let Some(appended::Appended { mut file, is_empty }) = appended::open(path, marks::is_log, foreign)?
    else {
        return Ok(None);
    };
    if is_empty {
        file.write_all(marks::LOG.as_bytes())?;
    }
    Ok(Some(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_log_is_private_and_grows() {
        let folder = tempfile::tempdir().unwrap();
        for (name, before) in [
            ("older.log", Some("2026-11-28T23:00:00.000000Z  INFO etl 0.1.0 run\n")),
            ("etl.log", Some(marks::LOG)),
            ("empty.log", Some("")),
            ("new.log", None),
        ] {
            let path = folder.path().join(name);
            if let Some(before) = before {
                std::fs::write(&path, before).unwrap();
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
            }
            for _ in 0..2 {
                let mut file = open(&path, Foreign::Refuse).unwrap().unwrap();
                file.write_all(b"now\n").unwrap();
            }
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            let begin = before.filter(|before| !before.is_empty()).unwrap_or(marks::LOG);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{begin}now\nnow\n"));
        }
    }

    #[test]
    fn what_is_no_log_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("etl.log");
        for text in ["notes\n", "2026-11-28T23:00:00.000000Z  INFO other 1.0\n", "#"] {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
            assert!(open(&path, Foreign::Refuse).unwrap().is_none());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
            assert!(open(&path, Foreign::Replace).unwrap().is_some());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), marks::LOG);
        }
    }
}
