//! Checks the file against the JSON Schema that the types generate: keys, kinds of values, allowed values.
//! Only the subset of JSON Schema that our types generate is understood; a test fails when they generate more.

use std::net::IpAddr;

use serde_json::{Map, Value as Json};

use super::document::{Node, Value};
use super::mistake::{Mistake, list};
use super::prices::Price;
use crate::size::Size;
use crate::time::{OffsetTime, Span};
use crate::words::nearest;

/// Mistakes of shape.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Missing keys.
    pub(super) missing: Vec<Mistake>,
    /// Unknown keys, and values that are not allowed.
    pub(super) wrong: Vec<Mistake>,
}

/// Finds everything in which `file` differs from `schema`.
pub(super) fn check(file: &Node, schema: &Json) -> Findings {
    let mut shape = Shape { definitions: &schema["$defs"], findings: Findings::default() };
    shape.value("", file, schema);
    shape.findings
}

struct Shape<'a> {
    definitions: &'a Json,
    findings: Findings,
}

impl Shape<'_> {
    /// Checks one value, whose dotted path without indices is `path`, against its schema.
    fn value(&mut self, path: &str, node: &Node, schema: &Json) {
        let definition = schema["$ref"].as_str().and_then(|pointer| pointer.strip_prefix("#/$defs/"));
        if let Some(name) = definition {
            return self.value(path, node, &self.definitions[name]);
        }
        if let Some(choices) = schema["oneOf"].as_array() {
            return self.choice(path, node, choices);
        }
        match (schema["type"].as_str(), &node.value) {
            (Some("object"), Value::Table(_)) if schema["properties"].is_object() => self.table(path, node, schema),
            (Some("object"), Value::Table(entries)) => {
                for (key, entry) in entries {
                    self.value(&join(path, key), entry, &schema["additionalProperties"]);
                }
            }
            (Some("array"), Value::List(items)) => self.items(path, node, items, schema),
            (Some("integer"), Value::Integer(number)) => self.range(path, node, *number, schema),
            (Some("string"), Value::Moment(text)) if schema["format"] == "date-time" => self.text(node, text, schema),
            (Some("string"), Value::Text(text)) => self.text(node, text, schema),
            (Some("boolean"), Value::Boolean(_)) => {}
            _ => self.wrong_kind(path, node, schema),
        }
    }

    fn table(&mut self, path: &str, node: &Node, schema: &Json) {
        let (Value::Table(entries), Some(properties)) = (&node.value, schema["properties"].as_object()) else {
            return;
        };
        let mut misspelt = Vec::new();
        for (key, entry) in entries {
            match properties.get(key) {
                Some(property) => self.value(&join(path, key), entry, property),
                None => {
                    self.unknown_key(path, key, entry, properties);
                    misspelt.extend(nearest(key, properties.keys()));
                }
            }
        }
        for key in schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str) {
            if !entries.contains_key(key) && !misspelt.iter().any(|meant| meant == key) {
                self.missing_key(path, key, node, &properties[key]);
            }
        }
    }

    fn missing_key(&mut self, path: &str, key: &str, node: &Node, property: &Json) {
        let message = format!("missing key `{key}`{}", within(path));
        let description = property["description"].as_str().unwrap_or_default();
        let mistake = Mistake::at(node, message, format!("`{key}` belongs here"));
        self.findings.missing.push(mistake.help(format!("{key}: {description}")));
    }

    fn unknown_key(&mut self, path: &str, key: &str, entry: &Node, properties: &Map<String, Json>) {
        let message = format!("unknown key `{key}`{}", within(path));
        let label = format!("allowed here: {}", list(properties.keys(), "or"));
        let mistake = Mistake { span: entry.key_span.clone(), message, label, help: None };
        self.findings.wrong.push(mistake.suggest(key, properties.keys()));
    }

    fn choice(&mut self, path: &str, node: &Node, choices: &[Json]) {
        let allowed: Vec<&str> = choices.iter().filter_map(|choice| choice["const"].as_str()).collect();
        let label = format!("allowed: {}", list(allowed.iter().map(|word| format!("\"{word}\"")), "or"));
        match &node.value {
            Value::Text(text) if allowed.contains(&text.as_str()) => {}
            Value::Text(text) => {
                let mistake = Mistake::at(node, format!("`{path}` cannot be \"{text}\""), label);
                self.findings.wrong.push(mistake.suggest(text, allowed));
            }
            other => {
                let message = format!("`{path}` is one of a few words, not {}", kind(other));
                self.findings.wrong.push(Mistake::at(node, message, label));
            }
        }
    }

    fn items(&mut self, path: &str, node: &Node, items: &[Node], schema: &Json) {
        let least = schema["minItems"].as_u64().unwrap_or(0);
        if (items.len() as u64) < least {
            let message = format!("`{path}` has {} entries", items.len());
            self.findings.wrong.push(Mistake::at(node, message, format!("at least {least} needed")));
        }
        for item in items {
            self.value(path, item, &schema["items"]);
        }
    }

    fn range(&mut self, path: &str, node: &Node, number: i64, schema: &Json) {
        let least = schema["minimum"].as_i64().unwrap_or(i64::MIN);
        let most = schema["maximum"].as_i64().unwrap_or(i64::MAX);
        if !(least..=most).contains(&number) {
            let message = format!("`{path}` cannot be {number}");
            self.findings.wrong.push(Mistake::at(node, message, format!("allowed: {least} to {most}")));
        }
    }

    fn text(&mut self, node: &Node, text: &str, schema: &Json) {
        let refusal = match schema["format"].as_str() {
            Some("span") => text.parse::<Span>().err().map(|error| error.to_string()),
            Some("price") => text.parse::<Price>().err().map(|error| error.to_string()),
            Some("size") => text.parse::<Size>().err().map(|error| error.to_string()),
            Some("date-time") => text.parse::<OffsetTime>().err().map(|error| error.to_string()),
            Some("ip") => text.parse::<IpAddr>().err().map(|_| format!("`{text}` is not an IP address; {IP_EXAMPLE}")),
            _ => None,
        };
        if let Some((message, label)) = refusal.as_deref().and_then(|refusal| refusal.split_once("; ")) {
            self.findings.wrong.push(Mistake::at(node, message, label));
        }
    }

    fn wrong_kind(&mut self, path: &str, node: &Node, schema: &Json) {
        let (wanted, example) = wanted(schema);
        let message = format!("`{path}` is {wanted}, not {}", kind(&node.value));
        let mistake = Mistake::at(node, message, example);
        let help = match (&node.value, schema["type"].as_str(), schema["format"].as_str()) {
            (Value::Integer(number), _, Some("span")) => Some(format!("did you mean \"{number}s\"?")),
            (Value::Integer(number), Some("string"), None) => Some(format!("did you mean \"{number}\"?")),
            (Value::Table(_), Some("array"), _) => Some(format!("did you mean [[{path}]]?")),
            (Value::Text(text), Some("array"), _) => Some(format!("did you mean [\"{text}\"]?")),
            _ => None,
        };
        self.findings.wrong.push(Mistake { help, ..mistake });
    }
}

