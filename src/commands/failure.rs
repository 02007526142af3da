//! What a failure says to people: one line, from what was attempted down to the cause.

use std::fmt::Write as _;

/// The whole chain in one line, each cause once.
///
/// Most errors of ours end in the text of their cause already, and a cause told twice reads like two.
pub fn line(error: &anyhow::Error) -> String {
    let mut causes = error.chain().map(ToString::to_string);
    let mut line = causes.next().unwrap_or_default();
    for cause in causes {
        if !line.ends_with(&cause) {
            // Writing to a String cannot fail.
            let _ = write!(line, ": {cause}");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use std::io;

    use anyhow::Context as _;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot listen on {address}: {source}")]
    struct Bind {
        address: &'static str,
        source: io::Error,
    }

    #[test]
    fn every_cause_is_told_once() {
        let source = || io::Error::other("address in use");
        let told = anyhow::Error::new(Bind { address: ":1", source: source() });
        assert_eq!(line(&told), "cannot listen on :1: address in use");
        let told = Err::<(), _>(source()).context("cannot start").unwrap_err();
        assert_eq!(line(&told), "cannot start: address in use");
        let told =
            Err::<(), _>(Bind { address: ":1", source: source() }).context("cannot serve").unwrap_err();
        assert_eq!(line(&told), "cannot serve: cannot listen on :1: address in use");
    }
}
