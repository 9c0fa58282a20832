//! One HTTP exchange, as far as OpenStack's APIs need it: what is sent, what is answered, how it can get lost.
//!
//! The command uses [`super::http`]; tests bring a transport of their own, with no sockets and a clock they control.

use secrecy::SecretString;
use std::future::Future;
use std::time::{Duration, SystemTime};

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
    /// DELETE.
    Delete,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// What it does.
    pub method: Method,
    /// The whole URL.
    pub url: String,
    /// `X-Auth-Token`.
    pub token: Option<SecretString>,
    /// `OpenStack-API-Version`.
    pub version: Option<&'static str>,
    /// A JSON document; it may hold a password.
    pub body: Option<SecretString>,
}

/// An answer, with the headers that matter.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// `X-Subject-Token`.
    pub subject_token: Option<SecretString>,
    /// `x-openstack-request-id`, or the older `x-compute-request-id`.
    pub request_id: Option<String>,
    /// `Retry-After`.
    pub retry_after: Option<String>,
    /// `Date`.
    pub date: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// No connection: nothing was sent.
    Unreachable(String),
    /// The request was sent, and may have been obeyed.
    Broken(String),
}

/// The longest wait that is taken at its word; no purge lives so long.
const LONGEST_WAIT: Duration = Duration::from_secs(365 * 86_400);

/// Sends requests.
pub trait Transport {
    /// Sends one and waits for its answer.
    fn exchange(&self, request: Request) -> impl Future<Output = Result<Answer, Lost>>;
}

impl Answer {
    /// How long `Retry-After` asks to wait (RFC 9110, 10.2.3): seconds, or a date, which is taken from the answer's own
    /// `Date` where it has one, so that clocks need not agree.
    #[must_use]
    pub fn asks_to_wait(&self) -> Option<Duration> {
        let value = self.retry_after.as_deref()?.trim();
        if let Ok(seconds) = value.parse() {
            return Some(Duration::from_secs(seconds).min(LONGEST_WAIT));
        }
        let until = httpdate::parse_http_date(value).ok()?;
        let date = self.date.as_deref().and_then(|date| httpdate::parse_http_date(date).ok());
        let now = date.unwrap_or_else(SystemTime::now);
        Some(until.duration_since(now).unwrap_or_default().min(LONGEST_WAIT))
    }

    /// Whether the status says that the request was done or accepted.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// What the answer says went wrong: the message of an OpenStack fault, or the text of a page, else the status alone.
    #[must_use]
    pub fn fault(&self) -> String {
        let status = self.status;
        match fault_message(&self.body).or_else(|| page_text(&self.body)) {
            Some(message) => format!("{status}: {message}"),
            None => format!("{status}"),
        }
    }

    /// Whether the body is a fault of an OpenStack service, and not the error page of a proxy.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        fault_message(&self.body).is_some()
    }

    /// Whether a service says that there is no object with this id: `Backup ID could not be found.` A 404 that does not
    /// name the id is no proof: Cinder returns one for a service that is down, proxies for a path that they do not know.
    #[must_use]
    pub fn says_absent(&self, id: &str) -> bool {
        let no_part_of_an_id = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_');
        self.status == 404
            && fault_message(&self.body)
                .is_some_and(|message| message.split(no_part_of_an_id).any(|word| word == id))
    }
}

/// The most of a fault's message that is repeated.
const MESSAGE_CHARS: usize = 300;

/// The message of a fault: `{"badRequest": {"message": "…", "code": 400}}`, Keystone's with `error` as its name.
fn fault_message(body: &[u8]) -> Option<String> {
    let document: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(body).ok()?;
    let message = document.values().find_map(|fault| fault.get("message")?.as_str())?;
    Some(message.chars().take(MESSAGE_CHARS).collect())
}

