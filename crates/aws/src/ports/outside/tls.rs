//! Handshakes: the one that visitors make, which ends at a bad certificate, and one that looks at any certificate.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_platform_verifier::Verifier;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use x509_cert::Certificate as Parsed;
use x509_cert::der::Decode;

use cutover_core::names::DnsName;
use cutover_core::observation::Certificate;
use cutover_engine::failure::Failure;
use cutover_engine::ports::Answer;

use crate::vantage::Vantage;

/// Whom to trust, and how to greet.
pub(super) struct Tls {
    verifier: Arc<Verifier>,
    visiting: ClientConfig,
    looking: Arc<ClientConfig>,
}

/// What a server shows of itself.
pub(super) enum Shown {
    /// Its certificate, and those that vouch for it.
    Chain(Vec<CertificateDer<'static>>),
    /// It has none for the name, and ends the handshake.
    Nothing,
}

impl Tls {
    /// With the system's roots and those of the vantage.
    pub(super) fn new(vantage: &Vantage) -> Answer<Self> {
        let unusable = |error: rustls::Error| {
            Failure::permanent(format!("this machine cannot check certificates ({error})"))
                .with_hint("install its CA certificates")
        };
        let provider = Arc::new(ring::default_provider());
        let roots = vantage.roots.iter().map(|root| CertificateDer::from(root.clone()));
        let verifier = Verifier::new_with_extra_roots(roots, Arc::clone(&provider)).map_err(unusable)?;
        let verifier = Arc::new(verifier);
        let visiting = config(&provider, Arc::clone(&verifier) as _).map_err(unusable)?;
        let schemes = verifier.supported_verify_schemes();
        let looking = Arc::new(config(&provider, Arc::new(Onlooker { schemes })).map_err(unusable)?);
        Ok(Self { verifier, visiting, looking })
    }

    /// How a visitor greets.
    pub(super) fn visiting(&self) -> ClientConfig {
        self.visiting.clone()
    }

    /// Makes a handshake as for `host`, sends nothing, and tells what was shown.
    pub(super) async fn handshake(&self, address: SocketAddr, host: &DnsName) -> Result<Shown, String> {
        let name = server_name(host)?;
        let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        match TlsConnector::from(Arc::clone(&self.looking)).connect(name, stream).await {
            Ok(stream) => {
                let (_, session) = stream.get_ref();
                let chain = session.peer_certificates().unwrap_or_default();
                Ok(Shown::Chain(chain.iter().map(|one| one.clone().into_owned()).collect()))
            }
            Err(error) if is_alert(&error) => Ok(Shown::Nothing),
            Err(error) => Err(error.to_string()),
        }
    }

    /// When the certificate of `chain` expires, and what a browser would say of it at `now`.
    pub(super) fn judged(&self, chain: &[CertificateDer<'_>], host: &DnsName, now: SystemTime) -> Answer<Certificate> {
        let unreadable = |why: &str| Failure::permanent(format!("the certificate presented for {host} {why}"));
        let (own, others) = chain.split_first().ok_or_else(|| unreadable("is missing"))?;
        let parsed = Parsed::from_der(own).map_err(|error| unreadable(&format!("cannot be read: {error}")))?;
        let expires = parsed.tbs_certificate().validity().not_after.to_unix_duration();
        let expires = moment(expires).ok_or_else(|| unreadable("has no date that we can read"))?;
        let name = server_name(host).map_err(|why| unreadable(&why))?;
        let now = UnixTime::since_unix_epoch(now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default());
        let verdict = self.verifier.verify_server_cert(own, others, &name, &[], now);
        Ok(Certificate { expires, objection: verdict.err().map(|error| objection(&error, host)) })
    }
}

fn config(
    provider: &Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    // A session that is taken up again shows no certificate.
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn server_name(host: &DnsName) -> Result<ServerName<'static>, String> {
    let name = host.as_str().trim_end_matches('.').to_owned();
    ServerName::try_from(name).map_err(|_| format!("{host} is not a host name"))
}

/// Whether the server itself ended the handshake, in words of TLS.
fn is_alert(error: &io::Error) -> bool {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    matches!(cause, Some(rustls::Error::AlertReceived(_)))
}

fn moment(since_1970: Duration) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(since_1970.as_secs()).ok()?).ok()
}

/// What a browser would object to, in plain words.
fn objection(error: &rustls::Error, host: &DnsName) -> String {
    let rustls::Error::InvalidCertificate(trouble) = error else { return error.to_string() };
    match trouble {
        CertificateError::Expired => "it has expired".to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => format!("it expired on {}", day(*not_after)),
        CertificateError::NotValidYet => "it is not valid yet".to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("it is not valid before {}", day(*not_before))
        }
        CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
            let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
            format!("it is for {}, and not for {host}", names.join(", "))
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("it is not for {host}")
        }
        CertificateError::UnknownIssuer => {
            "whoever issued it is not trusted here, or the server does not send the certificates in between".to_owned()
        }
        CertificateError::Revoked => "it was revoked".to_owned(),
        other => format!("it is not acceptable: {other}"),
    }
}

fn day(moment: UnixTime) -> String {
    let date = self::moment(Duration::from_secs(moment.as_secs()));
    date.map_or_else(|| "an unreadable date".to_owned(), |date| date.strftime("%Y-%m-%d").to_string())
}

/// The verifier names what it saw as `DnsName("example.com")`.
fn bare(presented: &str) -> &str {
    presented.split('"').nth(1).unwrap_or(presented)
}

/// Accepts whatever is shown. Nothing is ever sent to whom it accepts.
#[derive(Debug)]
struct Onlooker {
    schemes: Vec<SignatureScheme>,
}

impl ServerCertVerifier for Onlooker {
    fn verify_server_cert(
        &self,
        _own: &CertificateDer<'_>,
        _others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}
