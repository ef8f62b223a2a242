//! The JSON Schema of the deployment file, generated from the types. Editors use it to complete and check, and `shape`
//! checks files against it.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use serde_json::Value;

use super::Deployment;

/// The JSON Schema (draft 2020-12) of the deployment file. Descriptions are the types' own docstrings.
#[must_use]
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Deployment>();
    RecursiveTransform(without_null).transform(&mut schema);
    schema.insert("title".to_owned(), "cutover deployment file".into());
    schema.into()
}

/// Removes `null`, which TOML does not have: an optional key gets the schema of its value.
fn without_null(schema: &mut Schema) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(mut choices)) = schema.remove("anyOf") {
        choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
        match choices.as_slice() {
            [Value::Object(only)] => only.iter().for_each(|(keyword, value)| {
                schema.ensure_object().entry(keyword).or_insert_with(|| value.clone());
            }),
            _ => {
                schema.insert("anyOf".to_owned(), choices.into());
            }
        }
    }
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
    if let Some(Value::String(description)) = schema.get_mut("description") {
        // Line breaks that only fit a docstring to the source's width are removed.
        *description = description.replace("\n\n", "\r").replace('\n', " ").replace('\r', "\n\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_the_schema_may_be_null() {
        assert!(!schema().to_string().contains("null"));
    }

    #[test]
    fn an_optional_table_keeps_its_own_description() {
        let schema = schema();
        let worker = &schema["$defs"]["Fleet"]["properties"]["worker"];
        assert_eq!(worker["$ref"], "#/$defs/HostGroup");
        assert_eq!(worker["description"], "The hosts that run background tasks.");
    }

    #[test]
    fn editors_are_told_title_dialect_and_the_docstrings() {
        let schema = schema();
        assert_eq!(schema["title"], "cutover deployment file");
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["properties"]["site"]["description"], "The public host names that must end up served.");
    }

    #[test]
    fn every_key_has_a_description() {
        fn visit(path: &str, schema: &Value) {
            for (key, property) in schema["properties"].as_object().into_iter().flatten() {
                assert!(property["description"].is_string(), "{path}.{key}");
            }
            for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
                visit(name, definition);
            }
        }
        visit("", &schema());
    }
}
