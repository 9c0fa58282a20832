//! Asks the operator for a password, on the terminal and nowhere else.

use crate::progress::Screen;
use pipeline::load::Ask;
use pipeline::progress::Cancel;
use secrecy::SecretString;
use std::io;
use std::sync::Arc;

/// Asks on the terminal, with nothing echoed. Nobody is asked where standard error is no terminal: then nobody
/// watches, even if the process has a terminal somewhere.
///
/// Ctrl-C at the prompt stops the run like anywhere else.
#[must_use]
pub fn on_terminal(watched: bool, screen: Screen, cancel: Arc<Cancel>) -> Ask {
    Box::new(move |prompt| {
        if !watched {
            return None;
        }
        // The prompt holds names from the target: they are shown, not obeyed.
        let prompt = crate::terminal::printable(prompt).into_owned();
        match screen.suspend(|| rpassword::prompt_password(&prompt)) {
            Ok(password) => Some(SecretString::from(password)),
            Err(error) => {
                if error.kind() == io::ErrorKind::Interrupted {
                    cancel.cancel("SIGINT");
                }
                None
            }
        }
    })
}
