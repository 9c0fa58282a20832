//! What a program writes on a pseudo-terminal before it lets etl's own script begin: a question for a password, or
//! nothing. Questions are told by their form and by their words.

use crate::base::text::decoded;

/// How much is kept of what comes before the script's first word, in bytes: its first lines.
const KEPT: usize = 1 << 10;

/// How much may come before the script's first word, in bytes: no login shell has that much to say.
const MOST: usize = 1 << 20;

/// How long a question may be, in characters: what is longer is something else.
const QUESTION: usize = 200;

/// By what a question for a password is known, in small letters.
pub(crate) const PASSWORDS: [&str; 8] =
    ["password", "passwort", "mot de passe", "contraseña", "пароль", "密码", "密碼", "口令"];

/// By what a question for a one-time code is told from one for the password, in small letters.
pub(crate) const CODES: [&str; 12] = [
    "code",
    "otp",
    "token",
    "one-time",
    "one time",
    "verification",
    "duo",
    "验证码",
    "驗證碼",
    "动态",
    "一次性",
    "令牌",
];

/// By what it is known that a password is to be changed, in small letters.
const CHANGES: [&str; 9] = [
    "expired",
    "password change required",
    "required to change your password",
    "current password",
    "new password",
    "过期",
    "新密码",
    "新的密码",
    "更改您的密码",
];

/// What to do about a password that has expired.
pub(crate) const EXPIRED: &str =
    "log in on the node by hand, give the account another password there, and run the same command again";

/// Whether what a node says is that a password has expired.
pub(crate) fn is_expiry(text: &str) -> bool {
    let text = text.to_lowercase();
    CHANGES.iter().any(|words| text.contains(words))
}

/// Listens to what comes before the script's first word.
#[derive(Debug, Default)]
pub(crate) struct Listener {
    /// The line that is not ended yet.
    open: Vec<u8>,
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
    /// Nothing is said.
    Nothing,
    /// A line stands there that is not ended, and asks for no password: a prompt of a shell, or a question for something else.
    Waiting,
    /// A password is asked for.
    Question,
    /// A password is asked for again: the first one was wrong.
    QuestionAgain,
    /// Something else is asked for, which the password is not.
    Other,
}

