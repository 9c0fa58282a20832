//! Why Cinder did not do what a request asked for, and what that says about sending it again.

use crate::purge::transport::Answer;
use std::time::Duration;

/// The wait after a 429 or a 413 without Retry-After.
const THROTTLED: Duration = Duration::from_secs(10);

/// Why Cinder did not do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// In Cinder's words.
    pub reason: String,
    /// The request's id, by which Cinder's log knows it.
    pub request_id: Option<String>,
    /// What is to be done about it.
    pub class: Class,
}

/// What a refusal says about sending the same request again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Nothing may be sent for so long; nothing was begun.
    Throttled(Duration),
    /// Something that Cinder needs does not work: later, and it is nothing about the object.
    Outage,
    /// No OpenStack service returns such a thing: a proxy, or something else that took Cinder's place.
    Foreign,
    /// It will be refused again.
    Final,
    /// The object does not allow it as it is now. Whether that passes depends on its status.
    Invalid,
    /// It may be accepted next time.
    Passing,
}

impl Refusal {
    /// What an answer says that is no success. A 404 that names an object's id is of [`Class::Passing`], for the caller
    /// knows whether that object exists.
    pub(super) fn of(answer: &Answer, id: Option<&str>) -> Self {
        Self { reason: answer.fault(), request_id: answer.request_id.clone(), class: class(answer, id) }
    }

    /// One without an answer, or without a status of its own: the request may be accepted next time.
    #[must_use]
    pub fn passing(reason: String, request_id: Option<String>) -> Self {
        Self { reason, request_id, class: Class::Passing }
    }

    /// Whether the same request will be refused again.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.class == Class::Final
    }
}

fn class(answer: &Answer, id: Option<&str>) -> Class {
    match answer.status {
        429 | 413 => Class::Throttled(answer.asks_to_wait().unwrap_or(THROTTLED)),
        // Without Retry-After: keystonemiddleware while Keystone is down, load balancers without a server behind them.
        503 => answer.asks_to_wait().map_or(Class::Outage, Class::Throttled),
        502 | 504 => Class::Outage,
        500.. => Class::Passing,
        400 => Class::Invalid,
        409 => Class::Passing,
        404 if id.is_some_and(|id| answer.says_absent(id)) => Class::Passing,
        // Cinder's ServiceNotFound is a NotFound.
        404 if answer.is_fault() => Class::Outage,
        404 | 300..400 => Class::Foreign,
        401..500 => Class::Final,
        _ => Class::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_known_by_its_status_its_wait_and_its_words() {
        let fault = |message: &str| format!(r#"{{"itemNotFound":{{"message":"{message}","code":404}}}}"#);
        let (absent, service) =
            (fault("Backup b could not be found."), fault("Service x could not be found."));
        let seconds = |seconds| Class::Throttled(Duration::from_secs(seconds));
        for (status, retry_after, body, expected) in [
            (429, Some("3"), "", seconds(3)),
            (429, None, "", seconds(10)),
            (413, Some("0"), "", seconds(0)),
            (413, None, "", seconds(10)),
            (503, Some("3"), "", seconds(3)),
            (503, None, "<html>", Class::Outage),
            (502, None, "", Class::Outage),
            (504, Some("3"), "", Class::Outage),
            (500, Some("3"), "", Class::Passing),
            (400, None, "", Class::Invalid),
            (409, None, "", Class::Passing),
            (404, None, absent.as_str(), Class::Passing),
            (404, None, service.as_str(), Class::Outage),
            (404, None, "<html>", Class::Foreign),
            (301, None, "", Class::Foreign),
            (200, None, "<html>", Class::Foreign),
            (403, None, "", Class::Final),
            (405, None, "", Class::Final),
        ] {
            let retry_after = retry_after.map(str::to_owned);
            let answer = Answer { status, retry_after, body: body.into(), ..Answer::default() };
            assert_eq!(Refusal::of(&answer, Some("b")).class, expected, "{status} {body}");
        }
    }
}
