//! Exchanges over the network: reqwest, with rustls and ring. Certificates are always verified; `--ca-file` adds to those
//! of the system.

use super::error::{PurgeError, Result};
use super::transport::{Answer, Lost, Method, Request, Transport};
use reqwest::header::{ACCEPT, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use std::error::Error as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const TOKEN: HeaderName = HeaderName::from_static("x-auth-token");
const SUBJECT_TOKEN: HeaderName = HeaderName::from_static("x-subject-token");
const VERSION: HeaderName = HeaderName::from_static("openstack-api-version");
const REQUEST_IDS: [&str; 2] = ["x-openstack-request-id", "x-compute-request-id"];

/// The longest that a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(15);

/// The longest answer that is read: a page of a thousand objects has one or two MB.
const ANSWER_BYTES: usize = 64 << 20;

/// A connection to whatever URL is asked for.
#[derive(Clone, Debug)]
pub struct Http(Client);

impl Http {
    /// Trusts the certificates of the system, and those in `ca_file`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn new(ca_file: Option<&Path>) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = ca_file {
            add(path, &mut roots).map_err(|problem| PurgeError::Usage {
                what: format!("{}: {problem}", path.display()),
                remedy: "name a file with the cloud's CA certificates in PEM form with --ca-file or OS_CACERT",
            })?;
        }
        let system = |what: String| PurgeError::Cloud { service: "TLS".to_owned(), what, remedy: None };
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| system(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("etl/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            // A token is sent to whom it is meant for, and to nobody else.
            .redirect(Policy::none())
            .build()
            .map_err(|error| system(causes(&error)))?;
        Ok(Self(client))
    }
}

/// Adds the certificates of a PEM file.
fn add(path: &Path, roots: &mut RootCertStore) -> std::result::Result<(), String> {
    let mut any = false;
    for certificate in
        CertificateDer::pem_file_iter(path).map_err(|error| format!("cannot be read: {error}"))?
    {
        let certificate = certificate.map_err(|error| format!("holds what is no certificate: {error}"))?;
        roots
            .add(certificate)
            .map_err(|error| format!("holds a certificate that cannot be used: {error}"))?;
        any = true;
    }
    if any { Ok(()) } else { Err("holds no certificate".to_owned()) }
}

impl Transport for Http {
    async fn exchange(&self, request: Request) -> std::result::Result<Answer, Lost> {
        let Request { method, url, token, version, body } = request;
        let mut builder = match method {
            Method::Get => self.0.get(url),
            Method::Post => self.0.post(url),
            Method::Delete => self.0.delete(url),
        }
        .header(ACCEPT, "application/json");
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(token.expose_secret())
                .map_err(|_| Lost::Unreachable("the token cannot stand in a header".to_owned()))?;
            value.set_sensitive(true);
            builder = builder.header(TOKEN, value);
        }
        if let Some(version) = version {
            builder = builder.header(VERSION, version);
        }
        if let Some(body) = body {
            builder = builder.header(CONTENT_TYPE, "application/json").body(body.expose_secret().to_owned());
        }
        let response = builder.send().await.map_err(lost)?;
        let mut answer = head(&response);
        answer.body = body_of(response).await?;
        Ok(answer)
    }
}

fn head(response: &Response) -> Answer {
    let headers = response.headers();
    let request_id = REQUEST_IDS.iter().find_map(|name| text(headers, &HeaderName::from_static(name)));
    Answer {
        status: response.status().as_u16(),
        subject_token: text(headers, &SUBJECT_TOKEN).map(SecretString::from),
        request_id,
        retry_after: text(headers, &RETRY_AFTER),
        date: text(headers, &DATE),
        body: Vec::new(),
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

async fn body_of(mut response: Response) -> std::result::Result<Vec<u8>, Lost> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(lost)? {
        if body.len() + piece.len() > ANSWER_BYTES {
            return Err(Lost::Broken(format!("an answer of more than {} MiB", ANSWER_BYTES >> 20)));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

#[allow(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn lost(error: reqwest::Error) -> Lost {
    let reason = causes(&error);
    if error.is_connect() || error.is_builder() { Lost::Unreachable(reason) } else { Lost::Broken(reason) }
}

/// An error with all its causes; reqwest's own words say little.
fn causes(error: &reqwest::Error) -> String {
    let mut words = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if words.last() != Some(&text) {
            words.push(text);
        }
        cause = error.source();
    }
    if words.is_empty() { error.to_string() } else { words.join(": ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_file_holds_certificates() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let refused = |expected: &str| {
            let error = Http::new(Some(&path)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        refused("cannot be read");
        std::fs::write(&path, "nothing\n").unwrap();
        refused("holds no certificate");
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        refused("holds a certificate that cannot be used");
        std::fs::write(&path, fixtures::server::Authority::new("the cloud's").pem()).unwrap();
        assert!(Http::new(Some(&path)).is_ok());
    }
}
