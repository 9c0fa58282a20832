//! TLS as `sslmode` means it: which certificates are trusted, how much of a server's is checked, and what went
//! wrong in words an operator can use.
//!
//! Source: PostgreSQL documentation, "SSL Support" in the chapter on libpq. rustls does the cryptography.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, InconsistentKeys, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::{ConnectError, with_causes};
use super::verifier::{Check, Verifier};
use crate::values::{NamedFile, RootCertificates, SslMode, TlsSettings};

/// A TCP connection inside TLS.
pub(super) type TlsStream = <MakeRustlsConnect as MakeTlsConnect<TcpStream>>::Stream;

/// All that a handshake needs, read from its files once.
#[derive(Clone)]
pub(super) struct Connector {
    rustls: MakeRustlsConnect,
    verifier: Arc<Verifier>,
    checks_name: bool,
}

impl Connector {
    /// Reads the files of certificates and keys.
    pub(super) fn new(settings: &TlsSettings) -> Result<Connector, ConnectError> {
        let provider = Arc::new(ring::default_provider());
        let check = trusted(settings, &provider)?;
        let checks_name = settings.mode == SslMode::VerifyFull;
        let verifier =
            Arc::new(Verifier::new(check, checks_name, provider.signature_verification_algorithms));
        let mut versions: Vec<&'static SupportedProtocolVersion> = Vec::new();
        versions.extend(settings.allow_1_3.then_some(&rustls::version::TLS13));
        versions.extend(settings.allow_1_2.then_some(&rustls::version::TLS12));
        let own = client_certificate(settings, &provider)?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(|error| ConnectError::Tls { at: "TLS".to_owned(), problem: error.to_string() })?
            .dangerous()
            .with_custom_certificate_verifier(verifier.clone());
        let config = match own {
            Some(own) => config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own))),
            None => config.with_no_client_auth(),
        };
        Ok(Connector { rustls: MakeRustlsConnect::new(config), verifier, checks_name })
    }

    /// Shakes hands on a connection whose server has agreed to TLS. `name` is the host as the target has it.
    pub(super) async fn handshake(
        mut self,
        stream: TcpStream,
        name: &str,
        address: IpAddr,
        at: &str,
    ) -> Result<TlsStream, ConnectError> {
        // A name that cannot stand in a certificate is only an obstacle where it would be looked for there.
        let usable = self.checks_name || ServerName::try_from(name).is_ok();
        let name = if usable { name.to_owned() } else { address.to_string() };
        let failed = |error: &dyn std::error::Error| match self.verifier.take_objection() {
            Some((certificate, problem)) => {
                ConnectError::Certificate { at: at.to_owned(), certificate, problem }
            }
            None => ConnectError::Tls { at: at.to_owned(), problem: with_causes(error) },
        };
        let connect = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut self.rustls, &name)
            .map_err(|error| failed(&error))?;
        connect.connect(stream).await.map_err(|error: io::Error| failed(&error))
    }
}

/// What to check a server's certificate against. As in libpq, a file of root certificates that exists is used in
/// every mode; only the modes that ask for one insist on it.
fn trusted(settings: &TlsSettings, provider: &Arc<CryptoProvider>) -> Result<Option<Check>, ConnectError> {
    let (certificates, trusted) = match &settings.root {
        RootCertificates::System => (system_certificates()?, "the system's".to_owned()),
        RootCertificates::File(file) => match existing(file, "the root certificate")? {
            Some(pem) => {
                (certificates(&pem, "the root certificate", &file.path)?, file.path.display().to_string())
            }
            None if settings.mode.verifies() => {
                return Err(ConnectError::File {
                    role: "the root certificate",
                    path: file.path.clone(),
                    problem: format!("there is no such file, and sslmode={} needs it", settings.mode.name()),
                });
            }
            None => return Ok(None),
        },
        RootCertificates::None if settings.mode.verifies() => {
            return Err(ConnectError::SystemCertificates {
                problem: "without a home folder, sslrootcert must be named".to_owned(),
            });
        }
        RootCertificates::None => return Ok(None),
    };
    let unusable = |problem: String| match &settings.root {
        RootCertificates::File(file) => {
            ConnectError::File { role: "the root certificate", path: file.path.clone(), problem }
        }
        _ => ConnectError::SystemCertificates { problem },
    };
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        match (roots.add(certificate.clone()), &settings.root) {
            // Among the hundreds of a system, an odd one may be passed over.
            (Ok(()), _) | (Err(_), RootCertificates::System) => {}
            (Err(error), _) => return Err(unusable(error.to_string())),
        }
    }
    let revoked = match &settings.revoked {
        Some(file) => match existing(file, "the list of revoked certificates")? {
            Some(pem) => revocations(&pem, &file.path)?,
            None => Vec::new(),
        },
        None => Vec::new(),
    };
    let may_be_revoked = !revoked.is_empty();
    let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .with_crls(revoked)
        .enforce_revocation_expiration()
        .build()
        .map_err(|error| unusable(error.to_string()))?;
    Ok(Some(Check { webpki, certificates, trusted, may_be_revoked }))
}

