//! One line of machine-readable output: `TIMESTAMP,TARGET,TYPE,DATA...`.

/// A line that Packer wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The builder that it is about; empty if it is about the whole.
    pub(crate) target: String,
    /// Its type, such as `ui`, `artifact` or `error`.
    pub(crate) kind: String,
    /// Its data, with commas and line ends as they were. Without control characters other than line ends and tabs.
    pub(crate) data: Vec<String>,
}

impl Line {
    /// Reads a line without its end. `None` for anything that is not machine-readable, such as what a crash prints.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let line = String::from_utf8_lossy(line);
        let mut fields = line.split(',');
        let timestamp = fields.next()?;
        if timestamp.is_empty() || !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (target, kind) = (fields.next()?.to_owned(), fields.next()?.to_owned());
        Some(Self { target, kind, data: fields.map(unescape).collect() })
    }

    /// A part of the data; empty if there is no such part.
    pub(crate) fn datum(&self, index: usize) -> &str {
        self.data.get(index).map_or("", String::as_str)
    }
}

/// The lines of a whole answer that are machine-readable.
pub(crate) fn all(answer: &[u8]) -> impl Iterator<Item = Line> {
    answer.split(|byte| *byte == b'\n').filter_map(Line::parse)
}

/// What people are told as errors in a whole answer, as it is.
pub(crate) fn errors(answer: &[u8]) -> String {
    let said = all(answer).filter(|line| line.kind == "ui" && line.datum(0) == "error");
    said.map(|line| line.datum(1).trim().to_owned()).collect::<Vec<_>>().join("\n")
}

/// Packer escapes no backslashes, so that `\n` in a path (`C:\new`) cannot be told from a line end.
fn unescape(field: &str) -> String {
    plain(&field.replace("%!(PACKER_COMMA)", ",").replace("\\r\\n", "\n").replace("\\n", "\n").replace("\\r", "\n"))
}

/// The text without colours and other control characters, except line ends and tabs.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '\u{1b}' && letters.next_if_eq(&'[').is_some() {
            // A sequence such as `ESC [ 1 ; 32 m` ends with its first letter.
            while letters.next_if(|next| !('@'..='~').contains(next)).is_some() {}
            letters.next();
        } else if !letter.is_control() || letter == '\n' || letter == '\t' {
            plain.push(letter);
        }
    }
    plain
}
