//! The types that members can have: text, numbers, moments, lists, maps, and all of them optional.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Document, Field, Kind, Unreadable, Value, present};

impl Field for String {
    const OPTIONAL: bool = false;

    fn kind() -> Kind {
        Kind::Text
    }

    fn value(&self, _item: &'static str) -> Option<Value> {
        Some(Value::Text(self.clone()))
    }

    fn read(document: Option<&Document>) -> Result<Self, Unreadable> {
        Ok(present(document)?.text.clone())
    }
}

impl Field for i64 {
    const OPTIONAL: bool = false;

    fn kind() -> Kind {
        Kind::Integer
    }

    fn value(&self, _item: &'static str) -> Option<Value> {
        Some(Value::Integer(*self))
    }

    fn read(document: Option<&Document>) -> Result<Self, Unreadable> {
        let text = present(document)?.text.trim();
        text.parse().map_err(|_| Unreadable::new(format!("is not a whole number: {text:?}")))
    }
}

impl Field for f64 {
    const OPTIONAL: bool = false;

    fn kind() -> Kind {
        Kind::Decimal
    }

    /// No request has one.
    fn value(&self, _item: &'static str) -> Option<Value> {
        None
    }

    fn read(document: Option<&Document>) -> Result<Self, Unreadable> {
        let text = present(document)?.text.trim();
        text.parse().map_err(|_| Unreadable::new(format!("is not a number: {text:?}")))
    }
}

impl Field for bool {
    const OPTIONAL: bool = false;

    fn kind() -> Kind {
        Kind::Boolean
    }

    fn value(&self, _item: &'static str) -> Option<Value> {
        Some(Value::Boolean(*self))
    }

    fn read(document: Option<&Document>) -> Result<Self, Unreadable> {
        match present(document)?.text.trim() {
            "true" | "True" => Ok(true),
            "false" | "False" => Ok(false),
            other => Err(Unreadable::new(format!("is neither true nor false: {other:?}"))),
        }
    }
}

impl Field for Timestamp {
    const OPTIONAL: bool = false;

    fn kind() -> Kind {
        Kind::Time
    }

    fn value(&self, _item: &'static str) -> Option<Value> {
        Some(Value::Time(*self))
    }

    fn read(document: Option<&Document>) -> Result<Self, Unreadable> {
        let text = present(document)?.text.trim();
        moment(text).ok_or_else(|| Unreadable::new(format!("is not a moment: {text:?}")))
    }
}

/// XML writes moments as ISO 8601, JSON as seconds since 1970 with a fraction.
fn moment(text: &str) -> Option<Timestamp> {
    if let Ok(moment) = text.parse() {
        return Some(moment);
    }
    let seconds: f64 = text.parse().ok()?;
    jiff::SignedDuration::try_from_secs_f64(seconds).ok().and_then(|since| Timestamp::from_duration(since).ok())
}

impl<T: Field> Field for Option<T> {
    const OPTIONAL: bool = true;

    fn kind() -> Kind {
        T::kind()
    }

    fn value(&self, item: &'static str) -> Option<Value> {
        self.as_ref().and_then(|inner| inner.value(item))
    }

    fn read(document: Option<&Document>) -> Result<Self, Unreadable> {
        document.map(|document| T::read(Some(document))).transpose()
    }
}

impl<T: Field> Field for Vec<T> {
    const OPTIONAL: bool = true;

    fn kind() -> Kind {
        Kind::List(Box::new(T::kind()))
    }

    fn value(&self, item: &'static str) -> Option<Value> {
        let elements: Vec<Value> = self.iter().filter_map(|element| element.value(item)).collect();
        (!elements.is_empty()).then_some(Value::List(item, elements))
    }

    fn read(document: Option<&Document>) -> Result<Self, Unreadable> {
        let elements = document.map(|list| list.children.as_slice()).unwrap_or_default();
        let read = |(index, (_, element)): (usize, &(String, Document))| {
            T::read(Some(element)).map_err(|trouble| trouble.within(&index.to_string()))
        };
        elements.iter().enumerate().map(read).collect()
    }
}

impl<T: Field> Field for BTreeMap<String, T> {
    const OPTIONAL: bool = true;

    fn kind() -> Kind {
        Kind::Map(Box::new(T::kind()))
    }

    fn value(&self, item: &'static str) -> Option<Value> {
        let entries = self.iter().filter_map(|(key, entry)| Some((key.clone(), entry.value(item)?)));
        (!self.is_empty()).then(|| Value::Map(entries.collect()))
    }

    fn read(document: Option<&Document>) -> Result<Self, Unreadable> {
        let entries = document.map(|map| map.children.as_slice()).unwrap_or_default();
        let read = |(key, entry): &(String, Document)| {
            Ok((key.clone(), T::read(Some(entry)).map_err(|trouble| trouble.within(key))?))
        };
        entries.iter().map(read).collect()
    }
}
