//! Commands for the operator to type next, with the options of this command.

// Whatever people paste into a shell is quoted by the same rule as the lines of dry runs.
pub(super) use cutover_aws::dry::quoted;

/// Options as they were given, to be repeated in commands to type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// Those that all commands have.
    common: String,
    /// Those of commands about one branch.
    own: String,
}

impl Typed {
    /// Adds an option that all commands have, if it was given.
    pub fn add(&mut self, name: &str, value: Option<&str>) {
        self.common.push_str(&option(name, value));
    }

    /// The same with an option that commands about one branch have, if it was given.
    #[must_use]
    pub fn with(&self, name: &str, value: Option<&str>) -> Self {
        let mut typed = self.clone();
        typed.own.push_str(&option(name, value));
        typed
    }

    /// The same for commands about all branches.
    #[must_use]
    pub fn of_all(&self) -> Self {
        Self { common: self.common.clone(), own: String::new() }
    }

    /// The same with an option without a value, if it was given.
    #[must_use]
    pub fn with_flag(&self, name: &str, is_given: bool) -> Self {
        let mut typed = self.clone();
        if is_given {
            typed.own.push_str(&format!(" {name}"));
        }
        typed
    }

    /// `branch NAME ...` with the options after the name.
    #[must_use]
    pub fn complete(&self, command: &str) -> String {
        let mut words = command.splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            (Some(branch), Some(name), rest) => {
                format!("{branch} {name}{}{} {}", self.common, self.own, rest.unwrap_or_default()).trim_end().to_owned()
            }
            _ => command.to_owned(),
        }
    }

    /// `cutover branch NAME` with the options, and with `rest`, which is typed as it is.
    #[must_use]
    pub fn command(&self, name: &str, rest: &str) -> String {
        format!("cutover branch {name}{}{} {rest}", self.common, self.own).trim_end().to_owned()
    }
}

fn option(name: &str, value: Option<&str>) -> String {
    value.map_or_else(String::new, |value| format!(" {name} {}", quoted(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_typed_again_in_a_way_that_a_shell_takes() {
        let typed = Typed::default().with("--repository", Some("my clone")).with("--ours", Some("mitx/{codename}"));
        assert_eq!(
            typed.with("--branch", None).command("rebase", "--continue"),
            "cutover branch rebase --repository 'my clone' --ours 'mitx/{codename}' --continue"
        );
        assert_eq!(Typed::default().command("status", ""), "cutover branch status");
    }

    #[test]
    fn commands_about_all_branches_have_no_options_of_one() {
        let mut typed = Typed::default();
        typed.add("--deployment", Some("qa.toml"));
        let typed = typed.with("--branch", Some("mitx/koa"));
        assert_eq!(typed.of_all().command("status", ""), "cutover branch status --deployment qa.toml");
    }
}
