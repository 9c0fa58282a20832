//! The terminal's mode while something is typed unseen: whatever ends the command, its echo comes back.

use crate::base::exit::Exit;
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use std::fs::File;
use std::sync::{Mutex, PoisonError};

/// The terminal and its mode before the question that stands on it, if one does.
static BEFORE: Mutex<Option<(File, Termios)>> = Mutex::new(None);

/// Asks something whose answer is not shown.
pub(crate) fn without<T>(ask: impl FnOnce() -> T) -> T {
    let terminal = File::options().read(true).write(true).open("/dev/tty").ok();
    let mode = terminal.and_then(|terminal| tcgetattr(&terminal).ok().map(|mode| (terminal, mode)));
    *before() = mode;
    let answer = ask();
    before().take();
    answer
}

/// Gives the terminal back as it was, where a question still stands on it that nobody will answer any more.
pub fn restore() {
    if let Some((terminal, mode)) = before().take() {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(&terminal, SetArg::TCSANOW, &mode);
    }
}

/// Ends the process, from whichever thread.
pub(crate) fn leave(exit: Exit) -> ! {
    restore();
    std::process::exit(exit.code().into())
}

fn before() -> std::sync::MutexGuard<'static, Option<(File, Termios)>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}
