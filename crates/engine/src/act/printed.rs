//! The output of a migration's job so far, and the progress that it shows.

/// The output of a job so far. It is read hundreds of times while it grows, so each line is counted only once.
#[derive(Default)]
pub(crate) struct Printed {
    text: String,
    /// How many bytes of the text have been counted. This covers whole lines only.
    counted: usize,
    /// How many migrations were applied according to the counted lines.
    applied: u32,
    /// The progress, for people. It is put into words when output is added and not whenever the job is looked at.
    words: String,
}

impl Printed {
    /// The whole output.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The number of bytes of the output.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// Appends new output.
    pub(super) fn add(&mut self, news: &str) {
        self.text.push_str(news);
        let whole = self.text.rfind('\n').map_or(0, |end| end + 1);
        self.applied += count_applied(&self.text[self.counted..whole]);
        self.counted = whole;
        if let Some(line) = self.text.lines().rev().find(|line| !line.trim().is_empty()) {
            self.words = format!("{} applied; {}", self.applied(), line.trim());
        }
    }

    /// How many migrations were applied.
    pub(super) fn applied(&self) -> u32 {
        self.applied + count_applied(&self.text[self.counted..])
    }

    /// The progress, for people.
    pub(super) fn progress_words(&self) -> &str {
        if self.words.is_empty() { "running, nothing applied yet" } else { &self.words }
    }
}

fn count_applied(output: &str) -> u32 {
    let lines = output.lines().filter(|line| line.trim_start().starts_with("Applying "));
    u32::try_from(lines.filter(|line| line.trim_end().ends_with("OK")).count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_once_however_they_arrive() {
        let output = "Operations to perform:\n  Applying a.0001... OK\n  Applying a.0002... OK\n  Applying a.0003...";
        let mut printed = Printed::default();
        assert_eq!(printed.progress_words(), "running, nothing applied yet");
        for position in 0..output.len() {
            printed.add(&output[position..=position]);
            assert_eq!(printed.applied(), count_applied(&printed.text), "{}", printed.text);
        }
        assert_eq!(printed.progress_words(), "2 applied; Applying a.0003...");
        printed.add(" OK");
        assert_eq!(printed.applied(), 3);
    }
}
