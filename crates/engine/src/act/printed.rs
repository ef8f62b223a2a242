//! What the job of a migration has printed so far, and how far it has come by that.

/// What a job has printed so far. It is looked at hundreds of times while it grows, so that each line is read once.
#[derive(Default)]
pub(crate) struct Printed {
    text: String,
    /// How many bytes of the text were counted, whole lines only.
    counted: usize,
    /// How many migrations these say were applied.
    applied: u32,
}

impl Printed {
    /// All of it.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// How many bytes it is.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// Adds what was printed since.
    pub(super) fn add(&mut self, news: &str) {
        self.text.push_str(news);
        let whole = self.text.rfind('\n').map_or(0, |end| end + 1);
        self.applied += count_applied(&self.text[self.counted..whole]);
        self.counted = whole;
    }

    /// How many migrations were applied.
    pub(super) fn applied(&self) -> u32 {
        self.applied + count_applied(&self.text[self.counted..])
    }

    /// How far it has come.
    pub(super) fn progress_words(&self) -> String {
        let last = self.text.lines().rev().find(|line| !line.trim().is_empty());
        match last {
            Some(line) => format!("{} applied; {}", self.applied(), line.trim()),
            None => "running, nothing applied yet".to_owned(),
        }
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
