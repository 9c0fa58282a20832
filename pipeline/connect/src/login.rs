//! Watches what a server asks for at login, beside the driver that answers it.
//!
//! The driver takes GaussDB's authentication requests for SASL and gives up with an error that says nothing, and it
//! does not tell a login that lacked a password from other failures. So the bytes are read along until the login is
//! over: messages of the server's first phase (PostgreSQL documentation, "Message Formats"). Nothing is changed.
//!
//! GaussDB's requests are known from openGauss' published source (`sendAuthRequest` in its auth.cpp); they were
//! never tried on a live server.

use super::error::LoginMethod;
use crate::challenge::{Challenge, Kept};

/// No message of a login is larger; beyond it, watching ends.
const LIMIT: usize = 64 * 1024;

/// What has been seen of a login so far.
#[derive(Debug, Default)]
pub(super) struct Watch {
    unread: Vec<u8>,
    over: bool,
    request: Option<Request>,
    number: Option<i32>,
    accepted: bool,
}

/// The server's first authentication request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// A password, in clear, as MD5 or by SCRAM-SHA-256.
    Password,
    /// GaussDB's SHA-256 or SM3, which is not the driver's to answer.
    Gauss(Challenge),
    /// Something that is not spoken here.
    Unsupported(LoginMethod),
}

impl Watch {
    /// Reads along; true as long as there is more to watch for.
    pub(super) fn read(&mut self, bytes: &[u8]) -> bool {
        if self.over {
            return false;
        }
        self.unread.extend_from_slice(bytes);
        while !self.over
            && let Some((tag, body, length)) = message(&self.unread)
        {
            match tag {
                b'R' => self.authentication(&body),
                b'E' => self.over = true,
                _ => {}
            }
            self.unread.drain(..length);
        }
        self.over |= self.unread.len() > LIMIT;
        if self.over {
            self.unread = Vec::new();
        }
        !self.over
    }

    /// The first request; none where the server let the user in without one, or said no at once.
    pub(super) fn request(&self) -> Option<&Request> {
        self.request.as_ref()
    }

    /// How the driver logged in, in words, by the first request.
    pub(super) fn method(&self) -> &'static str {
        match self.number {
            None => "without a password (trust, peer or certificate)",
            Some(3) => "password in clear",
            Some(5) => "md5",
            Some(10) => "scram-sha-256",
            Some(_) => "another method",
        }
    }

    /// Whether the server accepted the user. Errors after that are not about who it is.
    pub(super) fn accepted(&self) -> bool {
        self.accepted
    }

    fn authentication(&mut self, body: &[u8]) {
        let Some((number, rest)) = body.split_first_chunk::<4>() else { return };
        let number = i32::from_be_bytes(*number);
        if number == 0 {
            self.accepted = true;
            self.over = true;
        } else if self.request.is_none() {
            self.request = Some(request(number, rest));
            self.number = Some(number);
        }
    }
}

/// What a first request asks for. 11 and 12 go on with SASL in PostgreSQL, so as the first they are another's.
fn request(number: i32, rest: &[u8]) -> Request {
    Request::Unsupported(match number {
        3 | 5 => return Request::Password,
        2 | 7 | 9 => LoginMethod::Kerberos,
        10 => match mechanisms(rest) {
            Some(names) if names.iter().any(|name| name.starts_with("SCRAM-SHA-256")) => {
                return Request::Password;
            }
            Some(names) => LoginMethod::Sasl(names),
            None => return gauss(Kept::Sha256, rest),
        },
        13 => return gauss(Kept::Sm3, rest),
        11 | 12 | 14 => LoginMethod::Gauss(number),
        number => LoginMethod::Other(number),
    })
}

/// A request of GaussDB's, if it has the form of one.
fn gauss(kept: Kept, rest: &[u8]) -> Request {
    match Challenge::read(kept, rest) {
        Some(challenge) => Request::Gauss(challenge),
        None => Request::Unsupported(LoginMethod::Gauss(kept.request())),
    }
}

/// SASL's list of mechanisms: names that each end in a zero byte, and one more zero byte. Nothing if it is not that;
/// GaussDB's body starts with a number below 256, so with a zero byte.
fn mechanisms(body: &[u8]) -> Option<Vec<String>> {
    let list = body.strip_suffix(&[0])?.strip_suffix(&[0])?;
    let names = list.split(|&byte| byte == 0);
    names
        .map(|name| Some(std::str::from_utf8(name).ok()?.to_owned()).filter(|name| !name.is_empty()))
        .collect()
}

