//! Web configuration files: what is refused is told in lines, and no hash or key stands in what is printed.

use std::path::Path;

use secrecy::ExposeSecret as _;
use wolkvox_exporter::config::{Pem, WebConfig};

use super::configurations::line;

pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match WebConfig::parse(text, Path::new("/etc/wolkvox"), "web.yml") {
        Ok(config) => {
            config.warnings.iter().for_each(|warning| line(warning));
            let printed = format!("{config:?}");
            for (user, hash) in &config.users {
                assert!(!user.contains(':'));
                let hash = hash.expose_secret();
                assert!(hash.len() == 60 && !printed.contains(hash), "a hash is printed");
            }
            if let Some(tls) = &config.tls {
                assert!(tls.min_version <= tls.max_version);
                if let Pem::Inline(key) = &tls.key {
                    assert!(!printed.contains(key.expose_secret()), "a key is printed");
                }
            }
            assert!(config.headers.iter().all(|(_, value)| !value.is_empty()));
        }
        Err(error) => error.mistakes().iter().for_each(|mistake| line(&mistake.to_string())),
    }
}