fn system_certificates() -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    let loaded = rustls_native_certs::load_native_certs();
    if loaded.certs.is_empty() {
        let problem = loaded.errors.first().map_or("there are none".to_owned(), ToString::to_string);
        return Err(ConnectError::SystemCertificates { problem });
    }
    Ok(loaded.certs)
}

/// This client's certificate and key, where there are any.
fn client_certificate(
    settings: &TlsSettings,
    provider: &CryptoProvider,
) -> Result<Option<CertifiedKey>, ConnectError> {
    let (Some(certificate), Some(key)) = (&settings.certificate, &settings.key) else { return Ok(None) };
    let Some(pem) = existing(certificate, "the client's certificate")? else { return Ok(None) };
    let chain = certificates(&pem, "the client's certificate", &certificate.path)?;
    let unusable =
        |problem: String| ConnectError::File { role: "the client's key", path: key.path.clone(), problem };
    let named = NamedFile { path: key.path.clone(), named: true };
    let pem = existing(&named, "the client's key")?.unwrap_or_default();
    check_permissions(&key.path).map_err(unusable)?;
    if String::from_utf8_lossy(&pem).contains("ENCRYPTED") {
        return Err(unusable(
            "it is encrypted; openssl pkey -in FILE -out FILE2 makes one without".to_owned(),
        ));
    }
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| unusable(error.to_string()))?;
    let key = provider.key_provider.load_private_key(key).map_err(|error| unusable(error.to_string()))?;
    let own = CertifiedKey::new(chain, key);
    // Other errors only say that the certificate is not one webpki reads; the server decides about it.
    match own.keys_match() {
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err(unusable(format!("it is not the key of {}", certificate.path.display())))
        }
        _ => Ok(Some(own)),
    }
}

/// libpq's rule: a key is for its owner's eyes only; one of root's may also be read by its group.
fn check_permissions(path: &Path) -> Result<(), String> {
    let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
    let mode = metadata.mode() & 0o7777;
    let forbidden = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    if mode & forbidden == 0 {
        Ok(())
    } else {
        Err(format!("it has permissions {mode:04o}, which let others at it (chmod 600 {})", path.display()))
    }
}

/// The file's bytes, or nothing where a default file does not exist.
///
/// libpq also does without a file that was named and does not exist, and then checks nothing; whoever names one
/// wants it used, so that is an error here.
fn existing(file: &NamedFile, role: &'static str) -> Result<Option<Vec<u8>>, ConnectError> {
    match fs::read(&file.path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error)
            if !file.named
                && matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Ok(None)
        }
        Err(error) => Err(ConnectError::File { role, path: file.path.clone(), problem: error.to_string() }),
    }
}

fn certificates(
    pem: &[u8],
    role: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let unusable = |problem: String| ConnectError::File { role, path: path.to_owned(), problem };
    let read = read.map_err(|error| unusable(error.to_string()))?;
    if read.is_empty() { Err(unusable("it has no certificate in PEM format".to_owned())) } else { Ok(read) }
}

fn revocations(pem: &[u8], path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, ConnectError> {
    let read: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(pem).collect();
    read.map_err(|error| error.to_string())
        .and_then(
            |lists| if lists.is_empty() { Err("it has no list in PEM format".to_owned()) } else { Ok(lists) },
        )
        .map_err(|problem| ConnectError::File {
            role: "the list of revoked certificates",
            path: path.to_owned(),
            problem,
        })
}
