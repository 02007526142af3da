//! TLS by rustls, with certificates that may change while we serve.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{
    CipherSuite as SuiteName, NamedGroup, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret as _, SecretSlice};
use tokio_rustls::TlsAcceptor;

use crate::config::{CipherSuite, Curve, Pem, TlsServer, TlsVersion};
use crate::time::Stopwatch;

use super::ServerError;

mod clients;

/// How often files are looked at, at most.
const LOOK: Duration = Duration::from_secs(1);

/// What accepts TLS connections, with the files as they are.
pub(super) struct Tls {
    config: TlsServer,
    state: Mutex<State>,
}

struct State {
    looked: Stopwatch,
    files: Files,
    server: Arc<ServerConfig>,
}

/// The texts a server is made of.
struct Files {
    cert: SecretSlice<u8>,
    key: SecretSlice<u8>,
    client_ca: Option<SecretSlice<u8>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads certificates and keys, and fails where they do not fit together.
    pub(super) fn new(config: &TlsServer) -> Result<Tls, ServerError> {
        let files = Files::read(config)?;
        let server = build(config, &files)?;
        let state = State { looked: Stopwatch::start(), files, server };
        Ok(Tls { config: config.clone(), state: Mutex::new(state) })
    }

    /// What accepts the next connection; notices changed files within a second or so.
    pub(super) async fn acceptor(self: &Arc<Self>) -> TlsAcceptor {
        let server = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.looked.elapsed() < LOOK {
                Some(Arc::clone(&state.server))
            } else {
                // Only one connection looks.
                state.looked = Stopwatch::start();
                None
            }
        };
        let server = match server {
            Some(server) => server,
            None => {
                let tls = Arc::clone(self);
                let looking = tokio::task::spawn_blocking(move || tls.look());
                if let Err(error) = looking.await {
                    tracing::error!(error = %error, "cannot look at the certificates");
                }
                Arc::clone(&self.state.lock().unwrap_or_else(PoisonError::into_inner).server)
            }
        };
        TlsAcceptor::from(server)
    }

    /// Reads the files again and takes them when they have changed and are good.
    fn look(&self) {
        let changed = Files::read(&self.config).and_then(|files| {
            if self.state.lock().unwrap_or_else(PoisonError::into_inner).files.same(&files) {
                return Ok(None);
            }
            Ok(Some((build(&self.config, &files)?, files)))
        });
        match changed {
            Ok(None) => {}
            Ok(Some((server, files))) => {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.server = server;
                state.files = files;
                tracing::info!("the certificates have changed and are used from now on");
            }
            Err(error) => tracing::warn!(error = %error, "keeping the old certificates"),
        }
    }
}

impl Files {
    fn read(config: &TlsServer) -> Result<Files, ServerError> {
        let read = |pem: &Pem| match pem {
            Pem::File(path) => match std::fs::read(path) {
                Ok(bytes) => Ok(SecretSlice::from(bytes)),
                Err(error) => Err(ServerError::Tls(format!("cannot read {}: {error}", path.display()))),
            },
            Pem::Inline(text) => Ok(SecretSlice::from(text.expose_secret().as_bytes().to_vec())),
        };
        Ok(Files {
            cert: read(&config.cert)?,
            key: read(&config.key)?,
            client_ca: config.client_ca.as_ref().map(read).transpose()?,
        })
    }

    fn same(&self, other: &Files) -> bool {
        let client_ca = |files: &Files| files.client_ca.as_ref().map(|pem| pem.expose_secret().to_vec());
        self.cert.expose_secret() == other.cert.expose_secret()
            && self.key.expose_secret() == other.key.expose_secret()
            && client_ca(self) == client_ca(other)
    }
}

