//! Bounds what a server can make the driver keep in memory.
//!
//! The driver keeps a message until all of it has arrived, whatever length its header announces (up to 2 GiB), and every notice
//! that arrives before the login is over. So headers (PostgreSQL documentation, "Message Formats") are read along, and a stream
//! that exceeds a bound ends in an error before its bytes are kept.

use std::io;

/// The longest message. A row is one message, so no row of a target can be longer.
pub(super) const MESSAGE_LIMIT: u64 = 256 << 20;

/// What a server may send in all until its first ReadyForQuery: some ten short messages, and a few hundred bytes of parameters.
pub(super) const LOGIN_LIMIT: u64 = 1 << 20;

/// The tag and the length of a message, which counts itself but not the tag.
const HEADER: usize = 5;

/// Where in the stream of messages a connection is.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    header: [u8; HEADER],
    /// Bytes of the header that have arrived.
    known: usize,
    /// Bytes of the message's body that are still to come.
    rest: u64,
    /// Bytes that arrived before the login was over.
    login: u64,
    /// Whether the server is ready for queries.
    ready: bool,
}

impl Bounds {
    /// Follows the bytes that arrived.
    ///
    /// # Errors
    /// The server sends more than the driver should keep.
    pub(super) fn check(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        if !self.ready {
            self.login = self.login.saturating_add(bytes.len() as u64);
        }
        while !bytes.is_empty() {
            if self.rest > 0 {
                let skipped = usize::try_from(self.rest).map_or(bytes.len(), |rest| rest.min(bytes.len()));
                self.rest -= skipped as u64;
                bytes = bytes.get(skipped..).unwrap_or_default();
                continue;
            }
            let (byte, after) = match bytes.split_first() {
                Some((byte, after)) => (*byte, after),
                None => break,
            };
            bytes = after;
            if let Some(place) = self.header.get_mut(self.known) {
                *place = byte;
            }
            self.known += 1;
            if self.known == HEADER {
                self.known = 0;
                self.begin()?;
            }
        }
        if !self.ready && self.login > LOGIN_LIMIT {
            return Err(io::Error::other(format!(
                "the server sent more than {LOGIN_LIMIT} bytes before the login was over"
            )));
        }
        Ok(())
    }

    /// Takes the header that is complete.
    fn begin(&mut self) -> io::Result<()> {
        let [tag, length @ ..] = self.header;
        let length = u64::from(u32::from_be_bytes(length));
        let limit = if self.ready { MESSAGE_LIMIT } else { LOGIN_LIMIT };
        // A negative length is the driver's to refuse, which it does at once.
        if length > limit && length <= i32::MAX.unsigned_abs().into() {
            return Err(io::Error::other(format!(
                "the server announced a message of {length} bytes; at most {limit} are accepted"
            )));
        }
        self.rest = length.saturating_sub(4);
        self.ready |= tag == b'Z';
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(tag: u8, length: i32, body: usize) -> Vec<u8> {
        [&[tag][..], &length.to_be_bytes(), &vec![0; body]].concat()
    }

    /// Whether the stream is followed to its end, in pieces of several sizes.
    #[track_caller]
    fn check(bytes: &[u8], refused: Option<&str>) {
        for step in [1, 3, 7, 4096] {
            let mut bounds = Bounds::default();
            let outcome = bytes.chunks(step).try_for_each(|piece| bounds.check(piece));
            match (outcome, refused) {
                (Ok(()), None) => {}
                (Err(error), Some(part)) => assert!(error.to_string().contains(part), "{error}"),
                (outcome, expected) => panic!("{outcome:?}, expected {expected:?}"),
            }
        }
    }

    #[test]
    fn long_messages_and_long_logins_are_refused() {
        let ready = message(b'Z', 5, 1);
        let notice = message(b'N', 1004, 1000);
        let limit = i32::try_from(MESSAGE_LIMIT).unwrap();
        check(&ready, None);
        check(&notice.repeat(1000), None);
        check(&notice.repeat(1100), Some("before the login was over"));
        check(&[ready.clone(), notice.repeat(1100)].concat(), None);
        check(&message(b'R', i32::MAX, 9), Some("a message of 2147483647 bytes"));
        check(&message(b'N', 2 << 20, 9), Some("at most 1048576"));
        check(
            &[ready.clone(), message(b'D', i32::MAX, 9)].concat(),
            Some("2147483647 bytes; at most 268435456"),
        );
        check(&[ready.clone(), message(b'D', limit, 9)].concat(), None);
        check(&[ready.clone(), message(b'D', limit + 1, 9)].concat(), Some("268435457"));
        // A ReadyForQuery inside a body is none.
        let within = [message(b'S', 4 + 6, 0), ready.clone()].concat();
        check(&[within, notice.repeat(1100)].concat(), Some("before the login was over"));
        // The driver's to refuse.
        check(&message(b'R', -1, 0), None);
        check(&[ready, message(b'D', 2, 0), message(b'D', 4, 0)].concat(), None);
    }
}
