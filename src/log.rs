//! The log: what a run did, kept in a file that its owner alone can read, without secrets.
//!
//! It is `etl.log` in the current folder if not named otherwise: that is where the settings, the default target and
//! the dumps usually are, and where the operator looks first. Runs are added one after the other, times are UTC. Only
//! events of this program's own crates are kept in detail, so that no driver writes statements or values into it.

use crate::error::{Error, Result};
use crate::options::{Log, Outputs};
use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Mutex;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt as _;

/// What the user is told anyway (report and errors) goes to the file under this name, and is not shown twice.
pub(crate) const TOLD: &str = "told";

/// Access for the owner alone.
const PRIVATE: u32 = 0o600;

/// Begins to log. Answers a warning where the default file cannot be written: that must not stop a run.
///
/// # Errors
/// A file that was named cannot be written.
pub fn start(outputs: &Outputs) -> Result<Option<String>> {
    let (file, warning) = match &outputs.log {
        Log::None => (None, None),
        Log::Named(path) => match open(path) {
            Ok(file) => (Some(file), None),
            Err(source) => {
                return Err(Error::File { what: "the log", path: path.display().to_string(), source });
            }
        },
        Log::Default(path) => match open(path) {
            Ok(file) => (Some(file), None),
            Err(error) => {
                (None, Some(format!("no log is kept: {} cannot be written: {error}", path.display())))
            }
        },
    };
    let file = file.map(|file| {
        layer()
            .with_ansi(false)
            .with_target(false)
            .with_writer(Mutex::new(file))
            .with_filter(own(LevelFilter::DEBUG).with_target(TOLD, LevelFilter::INFO))
    });
    let shown = match outputs.verbose {
        0 => LevelFilter::OFF,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    let shown = layer()
        .with_ansi(false)
        .with_target(false)
        .with_writer(io::stderr)
        .with_filter(own(shown).with_target(TOLD, LevelFilter::OFF));
    // A second log in one process is a test's, which does without.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(file).with(shown));
    Ok(warning)
}

/// The events of this program's crates; of all others at most warnings.
fn own(level: LevelFilter) -> Targets {
    let mut targets = Targets::new().with_default(level.min(LevelFilter::WARN));
    for name in ["etl", "pipeline", "parsers", "postgres"] {
        targets = targets.with_target(name, level);
    }
    targets
}

fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().append(true).create(true).mode(PRIVATE).open(path)?;
    let found = file.metadata()?;
    if found.is_file() && found.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(PRIVATE))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_private_and_grows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("etl.log");
        std::fs::write(&path, "before\n").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        for path in [path.clone(), folder.path().join("new.log")] {
            let mut file = open(&path).unwrap();
            io::Write::write_all(&mut file, b"now\n").unwrap();
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, PRIVATE);
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "before\nnow\n");
    }
}
