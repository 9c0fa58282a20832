//! The options of `COPY … FROM stdin` (PostgreSQL documentation, COPY), as far as they leave the text format what it is.

use crate::encoding::Encoding;
use crate::escape::{self, Dialect};
use crate::lexer;

/// What options of a COPY in text format say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Each row has one more field in front.
    pub oids: bool,
    /// The encoding of the rows, where it is not the session's.
    pub encoding: Option<String>,
}

/// Reads options as they are written behind `stdin`; `None` where one changes the format of the rows, or is not known.
#[must_use]
pub fn read(text: &str, backslash_escapes: bool) -> Option<Options> {
    let tokens = tokens(text, backslash_escapes)?;
    let mut options = Options::default();
    let rest = match tokens.as_slice() {
        [Token::Word(with), rest @ ..] if with == "with" => rest,
        all => all,
    };
    match rest {
        [Token::Mark('('), items @ .., Token::Mark(')')] => {
            for item in items.split(|token| *token == Token::Mark(',')) {
                match item {
                    [Token::Word(name)] => options.take(name, None)?,
                    [Token::Word(name), Token::Word(value) | Token::Text(value)] => {
                        options.take(name, Some(value))?;
                    }
                    _ => return None,
                }
            }
        }
        mut items => {
            // The syntax of before 9.0, which is still read.
            while let [Token::Word(name), rest @ ..] = items {
                let valued = matches!(name.as_str(), "delimiter" | "null" | "encoding");
                items = match rest {
                    [Token::Word(r#as), Token::Text(value), rest @ ..] if valued && r#as == "as" => {
                        options.take(name, Some(value))?;
                        rest
                    }
                    [Token::Text(value), rest @ ..] if valued => {
                        options.take(name, Some(value))?;
                        rest
                    }
                    rest if !valued => {
                        options.take(name, None)?;
                        rest
                    }
                    _ => return None,
                };
            }
            if !items.is_empty() {
                return None;
            }
        }
    }
    Some(options)
}

impl Options {
    fn take(&mut self, name: &str, value: Option<&str>) -> Option<()> {
        let truth = || match value.map(str::to_ascii_lowercase).as_deref() {
            None | Some("true" | "on" | "1") => Some(true),
            Some("false" | "off" | "0") => Some(false),
            Some(_) => None,
        };
        let sound = match (name, value) {
            ("format", Some(format)) => format.eq_ignore_ascii_case("text"),
            ("null", Some(null)) => null == "\\N",
            ("delimiter", Some(delimiter)) => delimiter == "\t",
            // Only how the server stores the rows.
            ("freeze", _) => truth().is_some(),
            ("header", _) => truth() == Some(false),
            ("on_error", Some(stop)) => stop.eq_ignore_ascii_case("stop"),
            ("log_verbosity", Some(_)) => true,
            ("oids", _) => {
                self.oids = truth()?;
                true
            }
            ("encoding", Some(encoding)) => {
                self.encoding = Some(encoding.to_owned());
                true
            }
            _ => false,
        };
        sound.then_some(())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// In lower case.
    Word(String),
    Text(String),
    Mark(char),
}

fn tokens(text: &str, backslash_escapes: bool) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.get(lexer::blank(rest.as_bytes(), true).unwrap_or(0)..)?;
        let Some(first) = rest.chars().next() else { return Some(tokens) };
        let escaped = rest.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("e'"));
        let length = match first {
            '\'' | 'e' | 'E' if first == '\'' || escaped => {
                let escapes = escaped || backslash_escapes;
                let start = usize::from(escaped) + 1;
                let length = literal_length(rest.get(start..)?, escapes)?;
                let body = rest.get(start..start + length)?;
                let mut value = String::new();
                if escapes {
                    escape::unescape(body, Dialect::Literal, Encoding::Utf8, &mut value).ok()?;
                } else {
                    value = body.replace("''", "'");
                }
                tokens.push(Token::Text(value));
                start + length + 1
            }
            '(' | ')' | ',' => {
                tokens.push(Token::Mark(first));
                1
            }
            _ => {
                let length = rest.bytes().take_while(|byte| lexer::is_word(*byte)).count();
                tokens.push(Token::Word(
                    rest.get(..length).filter(|word| !word.is_empty())?.to_ascii_lowercase(),
                ));
                length
            }
        };
        rest = rest.get(length..)?;
    }
}

/// The bytes of a literal up to its closing quote.
fn literal_length(text: &str, escapes: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        at += match (bytes.get(at)?, bytes.get(at + 1)) {
            (b'\'', Some(b'\'')) => 2,
            (b'\'', _) => return Some(at),
            (b'\\', _) if escapes => 2,
            _ => 1,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_only_say_the_default_are_read() {
        let plain = Options::default();
        let oids = Options { oids: true, ..Options::default() };
        let gbk = Options { encoding: Some("GBK".into()), ..Options::default() };
        for (text, expected) in [
            ("", &plain),
            ("WITH (FORMAT text)", &plain),
            ("(format 'text', null '\\N')", &plain),
            ("WITH (DELIMITER E'\\t', NULL E'\\\\N', FREEZE, HEADER false)", &plain),
            ("WITH (DELIMITER '\t', FREEZE true, ON_ERROR stop)", &plain),
            ("WITH NULL AS '\\N' DELIMITER E'\\t'", &plain),
            ("DELIMITER AS '\t' FREEZE", &plain),
            ("WITH (OIDS)", &oids),
            ("WITH (ENCODING 'GBK')", &gbk),
            ("ENCODING 'GBK'", &gbk),
        ] {
            assert_eq!(read(text, false).as_ref(), Some(expected), "{text}");
        }
        assert_eq!(read("WITH (NULL '\\\\N')", true), Some(plain));
    }

    #[test]
    fn options_that_change_the_rows_are_not() {
        for text in [
            "WITH (FORMAT csv)",
            "CSV",
            "BINARY",
            "WITH (DELIMITER ',')",
            "WITH (DELIMITER '\\t')",
            "WITH (NULL '')",
            "WITH (NULL '\\\\N')",
            "WITH (HEADER)",
            "WITH (FORMAT text",
            "WITH (FORMAT text) WHERE a",
            "WITH (NULL '\\N",
            "DELIMITER",
            "WITH (on_error ignore)",
        ] {
            assert_eq!(read(text, false), None, "{text}");
        }
    }
}
