//! Reads a deployment file: syntax, then shape, then rules, and reports every mistake at once. This module neither
//! reads from disk nor prints.

use std::ops::Range;

use super::document::Node;
use super::{Deployment, Mistake, rules, schema, shape, syntax};

/// Reads the text of a deployment file.
///
/// # Errors
/// Every mistake that could be found, ordered by position.
pub fn parse(text: &str) -> Result<Deployment, Vec<Mistake>> {
    let (file, wrong) = syntax::read(text);
    let findings = shape::check(&file, &schema());
    if !wrong.is_empty() {
        return Err(sorted(beside_syntax(text, wrong, findings)));
    }
    let shape: Vec<Mistake> = findings.wrong.into_iter().chain(findings.missing).collect();
    if !shape.is_empty() {
        return Err(sorted(beside_shape(&file, shape)));
    }
    let deployment = deserialize(text, &file)?;
    let broken = rules::check(&deployment, &file);
    if broken.is_empty() { Ok(deployment) } else { Err(sorted(broken)) }
}

/// If the file is still a deployment after entries of the wrong shape are left out, the rules check that too. If a rule
/// then finds something missing in a table from which an entry was left out, it only repeats the first mistake, and is
/// not reported.
fn beside_shape(file: &Node, shape: Vec<Mistake>) -> Vec<Mistake> {
    let spans: Vec<Range<usize>> = shape.iter().map(|mistake| mistake.span.clone()).collect();
    let Ok(deployment) = serde_json::from_value::<Deployment>(file.to_json(&spans)) else { return shape };
    let echoes = file.incomplete(&spans);
    let broken = rules::check(&deployment, file).into_iter().filter(|mistake| !echoes.contains(&mistake.span));
    shape.into_iter().chain(broken).collect()
}

/// If there are syntax errors, only those mistakes of shape are reported that cannot be a consequence of them: a key
/// that seems to be missing may be in the unreadable part, and after an unclosed list no position can be trusted.
fn beside_syntax(text: &str, syntax: Vec<Mistake>, findings: shape::Findings) -> Vec<Mistake> {
    let lines: Vec<usize> = syntax.iter().map(|mistake| mistake.position(text).0).collect();
    let unclosed = syntax.iter().find(|mistake| mistake.message.contains("closed")).map(|mistake| mistake.span.start);
    let certain = findings.wrong.into_iter().filter(|mistake| {
        !lines.contains(&mistake.position(text).0) && unclosed.is_none_or(|start| mistake.span.end <= start)
    });
    let certain: Vec<Mistake> = certain.collect();
    syntax.into_iter().chain(certain).collect()
}

fn deserialize(text: &str, file: &Node) -> Result<Deployment, Vec<Mistake>> {
    serde_json::from_value(file.to_json(&[])).map_err(|error| {
        let message = format!("the file cannot be read: {error}");
        vec![Mistake { span: 0..text.len(), message, label: "somewhere in the file".to_owned(), help: None }]
    })
}

fn sorted(mut mistakes: Vec<Mistake>) -> Vec<Mistake> {
    mistakes.sort_by(|a, b| (a.span.start, a.span.end, &a.message).cmp(&(b.span.start, b.span.end, &b.message)));
    mistakes
}
