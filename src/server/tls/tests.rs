//! Handshakes over memory, with certificates made for each test.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;

use crate::config::ClientAuth;

use super::*;

/// An authority and what it has signed.
pub(in crate::server) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: CertificateDer<'static>,
}

struct Signed {
    cert: String,
    key: String,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let cert = params.self_signed(&key).unwrap();
        Authority { pem: cert.pem(), der: cert.der().clone(), issuer: Issuer::new(params, key) }
    }

    /// The beginning of a client that trusts this authority.
    fn trusting(
        &self,
        versions: &[&'static SupportedProtocolVersion],
    ) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
    }

    /// A client without a certificate that trusts this authority.
    pub(in crate::server) fn connector(&self) -> TlsConnector {
        TlsConnector::from(Arc::new(self.trusting(&BOTH).with_no_client_auth()))
    }

    fn sign(&self, name: &str) -> Signed {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        Signed { cert: cert.pem(), key: key.serialize_pem() }
    }
}

fn write(folder: &Path, signed: &Signed) {
    std::fs::write(folder.join("cert.pem"), &signed.cert).unwrap();
    std::fs::write(folder.join("key.pem"), &signed.key).unwrap();
}

pub(in crate::server) fn config(folder: &Path) -> TlsServer {
    TlsServer {
        cert: Pem::File(folder.join("cert.pem")),
        key: Pem::File(folder.join("key.pem")),
        client_auth: ClientAuth::None,
        client_ca: None,
        client_allowed_sans: Vec::new(),
        cipher_suites: Vec::new(),
        curve_preferences: Vec::new(),
        min_version: TlsVersion::Tls12,
        max_version: TlsVersion::Tls13,
        prefer_server_cipher_suites: true,
    }
}

/// What a handshake and one byte each way come to.
#[derive(Debug, PartialEq)]
struct Shaken {
    version: rustls::ProtocolVersion,
    suite: SuiteName,
    certificate: Vec<u8>,
}

