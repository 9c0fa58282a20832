//! Asks the operator to confirm what cannot be taken back.

use std::io::{self, BufRead, Write};

/// The answer that confirms.
const YES: &str = "yes";

/// Asks on the terminal; everything but the whole word is a no, the end of the input too.
///
/// Nothing is held while the operator thinks: whoever has to tell that the command stops can tell it.
#[must_use]
pub fn on_terminal(question: &str) -> bool {
    ask(&mut io::stdin().lock(), &mut io::stderr(), question).unwrap_or(false)
}

fn ask(input: &mut dyn BufRead, output: &mut dyn Write, question: &str) -> io::Result<bool> {
    // The question may hold names from the target: they are shown, not obeyed.
    let question = crate::base::text::printable(question);
    write!(output, "{question} Type \"{YES}\" to go on: ")?;
    output.flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case(YES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_word_confirms() {
        for (answer, confirmed) in [
            ("yes\n", true),
            (" Yes \r\n", true),
            ("y\n", false),
            ("\n", false),
            ("", false),
            ("yes!\n", false),
        ] {
            let mut said = Vec::new();
            assert_eq!(ask(&mut answer.as_bytes(), &mut said, "Sure?").unwrap(), confirmed, "{answer:?}");
            assert_eq!(said, b"Sure? Type \"yes\" to go on: ");
        }
        assert!(!ask(&mut &b"\xff\xfe\n"[..], &mut Vec::new(), "Sure?").unwrap_or(false));
    }
}
