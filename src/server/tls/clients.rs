//! Which clients may connect, by their certificates.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, IpAddr, ServerName, UnixTime};

use crate::config::{ClientAuth, TlsServer};
use crate::server::ServerError;

use super::{Files, certificates};

/// What judges clients as configured; `None` asks them nothing.
pub(super) fn verifier(
    config: &TlsServer,
    files: &Files,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, ServerError> {
    let (verify, mandatory) = match config.client_auth {
        ClientAuth::None => return Ok(None),
        ClientAuth::Request => (false, false),
        ClientAuth::RequireAny => (false, true),
        ClientAuth::VerifyIfGiven => (true, false),
        ClientAuth::RequireAndVerify => (true, true),
    };
    let mut listed = Vec::new();
    let authorities = match (&files.client_ca, verify) {
        (Some(pem), true) => {
            let mut roots = RootCertStore::empty();
            listed = certificates(pem, "the authorities of clients")?;
            for certificate in &listed {
                let added = roots.add(certificate.clone());
                added.map_err(|error| {
                    ServerError::Tls(format!("cannot use an authority of clients: {error}"))
                })?;
            }
            let built =
                WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(provider)).build();
            let failed = |error| ServerError::Tls(format!("cannot use the authorities of clients: {error}"));
            Some(built.map_err(failed)?)
        }
        _ => None,
    };
    let names = config.client_allowed_sans.clone();
    if let Some(name) = names.iter().find(|name| name.contains('@') && !name.contains("://")) {
        return Err(ServerError::Tls(format!(
            "client_allowed_sans: {name:?} is an e-mail name, which is not supported"
        )));
    }
    let algorithms = provider.signature_verification_algorithms;
    Ok(Some(Arc::new(Clients { authorities, listed, mandatory, names, algorithms })))
}

/// Judges the certificates of clients.
#[derive(Debug)]
struct Clients {
    /// Who must have signed a certificate; `None` takes any.
    authorities: Option<Arc<dyn ClientCertVerifier>>,
    /// The authorities themselves. A client's own certificate may be among them.
    listed: Vec<CertificateDer<'static>>,
    mandatory: bool,
    /// Names of which a certificate must carry one; empty takes any.
    names: Vec<String>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for Clients {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.authorities.as_ref().map_or(&[], |authorities| authorities.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        if let Some(authorities) = &self.authorities {
            match authorities.verify_client_cert(end_entity, intermediates, now) {
                Ok(_) => {}
                // Self-signed by `openssl req -x509`, and listed itself: every Prometheus exporter takes it.
                Err(error) if is_authority(&error) && self.listed.contains(end_entity) => {}
                Err(error) => return Err(error),
            }
        }
        if !self.names.is_empty() && !self.names.iter().any(|name| carries(end_entity, name)) {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whether nothing but being an authority's speaks against a certificate; its time has been checked before that.
fn is_authority(error: &rustls::Error) -> bool {
    let rustls::Error::InvalidCertificate(CertificateError::Other(other)) = error else { return false };
    matches!(other.0.downcast_ref::<webpki::Error>(), Some(webpki::Error::CaUsedAsEndEntity))
}

/// Whether a certificate carries exactly this name: DNS, URI or IP.
fn carries(certificate: &CertificateDer<'_>, name: &str) -> bool {
    let Ok(certificate) = webpki::EndEntityCert::try_from(certificate) else { return false };
    if let Ok(address) = IpAddr::try_from(name) {
        return certificate.verify_is_valid_for_subject_name(&ServerName::IpAddress(address)).is_ok();
    }
    certificate.valid_dns_names().any(|dns| dns == name)
        || certificate.valid_uri_names().any(|uri| uri == name)
}
