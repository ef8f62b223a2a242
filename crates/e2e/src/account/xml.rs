//! The little of XML that the server needs: elements without attributes, as AWS's clients and moto write them.

/// The texts of all elements of that name, unescaped. Elements of the same name are never within each other here.
pub(super) fn all(text: &str, name: &str) -> Vec<String> {
    parts(text, name).into_iter().map(unescaped).collect()
}

/// The text of the first element of that name.
pub(super) fn first(text: &str, name: &str) -> Option<String> {
    parts(text, name).first().copied().map(unescaped)
}

/// What is between the tags of each element of that name, as it is written.
pub(super) fn parts<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let after = text.split(open.as_str()).skip(1);
    after.filter_map(|rest| rest.split_once(close.as_str())).map(|(inner, _)| inner).collect()
}

/// A text as it stands in an element.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn unescaped(text: &str) -> String {
    let plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    plain.replace("&#34;", "\"").replace("&#39;", "'").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_in_their_order_and_unescaped() {
        let text = "<a><b>1 &amp;lt; 2</b><b>&quot;x&quot;</b></a>";
        assert_eq!(all(text, "b"), ["1 &lt; 2", "\"x\""]);
        assert_eq!(first(text, "b").as_deref(), Some("1 &lt; 2"));
        assert_eq!(first(text, "c"), None);
    }

    #[test]
    fn what_is_escaped_is_unescaped_to_the_same_text() {
        let text = "a < b && c > \"d\"";
        assert_eq!(unescaped(&escaped(text)), text);
    }
}
