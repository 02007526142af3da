use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;
use crate::time::Timestamp;

/// What a subscriber wrote while `work` ran.
fn written(format: Format, level: Level, work: impl FnOnce()) -> String {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    let clock = Clock::manual("2026-11-20T10:00:00.5Z".parse::<Timestamp>().unwrap());
    let subscriber = subscriber(&Logging { level, format }, clock, move || Sink(Arc::clone(&sink)));
    tracing::subscriber::with_default(subscriber, work);
    let bytes = lines.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

struct Sink(Arc<Mutex<Vec<u8>>>);

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn logfmt_line_has_time_level_message_span_and_fields_in_this_order() {
    let line = written(Format::Logfmt, Level::Info, || {
        let span = tracing::info_span!("read", operation = "a b", report = "skill_6");
        let _inside = span.enter();
        tracing::info!(rows = 3_u64, empty = "", ratio = 0.5, good = true, "report read");
    });
    assert_eq!(
        line,
        "ts=2026-11-20T10:00:00.500Z level=info msg=\"report read\" operation=\"a b\" report=skill_6 rows=3 empty=\"\" ratio=0.5 good=true\n"
    );
}

#[test]
fn json_line_is_one_object_with_the_same_fields() {
    let line = written(Format::Json, Level::Info, || {
        let span = tracing::info_span!("read", operation = "a \"b\"");
        let _inside = span.enter();
        tracing::warn!(rows = 3_u64, ratio = f64::NAN, at = ?"x", "report\nread");
    });
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    let expected = serde_json::json!({
        "ts": "2026-11-20T10:00:00.500Z", "level": "warn", "msg": "report\nread",
        "operation": "a \"b\"", "rows": 3, "ratio": "NaN", "at": "\"x\"",
    });
    assert_eq!(value, expected);
}

#[test]
fn lines_below_the_level_and_debug_lines_of_libraries_are_not_written() {
    let lines = written(Format::Logfmt, Level::Debug, || {
        tracing::debug!("ours");
        tracing::debug!(target: "hyper::client", "theirs");
        tracing::warn!(target: "hyper::client", "their warning");
    });
    assert!(lines.contains("msg=ours") && lines.contains("their warning") && !lines.contains("theirs"));
    assert_eq!(written(Format::Logfmt, Level::Warn, || tracing::info!("quiet")), "");
}

proptest! {
    #[test]
    fn one_event_is_one_printable_line_whatever_it_holds(text in any::<String>(), name in any::<String>()) {
        for format in [Format::Logfmt, Format::Json] {
            let line = written(format, Level::Info, || tracing::info!(name, "{text}"));
            prop_assert!(line.ends_with('\n'));
            prop_assert!(!line.trim_end_matches('\n').chars().any(is_unprintable), "{:?}", line);
            prop_assert_eq!(line.matches('\n').count(), 1);
        }
        let line = written(Format::Json, Level::Info, || tracing::info!(name, "{text}"));
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        prop_assert_eq!(value["msg"].as_str(), Some(text.as_str()));
        prop_assert_eq!(value["name"].as_str(), Some(name.as_str()));
    }
}