/// The first message, if all of it is there: its tag, its body, and how many bytes it takes.
fn message(bytes: &[u8]) -> Option<(u8, Vec<u8>, usize)> {
    let (&tag, rest) = bytes.split_first()?;
    let length = usize::try_from(i32::from_be_bytes(*rest.first_chunk::<4>()?)).ok()?;
    // The length counts itself.
    let body = rest.get(4..length)?;
    Some((tag, body.to_owned(), 1 + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authentication(number: i32, body: &[u8]) -> Vec<u8> {
        let length = i32::try_from(body.len()).unwrap() + 8;
        [&b"R"[..], &length.to_be_bytes(), &number.to_be_bytes(), body].concat()
    }

    fn error() -> Vec<u8> {
        [&b"E"[..], &11_i32.to_be_bytes(), b"SFATAL\0"].concat()
    }

    fn body(stored: i32) -> Vec<u8> {
        [&stored.to_be_bytes()[..], &[b'a'; 64], &[b'b'; 8], &10_000_i32.to_be_bytes()].concat()
    }

    fn check(messages: &[Vec<u8>], request: Option<Request>, accepted: bool) {
        let bytes = messages.concat();
        for step in [1, 2, 7, bytes.len()] {
            let mut watch = Watch::default();
            for piece in bytes.chunks(step) {
                watch.read(piece);
            }
            assert_eq!(watch.request(), request.as_ref(), "{bytes:?} by {step}");
            assert_eq!(watch.accepted(), accepted, "{bytes:?} by {step}");
        }
    }

    #[test]
    fn requests() {
        let unsupported = |method| Some(Request::Unsupported(method));
        let ok = authentication(0, b"");
        check(std::slice::from_ref(&ok), None, true);
        check(&[error(), ok.clone()], None, false);
        check(&[authentication(3, b""), ok.clone()], Some(Request::Password), true);
        check(&[authentication(5, b"salt"), error()], Some(Request::Password), false);
        let scram = authentication(10, b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0");
        let steps = [scram, authentication(11, b"r=x"), authentication(12, b"v=x"), ok];
        check(&steps, Some(Request::Password), true);
        let other = authentication(10, b"OAUTHBEARER\0\0");
        check(&[other], unsupported(LoginMethod::Sasl(vec!["OAUTHBEARER".to_owned()])), false);
        for (kept, stored, other) in [(Kept::Sha256, 2, 3), (Kept::Sm3, 3, 2)] {
            let number = kept.request();
            let challenge = Challenge::read(kept, &body(stored)).unwrap();
            check(&[authentication(number, &body(stored))], Some(Request::Gauss(challenge)), false);
            check(&[authentication(number, &body(other))], unsupported(LoginMethod::Gauss(number)), false);
            check(&[authentication(number, b"")], unsupported(LoginMethod::Gauss(number)), false);
        }
        check(&[authentication(11, &[b'a'; 68])], unsupported(LoginMethod::Gauss(11)), false);
        check(&[authentication(14, b"")], unsupported(LoginMethod::Gauss(14)), false);
        check(&[authentication(7, b"")], unsupported(LoginMethod::Kerberos), false);
        check(&[authentication(99, b"")], unsupported(LoginMethod::Other(99)), false);
        // A notice may come first; a message of nonsense stops nothing.
        check(
            &[[&b"N"[..], &5_i32.to_be_bytes(), b"\0"].concat(), authentication(3, b"")],
            Some(Request::Password),
            false,
        );
        check(&[vec![b'R', 0, 0, 0, 4]], None, false);
    }

    #[test]
    fn watching_ends() {
        let mut watch = Watch::default();
        assert!(watch.read(&authentication(5, b"salt")));
        assert!(!watch.read(&authentication(0, b"")));
        assert!(!watch.read(b"R"));
        let mut watch = Watch::default();
        let endless = [&b"X"[..], &i32::MAX.to_be_bytes()].concat();
        assert!(watch.read(&endless));
        assert!(!watch.read(&vec![0; LIMIT]));
        let mut watch = Watch::default();
        assert!(watch.read(&[b'X', 0xff, 0xff, 0xff, 0xff]), "a negative length is never complete");
    }
}
