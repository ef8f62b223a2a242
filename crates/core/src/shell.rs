//! Quoting for POSIX shells: the one place where arguments become text that a shell reads.

/// The argument as one word of a shell, whatever it contains.
#[must_use]
pub fn quote(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    match !argument.is_empty() && argument.chars().all(plain) {
        true => argument.to_owned(),
        false => format!("'{}'", argument.replace('\'', r"'\''")),
    }
}

/// The argument list as one line of a shell.
#[must_use]
pub fn line<T: AsRef<str>>(arguments: &[T]) -> String {
    arguments.iter().map(|argument| quote(argument.as_ref())).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a real shell makes of a line: its words, each ended by a NUL.
    #[expect(clippy::disallowed_methods, reason = "the shell is the peer against which quoting is tested")]
    fn words(line: &str) -> Vec<String> {
        let script = format!("printf '%s\\0' {line}");
        let output = std::process::Command::new("/bin/sh").args(["-c", &script]).output().expect("a shell");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        text.split_terminator('\0').map(str::to_owned).collect()
    }

    #[test]
    fn what_needs_no_quotes_has_none() {
        assert_eq!(line(&["/edx/bin/supervisorctl", "status", "edxapp_worker:lms_high_3"]).matches('\'').count(), 0);
        assert_eq!(line(&["a b", "", "it's", "$HOME"]), r"'a b' '' 'it'\''s' '$HOME'");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_shell_reads_back_exactly_the_arguments(arguments in prop::collection::vec("[^\0]{0,12}", 1..5)) {
            prop_assert_eq!(words(&line(&arguments)), arguments);
        }
    }
}
