//! Keystone v3: a login is a token for some time, and the catalogue of the cloud's endpoints.

use super::credentials::{Credentials, web_address};
use super::error::{PurgeError, Result};
use super::transport::{Answer, Method, Request, Transport};
use crate::purge::trouble::Trouble;
use chrono::DateTime;
use secrecy::SecretString;
use serde::Deserialize;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// How long a token lasts that does not say so.
const LIFETIME: Duration = Duration::from_secs(600);

/// A token is renewed when a tenth of its time is left, and at the latest so long before its end.
const MARGIN: Duration = Duration::from_secs(300);

/// The types under which Cinder's version 3 stands in a catalogue, the one to be preferred first.
const TYPES: [&str; 4] = ["volumev3", "block-storage", "block-store", "volume"];

/// A token, and what came with it.
#[derive(Debug)]
pub struct Token {
    /// The token.
    pub secret: SecretString,
    /// When it was asked for.
    pub issued: Instant,
    /// When it is to be renewed.
    pub renew_at: Instant,
    /// Whether a service has accepted it.
    pub accepted: Cell<bool>,
    /// The id of the project that it is for.
    pub project: Option<String>,
    /// The catalogue.
    catalog: Vec<Service>,
}

#[derive(Debug, Deserialize)]
struct Document {
    token: Body,
}

#[derive(Debug, Deserialize)]
struct Body {
    issued_at: Option<String>,
    expires_at: Option<String>,
    project: Option<Project>,
    #[serde(default)]
    catalog: Vec<Service>,
}

#[derive(Debug, Deserialize)]
struct Project {
    id: String,
}

#[derive(Debug, Deserialize)]
struct Service {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    endpoints: Vec<Endpoint>,
}

#[derive(Debug, Deserialize)]
struct Endpoint {
    #[serde(default)]
    interface: String,
    region: Option<String>,
    region_id: Option<String>,
    url: String,
}

/// Logs in once.
///
/// # Errors
/// The service cannot be reached, or does not let the user in.
pub async fn login(
    transport: &impl Transport,
    credentials: &Credentials,
    timeout: Duration,
) -> std::result::Result<Token, Trouble> {
    let service = credentials.auth_url.as_str();
    let denied = |what: String, remedy| {
        Trouble::Denied(PurgeError::Cloud { service: service.to_owned(), what, remedy })
    };
    let request = Request {
        method: Method::Post,
        url: format!("{service}/auth/tokens"),
        token: None,
        version: None,
        body: Some(credentials.request()),
    };
    // A token's time begins before the answer is there.
    let asked = Instant::now();
    let answer = crate::purge::trouble::in_time(timeout, transport.exchange(request)).await;
    let answer = answer.map_err(|lost| Trouble::Unreachable(format!("{service}: {}", lost.reason())))?;
    match answer.status {
        200 | 201 => {}
        401 => {
            return Err(denied(
                format!("the login is refused ({})", answer.fault()),
                Some("check the OS_* variables: user, password, project and their domains"),
            ));
        }
        429 | 500.. => return Err(Trouble::Unreachable(format!("{service}: {}", answer.fault()))),
        _ => {
            return Err(denied(
                format!("the login fails ({})", answer.fault()),
                Some("check OS_AUTH_URL: https://HOST:5000/v3, as other OpenStack clients take it"),
            ));
        }
    }
    let remedy = Some("check OS_AUTH_URL: what answers there is no Keystone of version 3");
    read(answer, asked).map_err(|what| denied(what, remedy))
}

fn read(answer: Answer, asked: Instant) -> std::result::Result<Token, String> {
    let document: Document = serde_json::from_slice(&answer.body)
        .map_err(|error| format!("the login's answer is none: {error}"))?;
    let secret = answer.subject_token.ok_or("the login's answer holds no token")?;
    let time = |text: &Option<String>| DateTime::parse_from_rfc3339(text.as_deref()?).ok();
    let Body { issued_at, expires_at, project, catalog } = document.token;
    // Only the difference counts, so that clocks need not agree.
    let lifetime =
        time(&expires_at).zip(time(&issued_at)).and_then(|(end, begin)| (end - begin).to_std().ok());
    let lifetime = lifetime.unwrap_or(LIFETIME);
    let renew_at = asked + (lifetime - (lifetime / 10).min(MARGIN));
    Ok(Token {
        secret,
        issued: asked,
        renew_at,
        accepted: Cell::new(false),
        project: project.map(|project| project.id),
        catalog,
    })
}

/// Which of the cloud's endpoints is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The endpoint itself, if it is named.
    pub endpoint: Option<String>,
    /// `public`, `internal` or `admin`.
    pub interface: String,
    /// The region.
    pub region: Option<String>,
}

impl Token {
    /// Cinder's endpoint for the token's project: the one that was named, else the catalogue's.
    ///
    /// # Errors
    /// There is none, or it is not clear which is meant.
    pub fn endpoint(&self, wanted: &Wanted, service: &str) -> Result<String> {
        let url = match &wanted.endpoint {
            Some(url) => url.clone(),
            None => self.in_catalog(wanted, service)?,
        };
        let url = web_address(&url, "Cinder")?;
        match &self.project {
            // Older versions of Cinder want the project in the path; newer ones allow it.
            Some(project) if url.ends_with("/v3") => Ok(format!("{url}/{project}")),
            _ => Ok(url),
        }
    }