fn build(config: &TlsServer, files: &Files) -> Result<Arc<ServerConfig>, ServerError> {
    let bad = |what: &str, error: &dyn fmt::Display| ServerError::Tls(format!("{what}: {error}"));
    let provider = Arc::new(provider(config));
    let versions: Vec<&'static SupportedProtocolVersion> =
        [(TlsVersion::Tls12, &rustls::version::TLS12), (TlsVersion::Tls13, &rustls::version::TLS13)]
            .into_iter()
            .filter(|(version, _)| (config.min_version..=config.max_version).contains(version))
            .map(|(_, version)| version)
            .collect();
    let chain = certificates(&files.cert, "the certificate")?;
    let key = PrivateKeyDer::from_pem_slice(files.key.expose_secret())
        .map_err(|error| bad("cannot read the private key", &error))?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .map_err(|error| bad("cannot speak TLS as configured", &error))?;
    let builder = match clients::verifier(config, files, &provider)? {
        Some(clients) => builder.with_client_cert_verifier(clients),
        None => builder.with_no_client_auth(),
    };
    let mut server = builder
        .with_single_cert(chain, key)
        .map_err(|error| bad("cannot use the certificate with its key", &error))?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    server.ignore_client_order = config.prefer_server_cipher_suites;
    Ok(Arc::new(server))
}

fn certificates(pem: &SecretSlice<u8>, what: &str) -> Result<Vec<CertificateDer<'static>>, ServerError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.expose_secret()).collect();
    match read {
        Ok(chain) if chain.is_empty() => Err(ServerError::Tls(format!("cannot read {what}: none in it"))),
        Ok(chain) => Ok(chain),
        Err(error) => Err(ServerError::Tls(format!("cannot read {what}: {error}"))),
    }
}

/// The library's cryptography, cut down to what the configuration wants.
fn provider(config: &TlsServer) -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    let wanted: Vec<SuiteName> = config.cipher_suites.iter().map(|suite| suite_name(*suite)).collect();
    if !wanted.is_empty() {
        let is_13 = |suite: &SupportedCipherSuite| suite.tls13().is_some();
        // As in Go, a list without suites of TLS 1.3 says nothing about TLS 1.3.
        let any_13 =
            provider.cipher_suites.iter().any(|suite| is_13(suite) && wanted.contains(&suite.suite()));
        provider.cipher_suites.retain(|suite| wanted.contains(&suite.suite()) || (is_13(suite) && !any_13));
        let place = |suite: &SupportedCipherSuite| wanted.iter().position(|name| *name == suite.suite());
        provider.cipher_suites.sort_by_key(|suite| place(suite).map_or((0, 0), |place| (1, place)));
    }
    let wanted: Vec<NamedGroup> = config.curve_preferences.iter().map(|curve| group_name(*curve)).collect();
    if !wanted.is_empty() {
        let all = aws_lc_rs::ALL_KX_GROUPS;
        let group = |name: &NamedGroup| all.iter().copied().find(|group| group.name() == *name);
        provider.kx_groups = wanted.iter().filter_map(group).collect();
    }
    provider
}

fn suite_name(suite: CipherSuite) -> SuiteName {
    match suite {
        CipherSuite::Tls13Aes128Gcm => SuiteName::TLS13_AES_128_GCM_SHA256,
        CipherSuite::Tls13Aes256Gcm => SuiteName::TLS13_AES_256_GCM_SHA384,
        CipherSuite::Tls13ChaCha20Poly1305 => SuiteName::TLS13_CHACHA20_POLY1305_SHA256,
        CipherSuite::EcdsaAes128Gcm => SuiteName::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::EcdsaAes256Gcm => SuiteName::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::EcdsaChaCha20Poly1305 => SuiteName::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        CipherSuite::RsaAes128Gcm => SuiteName::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::RsaAes256Gcm => SuiteName::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::RsaChaCha20Poly1305 => SuiteName::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    }
}

fn group_name(curve: Curve) -> NamedGroup {
    match curve {
        Curve::P256 => NamedGroup::secp256r1,
        Curve::P384 => NamedGroup::secp384r1,
        Curve::P521 => NamedGroup::secp521r1,
        Curve::X25519 => NamedGroup::X25519,
    }
}

#[cfg(test)]
pub(super) mod tests;
