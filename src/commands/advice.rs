//! What somebody can do about a failed read.

use crate::api::Reason;

/// What this failure means for whoever reads of it, as whole sentences.
pub(super) const fn advice(reason: Reason) -> &'static str {
    match reason {
        Reason::Auth => "The token is refused: check the token file, and that this address may use it.",
        Reason::Quota => "The day's requests are spent; reading goes on when the quota day begins anew.",
        Reason::Concurrency => {
            "Somebody else uses this token at the same time; give the exporter one of its own."
        }
        Reason::Maintenance => "The server is in maintenance or refuses for now.",
        Reason::Request => "The server refuses the question: check server or base_url.",
        Reason::Server => "The server fails; nothing to do here.",
        Reason::Timeout => "The server is too slow; smaller windows are tried.",
        Reason::Connect => "No connection: check the network and whether this address is allowed.",
        Reason::Decode => "The answer is not what the API documents.",
        Reason::Truncated => "The answer was cut; smaller windows are tried.",
        Reason::Mismatch => "The answer contradicts itself.",
    }
}