    fn in_catalog(&self, wanted: &Wanted, service: &str) -> Result<String> {
        let unclear = |what: String, remedy| PurgeError::Cloud {
            service: service.to_owned(),
            what,
            remedy: Some(remedy),
        };
        let region = |endpoint: &Endpoint| endpoint.region_id.clone().or_else(|| endpoint.region.clone());
        let fits = |endpoint: &&Endpoint| {
            endpoint.interface == wanted.interface
                && (wanted.region.is_none() || region(endpoint) == wanted.region)
        };
        for kind in TYPES {
            let services = self.catalog.iter().filter(|service| service.kind == kind);
            let found: Vec<&Endpoint> = services
                .flat_map(|service| &service.endpoints)
                .filter(fits)
                // Under "volume" an older version may stand.
                .filter(|endpoint| kind != "volume" || endpoint.url.contains("/v3"))
                .collect();
            let urls: BTreeSet<&str> = found.iter().map(|endpoint| endpoint.url.as_str()).collect();
            let mut urls = urls.into_iter();
            match (urls.next(), urls.next()) {
                (Some(url), None) => return Ok(url.to_owned()),
                (None, _) => {}
                (Some(_), Some(_)) => {
                    let regions: BTreeSet<String> = found.iter().filter_map(|found| region(found)).collect();
                    let regions = regions.into_iter().collect::<Vec<_>>().join(", ");
                    let what = format!("Cinder has several endpoints in its catalogue, in regions {regions}");
                    return Err(unclear(what, "name the region with --region or OS_REGION_NAME"));
                }
            }
        }
        let of = wanted.region.as_ref().map(|region| format!(" in region {region}")).unwrap_or_default();
        let interface = &wanted.interface;
        let what = format!("its catalogue has no {interface} endpoint of Cinder's version 3{of}");
        Err(unclear(what, "name another --region or --interface, or the endpoint itself with --endpoint"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(catalog: &str) -> Token {
        let body = format!(r#"{{"token":{{"project":{{"id":"p1"}},"catalog":{catalog}}}}}"#);
        let answer = Answer { subject_token: Some("t".into()), body: body.into_bytes(), ..Answer::default() };
        read(answer, Instant::now()).unwrap()
    }

    fn wanted(interface: &str, region: Option<&str>) -> Wanted {
        Wanted { endpoint: None, interface: interface.to_owned(), region: region.map(str::to_owned) }
    }

    const CATALOG: &str = r#"[
        {"type":"volumev2","endpoints":[{"interface":"public","region":"r1","url":"http://c/v2/p1"}]},
        {"type":"volumev3","name":"cinderv3","endpoints":[
            {"interface":"public","region":"r1","region_id":"r1","url":"http://c1/v3/p1"},
            {"interface":"public","region":"r2","region_id":"r2","url":"http://c2/volume/v3/"},
            {"interface":"internal","region":"r1","region_id":"r1","url":"http://i1/v3/p1"}]},
        {"type":"block-storage","endpoints":[{"interface":"admin","region":"r1","url":"http://a1/v3/p1"}]}]"#;

    #[test]
    fn the_endpoint_is_the_catalogues_for_interface_and_region() {
        let token = token(CATALOG);
        let check = |interface: &str, region: Option<&str>, expected: std::result::Result<&str, &str>| match (
            token.endpoint(&wanted(interface, region), "http://k/v3"),
            expected,
        ) {
            (Ok(url), Ok(expected)) => assert_eq!(url, expected),
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (found, _) => panic!("{interface} {region:?}: {found:?}"),
        };
        check("public", Some("r1"), Ok("http://c1/v3/p1"));
        check("public", Some("r2"), Ok("http://c2/volume/v3/p1"));
        check("internal", None, Ok("http://i1/v3/p1"));
        check("admin", None, Ok("http://a1/v3/p1"));
        check("public", None, Err("several endpoints in its catalogue, in regions r1, r2"));
        check("admin", Some("r2"), Err("no admin endpoint of Cinder's version 3 in region r2"));
    }

    #[test]
    fn an_endpoint_that_was_named_wins() {
        for (named, expected) in [
            ("https://c:8776/v3", "https://c:8776/v3/p1"),
            ("https://c:8776/v3/other/", "https://c:8776/v3/other"),
        ] {
            let wanted = Wanted { endpoint: Some(named.to_owned()), ..wanted("public", None) };
            assert_eq!(token("[]").endpoint(&wanted, "").unwrap(), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_before_its_end() {
        let check = |times: &str, seconds: u64| {
            let body = format!(r#"{{"token":{{{times}}}}}"#);
            let answer = Answer { subject_token: Some("t".into()), body: body.into(), ..Answer::default() };
            let token = read(answer, Instant::now()).unwrap();
            assert_eq!(token.renew_at - Instant::now(), Duration::from_secs(seconds), "{times}");
        };
        let begin = r#""issued_at":"2026-01-01T00:00:00.000000Z","#;
        check(&format!(r#"{begin}"expires_at":"2026-01-01T00:10:00.000000Z""#), 540);
        check(&format!(r#"{begin}"expires_at":"2026-01-02T00:00:00.000000Z""#), 86_100);
        check(r#""expires_at":"2026-01-02T00:00:00.000000Z""#, 540);
    }
}
