//! Objects that this program has not written.

use std::collections::BTreeSet;
use std::sync::Mutex;

/// Objects that this program has not written. Each one is reported once.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    seen: Mutex<BTreeSet<String>>,
    tell: Option<fn(&str)>,
}

impl Strangers {
    /// Reports with `tell`.
    pub(super) fn told_by(tell: fn(&str)) -> Self {
        Self { seen: Mutex::default(), tell: Some(tell) }
    }

    /// Reports a text, unless it was reported before.
    pub(super) fn meet(&self, what: &str) {
        // A file's name may contain control characters, which must not reach a terminal.
        let text: String = what
            .chars()
            .flat_map(|shown| match shown.is_control() {
                true => shown.escape_default().collect::<Vec<char>>(),
                false => vec![shown],
            })
            .collect();
        let is_new = self.seen.lock().is_ok_and(|mut seen| seen.insert(text.clone()));
        if let Some(tell) = self.tell.filter(|_| is_new) {
            tell(&text);
        }
    }
}
