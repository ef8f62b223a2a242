//! An operation as a line for the `aws` command. Pure.
//!
//! The command names its options after AWS's models, and our shapes name members as requests do. This file knows where
//! the two differ; a test has the real command parse a line of every write.

use std::fmt;

use aws_smithy_types::base64;
use serde_json::{Map, Value as Json, json};

use crate::service::Service;
use crate::shape::Value;

/// A line for the `aws` command. It is displayed as a POSIX shell reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    words: Vec<String>,
}

impl Line {
    /// The line for an operation with these members.
    #[must_use]
    pub fn of(service: Service, operation: &str, members: Vec<(&'static str, Value)>) -> Self {
        let mut line = Self::new(service.command(), &hyphenated(operation));
        line.count(operation, &members);
        for (name, value) in members {
            // Told by `count`.
            if operation != "RunInstances" || !matches!(name, "MinCount" | "MaxCount") {
                line.member(service, name, value);
            }
        }
        line
    }

    fn new(service: &str, operation: &str) -> Self {
        Self { words: vec!["aws".to_owned(), service.to_owned(), operation.to_owned()] }
    }

    /// The line that puts an object into a bucket. Its text is in a file that has the name at the end of the key.
    pub(crate) fn put_object(bucket: &str, key: &str) -> Self {
        let file = key.rsplit('/').next().unwrap_or_default();
        let mut line = Self::new("s3api", "put-object");
        for (option, text) in [("bucket", bucket), ("key", key), ("body", file)] {
            line.text(option, text);
        }
        line
    }

    /// The same with more options.
    #[must_use]
    pub fn with(mut self, options: &[(&'static str, String)]) -> Self {
        for (name, value) in options {
            self.text(name, value);
        }
        self
    }

    /// How many instances to launch: the command has one option for least and most.
    fn count(&mut self, operation: &str, members: &[(&'static str, Value)]) {
        let number = |wanted| {
            members.iter().find_map(|(name, value)| match value {
                Value::Integer(number) if *name == wanted => Some(*number),
                _ => None,
            })
        };
        if operation == "RunInstances"
            && let (Some(least), Some(most)) = (number("MinCount"), number("MaxCount"))
        {
            let count = if least == most { least.to_string() } else { format!("{least}:{most}") };
            self.text("count", &count);
        }
    }

    fn member(&mut self, service: Service, wire: &str, value: Value) {
        // Only here does the command say otherwise than the model, which has a second "Id" on the wire.
        let member = match (service, wire) {
            (Service::Route53, "Id") => "HostedZoneId".to_owned(),
            _ => member_name(service, wire, &value),
        };
        let option = hyphenated(&member);
        match value {
            Value::Text(text) if member == "UserData" => self.text(&option, &user_data(text)),
            Value::Text(text) => self.text(&option, &text),
            Value::Integer(number) => self.text(&option, &number.to_string()),
            Value::Time(moment) => self.text(&option, &moment.to_string()),
            Value::Boolean(yes) => self.flag(&option, yes),
            Value::List(_, elements) if elements.iter().all(is_text) => {
                self.words.push(format!("--{option}"));
                self.words.extend(elements.into_iter().map(|element| match element {
                    Value::Text(text) => text,
                    other => json(service, other).to_string(),
                }));
            }
            other => self.text(&option, &json(service, other).to_string()),
        }
    }

    fn flag(&mut self, option: &str, yes: bool) {
        // The command calls the opposite of `--no-reboot` `--reboot`.
        let word = match (yes, option.strip_prefix("no-")) {
            (true, _) => format!("--{option}"),
            (false, Some(opposite)) => format!("--{opposite}"),
            (false, None) => format!("--no-{option}"),
        };
        self.words.push(word);
    }

    fn text(&mut self, option: &str, text: &str) {
        // What begins with a dash would be taken for an option of its own.
        if text.starts_with('-') {
            self.words.push(format!("--{option}={text}"));
        } else {
            self.words.extend([format!("--{option}"), text.to_owned()]);
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.words.iter().map(|word| quoted(word)).collect();
        f.write_str(&words.join(" "))
    }
}

/// A word, quoted for a POSIX shell where necessary.
#[must_use]
pub fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:@%+=,".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The name of a member in AWS's model. In requests of EC2, names of lists are in the singular.
fn member_name(service: Service, wire: &str, value: &Value) -> String {
    match (service, value) {
        (Service::Ec2, Value::List(..)) if wire == "ResourceId" => "Resources".to_owned(),
        (Service::Ec2, Value::List(..)) if !wire.ends_with('s') => format!("{wire}s"),
        _ => wire.to_owned(),
    }
}

fn is_text(value: &Value) -> bool {
    matches!(value, Value::Text(_))
}

fn json(service: Service, value: Value) -> Json {
    match value {
        Value::Text(text) => json!(text),
        Value::Integer(number) => json!(number),
        Value::Boolean(yes) => json!(yes),
        Value::Time(moment) => json!(moment.to_string()),
        Value::List(_, elements) => elements.into_iter().map(|element| json(service, element)).collect(),
        Value::Map(entries) => {
            Json::Object(entries.into_iter().map(|(key, entry)| (key, json(service, entry))).collect())
        }
        Value::Structure(members) => {
            let named = |(wire, value): (&str, Value)| (member_name(service, wire, &value), json(service, value));
            Json::Object(members.into_iter().map(named).collect::<Map<_, _>>())
        }
    }
}

/// The command encodes user data itself.
fn user_data(encoded: String) -> String {
    let decoded = base64::decode(&encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.unwrap_or(encoded)
}

/// `DBSnapshotIdentifier` as `db-snapshot-identifier`: a hyphen where a word begins, capitals in a row being one word.
fn hyphenated(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut text = String::new();
    for (index, letter) in letters.iter().enumerate() {
        let after_small = index > 0 && !letters[index - 1].is_ascii_uppercase();
        let before_small = letters.get(index + 1).is_some_and(char::is_ascii_lowercase);
        if index > 0 && letter.is_ascii_uppercase() && (after_small || before_small) {
            text.push('-');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn options_are_named_as_the_aws_command_names_them() {
        let all = ["DBSnapshotIdentifier", "NewDBInstanceIdentifier", "MultiAZ", "TargetGroupArn", "ImageId"];
        let named = all.map(hyphenated);
        let wanted =
            ["db-snapshot-identifier", "new-db-instance-identifier", "multi-az", "target-group-arn", "image-id"];
        assert_eq!(named, wanted);
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("edx-live.1/a:b@c%d+e=f,g"), "edx-live.1/a:b@c%d+e=f,g");
        assert_eq!(quoted("it's $HOME `x` \\ \"y\"\nz"), "'it'\\''s $HOME `x` \\ \"y\"\nz'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("ä*"), "'ä*'");
    }

    #[test]
    fn user_data_is_shown_as_a_person_wrote_it() {
        let members = vec![("UserData", text("IyEvYmluL3NoCmVjaG8gJ2hpJwo="))];
        let line = Line::of(Service::Ec2, "RunInstances", members).to_string();
        assert_eq!(line, "aws ec2 run-instances --user-data '#!/bin/sh\necho '\\''hi'\\''\n'");
    }

    #[test]
    fn one_option_says_how_many_instances() {
        let members = |most| vec![("MinCount", Value::Integer(1)), ("MaxCount", Value::Integer(most))];
        let line = |most| Line::of(Service::Ec2, "RunInstances", members(most)).to_string();
        assert_eq!(line(1), "aws ec2 run-instances --count 1");
        assert_eq!(line(3), "aws ec2 run-instances --count 1:3");
    }

    #[test]
    fn flags_are_written_or_their_opposites() {
        let line = |name, yes| Line::of(Service::Ec2, "CreateImage", vec![(name, Value::Boolean(yes))]).to_string();
        assert_eq!(line("NoReboot", true), "aws ec2 create-image --no-reboot");
        assert_eq!(line("NoReboot", false), "aws ec2 create-image --reboot");
        assert_eq!(line("MultiAZ", false), "aws ec2 create-image --no-multi-az");
    }

    #[test]
    fn a_value_that_begins_with_a_dash_is_not_an_option() {
        let line = Line::of(Service::Ec2, "CreateImage", vec![("Description", text("--force"))]).to_string();
        assert_eq!(line, "aws ec2 create-image --description=--force");
    }

    #[test]
    fn structures_are_json_with_the_names_of_awss_models_inside_too() {
        let tag = Value::Structure(vec![("Key", text("Name")), ("Value", text("it's"))]);
        let specification =
            Value::Structure(vec![("ResourceType", text("instance")), ("Tag", Value::List("member", vec![tag]))]);
        let members = vec![("TagSpecification", Value::List("member", vec![specification]))];
        let line = Line::of(Service::Ec2, "CreateImage", members).to_string();
        let json = r#"[{"ResourceType":"instance","Tags":[{"Key":"Name","Value":"it'\''s"}]}]"#;
        assert_eq!(line, format!("aws ec2 create-image --tag-specifications '{json}'"));
    }
}
