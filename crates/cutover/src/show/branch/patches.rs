//! The patches of a branch, oldest first: one line each, with the files below it.

use cutover_patchstack::patches::{Listed, Listing};

use super::words::{base, fitted, patches, plain};
use crate::show::text::{WIDTH, count, hang, length};

/// How many files a patch shows.
const FILES: usize = 4;

/// `branch patches` for people.
#[must_use]
pub fn patches_text(listing: &Listing) -> String {
    let mut lines = vec![
        hang(
            "",
            &format!("{} ({}), {}", plain(&listing.branch), listing.head.short(), patches(listing.patches.len())),
            WIDTH,
        ),
        hang("", &format!("on {}", base(&listing.base.commit, &listing.base.found)), WIDTH),
    ];
    if listing.merges > 0 {
        let merges = count(listing.merges, "merge");
        lines.push(hang(
            "",
            &format!("{merges} left out, as `git rebase` does; `branch forecast` shows whether that loses anything"),
            WIDTH,
        ));
    }
    let digits = listing.patches.len().to_string().len();
    for (index, patch) in listing.patches.iter().enumerate() {
        lines.push(String::new());
        lines.push(show(index + 1, digits, patch));
    }
    lines.join("\n") + "\n"
}

fn show(number: usize, digits: usize, patch: &Listed) -> String {
    let first = format!("{number:>digits$}  {}  ", patch.commit.short());
    let margin = " ".repeat(digits + 2);
    let since = patch.since.as_ref().map_or_else(String::new, |codename| format!(", carried since {codename}"));
    let mut lines = vec![
        format!("{first}{}", fitted(&patch.subject, WIDTH - length(&first))),
        format!(
            "{margin}{}",
            fitted(&format!("{}, {}{since}", patch.author.name, day(&patch.author.date)), WIDTH - length(&margin))
        ),
    ];
    if let Some(known_from) = &patch.withdrawn {
        let words = format!("{known_from}; upstream has withdrawn it");
        lines.push(hang(&format!("{margin}WITHDRAWN: "), &plain(&words), WIDTH));
    }
    for file in patch.files.iter().take(FILES) {
        lines.push(format!("{margin}  {}", fitted(&file.to_string(), WIDTH - length(&margin) - 2)));
    }
    if patch.files.len() > FILES {
        lines.push(format!("{margin}  and {}", count(patch.files.len() - FILES, "more file")));
    }
    lines.join("\n")
}

/// The day of a date as git prints it.
fn day(date: &str) -> &str {
    date.split(['T', ' ']).next().unwrap_or(date)
}

#[cfg(test)]
mod tests {
    use cutover_patchstack::releases::Codename;
    use cutover_patchstack::stack::Base;

    use super::*;
    use crate::show::branch::testing::{assert_fits, author, id, path};

    fn listing() -> Listing {
        let listed = |number: u8, subject: &str, files: &[&str], since: Option<&str>| Listed {
            withdrawn: None,
            commit: id(number),
            subject: subject.to_owned(),
            author: author(),
            files: files.iter().map(|name| path(name)).collect(),
            since: since.map(|codename| Codename(codename.to_owned())),
        };
        let many = ["lms/urls.py", "lms/envs/common.py", "cms/urls.py", "cms/envs/common.py", "a.py", "b.py"];
        Listing {
            branch: "mitx/koa".to_owned(),
            head: id(9),
            base: Base { commit: id(8), found: "is upstream/open-release/koa.rc2".to_owned() },
            merges: 2,
            patches: vec![
                listed(
                    1,
                    "Set the session cookie's name from the environment",
                    &["lms/envs/production.py"],
                    Some("hawthorn"),
                ),
                listed(
                    2,
                    "A subject that goes on and on, much longer than a terminal is wide, as some do",
                    &many,
                    None,
                ),
            ],
        }
    }

    #[test]
    fn patches_are_listed_with_whose_they_are_and_since_when_they_are_carried() {
        let text = patches_text(&listing());
        assert_fits(&text);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_branch_without_patches_says_so() {
        let mut listing = listing();
        listing.patches.clear();
        listing.merges = 0;
        insta::assert_snapshot!(patches_text(&listing), @"
        mitx/koa (0909090909), 0 patches
        on 0808080808, which is upstream/open-release/koa.rc2
        ");
    }

    #[test]
    fn a_path_that_is_no_text_is_shown_quoted() {
        let mut listing = listing();
        listing.patches[0].files = vec![cutover_patchstack::names::GitPath::new(*b"caf\xe9\x1b.py")];
        assert!(patches_text(&listing).contains(r#""caf\351\033.py""#));
    }
}