/// The text of an error page, which is what load balancers return, and what WSGI middleware does (keystonemiddleware, by
/// WebOb): as HTML, or where JSON is accepted as `{"message": "HTML", "code": "503 …", "title": "…"}`. The head and the
/// heading, which repeats the status, are left out.
fn page_text(body: &[u8]) -> Option<String> {
    let document: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_slice(body).ok();
    let message = document.as_ref().and_then(|document| document.get("message")?.as_str());
    let page = || std::str::from_utf8(body).ok().map(str::trim).filter(|page| page.starts_with('<'));
    let page = message.or_else(page)?;
    let page = page.split_once("</head>").map_or(page, |(_, rest)| rest);
    let page = page.split_once("</h1>").map_or(page, |(_, rest)| rest);
    let pieces = page.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text));
    let words: Vec<&str> = pieces.flat_map(str::split_whitespace).collect();
    let text: String = words.join(" ").chars().filter(|c| !c.is_control()).take(MESSAGE_CHARS).collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let check = |retry_after: Option<&str>, expected: Option<u64>| {
            let answer = Answer {
                retry_after: retry_after.map(str::to_owned),
                date: Some("Wed, 21 Oct 2015 07:28:00 GMT".to_owned()),
                ..Answer::default()
            };
            assert_eq!(answer.asks_to_wait(), expected.map(Duration::from_secs), "{retry_after:?}");
        };
        check(Some("0"), Some(0));
        check(Some(" 120 "), Some(120));
        check(Some("Wed, 21 Oct 2015 07:29:30 GMT"), Some(90));
        check(Some("Wed, 21 Oct 2015 07:27:00 GMT"), Some(0));
        check(Some("18446744073709551615"), Some(365 * 86_400));
        check(Some("Fri, 31 Dec 9999 23:59:59 GMT"), Some(365 * 86_400));
        check(Some("soon"), None);
        check(Some("-1"), None);
        check(None, None);
    }

    #[test]
    fn a_date_counts_from_now_where_the_answer_has_none() {
        let until = SystemTime::now() + Duration::from_secs(1000);
        let retry_after = Some(httpdate::fmt_http_date(until));
        let wait = Answer { retry_after, ..Answer::default() }.asks_to_wait().unwrap();
        assert!(wait > Duration::from_secs(900) && wait <= Duration::from_secs(1000), "{wait:?}");
    }

    #[test]
    fn a_fault_is_told_in_the_services_words() {
        let answer = |status, body: &str| Answer { status, body: body.into(), ..Answer::default() };
        for (status, body, fault) in [
            (
                400,
                r#"{"badRequest":{"message":"Backup status must be available or error","code":400}}"#,
                "400: Backup status must be available or error",
            ),
            (401, r#"{"error":{"message":"no","code":401,"title":"Unauthorized"}}"#, "401: no"),
            (
                503,
                "<html>\n <head>\n  <title>503 Service Unavailable</title>\n </head>\n <body>\n  <h1>503 Service \
                 Unavailable</h1>\n  Please try again.<br /><br />\nKeystone is down.\n </body>\n</html>",
                "503: Please try again. Keystone is down.",
            ),
            (
                503,
                "{\"message\": \"Please try again.<br /><br />\\nKeystone is down.\\n\\n\", \"code\": \"503 Service \
                 Unavailable\", \"title\": \"Service Unavailable\"}",
                "503: Please try again. Keystone is down.",
            ),
            (502, "<html><head></head><body><center><h1>502 Bad Gateway</h1></center></body></html>", "502"),
            (502, "\u{feff}<", "502"),
            (500, "[1]", "500"),
        ] {
            assert_eq!(answer(status, body).fault(), fault);
        }
        let long = format!(r#"{{"e":{{"message":"{}"}}}}"#, "x".repeat(9_999));
        assert_eq!(answer(400, &long).fault().chars().count(), MESSAGE_CHARS + 5);
    }

    #[test]
    fn only_a_404_that_names_the_object_says_that_it_is_absent() {
        let answer = |status, message: &str| {
            let body = format!(r#"{{"itemNotFound":{{"message":"{message}","code":404}}}}"#);
            let request_id = Some("req-1".to_owned());
            Answer { status, body: body.into(), request_id, ..Answer::default() }
        };
        for (status, message, absent) in [
            (404, "Backup b-1 could not be found.", true),
            (404, "Sicherung b-1 nicht gefunden", true),
            (404, "Backup b-12 could not be found.", false),
            (404, "Service cinder-backup could not be found.", false),
            (404, "The resource could not be found.", false),
            (400, "Backup b-1 could not be found.", false),
        ] {
            assert_eq!(answer(status, message).says_absent("b-1"), absent, "{status} {message}");
        }
        // Without a service's fault around it, the middleware of a WSGI server says it (WebOb).
        let middleware =
            r#"{"message": "b-1 could not be found.", "code": "404 Not Found", "title": "Not Found"}"#;
        for body in ["<html>Not Found</html>", "", "b-1", middleware] {
            let answer = Answer { status: 404, body: body.into(), ..Answer::default() };
            assert!(!answer.says_absent("b-1") && !answer.is_fault(), "{body}");
        }
    }
}
