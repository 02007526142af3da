//! The document: template, style and script.

use std::sync::LazyLock;

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::Status;

/// Fetches the page again and changes what has changed, so that focus, scroll and what is unfolded stay.
const SCRIPT: &str = include_str!("status.js");
const STYLE: &str = include_str!("status.css");
/// How often the page refreshes itself, in seconds.
const REFRESH: u32 = 15;

/// The only script that may run is the one in the page, and it may only ask where the page came from.
pub fn content_security_policy() -> &'static str {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let hash = STANDARD.encode(Sha256::digest(SCRIPT));
        format!(
            "default-src 'none'; script-src 'sha256-{hash}'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
    });
    &POLICY
}

impl Status {
    /// The page as HTML.
    pub fn page(&self) -> String {
        // Invariant: the template writes only to a String, which cannot fail.
        Page { status: self, style: STYLE, script: SCRIPT, refresh: REFRESH }.render().unwrap_or_default()
    }
}

#[derive(Template)]
#[template(path = "status.html", config = "src/askama.toml")]
struct Page<'a> {
    status: &'a Status,
    style: &'static str,
    script: &'static str,
    refresh: u32,
}
