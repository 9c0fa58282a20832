//! Rows that keep a run from committing.

use crate::base::error::{CommandError, plain_text};
use crate::base::number::{counted, grouped};
use crate::base::text::printable;
use pipeline::outcome::Rejection;

/// Rows break rules, so that nothing was written.
#[derive(Debug, thiserror::Error)]
#[error("{}", headline(*total, *stops))]
pub struct RejectedRows {
    /// The first of them.
    pub listed: Vec<Rejection>,
    /// How many rows are rejected.
    pub total: u64,
    /// What they stop.
    pub stops: Stops,
}

/// What rejected rows stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stops {
    /// This run.
    ThisRun,
    /// The run that this check is made for.
    TheRunToCome,
}

impl CommandError for RejectedRows {
    fn kind(&self) -> &'static str {
        "rejected-rows"
    }

    fn remedy(&self) -> Option<String> {
        let set_aside = match self.stops {
            Stops::ThisRun => "set them aside with --rejects FILE",
            Stops::TheRunToCome => "set them aside: `etl run … --rejects FILE`",
        };
        Some(format!("mend them at the source and dump again, or {set_aside}"))
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for rejection in &self.listed {
            text.push_str(&format!("etl: {rejection}\n"));
        }
        let shown = Rejection::rows(&self.listed);
        if self.total > shown {
            text.push_str(&format!("etl: … and {} more\n", grouped(self.total - shown)));
        }
        printable(&text).into_owned() + &plain_text(self)
    }
}

fn headline(total: u64, stops: Stops) -> String {
    let rows = counted(total, "row breaks a rule", "rows break rules");
    match stops {
        Stops::ThisRun => format!("{rows}; nothing was written"),
        Stops::TheRunToCome => format!("{rows}; a run would write nothing"),
    }
}
