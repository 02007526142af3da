//! One row of JSON, reduced to the columns that its report knows.
//!
//! Columns are matched while the row is being read: no map is built, values stay borrowed from the bytes of
//! the answer, and a column that nobody asked for is only seen by the fingerprint.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::decode::DecodeError;
use super::identity::{Fingerprint, IdentityKey};

/// The columns of one report.
pub(super) trait Columns<'a>: Default {
    /// Takes the value of a column, or says that the report has no such column. `name` is trimmed and lower
    /// case.
    fn take(&mut self, name: &str, value: Cell<'a>) -> bool;
}

/// The value of one column.
#[derive(Default, Clone, PartialEq, Eq)]
pub(super) enum Cell<'a> {
    /// `null`, or no such column in the row.
    #[default]
    Absent,
    /// Text, or a number or a boolean as it would be written.
    Text(Cow<'a, str>),
    /// An object or a list, where the API documents none.
    Nested,
}

/// Any value may be private, so that none is shown.
impl fmt::Debug for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cell::Absent => f.write_str("Absent"),
            Cell::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Cell::Nested => f.write_str("Nested"),
        }
    }
}

impl<'a> Cell<'a> {
    /// The text of the value. Nested values have none.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Cell::Text(text) => Some(text),
            Cell::Absent | Cell::Nested => None,
        }
    }

    /// Keeps the first value that says something, where a row has a column under two names.
    pub(super) fn put(&mut self, value: Cell<'a>) -> bool {
        if super::field::present(self.text()).is_none() && *self != Cell::Nested {
            *self = value;
        }
        true
    }
}

/// A row that has been read.
#[derive(Debug)]
pub(super) struct Row<R> {
    /// Its known columns.
    pub(super) columns: R,
    /// A value is an object or a list, whose content the columns do not tell.
    nested: bool,
    /// Depends on every column, known or not, but not on their order.
    pub(super) fingerprint: u64,
    /// Whether it has any column that the report knows.
    pub(super) recognised: bool,
    /// Whether it has no column at all.
    pub(super) empty: bool,
}

/// A row with more columns is not a row of this API.
const MOST_COLUMNS: usize = 1_000;

/// Reads one object from the start of `input`, and says where it ends. `None`: `input` ends before it does.
pub(super) fn read<'a, R: Columns<'a>>(
    input: &'a [u8],
    key: &IdentityKey,
) -> Result<Option<(Row<R>, usize)>, DecodeError> {
    let mut deserializer = serde_json::Deserializer::from_slice(input);
    let seed = RowSeed { fingerprint: key.fingerprint(), columns: PhantomData };
    match seed.deserialize(&mut deserializer) {
        Ok(mut row) => {
            let length = deserializer.into_iter::<IgnoredAny>().byte_offset();
            if row.nested {
                let mut raw = key.fingerprint();
                raw.raw(&input[..length]);
                row.fingerprint = raw.finish();
            }
            Ok(Some((row, length)))
        }
        Err(error) if error.is_eof() => Ok(None),
        // The cause is left out, since its text may quote the answer.
        Err(_) => Err(DecodeError::NotJson),
    }
}

struct RowSeed<R> {
    fingerprint: Fingerprint,
    columns: PhantomData<R>,
}

impl<'de, R: Columns<'de>> DeserializeSeed<'de> for RowSeed<R> {
    type Value = Row<R>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Row<R>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, R: Columns<'de>> Visitor<'de> for RowSeed<R> {
    type Value = Row<R>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Row<R>, A::Error> {
        let mut columns = R::default();
        let mut recognised = false;
        let mut nested = false;
        let mut seen = 0;
        while let Some(Name(name)) = map.next_key()? {
            seen += 1;
            if seen > MOST_COLUMNS {
                return Err(serde::de::Error::custom("too many columns"));
            }
            let value: Cell<'de> = map.next_value()?;
            let name = column_name(&name);
            nested |= value == Cell::Nested;
            self.fingerprint.column(&name, value.text().unwrap_or_default());
            recognised |= columns.take(&name, value);
        }
        Ok(Row { columns, nested, fingerprint: self.fingerprint.finish(), recognised, empty: seen == 0 })
    }
}

/// A key as the API means it: trimmed, lower case.
pub(super) fn column_name(name: &str) -> Cow<'_, str> {
    let trimmed = name.trim_matches(|c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}');
    if trimmed.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(trimmed.to_ascii_lowercase())
    } else {
        Cow::Borrowed(trimmed)
    }
}

/// The name of a column, borrowed where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Name<'de>, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a column name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

impl<'de> serde::Deserialize<'de> for Cell<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Cell<'de>, D::Error> {
        struct CellVisitor;
        impl<'de> Visitor<'de> for CellVisitor {
            type Value = Cell<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cell<'de>, E> {
                Ok(Cell::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Cell<'de>, E> {
                Ok(Cell::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Cell<'de>, E> {
                Ok(Cell::Text(Cow::Borrowed(if value { "true" } else { "false" })))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Cell<'de>, E> {
                Ok(Cell::Text(Cow::Owned(value.to_string())))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Cell<'de>, E> {
                Ok(Cell::Text(Cow::Owned(value.to_string())))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Cell<'de>, E> {
                // The shortest text that reads back as this number is what was written, up to 15 digits; it
                // has no exponent. The API writes numbers as text, so this is for other people's proxies.
                Ok(Cell::Text(Cow::Owned(value.to_string())))
            }

            fn visit_unit<E>(self) -> Result<Cell<'de>, E> {
                Ok(Cell::Absent)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Cell<'de>, A::Error> {
                // Skipping does not recurse, so depth costs nothing but the bytes of the row.
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Cell::Nested)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cell<'de>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Cell::Nested)
            }
        }
        deserializer.deserialize_any(CellVisitor)
    }
}
