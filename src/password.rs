//! Asks the operator for a password, on the terminal and nowhere else.

use crate::progress::Screen;
use pipeline::load::Ask;
use pipeline::progress::Cancel;
use secrecy::SecretString;
use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
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

/// Passwords that were typed, by what was asked.
pub type Typed = Rc<RefCell<HashMap<String, SecretString>>>;

/// Asks only for what is not in `typed`, and keeps the answers there.
pub fn remembered(mut ask: Ask, typed: Typed) -> Ask {
    Box::new(move |prompt| {
        if let Some(known) = typed.borrow().get(prompt) {
            return Some(known.clone());
        }
        let answer = ask(prompt)?;
        typed.borrow_mut().insert(prompt.to_owned(), answer.clone());
        Some(answer)
    })
}

/// Lets several targets of one command ask, and asks each question once.
pub fn shared(ask: Ask) -> impl Fn() -> Ask {
    let known: Rc<RefCell<(Ask, HashMap<String, SecretString>)>> =
        Rc::new(RefCell::new((ask, HashMap::new())));
    move || {
        let known = Rc::clone(&known);
        Box::new(move |prompt| {
            let (ask, answers) = &mut *known.borrow_mut();
            if let Some(answer) = answers.get(prompt) {
                return Some(answer.clone());
            }
            let answer = ask(prompt)?;
            answers.insert(prompt.to_owned(), answer.clone());
            Some(answer)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    #[test]
    fn a_question_is_asked_once() {
        let mut asked = Vec::new();
        let (sender, questions) = std::sync::mpsc::channel();
        let ask = shared(Box::new(move |prompt| {
            sender.send(prompt.to_owned()).unwrap();
            Some(SecretString::from(format!("answer to {prompt}")))
        }));
        let (mut first, mut second) = (ask(), ask());
        for answer in [first("a"), second("a"), second("b"), first("b")] {
            asked.push(answer.unwrap().expose_secret().to_owned());
        }
        assert_eq!(asked, ["answer to a", "answer to a", "answer to b", "answer to b"]);
        assert_eq!(questions.try_iter().collect::<Vec<_>>(), ["a", "b"]);
    }
}
