//! Samples to bytes: what `/metrics` answers, prepared once per change and never per scrape.
//!
//! The [`Publisher`] takes the totals of all operations, renders them in the formats somebody asks for
//! and keeps the bytes. A scrape copies them and adds the few series of this process ([`SelfMetrics`]).

use std::sync::Arc;

use crate::metrics::Block;

mod encode;
mod gzip;
mod history;
mod own;
mod pace;
mod publisher;
mod render;
mod served;

pub use history::{history_end, write_history};
pub use own::SelfMetrics;
pub use pace::Pace;
pub use publisher::{Answer, AnswerError, Publisher};
pub use served::{Receipt, Served};

/// Everything that one operation exports.
#[derive(Debug, Clone)]
pub struct OperationBlocks {
    /// Value of the label `operation` in all of its series.
    pub name: Arc<str>,
    /// The blocks of each source. A family stands in one block of an operation at most. A source that has
    /// not changed is passed as the same `Arc`, since its text is then copied instead of written again.
    pub blocks: Vec<Arc<Vec<Block>>>,
}

/// A format in which the exposition can be asked for.
///
/// The protobuf format (with start timestamps) would be one more variant: the encoder writes it, and the
/// negotiation of the server prefers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text format 0.0.4.
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

impl Format {
    /// Every format, text first.
    pub const ALL: [Format; 2] = [Format::Text, Format::OpenMetrics];

    /// The value of `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    const fn index(self) -> usize {
        self as usize
    }
}

/// How the bytes are packed on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// As they are.
    Identity,
    /// One gzip member.
    Gzip,
}

#[cfg(test)]
mod tests;
