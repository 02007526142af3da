//! Log lines on standard error: logfmt or JSON, one event a line.
//!
//! Lines of the libraries below us are kept to warnings at every level, since their debug lines show
//! headers.

use std::fmt::{self, Write as _};
use std::io;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber, error};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use super::arguments::{Format, Level, Logging};
use crate::time::Clock;

/// Sends log lines to standard error from here on. Fails when it was done before.
pub fn start(logging: &Logging) -> Result<(), TryInitError> {
    subscriber(logging, Clock::real(), io::stderr).try_init()?;
    std::panic::set_hook(Box::new(|panic| {
        // Where, not what: the words of a panic may quote whatever was being handled.
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        error!(target: "wolkvox_exporter", at, "a panic, which is a bug or a damaged file");
    }));
    Ok(())
}

/// A subscriber that writes lines with the time of this clock.
pub fn subscriber<W>(logging: &Logging, clock: Clock, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let level = match logging.level {
        Level::Debug => LevelFilter::DEBUG,
        Level::Info => LevelFilter::INFO,
        Level::Warn => LevelFilter::WARN,
        Level::Error => LevelFilter::ERROR,
    };
    let others = level.min(LevelFilter::WARN);
    let filter = Targets::new().with_default(others).with_target("wolkvox_exporter", level);
    let lines = Lines { format: logging.format, clock };
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .fmt_fields(Fields { format: logging.format })
        .event_format(lines)
        .with_writer(writer);
    tracing_subscriber::registry().with(filter).with(layer)
}

/// Writes an event: `ts=... level=info msg="..." key=value`, or the same as a JSON object.
#[derive(Debug)]
struct Lines {
    format: Format,
    clock: Clock,
}

/// Writes fields as pieces of a line, each with the separator before it.
#[derive(Debug)]
struct Fields {
    format: Format,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'l> LookupSpan<'l>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = match *event.metadata().level() {
            tracing::Level::ERROR => "error",
            tracing::Level::WARN => "warn",
            tracing::Level::INFO => "info",
            _ => "debug",
        };
        let time = format!("{:.3}", self.clock.now());
        match self.format {
            Format::Logfmt => write!(writer, "ts={time} level={level}")?,
            Format::Json => write!(writer, "{{\"ts\":\"{time}\",\"level\":\"{level}\"")?,
        }
        let mut pieces = Pieces::new(self.format);
        event.record(&mut pieces);
        writer.write_str(&pieces.message)?;
        // What is said about the whole piece of work stands before what is said about this moment.
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                writer.write_str(&fields.fields)?;
            }
        }
        writer.write_str(&pieces.rest)?;
        writer.write_str(if self.format == Format::Json { "}\n" } else { "\n" })
    }
}

impl<'w> FormatFields<'w> for Fields {
    fn format_fields<R: tracing_subscriber::field::RecordFields>(
        &self,
        mut writer: Writer<'w>,
        fields: R,
    ) -> fmt::Result {
        let mut pieces = Pieces::new(self.format);
        fields.record(&mut pieces);
        writer.write_str(&pieces.message)?;
        writer.write_str(&pieces.rest)
    }

    fn add_fields(
        &self,
        current: &'w mut FormattedFields<Self>,
        fields: &tracing::span::Record<'_>,
    ) -> fmt::Result {
        self.format_fields(current.as_writer(), fields)
    }
}

/// The pieces of a line: the message apart, since it stands first.
struct Pieces {
    format: Format,
    message: String,
    rest: String,
}

impl Pieces {
    fn new(format: Format) -> Pieces {
        Pieces { format, message: String::new(), rest: String::new() }
    }

    fn put(&mut self, field: &Field, value: Value<'_>) {
        let (key, target) = match field.name() {
            "message" => ("msg", &mut self.message),
            name => (name, &mut self.rest),
        };
        // Writing to a String cannot fail.
        let _ = match self.format {
            Format::Logfmt => write!(target, " {key}={}", Logfmt(&value)),
            Format::Json => write!(target, ",{}:{}", Json(key), JsonValue(&value)),
        };
    }
}

enum Value<'v> {
    Text(&'v str),
    /// A number or a truth value, which needs no quotes.
    Plain(&'v str),
}

impl Visit for Pieces {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::Text(&format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::Text(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        let text = value.to_string();
        // JSON knows neither NaN nor infinity.
        self.put(field, if value.is_finite() { Value::Plain(&text) } else { Value::Text(&text) });
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::Plain(&value.to_string()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::Plain(&value.to_string()));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.put(field, Value::Plain(&value.to_string()));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.put(field, Value::Plain(&value.to_string()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::Plain(if value { "true" } else { "false" }));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put(field, Value::Text(&value.to_string()));
    }
}

/// A value of logfmt: in quotes when it is empty or holds a space, a quote, `=` or a control character.
struct Logfmt<'v>(&'v Value<'v>);

impl fmt::Display for Logfmt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Plain(text) => f.write_str(text),
            Value::Text(text) => {
                let quoted =
                    |c: char| c.is_whitespace() || is_unprintable(c) || matches!(c, '"' | '=' | '\\');
                if text.is_empty() || text.contains(quoted) { Json(text).fmt(f) } else { f.write_str(text) }
            }
        }
    }
}

struct JsonValue<'v>(&'v Value<'v>);

impl fmt::Display for JsonValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Plain(text) => f.write_str(text),
            Value::Text(text) => Json(text).fmt(f),
        }
    }
}

/// What a terminal or a log viewer would obey or hide rather than show: controls, line and paragraph
/// separators, marks that turn the direction of text, and the byte order mark.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Text in double quotes, escaped as JSON wants it; logfmt readers take the same.
struct Json<'t>(&'t str);

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                // All of these lie in the basic plane, so four digits name them.
                c if is_unprintable(c) => write!(f, "\\u{:04x}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests;
