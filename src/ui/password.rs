//! Asks the operator for a password, on the terminal and nowhere else.

use crate::ui::echo;
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

/// Asks on the terminal, with nothing echoed. Nothing is held while the operator types: whoever has to tell that the command
/// stops can tell it.
///
/// # Errors
/// There is no terminal, or the operator pressed Ctrl-C (`Interrupted`), of which the process gets the signal, too.
pub fn hidden(prompt: &str) -> io::Result<SecretString> {
    // The prompt holds names from targets and nodes: they are shown, not obeyed.
    let prompt = crate::base::text::printable(prompt).into_owned();
    echo::without(|| rpassword::prompt_password(prompt)).map(SecretString::from)
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
        if let Some(known) = typed.borrow().get(prompt) {
            return Some(known.clone());
        }
        match screen.suspend(|| hidden(prompt)) {
            Ok(password) => {
                typed.borrow_mut().insert(prompt.to_owned(), password.clone());
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
