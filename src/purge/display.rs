//! How far a purge is, told on standard error: a bar on a terminal, plain lines elsewhere.

use super::gauge::{Doing, Moment, ProgressState};
use crate::base::number::{counted, duration, grouped};
use crate::ui::progress::{Screen, Style, Ticker};
use indicatif::{ProgressBar, ProgressStyle};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the numbers are looked at.
const TICK: Duration = Duration::from_millis(200);

/// The time between two lines while nothing else begins.
const PAUSE: Duration = Duration::from_secs(10);

/// While the end is not known, and while it is.
const OPEN: &str = "{spinner} {wide_msg}";
const MEASURED: &str = "{bar:20} {wide_msg}";

/// Progress as it is being told; it ends when this is dropped.
#[derive(Debug)]
pub struct Display {
    _ticker: Option<Ticker>,
}

impl Display {
    /// Begins to tell.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(style: Style, screen: Screen, gauge: Arc<ProgressState>) -> io::Result<Self> {
        if style == Style::Nothing {
            return Ok(Self { _ticker: None });
        }
        let tell = move |teller: &mut ProgressRenderer| teller.tell(&gauge.now());
        let end = |teller: ProgressRenderer| teller.bar.iter().for_each(ProgressBar::finish_and_clear);
        let ticker = Ticker::start(TICK, ProgressRenderer::new(style, screen), tell, end)?;
        Ok(Self { _ticker: Some(ticker) })
    }
}

struct ProgressRenderer {
    screen: Screen,
    bar: Option<ProgressBar>,
    /// What was being done last, since when, and when that was said last.
    last: Option<(Doing, Instant, Instant)>,
}

impl ProgressRenderer {
    fn new(style: Style, screen: Screen) -> Self {
        let bar =
            (style == Style::Bars).then(|| screen.add(ProgressBar::no_length().with_style(styled(OPEN))));
        Self { screen, bar, last: None }
    }

    fn tell(&mut self, moment: &Moment) {
        let Some(doing) = &moment.doing else { return };
        let now = Instant::now();
        let (since, said) = match &self.last {
            Some((last, since, said)) if last == doing => (*since, Some(*said)),
            _ => (now, None),
        };
        let due = said.is_none_or(|said| now - said >= PAUSE);
        self.last = Some((doing.clone(), since, said.filter(|_| !due).unwrap_or(now)));
        // While the operator is to answer, nothing moves on the terminal.
        let Some(text) = text(moment, now - since) else { return };
        match &self.bar {
            Some(bar) => {
                if *doing == Doing::Deleting && bar.length().is_none() {
                    bar.set_style(styled(MEASURED));
                    bar.set_length(moment.total);
                }
                bar.set_position(moment.gone);
                bar.set_message(text);
                bar.tick();
            }
            None if due => self.screen.say(&format!("etl: {text}")),
            None => {}
        }
    }
}

/// What there is to say, `elapsed` after this began.
fn text(moment: &Moment, elapsed: Duration) -> Option<String> {
    Some(match moment.doing.as_ref()? {
        Doing::Reading(dump) => format!("reading {}", crate::base::text::printable(dump)),
        Doing::Asking => "asking the target what it holds".to_owned(),
        Doing::Listing => format!("listing, {} so far", counted(moment.listed, "object", "objects")),
        Doing::Waiting => return None,
        Doing::Deleting => deleting(moment, elapsed),
    })
}

fn deleting(moment: &Moment, elapsed: Duration) -> String {
    let Moment { total, gone, in_flight, failed, .. } = *moment;
    let mut text = format!(
        "{} of {} gone, {} in flight, {} failed",
        grouped(gone),
        grouped(total),
        grouped(in_flight),
        grouped(failed)
    );
    let milliseconds = elapsed.as_millis();
    if gone > 0 && milliseconds > 0 {
        let tenths = u128::from(gone) * 10_000 / milliseconds;
        text.push_str(&format!(", {}.{}/s", tenths / 10, tenths % 10));
        let rest = total.saturating_sub(gone).saturating_sub(failed);
        if rest > 0 {
            let left = milliseconds * u128::from(rest) / u128::from(gone);
            let left = Duration::from_millis(u64::try_from(left).unwrap_or(u64::MAX));
            text.push_str(&format!(", about {} left", duration(left)));
        }
    }
    if let Some(reason) = &moment.pause {
        text.push_str(&format!(" ({reason})"));
    }
    text
}

/// A template that indicatif refuses would be one of the constants here; a plain bar is then the least harm.
fn styled(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("##-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(doing: Doing) -> Moment {
        Moment { doing: Some(doing), pause: None, listed: 0, total: 20_000, gone: 0, in_flight: 0, failed: 0 }
    }

    #[test]
    fn a_line_says_what_is_known() {
        let check = |moment: &Moment, seconds: u64, expected: &str| {
            assert_eq!(text(moment, Duration::from_secs(seconds)).unwrap_or_default(), expected);
        };
        check(&moment(Doing::Reading("cinder.sql".into())), 0, "reading cinder.sql");
        check(&Moment { listed: 1, ..moment(Doing::Listing) }, 0, "listing, 1 object so far");
        check(&moment(Doing::Waiting), 0, "");
        check(&moment(Doing::Deleting), 0, "0 of 20,000 gone, 0 in flight, 0 failed");
        let some = Moment { gone: 5_000, in_flight: 100, failed: 3, ..moment(Doing::Deleting) };
        check(&some, 512, "5,000 of 20,000 gone, 100 in flight, 3 failed, 9.7/s, about 25 min 35 s left");
        let paused =
            Moment { gone: 20_000, pause: Some("Cinder asks to wait".into()), ..moment(Doing::Deleting) };
        check(&paused, 1, "20,000 of 20,000 gone, 0 in flight, 0 failed, 20000.0/s (Cinder asks to wait)");
    }

    #[test]
    fn the_bar_follows_the_numbers() {
        for template in [OPEN, MEASURED] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
        let mut teller = ProgressRenderer::new(Style::Bars, Screen::new(Style::Nothing));
        teller.tell(&Moment { listed: 7, ..moment(Doing::Listing) });
        let bar = teller.bar.clone().unwrap();
        assert_eq!((bar.length(), bar.message().as_str()), (None, "listing, 7 objects so far"));
        teller.tell(&moment(Doing::Waiting));
        teller.tell(&Moment { gone: 12, ..moment(Doing::Deleting) });
        assert_eq!((bar.length(), bar.position()), (Some(20_000), 12));
    }
}
