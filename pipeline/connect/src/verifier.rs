//! Decides whether a server's certificate will do, as far as `sslmode` wants it checked.
//!
//! webpki decides about the certificates it reads; `certificate` about those it does not.
//! The signature of the handshake is checked in every mode: channel binding means nothing without it.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::DateTime;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use super::certificate::ServerCertificate;
use super::error::CertificateProblem;

/// What a certificate is checked against.
#[derive(Debug)]
pub(super) struct Check {
    /// Checks chain, dates, revocation and, last, the name.
    pub(super) webpki: Arc<WebPkiServerVerifier>,
    /// The trusted certificates.
    pub(super) certificates: Vec<CertificateDer<'static>>,
    /// Where they are, for messages.
    pub(super) trusted: String,
    /// Whether there is a list of revoked certificates to check against.
    pub(super) may_be_revoked: bool,
}

/// A verifier for one connection after another.
#[derive(Debug)]
pub(super) struct Verifier {
    check: Option<Check>,
    checks_name: bool,
    algorithms: WebPkiSupportedAlgorithms,
    /// Why the last certificate was not accepted; rustls' own errors could not carry it.
    objection: Mutex<Option<(String, CertificateProblem)>>,
}

impl Verifier {
    /// A verifier that checks against `check`, or not at all.
    pub(super) fn new(
        check: Option<Check>,
        checks_name: bool,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Verifier {
        Verifier { check, checks_name, algorithms, objection: Mutex::new(None) }
    }

    /// Whose the last certificate was and what spoke against it, if anything did.
    pub(super) fn take_objection(&self) -> Option<(String, CertificateProblem)> {
        self.objection.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn object(&self, certificate: &CertificateDer<'_>, problem: CertificateProblem) -> Error {
        let description = ServerCertificate::read(certificate)
            .map_or_else(|| "unreadable".to_owned(), |certificate| certificate.description());
        *self.objection.lock().unwrap_or_else(PoisonError::into_inner) = Some((description, problem));
        CertificateError::ApplicationVerificationFailure.into()
    }

    fn problem(
        &self,
        check: &Check,
        der: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        now: UnixTime,
    ) -> Option<CertificateProblem> {
        let Some(certificate) = ServerCertificate::read(der) else {
            return Some(CertificateProblem::Other("it is not an X.509 certificate".to_owned()));
        };
        let other_name =
            || CertificateProblem::OtherName { host: host.to_str().into_owned(), names: certificate.names() };
        if certificate.is_beyond_webpki() {
            if check.may_be_revoked {
                let problem = "certificates of its kind cannot be checked against sslcrl";
                return Some(CertificateProblem::Other(problem.to_owned()));
            }
            return match certificate.check_trust(&check.certificates, now, &self.algorithms) {
                Err(CertificateProblem::UnknownIssuer { .. }) => {
                    Some(CertificateProblem::UnknownIssuer { trusted: check.trusted.clone() })
                }
                Err(problem) => Some(problem),
                Ok(()) => (self.checks_name && !certificate.is_for(host)).then(other_name),
            };
        }
        match check.webpki.verify_server_cert(der, intermediates, host, &[], now) {
            Ok(_) => None,
            // The name is what webpki's verifier checks last: all else was right.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => (self.checks_name && !certificate.is_for_by_common_name(host)).then(other_name),
            Err(Error::InvalidCertificate(error)) => Some(map_error(error, &check.trusted)),
            Err(error) => Some(CertificateProblem::Other(error.to_string())),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        der: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let problem =
            self.check.as_ref().and_then(|check| self.problem(check, der, intermediates, host, now));
        match problem {
            Some(problem) => Err(self.object(der, problem)),
            None => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        der: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match signed_with_version_1(message, der, signed, &self.algorithms, false) {
            Some(valid) => valid,
            None => verify_tls12_signature(message, der, signed, &self.algorithms),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        der: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match signed_with_version_1(message, der, signed, &self.algorithms, true) {
            Some(valid) => valid,
            None => verify_tls13_signature(message, der, signed, &self.algorithms),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn signed_with_version_1(
    message: &[u8],
    der: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
    tls_1_3: bool,
) -> Option<Result<HandshakeSignatureValid, Error>> {
    let certificate = ServerCertificate::read(der)?;
    Some(if certificate.handshake_is_signed(message, signed, algorithms, tls_1_3)? {
        Ok(HandshakeSignatureValid::assertion())
    } else {
        Err(CertificateError::BadSignature.into())
    })
}

fn map_error(error: CertificateError, trusted: &str) -> CertificateProblem {
    match error {
        CertificateError::UnknownIssuer => CertificateProblem::UnknownIssuer { trusted: trusted.to_owned() },
        CertificateError::Expired => CertificateProblem::Expired { until: "an unknown day".to_owned() },
        CertificateError::ExpiredContext { not_after, .. } => {
            CertificateProblem::Expired { until: moment(not_after) }
        }
        CertificateError::NotValidYet => {
            CertificateProblem::NotYetValid { from: "an unknown day".to_owned() }
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            CertificateProblem::NotYetValid { from: moment(not_before) }
        }
        CertificateError::Revoked => CertificateProblem::Revoked,
        other => CertificateProblem::Other(other.to_string()),
    }
}

fn moment(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).ok();
    let moment = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    moment
        .map_or_else(|| "an unknown day".to_owned(), |moment| moment.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}
