//! What is said of a command line that is refused.

use clap::error::{ContextKind, ContextValue};

/// Words that are longer than any command are not repeated: one may be a token that was given as an argument.
const LONGEST_WORD: usize = 12;

/// An error of usage that repeats nothing that may be a token, and says where tokens belong.
pub(super) fn discreet(mut error: clap::Error) -> clap::Error {
    for kind in [ContextKind::InvalidArg, ContextKind::InvalidSubcommand] {
        let Some(ContextValue::String(word)) = error.get(kind) else { continue };
        let is_long = !word.starts_with('-') && word.len() > LONGEST_WORD;
        let is_token = word.to_lowercase().contains("token");
        if is_long {
            error.insert(kind, ContextValue::String("...".to_owned()));
        }
        if is_long || is_token {
            error.remove(ContextKind::SuggestedArg);
            let place = "a token stands in a file or in an environment variable, never on the command line";
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![place.into()]));
        }
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::arguments::Arguments;
    use clap::CommandFactory as _;

    fn told(arguments: &[&str]) -> String {
        let all = std::iter::once("wolkvox_exporter").chain(arguments.iter().copied());
        let error = Arguments::command().try_get_matches_from(all).unwrap_err();
        discreet(error).to_string()
    }

    #[test]
    fn a_token_among_the_arguments_is_not_repeated_and_a_typing_error_is() {
        let token = "0123456789abcdef";
        for arguments in [
            &[token][..],
            &["serve", token],
            &["--token", token],
            &["check", "--token-file=0123456789abcdef"],
        ] {
            let told = told(arguments);
            assert!(!told.contains(token) && told.contains("never on the command line"), "{told}");
        }
        for arguments in [&["sevre"][..], &["serve", "now"], &["--web.listen-adress=:1"]] {
            let told = told(arguments);
            assert!(told.contains(arguments[arguments.len() - 1].split('=').next().unwrap()), "{told}");
            assert!(!told.contains("token"), "{told}");
        }
    }
}
