//! `tls_server_config`: names of the schema, turned into values without any TLS library.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::config::field;
use crate::config::load::texts;
use crate::config::mistake::Notes;
use crate::config::node::{Node, Value, join};

pub(in crate::config) const KEYS: [&str; 13] = [
    "cert",
    "key",
    "client_ca",
    "cert_file",
    "key_file",
    "client_auth_type",
    "client_ca_file",
    "client_allowed_sans",
    "cipher_suites",
    "curve_preferences",
    "min_version",
    "max_version",
    "prefer_server_cipher_suites",
];

const VERSIONS: [(&str, TlsVersion); 2] = [("TLS12", TlsVersion::Tls12), ("TLS13", TlsVersion::Tls13)];

const CLIENT_AUTH: [(&str, ClientAuth); 6] = [
    ("NoClientCert", ClientAuth::None),
    ("RequestClientCert", ClientAuth::Request),
    ("RequireAnyClientCert", ClientAuth::RequireAny),
    // An older spelling that the schema still takes.
    ("RequireClientCert", ClientAuth::RequireAny),
    ("VerifyClientCertIfGiven", ClientAuth::VerifyIfGiven),
    ("RequireAndVerifyClientCert", ClientAuth::RequireAndVerify),
];

const CURVES: [(&str, Curve); 4] = [
    ("CurveP256", Curve::P256),
    ("CurveP384", Curve::P384),
    ("CurveP521", Curve::P521),
    ("X25519", Curve::X25519),
];

const SUITES: [(&str, CipherSuite); 11] = [
    ("TLS_AES_128_GCM_SHA256", CipherSuite::Tls13Aes128Gcm),
    ("TLS_AES_256_GCM_SHA384", CipherSuite::Tls13Aes256Gcm),
    ("TLS_CHACHA20_POLY1305_SHA256", CipherSuite::Tls13ChaCha20Poly1305),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", CipherSuite::EcdsaAes128Gcm),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", CipherSuite::EcdsaAes256Gcm),
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", CipherSuite::EcdsaChaCha20Poly1305),
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", CipherSuite::EcdsaChaCha20Poly1305),
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", CipherSuite::RsaAes128Gcm),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", CipherSuite::RsaAes256Gcm),
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", CipherSuite::RsaChaCha20Poly1305),
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", CipherSuite::RsaChaCha20Poly1305),
];

/// TLS as the server shall speak it.
#[derive(Debug, Clone)]
pub struct TlsServer {
    /// The certificate chain.
    pub cert: Pem,
    /// Its private key.
    pub key: Pem,
    /// Whether clients show a certificate.
    pub client_auth: ClientAuth,
    /// The authorities that sign clients' certificates.
    pub client_ca: Option<Pem>,
    /// Names of which a client's certificate must carry one (DNS, IP, e-mail or URI); empty allows any.
    pub client_allowed_sans: Vec<String>,
    /// The suites offered, best first; empty offers all that the library holds safe.
    pub cipher_suites: Vec<CipherSuite>,
    /// The curves offered, best first; empty offers all.
    pub curve_preferences: Vec<Curve>,
    /// The oldest version spoken.
    pub min_version: TlsVersion,
    /// The newest version spoken.
    pub max_version: TlsVersion,
    /// Whether the server's order of suites decides, rather than the client's.
    pub prefer_server_cipher_suites: bool,
}

/// A certificate or key in PEM: in a file, or within the configuration. `Debug` shows no text.
#[derive(Clone)]
pub enum Pem {
    /// A file, absolute.
    File(PathBuf),
    /// The text itself.
    Inline(SecretString),
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pem::File(path) => f.debug_tuple("File").field(path).finish(),
            Pem::Inline(_) => f.write_str("Inline([REDACTED])"),
        }
    }
}

/// What is asked of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// Nothing.
    None,
    /// A certificate is asked for, and any or none accepted.
    Request,
    /// Any certificate, unverified.
    RequireAny,
    /// None, or a good one.
    VerifyIfGiven,
    /// A good one.
    RequireAndVerify,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// A curve of the key exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
    /// X25519.
    X25519,
}

/// A cipher suite. Those of TLS 1.2 name the kind of certificate they need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say all there is to say")]
pub enum CipherSuite {
    Tls13Aes128Gcm,
    Tls13Aes256Gcm,
    Tls13ChaCha20Poly1305,
    EcdsaAes128Gcm,
    EcdsaAes256Gcm,
    EcdsaChaCha20Poly1305,
    RsaAes128Gcm,
    RsaAes256Gcm,
    RsaChaCha20Poly1305,
}

