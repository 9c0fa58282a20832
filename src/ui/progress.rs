//! How far a run is, told on standard error while it runs: bars on a terminal, plain lines elsewhere.
//!
//! A thread looks at the counters of the run from time to time; the run itself never waits for it.

pub mod bars;
pub mod lines;
pub mod moment;
pub mod ticker;

use crate::ui::progress::moment::Moment;
use bars::Bars;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};
use lines::Lines;
use pipeline::progress::Progress;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
pub(crate) use ticker::Ticker;

/// How often the counters are looked at.
const TICK: Duration = Duration::from_millis(100);

/// How progress is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Bars that move.
    Bars,
    /// A line every few seconds.
    Lines,
    /// Not at all.
    Nothing,
}

/// Standard error, shared by the bars and those who have something to say meanwhile.
#[derive(Clone, Debug)]
pub struct Screen(MultiProgress);

impl Screen {
    /// Standard error, on which bars move or do not.
    #[must_use]
    pub(crate) fn new(style: Style) -> Self {
        let target = match style {
            Style::Bars => ProgressDrawTarget::stderr(),
            Style::Lines | Style::Nothing => ProgressDrawTarget::hidden(),
        };
        Self(MultiProgress::with_draw_target(target))
    }

    /// Shows a bar.
    pub(crate) fn add(&self, bar: ProgressBar) -> ProgressBar {
        self.0.add(bar)
    }

    /// Says one line.
    pub fn say(&self, line: &str) {
        // There is nobody left to tell when standard error is gone.
        self.suspend(|| drop(writeln!(io::stderr().lock(), "{line}")));
    }

    /// Does something on the terminal while no bar is drawn.
    pub fn suspend<R>(&self, act: impl FnOnce() -> R) -> R {
        self.0.suspend(act)
    }
}

/// What is counted of a run.
#[derive(Debug)]
pub struct Counters {
    /// The run's own.
    pub progress: Arc<Progress>,
    /// For each dump its name and the bytes read of it.
    pub dumps: Vec<(String, Arc<AtomicU64>)>,
}

impl Counters {
    fn now(&self, since: Instant) -> Moment {
        let dump = |(n, (_, read)): (usize, &(String, Arc<AtomicU64>))| {
            (read.load(Ordering::Relaxed), self.progress.total(n))
        };
        Moment {
            stage: self.progress.stage(),
            loaded: self.progress.loaded(),
            dumps: self.dumps.iter().enumerate().map(dump).collect(),
            elapsed: since.elapsed(),
            copies: self.progress.copies(),
        }
    }
}

/// Who tells.
enum ProgressRenderer {
    Bars(Bars),
    Lines(Lines, Screen),
}

impl ProgressRenderer {
    fn tell(&mut self, moment: &Moment) {
        match self {
            Self::Bars(bars) => bars.show(moment),
            Self::Lines(lines, screen) => {
                if let Some(line) = lines.next(moment) {
                    screen.say(&line);
                }
            }
        }
    }

    fn end(self) {
        if let Self::Bars(bars) = self {
            bars.clear();
        }
    }
}

/// Progress as it is being told; it ends when this is dropped.
#[derive(Debug)]
pub struct Display {
    screen: Screen,
    /// Where progress is told.
    _ticker: Option<Ticker>,
}

impl Display {
    /// Begins to tell.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(style: Style, counters: Counters) -> io::Result<Self> {
        let screen = Screen::new(style);
        let teller = match style {
            Style::Nothing => return Ok(Self { screen, _ticker: None }),
            Style::Bars => ProgressRenderer::Bars(Bars::new(
                &screen.0,
                counters.dumps.iter().map(|(name, _)| name.as_str()),
            )),
            Style::Lines => ProgressRenderer::Lines(Lines::default(), screen.clone()),
        };
        let started = Instant::now();
        let tell = move |teller: &mut ProgressRenderer| teller.tell(&counters.now(started));
        let ticker = Ticker::start(TICK, teller, tell, ProgressRenderer::end)?;
        Ok(Self { screen, _ticker: Some(ticker) })
    }

    /// Standard error.
    #[must_use]
    pub fn screen(&self) -> Screen {
        self.screen.clone()
    }
}
