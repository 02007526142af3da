//! What is wrong when a read fails, and what somebody can do about it.

use crate::api::Reason;

/// What to do, as whole sentences.
pub(super) const fn advice(reason: Reason) -> &'static str {
    match reason {
        Reason::Auth => "Check the token, and that Wolkvox allows the address of this machine.",
        Reason::Quota => {
            "Wait: reading goes on when the quota day begins anew. If it happens often, lengthen the intervals."
        }
        Reason::Concurrency => "Give the exporter a token that nothing else uses.",
        Reason::Maintenance => "Wait: it is asked again every few minutes.",
        Reason::Request => "Check server or base_url in the configuration.",
        Reason::Server => "Wait: it is their server that fails, and it is asked again every few minutes.",
        Reason::Timeout => "Wait: smaller questions are tried by themselves.",
        Reason::Connect => {
            "Check the network, the server in the configuration, and whether Wolkvox allows this address."
        }
        Reason::Decode => "If it lasts, the report may have changed: look for a newer exporter.",
        Reason::Truncated => "Wait: smaller questions are tried by themselves.",
        Reason::Mismatch => "If it lasts, compare the report in Wolkvox Manager with the numbers here.",
    }
}

/// What is wrong, in one sentence for people who have never heard of the API.
pub(super) const fn headline(reason: Reason) -> &'static str {
    match reason {
        Reason::Auth => "Wolkvox refuses the token.",
        Reason::Quota => "The requests that Wolkvox allows for a day are spent.",
        Reason::Concurrency => "Something else uses the same token at the same time.",
        Reason::Maintenance => "Wolkvox is in maintenance.",
        Reason::Request => "Wolkvox does not understand the question.",
        Reason::Server => "The server of Wolkvox fails.",
        Reason::Timeout => "Wolkvox does not answer in time.",
        Reason::Connect => "Wolkvox cannot be reached.",
        Reason::Decode => "The answer of Wolkvox cannot be understood.",
        Reason::Truncated => "The answers of Wolkvox are cut short.",
        Reason::Mismatch => "The answers of Wolkvox contradict each other.",
    }
}
