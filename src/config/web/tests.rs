use std::fs;

use super::*;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/config/web");

fn parse(text: &str) -> Result<WebConfig, ConfigError> {
    WebConfig::parse(text, Path::new("/etc/wolkvox"), "web.yml")
}

#[test]
fn published_sample_reads() {
    let text = fs::read_to_string(Path::new(FIXTURES).join("web.yml")).unwrap();
    let config = parse(&text).unwrap();
    let tls = config.tls.as_ref().unwrap();
    assert!(matches!(&tls.cert, Pem::File(path) if path == Path::new("/etc/wolkvox/server.crt")));
    assert_eq!(tls.client_auth, ClientAuth::RequireAndVerify);
    assert_eq!(tls.client_allowed_sans, ["prometheus.example.org"]);
    assert_eq!(tls.cipher_suites, [CipherSuite::EcdsaAes128Gcm, CipherSuite::RsaAes128Gcm]);
    assert_eq!(tls.curve_preferences, [Curve::X25519, Curve::P256]);
    assert_eq!((tls.min_version, tls.max_version), (TlsVersion::Tls12, TlsVersion::Tls13));
    assert!(tls.prefer_server_cipher_suites && config.http2);
    assert_eq!(config.headers.len(), 5);
    assert_eq!(config.users.len(), 1);
    let limit = config.rate_limit.unwrap();
    assert_eq!((limit.interval, limit.burst.get()), (Duration::from_secs(1), 10));
    assert!(config.warnings.is_empty());
    let printed = format!("{config:?}");
    assert!(!printed.contains("X0h1gDsPszWURQaxFh"), "{printed}");
}

#[test]
fn empty_file_is_plain_http_open_to_everybody() {
    for text in [
        "",
        "# nothing\n",
        "{}",
        "tls_server_config: {}\n",
        "tls_server_config:\nrate_limit: { interval: 0 }\n",
    ] {
        let config = parse(text).unwrap();
        assert!(
            config.tls.is_none() && config.users.is_empty() && config.rate_limit.is_none() && config.http2,
            "{text}"
        );
    }
}

#[test]
fn inline_key_is_read_and_not_printed() {
    let text = "tls_server_config:\n  cert: |\n    -----BEGIN CERTIFICATE-----\n    abc\n  key: |\n    -----BEGIN PRIVATE KEY-----\n    topsecret\n";
    let config = parse(text).unwrap();
    assert!(matches!(config.tls.as_ref().map(|tls| &tls.key), Some(Pem::Inline(_))));
    assert!(!format!("{config:?}").contains("topsecret"));
}

#[test]
fn passwords_over_plain_http_are_warned_about() {
    let text = "basic_auth_users: { a: $2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG }";
    assert_eq!(parse(text).unwrap().warnings.len(), 1);
}

#[test]
fn missing_files_are_found_at_loading() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("web.yml");
    fs::write(&file, "tls_server_config: { cert_file: server.crt, key_file: server.key }").unwrap();
    fs::write(directory.path().join("server.crt"), "").unwrap();
    let error = WebConfig::load(&file).unwrap_err();
    let found: Vec<String> = error.mistakes().iter().map(ToString::to_string).collect();
    assert_eq!(found, ["tls_server_config.key_file: cannot be opened: no such file or directory"]);
}

#[test]
fn every_bad_file_is_refused_with_the_mend() {
    crate::config::tests::refused_as_written(&Path::new(FIXTURES).join("bad"), |text| parse(text).err());
}
