//! How far the dumps are, told on standard error: a bar for each on a terminal, plain lines elsewhere.

use crate::base::number::bytes;
use crate::ui::progress::{Screen, Style, Ticker};
use indicatif::{ProgressBar, ProgressStyle};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the numbers are looked at.
const TICK: Duration = Duration::from_millis(200);

/// The time between two lines of one dump while nothing else begins.
const PAUSE: Duration = Duration::from_secs(10);

/// While the end is not known, and while it is.
const OPEN: &str = "{prefix} {spinner} {wide_msg}";
const MEASURED: &str =
    "{prefix} {bar:12} {bytes:>10}/{total_bytes:<10} {binary_bytes_per_sec:>14} {eta:>4} left";

/// What is being done for a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing yet.
    Waiting,
    /// Looking at the node.
    Looking,
    /// gs_dump runs.
    Dumping,
    /// The file comes here.
    Fetching,
    /// The file is read.
    Checking,
    /// The file on the node is removed.
    Removing,
    /// It is here.
    Done,
    /// It is not.
    Failed,
}

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Looking => "looking at the node",
            Self::Dumping => "gs_dump runs",
            Self::Fetching => "fetching",
            Self::Checking => "checking",
            Self::Removing => "removing the file on the node",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// The numbers of one dump.
#[derive(Debug)]
struct Place {
    name: String,
    phase: Mutex<Phase>,
    fetched: Arc<AtomicU64>,
    total: AtomicU64,
}

/// The numbers of all dumps.
#[derive(Debug)]
pub(crate) struct ProgressState {
    places: Vec<Place>,
    screen: Screen,
}

impl ProgressState {
    pub(crate) fn new(names: impl Iterator<Item = String>, screen: Screen) -> Self {
        let place = |name| Place {
            name,
            phase: Mutex::new(Phase::Waiting),
            fetched: Arc::default(),
            total: AtomicU64::new(0),
        };
        Self { places: names.map(place).collect(), screen }
    }

    /// Something else is being done now.
    pub(crate) fn enter(&self, place: usize, phase: Phase) {
        if let Some(place) = self.places.get(place) {
            tracing::info!("{}: {}", place.name, phase.name());
            *place.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
        }
    }

    /// A file of so many bytes begins to come; the answer is where to count them.
    pub(crate) fn fetching(&self, place: usize, total: u64) -> Arc<AtomicU64> {
        self.enter(place, Phase::Fetching);
        self.places.get(place).map_or_else(Arc::default, |place| {
            place.total.store(total, Ordering::Relaxed);
            Arc::clone(&place.fetched)
        })
    }

    /// Says one line.
    pub(crate) fn say(&self, line: &str) {
        self.screen.say(&crate::base::text::printable(line));
    }
}

/// Progress as it is being told; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Display {
    _ticker: Option<Ticker>,
}

impl Display {
    /// Begins to tell; nothing moves while it is `held`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start(style: Style, gauge: Arc<ProgressState>, held: Arc<AtomicBool>) -> io::Result<Self> {
        if style == Style::Nothing {
            return Ok(Self { _ticker: None });
        }
        let tellers = ProgressRenderer::all(style, &gauge);
        let tell = move |tellers: &mut Vec<ProgressRenderer>| {
            if held.load(Ordering::SeqCst) {
                return;
            }
            for (teller, place) in tellers.iter_mut().zip(&gauge.places) {
                teller.tell(place, &gauge.screen);
            }
        };
        let end = |tellers: Vec<ProgressRenderer>| {
            tellers.iter().filter_map(|teller| teller.bar.as_ref()).for_each(ProgressBar::finish_and_clear);
        };
        let ticker = Ticker::start(TICK, tellers, tell, end)?;
        Ok(Self { _ticker: Some(ticker) })
    }
}

struct ProgressRenderer {
    bar: Option<ProgressBar>,
    last: Option<(Phase, Instant)>,
}

impl ProgressRenderer {
    fn all(style: Style, gauge: &ProgressState) -> Vec<Self> {
        let width = gauge.places.iter().map(|place| place.name.chars().count()).max().unwrap_or(0);
        let teller = |place: &Place| {
            let bar = ProgressBar::no_length()
                .with_style(styled(OPEN))
                .with_prefix(format!("{:<width$}", place.name));
            Self { bar: (style == Style::Bars).then(|| gauge.screen.add(bar)), last: None }
        };
        gauge.places.iter().map(teller).collect()
    }

    fn tell(&mut self, place: &Place, screen: &Screen) {
        let phase = *place.phase.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let entered = self.last.is_none_or(|(last, _)| last != phase);
        let due = entered || self.last.is_none_or(|(_, said)| now - said >= PAUSE);
        let over = matches!(phase, Phase::Waiting | Phase::Done | Phase::Failed);
        let (fetched, total) = (place.fetched.load(Ordering::Relaxed), place.total.load(Ordering::Relaxed));
        match &self.bar {
            Some(bar) => {
                if phase == Phase::Fetching {
                    if bar.length().is_none() {
                        bar.set_style(styled(MEASURED));
                        bar.set_length(total);
                    }
                    bar.set_position(fetched);
                } else {
                    if entered {
                        bar.set_style(styled(OPEN));
                        bar.unset_length();
                    }
                    bar.set_message(phase.name());
                }
                bar.tick();
            }
            None if due && (entered || !over) => screen.say(&line(&place.name, phase, fetched, total)),
            None => {}
        }
        if due {
            self.last = Some((phase, now));
        }
    }
}

fn line(name: &str, phase: Phase, fetched: u64, total: u64) -> String {
    match phase {
        Phase::Fetching => {
            let percent = u128::from(fetched) * 100 / u128::from(total.max(1));
            format!("etl: {name}: fetching, {} of {} ({percent} %)", bytes(fetched), bytes(total))
        }
        _ => format!("etl: {name}: {}", phase.name()),
    }
}

/// A template that indicatif refuses would be one of the constants here; a plain bar is then the least harm.
fn styled(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("##-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_is_done_and_how_far_it_is() {
        for template in [OPEN, MEASURED] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
        assert_eq!(line("db1, cinder", Phase::Dumping, 0, 0), "etl: db1, cinder: gs_dump runs");
        assert_eq!(
            line("db1, cinder", Phase::Fetching, 1 << 20, 4 << 20),
            "etl: db1, cinder: fetching, 1.0 MiB of 4.0 MiB (25 %)"
        );
    }

    #[test]
    fn a_bar_follows_the_file_that_comes() {
        let gauge = ProgressState::new(["db1".to_owned()].into_iter(), Screen::new(Style::Nothing));
        let mut teller = ProgressRenderer::all(Style::Bars, &gauge).remove(0);
        let bar = teller.bar.clone().unwrap();
        gauge.enter(0, Phase::Dumping);
        teller.tell(&gauge.places[0], &gauge.screen);
        assert_eq!((bar.message().as_str(), bar.length()), ("gs_dump runs", None));
        gauge.fetching(0, 10).store(4, Ordering::Relaxed);
        teller.tell(&gauge.places[0], &gauge.screen);
        assert_eq!((bar.position(), bar.length()), (4, Some(10)));
        gauge.enter(0, Phase::Checking);
        teller.tell(&gauge.places[0], &gauge.screen);
        assert_eq!((bar.message().as_str(), bar.length()), ("checking", None));
    }
}
