//! YAML as the operator wrote it: a tree whose every node knows the path of its key.
//!
//! Two things rule out decoding straight into structs. A decoder stops at the first mistake and quotes
//! the offending value, which may be a token; and it reads `0o10` as 8 and `1e3` as 1000 where a server
//! or a skill was meant. So the file is decoded twice: once for its shape, and once, led by that shape,
//! for the text of every scalar.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error as _, IgnoredAny, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::field::distance;

/// A value and the path of its key. Has no `Debug`: it may hold a secret in the wrong place.
#[derive(Clone)]
pub(super) struct Node {
    /// The path, as it appears in messages.
    pub(super) at: String,
    /// What stands there.
    pub(super) value: Value,
}

/// What stands at a key.
#[derive(Clone)]
pub(super) enum Value {
    /// Nothing: `null`, `~` or an empty value.
    Nothing,
    /// A scalar, with its text exactly as written.
    Scalar(Kind, String),
    /// A list.
    List(Vec<Node>),
    /// A mapping in the order of the file. Keys may repeat; a key that is not text is `None`.
    Map(Vec<(Option<String>, Node)>),
    /// A value behind a YAML tag, which no key takes.
    Tagged,
}

/// What YAML makes of a scalar.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Quoted, or plain and not anything else. `0010` is text: digits behind a zero are no number.
    Text,
    /// A number.
    Number,
    /// `true` or `false`.
    Truth,
}

impl Node {
    /// A node that holds text, for values that do not come from YAML.
    pub(super) fn text(at: &str, text: String) -> Node {
        Node { at: at.to_owned(), value: Value::Scalar(Kind::Text, text) }
    }

    /// Decodes a whole file. The error is a sentence without any of the file's text but line and column.
    pub(super) fn parse(at: &str, yaml: &str) -> Result<Node, String> {
        // A file of comments alone, or nothing at all, is an empty mapping.
        let shape = match Shape::deserialize(yaml_serde::Deserializer::from_str(yaml)) {
            Ok(shape) => shape,
            Err(error) => return Err(sanitized(&error)),
        };
        let value = shape.deserialize(yaml_serde::Deserializer::from_str(yaml));
        let mut node = Node { at: at.to_owned(), value: value.map_err(|error| sanitized(&error))? };
        node.place(at.to_owned());
        Ok(node)
    }

    /// Lays this node over `below`: mappings are united key by key, everything else replaces.
    pub(super) fn over(self, below: &Node) -> Node {
        match (self.value, &below.value) {
            (Value::Map(own), Value::Map(lower)) => {
                let mut united = lower.clone();
                // Only the first of several equal keys is laid over; the rest stay beside it to be found.
                let mut overlaid = vec![false; united.len()];
                for (key, node) in own {
                    let position = (0..overlaid.len()).find(|i| !overlaid[*i] && united[*i].0 == key);
                    match position {
                        Some(position) => {
                            overlaid[position] = true;
                            let node = node.over(&united[position].1);
                            united[position].1 = node;
                        }
                        None => united.push((key, node)),
                    }
                }
                Node { at: self.at, value: Value::Map(united) }
            }
            (value, _) => Node { at: self.at, value },
        }
    }

    /// The child at a key of a mapping; a key without a value counts as absent.
    pub(super) fn child(&self, key: &str) -> Option<&Node> {
        let Value::Map(entries) = &self.value else { return None };
        let found = entries.iter().find(|(other, _)| other.as_deref() == Some(key));
        found.map(|(_, node)| node).filter(|node| !matches!(node.value, Value::Nothing))
    }

    /// Gives this node and everything below it their paths.
    fn place(&mut self, at: String) {
        match &mut self.value {
            Value::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    item.place(format!("{at}[{index}]"));
                }
            }
            Value::Map(entries) => {
                for (index, (key, node)) in entries.iter_mut().enumerate() {
                    node.place(join(&at, &printable(key.as_deref(), index)));
                }
            }
            Value::Nothing | Value::Scalar(..) | Value::Tagged => {}
        }
        self.at = at;
    }
}

/// The path of a key below a path.
pub(super) fn join(at: &str, key: &str) -> String {
    if at.is_empty() || at.ends_with(": ") { format!("{at}{key}") } else { format!("{at}.{key}") }
}

