//! What the tests of this module are made from.

use cutover_patchstack::forecast::{Fate, Flattening, Forecast, Hunk, PatchForecast, UpstreamCommit};
use cutover_patchstack::ledger::{Ledger, Side};
use cutover_patchstack::names::{GitPath, ObjectId};
use cutover_patchstack::stack::Author;

use crate::show::text::WIDTH;

/// Everything but commands to type keeps to the width.
pub(super) fn assert_fits(text: &str) {
    let lines: Vec<&str> =
        text.lines().filter(|line| !line.contains("cutover branch") && !line.contains("git ")).collect();
    crate::show::testing::assert_fits(&lines.join("\n"), WIDTH);
}

/// An id that shows which one it is.
pub(super) fn id(number: u8) -> ObjectId {
    ObjectId::parse(&format!("{number:02x}").repeat(20)).expect("an id")
}

pub(super) fn path(name: &str) -> GitPath {
    GitPath::new(name)
}

pub(super) fn author() -> Author {
    Author { name: "Alice".to_owned(), email: "alice@mit.edu".to_owned(), date: "2020-11-02T10:00:00-05:00".to_owned() }
}

/// A ledger of a stack without patches.
pub(super) fn empty_ledger() -> Ledger {
    let side = |number: u8, name: &str| Side { head: id(number), base: id(number + 1), base_name: name.to_owned() };
    Ledger {
        version: 1,
        branch: "mitx/koa".to_owned(),
        old: side(0xa0, "is upstream/open-release/koa.rc2"),
        new: side(0xb0, "upstream/open-release/koa.rc3"),
        entries: Vec::new(),
        added: Vec::new(),
        left_behind: Vec::new(),
        by: "Alice <alice@mit.edu>".to_owned(),
        at: "2020-11-20T15:00:00Z".to_owned(),
        published: None,
    }
}

fn patch(number: u8, subject: &str, fate: Fate, because: &str) -> PatchForecast {
    let becomes = matches!(fate, Fate::Applies | Fate::Changed).then(|| id(number + 0x40));
    PatchForecast {
        commit: id(number),
        subject: subject.to_owned(),
        author: author(),
        fate,
        becomes,
        files: Vec::new(),
        because: because.to_owned(),
        hunks: Vec::new(),
        upstream: Vec::new(),
        depends_on: Vec::new(),
    }
}

/// A forecast in which two patches apply and one has changed.
pub(super) fn clean_forecast() -> Forecast {
    Forecast {
        branch: "mitx/koa".to_owned(),
        branch_head: id(0xf1),
        base: id(0xb1),
        base_found: "is part of upstream/open-release/koa.rc2".to_owned(),
        onto: id(0xc1),
        onto_name: "upstream/open-release/koa.rc3".to_owned(),
        tree: id(0xd1),
        head: id(0xe1),
        left_behind: Vec::new(),
        leaves: None,
        withdrawn: Vec::new(),
        target: None,
        flattening: Flattening { merges: 2, lost: Vec::new() },
        patches: vec![
            patch(1, "Set the session cookie's name from the environment", Fate::Applies, ""),
            patch(
                2,
                "Log the learner's id with every submission, whatever the grader answers to it",
                Fate::Applies,
                "",
            ),
            patch(
                3,
                "Pin the version of edx-sga",
                Fate::Changed,
                "the lines around it have changed in requirements/edx/base.txt",
            ),
        ],
    }
}

/// The same with two conflicts, one of which follows from the other, and two patches that upstream has.
pub(super) fn conflicting_forecast() -> Forecast {
    let mut forecast = clean_forecast();
    let mut first = patch(
        4,
        "Serve course assets from the CDN",
        Fate::Conflicts,
        "both changed the same lines of lms/envs/production.py",
    );
    first.files = vec![path("lms/envs/production.py"), path("cms/envs/production.py")];
    let commit = |number: u8, subject: &str, culprit: bool| UpstreamCommit {
        commit: id(number),
        subject: subject.to_owned(),
        author: "Feanil Patel".to_owned(),
        culprit,
    };
    first.upstream = vec![
        commit(0x91, "Upgrade the storage settings", false),
        commit(0x92, "Move static and media storage to a common module of settings that all share", true),
    ];
    first.hunks = vec![Hunk {
        path: path("lms/envs/production.py"),
        line: 412,
        there: "STATIC_URL = AUTH_TOKENS.get('STATIC_URL', STATIC_URL)\nfrom .storage import *\n".to_owned(),
        patch:
            "STATIC_URL = ENV_TOKENS.get('CDN_URL', '') + STATIC_URL_BASE  # a comment beyond the terminal's width\n"
                .to_owned(),
    }];
    let mut second = patch(
        5,
        "Purge the CDN when a course is published",
        Fate::Conflicts,
        "it needs 0404040404, which conflicts and is left out here",
    );
    second.files = vec![path("cms/djangoapps/contentstore/signals.py")];
    second.depends_on = vec![id(4)];
    let mut upstreamed =
        patch(6, "Fix a typo in the registration form", Fate::Upstreamed, "it is upstream's 9393939393 (Fix a typo)");
    upstreamed.upstream = vec![commit(0x93, "Fix a typo", false)];
    let empty =
        patch(7, "Turn the banner off", Fate::Empty, "upstream has its content since 9494949494 (Remove all banners)");
    forecast.patches.extend([first, second, upstreamed, empty]);
    forecast
}

/// The same with more conflicts: of two of them the cause is the same.
pub(super) fn contested_forecast() -> Forecast {
    let mut forecast = conflicting_forecast();
    let first = forecast.patches[3].clone();
    let again = |number: u8, subject: &str, files: &[&str]| {
        let files = files.iter().map(|file| path(file)).collect();
        PatchForecast { commit: id(number), subject: subject.to_owned(), files, ..first.clone() }
    };
    let mut needing = patch(10, "Purge the CDN when a library is published", Fate::Conflicts, "it needs two others");
    needing.files = vec![path("cms/djangoapps/contentstore/signals.py")];
    needing.depends_on = vec![id(4), id(5)];
    let mut unknown =
        patch(11, "Add a banner", Fate::Conflicts, "CONFLICT (modify/delete): lms/banner.html deleted there");
    unknown.files = vec![path("lms/banner.html")];
    forecast.patches.extend([
        again(8, "Serve static assets from the CDN", &["lms/envs/production.py", "cms/envs/production.py"]),
        again(9, "Sign the addresses of assets", &["common/djangoapps/static_replace/services.py"]),
        needing,
        unknown,
    ]);
    forecast
}