impl Listener {
    /// Takes a piece of output; answers whether the line `begin` was in it, and what came behind it.
    pub(crate) fn take(&mut self, piece: &[u8], begin: &str) -> Option<Vec<u8>> {
        self.received = self.received.saturating_add(piece.len());
        let mut bytes = std::mem::take(&mut self.open);
        bytes.extend_from_slice(piece);
        let mut rest = bytes.as_slice();
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, behind) =
                (rest.get(..end).unwrap_or_default(), rest.get(end + 1..).unwrap_or_default());
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.ends_with(begin.as_bytes()) {
                return Some(behind.to_vec());
            }
            self.keep(&decoded(line));
            rest = behind;
        }
        self.open = rest.to_vec();
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
        // A character may have come in part.
        let text = decoded(&self.open);
        let text = text.trim();
        if text.is_empty() {
            return PromptEvent::Nothing;
        }
        let small = text.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| small.contains(word));
        let short = text.chars().count() <= QUESTION;
        if !(text.ends_with([':', '：']) || (short && has(&PASSWORDS))) {
            return PromptEvent::Waiting;
        }
        if (has(&CODES) && !has(&PASSWORDS)) || is_expiry(text) {
            return PromptEvent::Other;
        }
        // What was answered is no question any more.
        self.keep(text);
        self.open.clear();
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
        let open = decoded(&self.open);
        let lines = self.lines.iter().map(|line| line.trim()).chain([open.trim()]);
        let lines: Vec<&str> =
            lines.filter(|line| !line.is_empty() && !line.ends_with([':', '：'])).collect();
        let said = lines.join("; ");
        match said.char_indices().nth(KEPT) {
            Some((end, _)) => format!("{}…", said.get(..end).unwrap_or_default()),
            None => said,
        }
    }

    /// What stands there and is not ended.
    pub(crate) fn waiting(&self) -> String {
        decoded(&self.open).trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: &str = "@0123 ready";

    #[test]
    fn a_question_is_told_by_its_end_in_any_language() {
        for question in
            ["Password: ", "密码：", "口令：", "Mot de passe :", "[sudo] password for cps: ", "パスワード: "]
        {
            let mut listener = Listener::default();
            // In pieces, as they may come.
            for byte in question.as_bytes() {
                assert_eq!(listener.take(&[*byte], BEGIN), None);
            }
            assert_eq!(listener.event(), PromptEvent::Question, "{question}");
            assert_eq!(listener.event(), PromptEvent::Nothing, "{question}");
        }
    }

    #[test]
    fn a_question_without_a_colon_or_in_gbk_is_told_by_its_words() {
        // 密码：, 口令：, 请输入密码 in GBK.
        let gbk: [&[u8]; 3] = [
            b"\xc3\xdc\xc2\xeb\xa3\xba",
            b"\xbf\xda\xc1\xee\xa3\xba",
            b"\xc7\xeb\xca\xe4\xc8\xeb\xc3\xdc\xc2\xeb",
        ];
        let plain = ["Password", "Enter password> ", "gaussdba's password? ", "请输入口令 ", "PASSWORD"];
        for question in plain.iter().map(|text| text.as_bytes()).chain(gbk) {
            let mut listener = Listener::default();
            for byte in question {
                assert_eq!(listener.take(&[*byte], BEGIN), None);
            }
            assert_eq!(listener.event(), PromptEvent::Question, "{}", decoded(question));
        }
    }

    #[test]
    fn what_is_not_a_question_for_the_password_gets_none() {
        for (text, event) in [
            ("gaussdba@db1:~$ ", PromptEvent::Waiting),
            ("Accept the terms (y/n)? ", PromptEvent::Waiting),
            ("Verification code: ", PromptEvent::Other),
            ("Current password: ", PromptEvent::Other),
            ("New password", PromptEvent::Other),
            ("   ", PromptEvent::Nothing),
        ] {
            let mut listener = Listener::default();
            assert_eq!(listener.take(text.as_bytes(), BEGIN), None);
            assert_eq!(listener.event(), event, "{text}");
            assert_eq!(listener.waiting(), text.trim());
            assert!(!listener.answered());
        }
        assert!(is_expiry("You are required to change your password immediately (administrator enforced)."));
        assert!(is_expiry("WARNING: Your password has expired.") && !is_expiry("su: Authentication failure"));
    }

    #[test]
    fn a_line_that_ended_asks_nothing() {
        let mut listener = Listener::default();
        assert_eq!(listener.take(b"Welcome:\r\nLast login: yesterday\r\n", BEGIN), None);
        assert_eq!(listener.event(), PromptEvent::Nothing);
        assert_eq!(listener.take(b"\r\n@0123 rea", BEGIN), None);
        assert_eq!(listener.event(), PromptEvent::Waiting);
        let behind = listener.take(b"dy\r\n@0123 dir /tmp/x\n", BEGIN);
        assert_eq!(behind.as_deref(), Some(&b"@0123 dir /tmp/x\n"[..]));
        assert!(!listener.answered());
    }

    #[test]
    fn a_second_question_means_that_the_first_answer_was_wrong() {
        let mut listener = Listener::default();
        listener.take(b"Password: ", BEGIN);
        assert_eq!(listener.event(), PromptEvent::Question);
        listener.take(b"\r\nSorry, try again.\r\nPassword: ", BEGIN);
        assert_eq!(listener.event(), PromptEvent::QuestionAgain);
        assert_eq!(listener.said(), "Sorry, try again.");
    }

    #[test]
    fn what_is_printed_without_end_is_not_kept() {
        for piece in ["Welcome\n".repeat(4096), "no line end ".repeat(4096)] {
            let mut listener = Listener::default();
            let mut pieces = 0;
            while !listener.overflowed() {
                assert_eq!(listener.take(piece.as_bytes(), BEGIN), None);
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
        listener.take(b"Password: ", BEGIN);
        listener.event();
        listener.take(b"\r\nsu: Authentication failure\r\n", BEGIN);
        assert_eq!(listener.said(), "su: Authentication failure");
    }
}