/// Reads `tls_server_config`. An empty mapping means no TLS.
pub(super) fn read(node: &Node, directory: &Path, notes: &mut Notes) -> Option<TlsServer> {
    if matches!(&node.value, Value::Map(entries) if entries.is_empty()) || !field::mapping(node, &KEYS, notes)
    {
        return None;
    }
    let before = notes.mistakes.len();
    let cert = required(node, "cert", "cert_file", directory, notes);
    let key = required(node, "key", "key_file", directory, notes);
    let client_ca = pem(node, "client_ca", "client_ca_file", directory, notes);
    let client_auth = node.child("client_auth_type").and_then(|node| field::word(node, &CLIENT_AUTH, notes));
    let client_auth = client_auth.unwrap_or(ClientAuth::None);
    let sans = node.child("client_allowed_sans");
    let client_allowed_sans: Vec<String> = sans
        .map(|node| texts(node, "names of clients", notes).into_iter().map(|(_, text)| text).collect())
        .unwrap_or_default();
    let cipher_suites = words(node.child("cipher_suites"), &SUITES, "cipher suites", notes);
    let curve_preferences = words(node.child("curve_preferences"), &CURVES, "curves", notes);
    let version = |key: &str, default, notes: &mut Notes| {
        node.child(key).and_then(|node| field::word(node, &VERSIONS, notes)).unwrap_or(default)
    };
    let min_version = version("min_version", TlsVersion::Tls12, notes);
    let max_version = version("max_version", TlsVersion::Tls13, notes);
    let prefer = node.child("prefer_server_cipher_suites");
    let prefer_server_cipher_suites = prefer.and_then(|node| field::truth(node, notes)).unwrap_or(true);
    if max_version < min_version {
        notes.mistake(&join(&node.at, "max_version"), "older than min_version");
    }
    let verifies = matches!(client_auth, ClientAuth::VerifyIfGiven | ClientAuth::RequireAndVerify);
    let auth_at = join(&node.at, "client_auth_type");
    if verifies && client_ca.is_none() {
        notes.mistake(&auth_at, "to verify clients, client_ca_file is needed");
    }
    if client_ca.is_some() && client_auth == ClientAuth::None {
        notes.mistake(&auth_at, "client_ca_file is given, so RequireAndVerifyClientCert is needed here");
    }
    if sans.is_some() && !matches!(client_auth, ClientAuth::RequireAny | ClientAuth::RequireAndVerify) {
        notes.mistake(
            &auth_at,
            "client_allowed_sans needs RequireAndVerifyClientCert or RequireAnyClientCert here",
        );
    }
    let (Some(cert), Some(key)) = (cert, key) else { return None };
    (notes.mistakes.len() == before).then_some(TlsServer {
        cert,
        key,
        client_auth,
        client_ca,
        client_allowed_sans,
        cipher_suites,
        curve_preferences,
        min_version,
        max_version,
        prefer_server_cipher_suites,
    })
}

impl TlsServer {
    /// Notes the files that cannot be opened.
    pub(super) fn check_files(&self, notes: &mut Notes) {
        let files = [
            ("cert_file", Some(&self.cert)),
            ("key_file", Some(&self.key)),
            ("client_ca_file", self.client_ca.as_ref()),
        ];
        for (key, pem) in files {
            if let Some(Pem::File(path)) = pem
                && let Err(error) = fs::File::open(path)
            {
                notes.mistake(
                    &format!("tls_server_config.{key}"),
                    format!("cannot be opened: {}", field::reason(&error)),
                );
            }
        }
    }
}

fn required(node: &Node, inline: &str, file: &str, directory: &Path, notes: &mut Notes) -> Option<Pem> {
    if node.child(inline).is_none() && node.child(file).is_none() {
        notes.mistake(&join(&node.at, file), "missing; TLS needs cert_file and key_file");
    }
    pem(node, inline, file, directory, notes)
}

fn pem(node: &Node, inline: &str, file: &str, directory: &Path, notes: &mut Notes) -> Option<Pem> {
    match (node.child(inline), node.child(file)) {
        (Some(both), Some(_)) => {
            notes.mistake(&both.at, format!("{inline} and {file} exclude each other; keep one"));
            None
        }
        (Some(node), None) => {
            let text = field::text(node, "text in PEM", notes)?;
            if !text.trim_start().starts_with("-----BEGIN ") {
                notes.mistake(&node.at, "not PEM; it begins with -----BEGIN");
                return None;
            }
            Some(Pem::Inline(SecretString::from(text)))
        }
        (None, Some(node)) => {
            let path = field::clean_text(node, "the path of a file", 4096, notes)?;
            Some(Pem::File(directory.join(path)))
        }
        (None, None) => None,
    }
}

/// A list of names out of a table.
fn words<T: Copy>(node: Option<&Node>, table: &[(&str, T)], wanted: &str, notes: &mut Notes) -> Vec<T> {
    // An empty list means the default, as everywhere in this schema.
    let Some(node) = node.filter(|node| !matches!(&node.value, Value::List(items) if items.is_empty()))
    else {
        return Vec::new();
    };
    let items = field::list(node, wanted, notes).unwrap_or_default();
    items.into_iter().filter_map(|item| field::word(item, table, notes)).collect()
}
