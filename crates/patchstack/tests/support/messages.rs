//! Who writes the commits of random histories, and the messages that they write: ordinary ones and odd ones.

/// What a commit says beside its content.
pub(crate) struct Words {
    /// `Alice <alice@example.org>`, in bytes.
    pub(crate) author: Vec<u8>,
    /// Time zone of its date.
    pub(crate) zone: &'static str,
    /// What the message is encoded in, when it says so.
    pub(crate) encoding: Option<&'static str>,
    /// The message.
    pub(crate) message: Vec<u8>,
}

/// How many kinds of messages there are.
pub(crate) const MESSAGES: u8 = 14;
/// How many authors there are.
pub(crate) const AUTHORS: u8 = 7;

const ZONES: [&str; 5] = ["+0000", "-0500", "+0545", "-0030", "+1400"];

/// What the commit of this number says.
pub(crate) fn words(number: usize, author: u8, message: u8) -> Words {
    let (encoding, message) = spoken(number, message % MESSAGES);
    let author = match (author % AUTHORS, encoding) {
        (1, Some(_)) => b"Ren\xe9 L\xf3pez <rene@example.org>".to_vec(),
        (1, None) => "René López <rene@example.org>".into(),
        (2, _) => b"O'Brien \"Bob\", Jr. <bob@example.org>".to_vec(),
        (3, None) => "山田 太郎 <taro@example.jp>".into(),
        (4, _) => b"dot. <>".to_vec(),
        (5, _) => b"A, B; C: (D) <odd address@example.org>".to_vec(),
        (6, None) => b"no utf-8 \xff\xe9 <bytes@example.org>".to_vec(),
        _ => b"Alice Example <alice@example.org>".to_vec(),
    };
    Words { author, zone: ZONES[number % ZONES.len()], encoding, message }
}

/// A message of this kind, and the encoding that its commit names.
fn spoken(number: usize, kind: u8) -> (Option<&'static str>, Vec<u8>) {
    let text = match kind {
        1 => format!(
            "Change {number}\n\nWith a body.\n\nSigned-off-by: Alice <alice@example.org>\nChange-Id: I{number:040x}\n"
        ),
        2 => format!("\n\nBlank lines before it {number}\n\nBody\n"),
        3 => format!("No newline at the end {number}"),
        4 => String::new(),
        5 => return (Some("ISO-8859-1"), [b"Caf\xe9 ", number.to_string().as_bytes(), b"\n\nna\xefve\n"].concat()),
        6 => return (None, [b"Stray bytes \xff\xfe ", number.to_string().as_bytes(), b"\n"].concat()),
        7 => {
            format!("# Like a comment {number}\n\n# kept\n# ------------------------ >8 ------------------------\nso\n")
        }
        8 => format!("  Indented {number}\t \n\n\n\nbody  \n\n\n"),
        9 => format!("fixup! Change {number}\n"),
        10 => format!("Windows {number}\r\n\r\nlines\r\n"),
        11 => format!("Long subject {number} {}\nthat goes on in a second line\n", "word ".repeat(20)),
        12 => format!("Ünïcödé 🚀 {number}\n\n(cherry picked from commit {number:040x})\n"),
        13 => "\n \n".to_owned(),
        _ => format!("Change {number}\n"),
    };
    (None, text.into_bytes())
}
