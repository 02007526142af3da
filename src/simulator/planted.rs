//! Personal data that looks real and can be searched for: no byte of it may ever leave an exporter.

use super::behaviour::Behaviour;

/// A kind of private value and what all values of the kind contain.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Planted {
    /// The column, for example `telephone`.
    pub field: &'static str,
    /// A piece of text that every value of the column contains and nothing else does.
    pub needle: &'static str,
}

/// Every kind of private value except the tokens.
pub(super) const PLANTED: [Planted; 7] = [
    Planted { field: "telephone, ani, dnis of callers", needle: "57300555" },
    Planted { field: "dial_phone", needle: "957300555" },
    Planted { field: "customer_id", needle: "99005500" },
    Planted { field: "agent_dni", needle: "88007700" },
    Planted { field: "conn_id", needle: "90519051." },
    Planted { field: "comment", needle: "CANARY-COMMENT" },
    Planted { field: "voice_message", needle: "CANARY-VOICE" },
];

pub(super) fn phone(ani: u16) -> String {
    format!("57300555{ani:04}")
}

/// With the prefix for an outside line.
pub(super) fn dialled(ani: u16) -> String {
    format!("957300555{ani:04}")
}

/// One for each call.
pub(super) fn customer(seq: u32) -> String {
    format!("99005500{seq:010}")
}

pub(super) fn agent(agent: u16) -> String {
    (12_001 + u32::from(agent)).to_string()
}

pub(super) fn dni(agent: u16) -> String {
    format!("88007700{agent:03}")
}

/// The id of a call: the group before the last is the second of its start, the last counts the day's calls.
pub(super) fn call_id(started: i64, seq: u32) -> String {
    format!("90519051.{:04}.{started}.{seq}", seq % 10_000)
}

pub(super) fn comment(seq: u32, behaviour: &Behaviour) -> String {
    if behaviour.wild_comments {
        return format!("CANARY-COMMENT {seq}: dijo \"sí\" \\ C:\\temp\r\nllamar mañana\t{{\"a\":[1,2]}} 📞");
    }
    format!("CANARY-COMMENT {seq}: el cliente pide información")
}

pub(super) fn voice(seq: u32) -> String {
    format!("CANARY-VOICE {seq}: muchas gracias por la atención")
}