async fn shake(
    acceptor: TlsAcceptor,
    authority: &Authority,
    client: Option<&Signed>,
    versions: &[&'static SupportedProtocolVersion],
) -> Option<Shaken> {
    let builder = authority.trusting(versions);
    let config = match client {
        None => builder.with_no_client_auth(),
        Some(signed) => {
            let chain = vec![CertificateDer::from_pem_slice(signed.cert.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(signed.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    let (near, far) = tokio::io::duplex(1 << 16);
    let serving = tokio::spawn(async move {
        let mut stream = acceptor.accept(far).await.ok()?;
        // In TLS 1.3 the client is done before the server has judged it.
        stream.write_all(b"!").await.ok()?;
        stream.flush().await.ok()
    });
    let connector = TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from("exporter.test").unwrap();
    let shaken = async {
        let mut stream = connector.connect(name, near).await.ok()?;
        stream.read_u8().await.ok()?;
        let (_, session) = stream.get_ref();
        Some(Shaken {
            version: session.protocol_version()?,
            suite: session.negotiated_cipher_suite()?.suite(),
            certificate: session.peer_certificates()?[0].to_vec(),
        })
    }
    .await;
    let _ = serving.await;
    shaken
}

const BOTH: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

async fn acceptor(config: &TlsServer) -> TlsAcceptor {
    Arc::new(Tls::new(config).unwrap()).acceptor().await
}

pub(in crate::server) fn site() -> (Authority, TempDir) {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &authority.sign("exporter.test"));
    (authority, folder)
}

#[tokio::test]
async fn only_the_versions_and_suites_configured_are_spoken() {
    use rustls::ProtocolVersion::{TLSv1_2, TLSv1_3};
    let (authority, folder) = site();
    let base = config(folder.path());
    let shaken = shake(acceptor(&base).await, &authority, None, &BOTH).await.unwrap();
    assert_eq!(shaken.version, TLSv1_3);

    let old = TlsServer { max_version: TlsVersion::Tls12, ..base.clone() };
    assert_eq!(shake(acceptor(&old).await, &authority, None, &BOTH).await.unwrap().version, TLSv1_2);
    assert_eq!(shake(acceptor(&old).await, &authority, None, &BOTH[1..]).await, None);
    let new = TlsServer { min_version: TlsVersion::Tls13, ..base.clone() };
    assert_eq!(shake(acceptor(&new).await, &authority, None, &BOTH[..1]).await, None);

    let one = TlsServer {
        cipher_suites: vec![CipherSuite::EcdsaAes256Gcm],
        curve_preferences: vec![Curve::P384],
        ..base
    };
    let shaken = shake(acceptor(&one).await, &authority, None, &BOTH[..1]).await.unwrap();
    assert_eq!(shaken.suite, SuiteName::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384);
    assert_eq!(shake(acceptor(&one).await, &authority, None, &BOTH).await.unwrap().version, TLSv1_3);
}

#[tokio::test]
async fn clients_are_judged_as_configured() {
    let (authority, folder) = site();
    let stranger = Authority::new().sign("prometheus.test");
    let known = authority.sign("prometheus.test");
    let other = authority.sign("other.test");
    let address = authority.sign("10.1.2.3");
    std::fs::write(folder.path().join("ca.pem"), &authority.pem).unwrap();
    // In order: who may come without a certificate, with a stranger's, with a good one.
    let cases = [
        (ClientAuth::None, [true, true, true]),
        (ClientAuth::Request, [true, true, true]),
        (ClientAuth::RequireAny, [false, true, true]),
        (ClientAuth::VerifyIfGiven, [true, false, true]),
        (ClientAuth::RequireAndVerify, [false, false, true]),
    ];
    for (client_auth, expected) in cases {
        let client_ca = Some(Pem::File(folder.path().join("ca.pem")));
        let acceptor = acceptor(&TlsServer { client_auth, client_ca, ..config(folder.path()) }).await;
        for version in [&BOTH[..1], &BOTH[1..]] {
            for (client, expected) in [None, Some(&stranger), Some(&known)].into_iter().zip(expected) {
                let shaken = shake(acceptor.clone(), &authority, client, version).await;
                assert_eq!(shaken.is_some(), expected, "{client_auth:?} {version:?}");
            }
        }
    }

    let named = TlsServer {
        client_auth: ClientAuth::RequireAndVerify,
        client_ca: Some(Pem::Inline(authority.pem.clone().into())),
        client_allowed_sans: vec!["prometheus.test".to_owned(), "10.1.2.3".to_owned()],
        ..config(folder.path())
    };
    let acceptor = acceptor(&named).await;
    for (client, expected) in [(&known, true), (&address, true), (&other, false), (&stranger, false)] {
        assert_eq!(shake(acceptor.clone(), &authority, Some(client), &BOTH).await.is_some(), expected);
    }
}

#[tokio::test]
async fn a_self_signed_client_comes_in_when_it_is_listed_itself() {
    let (authority, folder) = site();
    let own = |years: std::ops::Range<i32>| {
        let mut params = CertificateParams::new(vec!["prometheus.test".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
        let key = KeyPair::generate().unwrap();
        Signed { cert: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
    };
    let (listed, expired, stranger) = (own(2020..2100), own(2019..2020), own(2020..2100));
    let both = format!("{}{}", listed.cert, expired.cert);
    let strict = TlsServer {
        client_auth: ClientAuth::RequireAndVerify,
        client_ca: Some(Pem::Inline(both.into())),
        ..config(folder.path())
    };
    let acceptor = acceptor(&strict).await;
    for (client, expected) in [(&listed, true), (&expired, false), (&stranger, false)] {
        assert_eq!(shake(acceptor.clone(), &authority, Some(client), &BOTH).await.is_some(), expected);
    }
}

#[tokio::test]
async fn a_changed_certificate_is_taken_and_a_broken_one_is_not() {
    let (authority, folder) = site();
    let tls = Arc::new(Tls::new(&config(folder.path())).unwrap());
    let shown = async || shake(tls.acceptor().await, &authority, None, &BOTH).await.unwrap().certificate;
    let first = shown().await;
    tls.look();
    assert_eq!(shown().await, first);

    let next = authority.sign("exporter.test");
    std::fs::write(folder.path().join("cert.pem"), &next.cert).unwrap();
    tls.look();
    assert_eq!(shown().await, first, "a certificate without its key changes nothing");
    write(folder.path(), &next);
    tls.look();
    let second = shown().await;
    assert_ne!(second, first);
    std::fs::remove_file(folder.path().join("key.pem")).unwrap();
    tls.look();
    assert_eq!(shown().await, second, "a missing key changes nothing");
}

#[test]
fn what_cannot_be_served_is_named() {
    let (_, folder) = site();
    let refused = |config: &TlsServer| Tls::new(config).unwrap_err().to_string();
    let base = config(folder.path());
    let missing = TlsServer { key: Pem::File(folder.path().join("nothing.pem")), ..base.clone() };
    assert!(refused(&missing).starts_with("cannot serve TLS: cannot read "), "{}", refused(&missing));
    assert!(refused(&missing).contains("nothing.pem"));
    let other =
        TlsServer { key: Pem::Inline(KeyPair::generate().unwrap().serialize_pem().into()), ..base.clone() };
    assert!(refused(&other).contains("cannot use the certificate with its key"), "{}", refused(&other));
    let empty = TlsServer { cert: Pem::Inline("".to_owned().into()), ..base.clone() };
    assert!(refused(&empty).contains("cannot read the certificate"), "{}", refused(&empty));
    let mail = TlsServer {
        client_auth: ClientAuth::RequireAny,
        client_allowed_sans: vec!["ana@example.test".to_owned()],
        ..base
    };
    assert!(refused(&mail).contains("e-mail"), "{}", refused(&mail));
}
