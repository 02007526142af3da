//! What an answer says about itself: `code`, `error` and `msg`, in every form they come in.

use serde_json::Value;

use super::columns::column_name;
use super::decode::DecodeError;
use super::framing::{self, Framer, Rows};
use super::{label, mend};

/// The scalars beside `data`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The body's `code` when it is text or a number from 100 to 599. In a [`super::Decoded`] the effective
    /// status: this code, else the status of HTTP.
    pub code: Option<u16>,
    /// `msg`, cleaned, at most 128 characters, long numbers hidden; empty when there is none.
    pub msg: String,
    /// `error`, cleaned like `msg`; empty when it is null or there is none.
    pub error: String,
    /// N of "N records were found".
    pub stated: Option<u64>,
}

/// Reads the envelope of an error body. `None` when the body is not JSON in the vendor's form.
pub fn envelope_of(body: &[u8]) -> Option<Envelope> {
    struct Skipped;
    impl Rows for Skipped {
        fn object(&mut self, input: &[u8]) -> Result<Option<usize>, DecodeError> {
            let Some(length) = framing::extent(input) else { return Ok(None) };
            let parsed = mend::parse::<serde::de::IgnoredAny>(&input[..length]);
            parsed.map(|_| Some(length)).map_err(|_| DecodeError::NotJson)
        }

        fn lone_object(&mut self, _: &[u8]) -> Result<(), DecodeError> {
            Ok(())
        }

        fn not_an_object(&mut self) -> Result<(), DecodeError> {
            Ok(())
        }
    }

    let mut framer = Framer::new(body.len() as u64);
    framer.push(body, &mut Skipped).ok()?;
    let framed = framer.finish().ok()?;
    framed.is_envelope.then_some(framed.envelope)
}

impl Envelope {
    /// Takes one of the scalars; says whether the key belongs to an envelope of this API.
    pub(super) fn take(&mut self, key: &str, value: &Value) -> bool {
        match column_name(key).as_ref() {
            "code" => self.code = code(value),
            "msg" => {
                let text = value.as_str().unwrap_or_default();
                self.stated = stated(text);
                self.msg = label::message(text);
            }
            "error" => {
                let text = value.as_str().unwrap_or_default();
                self.error =
                    if text.eq_ignore_ascii_case("null") { String::new() } else { label::message(text) };
            }
            _ => return false,
        }
        true
    }
}

fn code(value: &Value) -> Option<u16> {
    let code = match value {
        Value::String(text) => text.trim().parse().ok()?,
        Value::Number(number) => u16::try_from(number.as_u64()?).ok()?,
        _ => return None,
    };
    (100..600).contains(&code).then_some(code)
}

/// N of "N records were found"; other messages state nothing.
fn stated(message: &str) -> Option<u64> {
    let message = message.trim();
    let end = message.find(|c: char| !c.is_ascii_digit() && c != ',')?;
    let number: String = message[..end].chars().filter(char::is_ascii_digit).collect();
    let rest = message[end..].trim_start();
    let rest = rest.get(..6).filter(|start| start.eq_ignore_ascii_case("record"));
    rest.and_then(|_| number.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_text_or_a_number_or_nothing() {
        let code = |body: &str| envelope_of(body.as_bytes()).map(|envelope| envelope.code);
        assert_eq!(code(r#"{"code":"404","error":"NOT FOUND","msg":"x","data":[]}"#), Some(Some(404)));
        assert_eq!(code(r#"{"code":403}"#), Some(Some(403)));
        assert_eq!(code(r#"{"code":"","msg":"x"}"#), Some(None));
        assert_eq!(code(r#"{"CODE ":" 200 ","data":[{"a":{"b":[1]}}]}"#), Some(Some(200)));
        assert_eq!(code(r#"{"code":"20000"}"#), Some(None));
        assert_eq!(code(r#"{"code":200.5}"#), Some(None));
        assert_eq!(code(r#"{"code":"99"}"#), Some(None));
        assert_eq!(code(r#"{"code":600}"#), Some(None));
        assert_eq!(code(r#"{"code":599}"#), Some(Some(599)));
        assert_eq!(code("[]"), None);
        assert_eq!(code("{}"), None);
        assert_eq!(code(r#"{"detail":"not ours"}"#), None);
        assert_eq!(code("<html>404</html>"), None);
        assert_eq!(code(r#"{"code":"404"} <br>"#), None);
        assert_eq!(code(r#"{"code":"404""#), None);
        assert_eq!(code(""), None);
    }

    #[test]
    fn messages_state_a_number_of_rows_only_in_the_documented_form() {
        assert_eq!(stated("27 records were found"), Some(27));
        assert_eq!(stated(" 1 records were found"), Some(1));
        assert_eq!(stated("60,000 Records were found"), Some(60_000));
        assert_eq!(stated("x records were found"), None);
        assert_eq!(stated("Information found for the current month"), None);
        assert_eq!(stated("records were were are found"), None);
        assert_eq!(stated("3 days"), None);
        assert_eq!(stated("99999999999999999999999 records"), None);
        assert_eq!(stated(""), None);
    }

    #[test]
    fn messages_are_cleaned_and_numbers_hidden() {
        let body = "{\"code\":403,\"error\":\"null\",\"msg\":\"PLEASE\\n VALIDATE  3001234567\"}";
        let envelope = envelope_of(body.as_bytes()).unwrap();
        assert_eq!((envelope.msg.as_str(), envelope.error.as_str()), ("PLEASE VALIDATE [number]", ""));
    }
}