/// A key as a message may show it.
///
/// A token may have been pasted as a key. Words are shown; what looks like anything else is named by
/// its place.
fn printable(key: Option<&str>, index: usize) -> String {
    let is_word = |key: &str| {
        let known = super::vocabulary().any(|known| known == key);
        let plain = |c: char| c.is_ascii_lowercase() || c == '_' || c == '-';
        known || key == "<<" || ((1..=24).contains(&key.len()) && key.chars().all(plain))
    };
    // A slip of the pen is no token.
    let is_near = |key: &str| {
        key.len() <= 32 && super::vocabulary().any(|known| distance(key, known) <= 2.min(known.len() / 3))
    };
    match key {
        Some(key) if is_word(key) || is_near(key) => key.to_owned(),
        _ => format!("(key {})", index + 1),
    }
}

/// The text of a YAML error without any text of the file.
fn sanitized(error: &yaml_serde::Error) -> String {
    let place = error.location().map(|at| format!(" at line {} column {}", at.line(), at.column()));
    let place = place.unwrap_or_default();
    let text = error.to_string();
    // Errors of the decoder quote values ("invalid type: ..."); those of the scanner are fixed sentences.
    if text.contains("invalid ") || text.contains(['`', '"']) {
        return format!("not readable as YAML{place}: a value does not fit its tag or its place");
    }
    format!("not readable as YAML: {text}")
}

/// The shape of a file: where the mappings, lists and scalars are, and what YAML makes of each scalar.
enum Shape {
    Nothing,
    Scalar(Kind),
    List(Vec<Shape>),
    Map(Vec<(Shape, Shape)>),
    Tagged,
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Shape, D::Error> {
        struct ShapeVisitor;

        impl<'de> Visitor<'de> for ShapeVisitor {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
                Ok(Shape::Scalar(Kind::Truth))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
                Ok(Shape::Scalar(Kind::Number))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
                Ok(Shape::Scalar(Kind::Number))
            }

            fn visit_i128<E>(self, _: i128) -> Result<Shape, E> {
                Ok(Shape::Scalar(Kind::Number))
            }

            fn visit_u128<E>(self, _: u128) -> Result<Shape, E> {
                Ok(Shape::Scalar(Kind::Number))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
                Ok(Shape::Scalar(Kind::Number))
            }

            fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
                Ok(Shape::Scalar(Kind::Text))
            }

            fn visit_unit<E>(self) -> Result<Shape, E> {
                Ok(Shape::Nothing)
            }

            fn visit_none<E>(self) -> Result<Shape, E> {
                Ok(Shape::Nothing)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Shape, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = access.next_element()? {
                    items.push(item);
                }
                Ok(Shape::List(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Shape, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = access.next_entry()? {
                    entries.push(entry);
                }
                Ok(Shape::Map(entries))
            }

            fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Shape, A::Error> {
                let (_, contents) = access.variant::<IgnoredAny>()?;
                contents.newtype_variant::<IgnoredAny>()?;
                Ok(Shape::Tagged)
            }
        }

        deserializer.deserialize_any(ShapeVisitor)
    }
}

/// The second decoding: led by the shape, so that every scalar is asked for as text.
impl<'de> DeserializeSeed<'de> for &Shape {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self {
            Shape::Nothing | Shape::Tagged => {
                IgnoredAny::deserialize(deserializer)?;
                Ok(if matches!(self, Shape::Nothing) { Value::Nothing } else { Value::Tagged })
            }
            Shape::Scalar(kind) => String::deserialize(deserializer).map(|text| Value::Scalar(*kind, text)),
            Shape::List(items) => deserializer.deserialize_seq(ItemsVisitor(items)),
            Shape::Map(entries) => deserializer.deserialize_map(EntriesVisitor(entries)),
        }
    }
}

struct ItemsVisitor<'s>(&'s [Shape]);

impl<'de> Visitor<'de> for ItemsVisitor<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the same list again")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::with_capacity(self.0.len());
        for shape in self.0 {
            let value = access.next_element_seed(shape)?;
            let value = value.ok_or_else(|| A::Error::custom("a list changed between two readings"))?;
            items.push(Node { at: String::new(), value });
        }
        Ok(Value::List(items))
    }
}

struct EntriesVisitor<'s>(&'s [(Shape, Shape)]);

impl<'de> Visitor<'de> for EntriesVisitor<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the same mapping again")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut entries = Vec::with_capacity(self.0.len());
        for (key, value) in self.0 {
            let key = access.next_key_seed(key)?;
            let key = key.ok_or_else(|| A::Error::custom("a mapping changed between two readings"))?;
            let key = match key {
                Value::Scalar(_, text) => Some(text),
                _ => None,
            };
            let value = access.next_value_seed(value)?;
            entries.push((key, Node { at: String::new(), value }));
        }
        Ok(Value::Map(entries))
    }
}
