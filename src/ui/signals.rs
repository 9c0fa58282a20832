//! SIGINT, SIGTERM and SIGHUP (a dropped SSH login) ask the run to stop; none of them kills it, however often it comes.
//!
//! What stopping means is the pipeline's affair: before COMMIT was sent everything is rolled back, after it the answer
//! is awaited for a while, and then looked up.

use crate::base::error::Error;
use crate::ui::progress::Screen;
use pipeline::load::STOP_PATIENCE;
use pipeline::progress::{Cancel, Progress, Stage};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::{Handle, Signals};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a run that reads may take to stop. It looks between two pieces of a dump whether it is to; a pipe from which
/// nothing comes keeps it from looking.
const PATIENCE: Duration = Duration::from_secs(3);

/// Makes of a file that grows beyond the limit of `ulimit -f` a write that fails, where it would end the process.
///
/// # Errors
/// The system's.
pub fn outlive_long_files() -> io::Result<()> {
    signal_hook::flag::register(SIGXFSZ, Arc::default()).map(drop)
}

/// Watches for signals until it is dropped. Signals that come later are without effect.
#[derive(Debug)]
pub struct Watch {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
    over: Arc<AtomicBool>,
}

impl Watch {
    /// Begins to watch.
    ///
    /// # Errors
    /// The system's.
    pub fn start(cancel: Arc<Cancel>, progress: Arc<Progress>, screen: Screen) -> io::Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        let act = move |name| {
            let first = cancel.reason().is_none();
            cancel.cancel(name);
            screen.say(&answer(name, first, progress.stage()));
            if first {
                let (ended, progress, screen) = (Arc::clone(&ended), Arc::clone(&progress), screen.clone());
                // Where no thread can be made, a run that is stuck waits for its pipe.
                let watch = move || leave_if_stuck(name, &ended, &progress, &screen);
                drop(std::thread::Builder::new().spawn(watch));
            }
        };
        let mut watch = Self::on_each(act)?;
        watch.over = over;
        Ok(watch)
    }

    /// Begins to watch; each signal is told by its name.
    ///
    /// # Errors
    /// The system's.
    pub fn on_each(mut act: impl FnMut(&'static str) + Send + 'static) -> io::Result<Self> {
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let handle = signals.handle();
        let watch = move || signals.forever().for_each(|signal| act(name_of(signal)));
        let thread = std::thread::Builder::new().name("signals".to_owned()).spawn(watch)?;
        Ok(Self { handle, thread: Some(thread), over: Arc::default() })
    }
}

/// Ends the process if the run still reads although it was asked to stop. While it reads it has begun nothing at the
/// target that would have to be undone.
fn leave_if_stuck(name: &'static str, over: &AtomicBool, progress: &Progress, screen: &Screen) {
    std::thread::sleep(PATIENCE);
    if !over.load(Ordering::SeqCst) && progress.stage() == Stage::Reading {
        let error = Error::from(pipeline::error::Error::Interrupted(name));
        tracing::error!(target: crate::ui::PRINTED, "{error}");
        screen.say(error.text().trim_end());
        crate::ui::echo::leave(error.exit());
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing left to say.
            let _ = thread.join();
        }
    }
}

fn name_of(signal: i32) -> &'static str {
    match signal {
        SIGINT => "SIGINT",
        SIGTERM => "SIGTERM",
        _ => "SIGHUP",
    }
}

fn answer(name: &str, first: bool, stage: Stage) -> String {
    match (stage, first) {
        (Stage::Finishing, _) => {
            let seconds = STOP_PATIENCE.as_secs();
            format!(
                "etl: {name}: COMMIT may have been sent; its answer is awaited for {seconds} s, then its outcome is looked up"
            )
        }
        (_, true) => format!("etl: {name}: stopping; nothing will be written"),
        (_, false) => format!("etl: {name}: already stopping"),
    }
}
