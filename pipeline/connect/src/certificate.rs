//! Reads a server's certificate where webpki would not.
//!
//! webpki follows the rules of the public web; PostgreSQL servers often have certificates that break them and that
//! psql accepts: made by `openssl req -x509` (an authority that uses its own certificate as the server's), by
//! `openssl x509 -req` of OpenSSL before 3.2 (version 1, so without extensions), or with the host only in the
//! common name. This file decides about exactly these, by OpenSSL's and libpq's rules; it does not build chains.

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use x509_cert::der::oid::db::rfc4519::COMMON_NAME;
use x509_cert::der::oid::db::rfc5280::{ANY_EXTENDED_KEY_USAGE, ID_KP_SERVER_AUTH};
use x509_cert::der::{Decode, Encode, Reader, SliceReader};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, SubjectAltName};
use x509_cert::name::Name;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::{Certificate, Version};

use super::error::CertificateProblem;

/// A certificate, read.
#[derive(Debug)]
pub(super) struct ServerCertificate<'a> {
    der: &'a [u8],
    read: Certificate,
}

impl<'a> ServerCertificate<'a> {
    /// Reads a certificate; nothing when it is not one.
    pub(super) fn read(der: &'a CertificateDer<'_>) -> Option<ServerCertificate<'a>> {
        Certificate::from_der(der).ok().map(|read| ServerCertificate { der, read })
    }

    /// Whose it is and who signed it, for messages.
    pub(super) fn description(&self) -> String {
        let tbs = &self.read.tbs_certificate;
        if tbs.subject == tbs.issuer {
            format!("{}, self-signed", shown(&tbs.subject))
        } else {
            format!("{}, signed by {}", shown(&tbs.subject), shown(&tbs.issuer))
        }
    }

    /// Whether webpki refuses to look at it: version 1, or an authority's own.
    pub(super) fn is_beyond_webpki(&self) -> bool {
        self.is_version_1() || self.is_authority()
    }

    fn is_version_1(&self) -> bool {
        self.read.tbs_certificate.version == Version::V1
    }

    fn is_authority(&self) -> bool {
        let constraints = self.read.tbs_certificate.get::<BasicConstraints>();
        matches!(constraints, Ok(Some((_, BasicConstraints { ca: true, .. }))))
    }

    /// Checks its dates, and that it is one of the trusted certificates itself, or that one of them signed it and
    /// it may be used by servers. There is nothing between the two: a chain is for webpki.
    pub(super) fn check_trust(
        &self,
        roots: &[CertificateDer<'_>],
        now: UnixTime,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> Result<(), CertificateProblem> {
        let validity = &self.read.tbs_certificate.validity;
        let now = now.as_secs();
        if now < validity.not_before.to_unix_duration().as_secs() {
            return Err(CertificateProblem::NotYetValid { from: validity.not_before.to_string() });
        }
        if now > validity.not_after.to_unix_duration().as_secs() {
            return Err(CertificateProblem::Expired { until: validity.not_after.to_string() });
        }
        let is_trusted = roots.iter().any(|root| root.as_ref() == self.der)
            || self.may_serve() && roots.iter().any(|root| self.is_signed_by(root, algorithms.all));
        // Which certificates were trusted is for the caller to say.
        if is_trusted { Ok(()) } else { Err(CertificateProblem::UnknownIssuer { trusted: String::new() }) }
    }

    /// Whether its extended key usage, if it has one, names servers.
    fn may_serve(&self) -> bool {
        match self.read.tbs_certificate.get::<ExtendedKeyUsage>() {
            Ok(Some((_, ExtendedKeyUsage(usages)))) => {
                usages.iter().any(|usage| [ID_KP_SERVER_AUTH, ANY_EXTENDED_KEY_USAGE].contains(usage))
            }
            Ok(None) => true,
            Err(_) => false,
        }
    }

    fn is_signed_by(
        &self,
        root: &CertificateDer<'_>,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> bool {
        let Ok(root) = Certificate::from_der(root) else { return false };
        let (issuer, own) = (&root.tbs_certificate, &self.read);
        let (Some(signed), Some(signature)) = (signed_part(self.der), own.signature.as_bytes()) else {
            return false;
        };
        issuer.subject == own.tbs_certificate.issuer
            // The algorithm stands twice, and only one of the two is signed.
            && own.signature_algorithm == own.tbs_certificate.signature
            && algorithms
                .iter()
                .filter(|algorithm| is(&own.signature_algorithm, algorithm.signature_alg_id().as_ref()))
                .any(|algorithm| verifies(*algorithm, &issuer.subject_public_key_info, signed, signature))
    }

    /// The names it is for: the ones of subjectAltName, or, where it has none of hosts, the common name.
    pub(super) fn names(&self) -> Vec<String> {
        let names = self.alternative_names();
        if names.is_empty() { self.common_name().map(str::to_owned).into_iter().collect() } else { names }
    }

    /// Whether the common name alone says whose it is, and says it is this host's.
    pub(super) fn is_for_by_common_name(&self, host: &ServerName<'_>) -> bool {
        self.alternative_names().is_empty()
            && self.common_name().is_some_and(|pattern| matches_host(pattern, &host.to_str()))
    }

    /// Whether a name of it, of either kind, is this host's.
    pub(super) fn is_for(&self, host: &ServerName<'_>) -> bool {
        self.names().iter().any(|pattern| matches_host(pattern, &host.to_str()))
    }

    fn common_name(&self) -> Option<&str> {
        let mut attributes = self.read.tbs_certificate.subject.0.iter().flat_map(|names| names.0.iter());
        let attribute = attributes.find(|attribute| attribute.oid == COMMON_NAME)?;
        std::str::from_utf8(attribute.value.value()).ok()
    }

    fn alternative_names(&self) -> Vec<String> {
        let Ok(Some((_, SubjectAltName(names)))) = self.read.tbs_certificate.get::<SubjectAltName>() else {
            return Vec::new();
        };
        let shown = names.iter().filter_map(|name| match name {
            GeneralName::DnsName(name) => Some(name.to_string()),
            GeneralName::IpAddress(bytes) => address(bytes.as_bytes()),
            _ => None,
        });
        shown.collect()
    }

    /// Checks the handshake's signature with the key of a version 1 certificate, which webpki cannot take apart.
    /// Nothing for any other certificate: those are webpki's.
    pub(super) fn handshake_is_signed(
        &self,
        message: &[u8],
        signed: &DigitallySignedStruct,
        algorithms: &WebPkiSupportedAlgorithms,
        tls_1_3: bool,
    ) -> Option<bool> {
        if !self.is_version_1() {
            return None;
        }
        if tls_1_3 && is_rsa_pkcs1(signed.scheme) {
            return Some(false);
        }
        let key = &self.read.tbs_certificate.subject_public_key_info;
        let of_scheme = algorithms.mapping.iter().filter(|(scheme, _)| *scheme == signed.scheme);
        let mut candidates = of_scheme.flat_map(|(_, algorithms)| algorithms.iter());
        Some(candidates.any(|algorithm| verifies(*algorithm, key, message, signed.signature())))
    }
}

/// TLS 1.3 has no signatures of this kind (RFC 8446, section 4.2.3).
fn is_rsa_pkcs1(scheme: SignatureScheme) -> bool {
    matches!(
        scheme,
        SignatureScheme::RSA_PKCS1_SHA256
            | SignatureScheme::RSA_PKCS1_SHA384
            | SignatureScheme::RSA_PKCS1_SHA512
            | SignatureScheme::RSA_PKCS1_SHA1
    )
}

/// Whether an algorithm is for this kind of key, and finds the signature right.
fn verifies(
    algorithm: &dyn SignatureVerificationAlgorithm,
    key: &SubjectPublicKeyInfoOwned,
    message: &[u8],
    signature: &[u8],
) -> bool {
    is(&key.algorithm, algorithm.public_key_alg_id().as_ref())
        && key
            .subject_public_key
            .as_bytes()
            .is_some_and(|key| algorithm.verify_signature(key, message, signature).is_ok())
}

/// Compares an algorithm with the contents of an encoded one: what follows its tag and its length, one byte each.
fn is(algorithm: &AlgorithmIdentifierOwned, contents: &[u8]) -> bool {
    algorithm.to_der().is_ok_and(|der| der.get(2..) == Some(contents))
}

/// The bytes of a certificate that its signature is made over: the first element of the outer sequence.
fn signed_part(der: &[u8]) -> Option<&[u8]> {
    let outer = SliceReader::new(der).ok()?.peek_header().ok()?;
    let header_length = usize::try_from(outer.encoded_len().ok()?).ok()?;
    SliceReader::new(der.get(header_length..)?).ok()?.tlv_bytes().ok()
}

/// libpq's rule: letter case does not count, and a `*` stands for the whole of the first label, never for more.
fn matches_host(pattern: &str, host: &str) -> bool {
    let wildcard = pattern.strip_prefix("*.").zip(host.split_once('.'));
    pattern.eq_ignore_ascii_case(host)
        || wildcard
            .is_some_and(|(parent, (label, rest))| !label.is_empty() && parent.eq_ignore_ascii_case(rest))
}

fn address(bytes: &[u8]) -> Option<String> {
    let of_4 = <[u8; 4]>::try_from(bytes).map(std::net::IpAddr::from);
    let of_16 = <[u8; 16]>::try_from(bytes).map(std::net::IpAddr::from);
    of_4.or(of_16).ok().map(|address| address.to_string())
}

fn shown(name: &Name) -> String {
    if name.0.is_empty() { "no name".to_owned() } else { name.to_string() }
}

#[cfg(test)]
mod tests {
    use super::matches_host;

    #[test]
    fn hosts() {
        for (pattern, host, expected) in [
            ("db1.example", "db1.example", true),
            ("DB1.Example", "db1.eXample", true),
            ("*.example", "db1.example", true),
            ("*.example", "a.db1.example", false),
            ("*.example", "example", false),
            ("*.example", ".example", false),
            ("d*.example", "db1.example", false),
            ("*", "db1", false),
            ("10.0.0.1", "10.0.0.1", true),
            ("db1.example\0.evil", "db1.example", false),
            ("", "db1", false),
        ] {
            assert_eq!(matches_host(pattern, host), expected, "{pattern:?} for {host:?}");
        }
    }
}
