//! Configuration files.
//!
//! - Parse, print, parse: what is in force, printed, is the same configuration.
//! - Mistakes are bounded in number and length, one line each.

use std::path::Path;

use wolkvox_exporter::config::Config;

pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Config::parse(text, Path::new("/etc/wolkvox"), "wolkvox.yml") {
        Ok(config) => {
            let printed = config.effective();
            let again = Config::parse(&printed, Path::new("/etc/wolkvox"), "wolkvox.yml");
            let again = again.unwrap_or_else(|error| panic!("{error}\n{printed}"));
            assert_eq!(again.operations, config.operations, "{printed}");
            assert_eq!(again.effective(), printed);
            config.warnings.iter().for_each(|warning| line(warning));
        }
        Err(error) => {
            assert!(error.to_string().len() < 4_096 + 8 * bytes.len() * 1_024);
            error.mistakes().iter().for_each(|mistake| line(&mistake.to_string()));
        }
    }
}

/// One line that a terminal can show.
pub(crate) fn line(text: &str) {
    assert!(!text.is_empty() && text.len() < 2_048, "{} bytes: {text}", text.len());
    assert!(!text.chars().any(|c| c.is_control()), "{text:?}");
}
