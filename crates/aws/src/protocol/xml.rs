//! XML: a document in, a structure out. Namespaces, attributes and comments mean nothing in AWS's answers.

use quick_xml::escape::{escape, resolve_predefined_entity};
use quick_xml::events::{BytesRef, Event};
use quick_xml::reader::Reader;

use crate::shape::{Document, Unreadable, Value};

/// Reads a body: the name of the root element, and what is in it.
pub(super) fn parse(body: &[u8]) -> Result<(String, Document), Unreadable> {
    let mut reader = Reader::from_reader(body);
    // Open elements, the innermost last; the first collects the root.
    let mut open = vec![(String::new(), Document::default())];
    loop {
        match reader.read_event().map_err(|error| unreadable(&error))? {
            Event::Start(start) => open.push((name(start.local_name().as_ref()), Document::default())),
            Event::Empty(empty) => close(&mut open, name(empty.local_name().as_ref()), Document::default()),
            Event::End(_) => {
                let (name, document) = open.pop().unwrap_or_default();
                close(&mut open, name, document);
            }
            Event::Text(text) => add(&mut open, &text.decode().map_err(|error| unreadable(&error))?),
            Event::CData(text) => add(&mut open, &text.decode().map_err(|error| unreadable(&error))?),
            Event::GeneralRef(entity) => add(&mut open, &resolve(&entity)?),
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    if open.len() != 1 {
        return Err(unreadable(&"it ends too early"));
    }
    let root = open.pop().and_then(|(_, outermost)| outermost.children.into_iter().next());
    root.ok_or_else(|| unreadable(&"it has no element"))
}

fn name(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn add(open: &mut [(String, Document)], text: &str) {
    if let Some((_, document)) = open.last_mut() {
        document.text.push_str(text);
    }
}

/// Elements with others in them have no text of their own, only the white space of whoever indented them.
fn close(open: &mut [(String, Document)], name: String, mut document: Document) {
    if !document.children.is_empty() {
        document.text.clear();
    }
    if let Some((_, parent)) = open.last_mut() {
        parent.children.push((name, document));
    }
}

fn resolve(entity: &BytesRef<'_>) -> Result<String, Unreadable> {
    if let Some(character) = entity.resolve_char_ref().map_err(|error| unreadable(&error))? {
        return Ok(character.to_string());
    }
    let name = entity.decode().map_err(|error| unreadable(&error))?;
    let text = resolve_predefined_entity(&name).ok_or_else(|| unreadable(&format!("&{name}; is not known")))?;
    Ok(text.to_owned())
}

fn unreadable(trouble: &dyn std::fmt::Display) -> Unreadable {
    Unreadable { path: "body".to_owned(), trouble: format!("is not the XML of an answer: {trouble}") }
}

/// Writes a body.
pub(super) fn write(root: &str, namespace: &str, value: &Value) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    text.push_str(&format!("<{root} xmlns=\"{namespace}\">"));
    content(value, &mut text);
    text.push_str(&format!("</{root}>"));
    text
}

fn content(value: &Value, text: &mut String) {
    match value {
        Value::Text(inner) => text.push_str(&escape(inner.as_str())),
        Value::Integer(number) => text.push_str(&number.to_string()),
        Value::Boolean(yes) => text.push_str(&yes.to_string()),
        Value::Time(moment) => text.push_str(&moment.to_string()),
        Value::List(item, elements) => elements.iter().for_each(|element| tagged(item, element, text)),
        Value::Map(entries) => entries.iter().for_each(|(key, entry)| tagged(key, entry, text)),
        Value::Structure(members) => members.iter().for_each(|(name, member)| tagged(name, member, text)),
    }
}

fn tagged(name: &str, value: &Value, text: &mut String) {
    text.push_str(&format!("<{name}>"));
    content(value, text);
    text.push_str(&format!("</{name}>"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let text = "a <b> & \"c\" ä\n'd'".to_owned();
        let value = Value::Structure(vec![
            ("Name", Value::Text(text.clone())),
            ("Items", Value::List("Item", vec![Value::Integer(1), Value::Boolean(true)])),
        ]);
        let (root, read) = parse(write("Root", "urn:x", &value).as_bytes()).expect("it is well-formed");
        assert_eq!(root, "Root");
        assert_eq!(read.child("Name").expect("it is there").text, text);
        let items: Vec<_> = read.child("Items").expect("they are there").children.iter().collect();
        assert_eq!(items[1], &("Item".to_owned(), Document::leaf("true")));
    }

    #[test]
    fn entities_and_sections_are_text() {
        let (_, read) = parse(b"<r> <a>x &amp; &#228;<![CDATA[<y>]]></a> </r>").expect("it is well-formed");
        assert_eq!(
            read,
            Document { text: String::new(), children: vec![("a".to_owned(), Document::leaf("x & ä<y>"))] }
        );
    }

    #[test]
    fn a_document_cut_off_anywhere_is_refused() {
        let whole = b"<r><a>x</a><b/></r>";
        for length in 0..whole.len() {
            parse(&whole[..length]).expect_err("it is not whole");
        }
    }
}