const IP_EXAMPLE: &str = "write for example \"8.8.8.8\"";

/// What a schema expects, in words, and how to write it.
fn wanted(schema: &Json) -> (&'static str, &'static str) {
    match (schema["type"].as_str(), schema["format"].as_str()) {
        (Some("string"), Some("span")) => {
            ("a length of time", "write for example \"90s\", \"15m\", \"1h30m\" or \"3d\"")
        }
        (Some("string"), Some("price")) => ("a price", "write for example \"0.192\", in quotes"),
        (Some("string"), Some("size")) => ("an amount of storage", "write for example \"20 GB\" or \"512 MiB\""),
        (Some("string"), Some("date-time")) => {
            ("a moment with a zone offset", "write for example 2021-01-04T04:00:00-05:00")
        }
        (Some("string"), Some("ip")) => ("an IP address", IP_EXAMPLE),
        (Some("string"), _) => ("a text", "write it in double quotes"),
        (Some("integer"), _) => ("a whole number", "write it in digits, without quotes"),
        (Some("boolean"), _) => ("true or false", "write true or false, without quotes"),
        (Some("array"), _) if schema["items"]["$ref"].is_string() => {
            ("a list of tables", "write a header in double brackets for each")
        }
        (Some("array"), _) => ("a list", "write it in [brackets]"),
        _ => ("a table", "write a header in [brackets], or {braces}"),
    }
}

