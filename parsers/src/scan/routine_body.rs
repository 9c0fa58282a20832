//! The bodies of functions and procedures that are not quoted: passed over, so that no statement in them is taken for data.

use crate::error::{ErrorKind, Result};
use crate::position::Place;
use crate::reader::Fill;
use crate::routine::{self, Body};
use crate::scan::scanner::Scanner;
use crate::title;

impl Scanner<'_> {
    /// Passes the body that follows the first semicolon of the CREATE at `began`.
    pub(super) fn routine_body(&mut self, body: Body, began: Place) -> Result<()> {
        match body {
            Body::None => Ok(()),
            Body::Atomic => {
                while !routine::is_end(&self.whole_statement()?) {}
                Ok(())
            }
            Body::Blocks(mut open) => {
                while open > 0 {
                    open = routine::blocks(&self.whole_statement()?, open);
                }
                Ok(())
            }
            Body::Bare => self.skip_lines(began, true, |line| line == "/"),
        }
    }

    /// Passes what stands between the lines `delimiter //` and `delimiter ;`, as gs_dump writes them around routines of the
    /// MySQL dialect.
    pub(super) fn delimited(&mut self) -> Result<()> {
        let closes = |line: &str| {
            let mut words = line.split_whitespace();
            words.next().is_some_and(|word| word.eq_ignore_ascii_case("delimiter"))
                && words.next() == Some(";")
        };
        let began = self.reader.place();
        let line = self.line()?;
        if closes(&String::from_utf8_lossy(&line)) { Ok(()) } else { self.skip_lines(began, false, closes) }
    }

    /// Passes lines up to the one that ends the routine. In what gs_restore writes that line is missing (`open_ended`): there the
    /// body ends in front of the next object's comment, or of the dump's last, if its last statement is an `END`.
    fn skip_lines(&mut self, began: Place, open_ended: bool, ends: impl Fn(&str) -> bool) -> Result<()> {
        let (mut bare, mut ended) = (false, false);
        loop {
            let at = self.reader.position();
            let line = self.line()?;
            let line = String::from_utf8_lossy(&line);
            let text = line.trim();
            if ends(text) {
                return Ok(());
            }
            let object = text.starts_with("-- ") && text.contains("Name: ") && text.contains("; Type: ");
            let titled = title::title(text, bare).is_some();
            if (object || titled) && bare && ended && open_ended {
                return self.framed(text, at);
            }
            let data = text.starts_with("COPY ") && text.ends_with(" FROM stdin;");
            let over =
                !line.ends_with('\n') && self.reader.fill()? == Fill::End && self.reader.buffer().is_empty();
            if object || titled || data || over {
                return Err(ErrorKind::Unterminated { at: began, what: "routine" }.into());
            }
            bare = text == "--";
            if !bare && !text.is_empty() {
                ended =
                    text.ends_with(';') && text.get(..3).is_some_and(|word| word.eq_ignore_ascii_case("end"));
            }
        }
    }
}
