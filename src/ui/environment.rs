//! What the command finds around itself: environment variables, whether anybody is watching, passwords that were typed.
//!
//! It is a value so that tests can put the command into any environment.

use crate::ui::password::Typed;
use crate::ui::terminal::TextFormat;
use std::io::IsTerminal as _;

/// The environment of this process, or of a test.
#[derive(Clone, Copy)]
pub struct Environment<'s> {
    /// The environment, by name. A value that is not UTF-8 has replacement characters, so that it is refused where
    /// it matters instead of passed over.
    pub variable: &'s dyn Fn(&str) -> Option<String>,
    /// Standard input is a terminal.
    pub stdin_terminal: bool,
    /// Standard output is a terminal.
    pub stdout_terminal: bool,
    /// Standard error is a terminal.
    pub stderr_terminal: bool,
    /// How wide the terminal of standard output is, where it is one.
    pub columns: Option<usize>,
    /// Passwords that were typed before, where one process does the work of several commands: nobody is asked twice.
    pub typed: Option<&'s Typed>,
}

impl Environment<'static> {
    /// Those of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self {
            variable: &|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()),
            stdin_terminal: std::io::stdin().is_terminal(),
            stdout_terminal: std::io::stdout().is_terminal(),
            stderr_terminal: std::io::stderr().is_terminal(),
            columns: terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| width.0.into()),
            typed: None,
        }
    }
}

impl Environment<'_> {
    /// The value of a variable; an empty one says nothing.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    /// Where passwords that are typed are kept.
    #[must_use]
    pub fn typed(&self) -> Typed {
        self.typed.cloned().unwrap_or_default()
    }

    /// What standard output is written on.
    #[must_use]
    pub fn text_format(&self) -> TextFormat {
        let coloured = crate::ui::terminal::colours(self.stdout_terminal, self.variable);
        TextFormat::of_terminal(coloured, self.columns)
    }
}
