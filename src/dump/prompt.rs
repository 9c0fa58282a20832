//! What a program writes on a pseudo-terminal before it lets etl's own script begin: a question for a password, or
//! nothing. Questions are told by their form, because their words depend on the node's language.

/// How much is kept of what comes before the script's first word, in bytes: its first lines.
const KEPT: usize = 1 << 10;

/// How much may come before the script's first word, in bytes: no login shell has that much to say.
const MOST: usize = 1 << 20;

/// Listens to what comes before the script's first word.
#[derive(Debug, Default)]
pub(crate) struct Listener {
    /// The line that is not ended yet.
    open: String,
    /// The first lines that are, without those of the script's own.
    lines: Vec<String>,
    /// How many bytes these lines have.
    kept: usize,
    /// How many bytes came.
    received: usize,
    answered: bool,
}

/// What is to be done once nothing more comes for a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PromptEvent {
    /// Nothing is asked.
    Nothing,
    /// A password is asked for.
    Question,
    /// A password is asked for again: the first one was wrong.
    QuestionAgain,
}

impl Listener {
    /// Takes a piece of output; answers whether the line `begin` was in it, and what came behind it.
    pub(crate) fn take(&mut self, piece: &str, begin: &str) -> Option<String> {
        self.received = self.received.saturating_add(piece.len());
        let mut text = std::mem::take(&mut self.open);
        text.push_str(piece);
        let mut rest = text.as_str();
        while let Some((line, behind)) = rest.split_once('\n') {
            let line = line.trim_end_matches('\r');
            if line.ends_with(begin) {
                return Some(behind.to_owned());
            }
            self.keep(line);
            rest = behind;
        }
        self.open = rest.to_owned();
        None
    }

    /// Whether so much came that the script's first word is waited for no longer.
    pub(crate) fn overflowed(&self) -> bool {
        self.received > MOST
    }

    fn keep(&mut self, line: &str) {
        if self.kept < KEPT {
            self.kept += line.len() + 1;
            self.lines.push(line.chars().take(KEPT).collect());
        }
    }

    /// What is asked at this moment; whoever asks for it answers a question at once.
    pub(crate) fn event(&mut self) -> PromptEvent {
        let text = self.open.trim_end();
        if !text.ends_with([':', '：']) {
            return PromptEvent::Nothing;
        }
        // What was answered is no question any more.
        let asked = std::mem::take(&mut self.open);
        self.keep(asked.trim());
        if std::mem::replace(&mut self.answered, true) {
            PromptEvent::QuestionAgain
        } else {
            PromptEvent::Question
        }
    }

    /// Whether a password was given.
    pub(crate) fn answered(&self) -> bool {
        self.answered
    }

    /// The first of what was said, in one line: it tells why nothing began.
    pub(crate) fn said(&self) -> String {
        let lines = self.lines.iter().map(|line| line.trim()).chain([self.open.trim()]);
        let lines: Vec<&str> =
            lines.filter(|line| !line.is_empty() && !line.ends_with([':', '：'])).collect();
        let said = lines.join("; ");
        match said.char_indices().nth(KEPT) {
            Some((end, _)) => format!("{}…", said.get(..end).unwrap_or_default()),
            None => said,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: &str = "@0123 ready";

    #[test]
    fn a_question_is_told_by_its_end_in_any_language() {
        for question in
            ["Password: ", "密码：", "Mot de passe :", "[sudo] password for cps: ", "パスワード: "]
        {
            let mut listener = Listener::default();
            // In pieces, as they may come.
            for c in question.chars() {
                assert_eq!(listener.take(&c.to_string(), BEGIN), None);
            }
            assert_eq!(listener.event(), PromptEvent::Question, "{question}");
            assert_eq!(listener.event(), PromptEvent::Nothing, "{question}");
        }
    }

    #[test]
    fn a_line_that_ended_asks_nothing() {
        let mut listener = Listener::default();
        assert_eq!(listener.take("Welcome:\r\nLast login: yesterday\r\n", BEGIN), None);
        assert_eq!(listener.event(), PromptEvent::Nothing);
        assert_eq!(listener.take("\r\n@0123 rea", BEGIN), None);
        assert_eq!(listener.event(), PromptEvent::Nothing);
        assert_eq!(listener.take("dy\r\n@0123 dir /tmp/x\n", BEGIN).as_deref(), Some("@0123 dir /tmp/x\n"));
        assert!(!listener.answered());
    }

    #[test]
    fn a_second_question_means_that_the_first_answer_was_wrong() {
        let mut listener = Listener::default();
        listener.take("Password: ", BEGIN);
        assert_eq!(listener.event(), PromptEvent::Question);
        listener.take("\r\nSorry, try again.\r\nPassword: ", BEGIN);
        assert_eq!(listener.event(), PromptEvent::QuestionAgain);
        assert_eq!(listener.said(), "Sorry, try again.");
    }

    #[test]
    fn what_is_printed_without_end_is_not_kept() {
        for piece in ["Welcome\n".repeat(4096), "no line end ".repeat(4096)] {
            let mut listener = Listener::default();
            let mut pieces = 0;
            while !listener.overflowed() {
                assert_eq!(listener.take(&piece, BEGIN), None);
                pieces += 1;
            }
            assert_eq!(pieces, MOST / piece.len() + 1);
            let said = listener.said();
            assert!(said.chars().count() <= KEPT + 1, "{}", said.len());
            assert!(
                said.starts_with("Welcome; Welcome; ") || said.starts_with("no line end no line"),
                "{said}"
            );
        }
    }

    #[test]
    fn what_su_says_is_the_reason() {
        let mut listener = Listener::default();
        listener.take("Password: ", BEGIN);
        listener.event();
        listener.take("\r\nsu: Authentication failure\r\n", BEGIN);
        assert_eq!(listener.said(), "su: Authentication failure");
    }
}
