//! Asks the operator for a password, on the terminal and nowhere else.

use crate::ui::progress::Screen;
use pipeline::load::Ask;
use pipeline::progress::Cancel;
use secrecy::SecretString;
use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

/// Passwords that were typed, by what was asked: one command asks nobody twice for the same.
pub type Typed = Rc<RefCell<HashMap<String, SecretString>>>;

/// Asks on the terminal for what is good for one login only, with nothing echoed; it is kept nowhere. Nothing is held while
/// the operator types: whoever has to tell that the command stops can tell it.
#[must_use]
pub fn code(prompt: &str) -> Option<SecretString> {
    rpassword::prompt_password(crate::base::text::printable(prompt)).ok().map(SecretString::from)
}

/// Asks on the terminal, with nothing echoed. Nobody is asked where standard error is no terminal: then nobody
/// watches, even if the process has a terminal somewhere.
///
/// Ctrl-C at the prompt stops the run like anywhere else.
#[must_use]
pub fn on_terminal(watched: bool, screen: Screen, cancel: Arc<Cancel>, typed: Typed) -> Ask {
    Box::new(move |prompt| {
        if !watched {
            return None;
        }
        // The prompt holds names from the target: they are shown, not obeyed.
        let prompt = crate::base::text::printable(prompt).into_owned();
        if let Some(known) = typed.borrow().get(&prompt) {
            return Some(known.clone());
        }
        match screen.suspend(|| rpassword::prompt_password(&prompt)) {
            Ok(password) => {
                let password = SecretString::from(password);
                typed.borrow_mut().insert(prompt, password.clone());
                Some(password)
            }
            Err(error) => {
                if error.kind() == io::ErrorKind::Interrupted {
                    cancel.cancel("SIGINT");
                }
                None
            }
        }
    })
}