/// The kind of a value in the file, in words.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Text(_) => "a text",
        Value::Integer(_) => "a whole number",
        Value::Float => "a fraction",
        Value::Boolean(_) => "true or false",
        Value::Moment(_) => "a date or time",
        Value::List(_) => "a list",
        Value::Table(_) => "a table",
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn within(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(" in `{path}`") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::schema;

    const KEYWORDS: [&str; 17] = [
        "$schema",
        "$defs",
        "$ref",
        "additionalProperties",
        "const",
        "default",
        "description",
        "format",
        "items",
        "maximum",
        "minItems",
        "minimum",
        "oneOf",
        "properties",
        "required",
        "title",
        "type",
    ];

    fn visit(schema: &Json, check: &mut impl FnMut(&str, &Json)) {
        for (keyword, value) in schema.as_object().into_iter().flatten() {
            check(keyword, value);
            match (keyword.as_str(), value) {
                ("properties" | "$defs", Json::Object(schemas)) => schemas.values().for_each(|s| visit(s, check)),
                ("oneOf", Json::Array(schemas)) => schemas.iter().for_each(|s| visit(s, check)),
                ("items" | "additionalProperties", schema) => visit(schema, check),
                _ => {}
            }
        }
    }

    #[test]
    fn the_types_generate_no_keyword_that_the_shape_check_does_not_understand() {
        visit(&schema(), &mut |keyword, value| {
            assert!(KEYWORDS.contains(&keyword), "`{keyword}` is not understood: {value}");
            match keyword {
                "type" => {
                    let known = ["object", "array", "string", "integer", "boolean"];
                    assert!(known.contains(&value.as_str().expect("one type")), "{value}");
                }
                "format" => {
                    let known = ["span", "size", "price", "date-time", "ip", "uint32", "uint16"];
                    assert!(known.contains(&value.as_str().expect("a format")), "{value}");
                }
                "oneOf" => assert!(value.as_array().expect("a list").iter().all(|choice| choice["const"].is_string())),
                _ => {}
            }
        });
    }

    #[test]
    fn a_length_of_time_that_no_upgrade_takes_is_refused_in_every_key() {
        let mut keys = 0;
        let too_long = Node { span: 0..0, key_span: 0..0, value: Value::Text("40000d".to_owned()) };
        visit(&schema(), &mut |keyword, value| {
            let properties = value.as_object().filter(|_| keyword == "properties").into_iter().flatten();
            for (key, property) in properties.filter(|(_, property)| property["format"] == "span") {
                let wrong = check(&too_long, property).wrong;
                let said: Vec<_> = wrong.iter().map(|wrong| (wrong.message.as_str(), wrong.label.as_str())).collect();
                assert_eq!(said, [("`40000d` is longer than any part of an upgrade", "at most 1000d")], "{key}");
                keys += 1;
            }
        });
        assert!(keys > 20, "{keys}");
    }

    #[test]
    fn every_whole_number_has_both_limits_so_that_it_always_fits_its_type() {
        fn integers(schema: &Json) {
            if schema["type"] == "integer" {
                assert!(schema["minimum"].is_i64() && schema["maximum"].is_i64(), "{schema}");
            }
            for inner in schema.as_object().into_iter().flatten().map(|(_, inner)| inner).filter(|i| i.is_object()) {
                integers(inner);
            }
        }
        integers(&schema());
    }
}
