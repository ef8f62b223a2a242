//! Upstream's release branches and our remote's copies of them, as a table.

use cutover_patchstack::mirror::{Mirrored, Outcome};
use cutover_patchstack::releases::Conventions;

use super::words::plain;
use crate::show::text::{WIDTH, hang, length};

/// `branch mirror` for people.
#[must_use]
pub fn mirror_text(mirrored: &[Mirrored], conventions: &Conventions) -> String {
    let widest = mirrored.iter().map(|copy| length(&copy.branch)).max().unwrap_or_default().min(40);
    let mut lines: Vec<String> = mirrored.iter().map(|copy| line(copy, widest)).collect();
    lines.push(String::new());
    lines.push(hang("", &verdict(mirrored, &conventions.origin), WIDTH));
    if mirrored.iter().any(|copy| matches!(copy.outcome, Outcome::Diverged { .. })) {
        let what = format!(
            "A copy that has diverged has commits that {}'s branch lacks. It was not changed: find out whose they are, and \
             keep them under another name before you delete the copy.",
            conventions.upstream
        );
        lines.push(hang("", &what, WIDTH));
    }
    lines.join("\n") + "\n"
}

fn line(copy: &Mirrored, widest: usize) -> String {
    let commit = copy.commit.short();
    let outcome = match &copy.outcome {
        Outcome::Same => "already up to date".to_owned(),
        Outcome::Created => "created".to_owned(),
        Outcome::Updated { was } => format!("moved forward from {}", was.short()),
        Outcome::Diverged { is } => format!("DIVERGED: the copy is at {}", is.short()),
        Outcome::Refused { because } => format!("REFUSED: {}", plain(because)),
    };
    hang(&format!("{:<widest$}  {commit}  ", plain(&copy.branch)), &outcome, WIDTH)
}

fn verdict(mirrored: &[Mirrored], origin: &str) -> String {
    let number = |of: fn(&Outcome) -> bool| mirrored.iter().filter(|copy| of(&copy.outcome)).count();
    let words = [
        (number(|outcome| matches!(outcome, Outcome::Created)), "created"),
        (number(|outcome| matches!(outcome, Outcome::Updated { .. })), "moved forward"),
        (number(|outcome| matches!(outcome, Outcome::Same)), "already up to date"),
        (number(|outcome| matches!(outcome, Outcome::Diverged { .. })), "diverged"),
        (number(|outcome| matches!(outcome, Outcome::Refused { .. })), "refused"),
    ];
    let words: Vec<String> =
        words.iter().filter(|(number, _)| *number > 0).map(|(number, word)| format!("{number} {word}")).collect();
    let copies = if mirrored.len() == 1 { "1 copy".to_owned() } else { format!("{} copies", mirrored.len()) };
    format!("{copies} on {origin}: {}. Nothing was forced.", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::branch::testing::{assert_fits, id};

    #[test]
    fn every_copy_has_a_line_with_what_became_of_it() {
        let copy = |branch: &str, outcome: Outcome| Mirrored { branch: branch.to_owned(), commit: id(1), outcome };
        let copies = [
            copy("open-release/koa.rc1", Outcome::Same),
            copy("open-release/koa.rc2", Outcome::Updated { was: id(2) }),
            copy("open-release/koa.rc3", Outcome::Created),
            copy("open-release/juniper.master", Outcome::Diverged { is: id(3) }),
            copy(
                "release/teak",
                Outcome::Refused { because: "protected branch hook declined; ask an owner of the repository".into() },
            ),
        ];
        let text = mirror_text(&copies, &Conventions::default());
        assert_fits(&text);
        insta::assert_snapshot!(text);
    }
}
