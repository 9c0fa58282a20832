//! The operator's word: what is deleted is gone, so the number of it is typed, and with `--everything` the projects too.

use super::Count;
use super::error::{PurgeError, Result};
use std::io::{BufRead, Write};

/// What has to be typed.
#[must_use]
pub fn word(count: Count, everything_in: Option<&[String]>) -> String {
    match everything_in {
        Some(projects) => format!("everything in {}", projects.join(" ")),
        None => count.all().to_string(),
    }
}

/// Asks on `terminal` and reads one line from `input`.
///
/// # Errors
/// It is not what was asked for.
pub fn ask(word: &str, terminal: &mut dyn Write, input: &mut dyn BufRead) -> Result<()> {
    let mut typed = String::new();
    let prompt = format!("Type \"{word}\" to delete this for good: ");
    let asked = terminal.write_all(prompt.as_bytes()).and_then(|()| terminal.flush());
    // Whoever cannot read the question cannot have answered it; what cannot be read is no answer.
    if asked.is_ok() {
        let _ = input.read_line(&mut typed);
    }
    if typed.split_whitespace().eq(word.split_whitespace()) {
        Ok(())
    } else {
        Err(PurgeError::NotConfirmed { asked: format!("\"{word}\"") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_word_itself_is_yes() {
        let count = Count { backups: 20, snapshots: 5 };
        let projects = ["p1".to_owned(), "p2".to_owned()];
        let all = word(count, Some(&projects));
        assert_eq!((word(count, None).as_str(), all.as_str()), ("25", "everything in p1 p2"));
        for (word, typed, yes) in [
            ("25", "25\n", true),
            ("25", " 25 \r\n", true),
            ("25", "y\n", false),
            ("25", "2 5\n", false),
            ("25", "", false),
            (&all, "everything in p1 p2\n", true),
            (&all, "everything in p1\n", false),
            (&all, "25\n", false),
        ] {
            let mut terminal = Vec::new();
            let answer = ask(word, &mut terminal, &mut typed.as_bytes());
            assert_eq!(terminal, format!("Type \"{word}\" to delete this for good: ").as_bytes());
            assert_eq!(answer.is_ok(), yes, "{word} {typed:?}");
        }
    }
}
