//! The files of the Django project, with their paths in its folder.

use super::fleet::Release;

/// A path and a text.
type File = (&'static str, &'static str);

/// Files of `crates/e2e/site`, in one of its folders.
macro_rules! files {
    ($folder:literal: $($path:literal)*) => {
        &[$(($path, include_str!(concat!("../../site/", $folder, "/", $path)))),*]
    };
}

const COMMON: &[File] = files!("common":
    "manage.py" "settings.py" "router.py" "views.py" "web.py" "worker.py" "xqueue.py"
    "courses/__init__.py" "courses/migrations/__init__.py" "courses/migrations/0001_initial.py"
    "courses/management/__init__.py" "courses/management/commands/__init__.py"
    "courses/management/commands/schema.py" "courses/management/commands/sessions.py"
    "courses/management/commands/write_check.py"
    "history/__init__.py" "history/migrations/__init__.py" "history/migrations/0001_initial.py"
    "contentstore/__init__.py" "contentstore/migrations/__init__.py" "contentstore/migrations/0001_initial.py"
);
/// What operators are given as an example.
const EXAMPLE: File = ("schema.sql", include_str!("../../../../examples/schema.sql"));
const ONE: &[File] = files!("release-1": "release.py" "courses/models.py" "history/models.py" "contentstore/models.py");
const TWO: &[File] = files!("release-2":
    "release.py" "courses/models.py" "history/models.py" "contentstore/models.py"
    "courses/migrations/0002_modes_and_certificates.py" "courses/migrations/0003_fill_modes.py"
    "history/migrations/0002_answer_student_index.py" "contentstore/migrations/0002_upload_size.py"
);

/// The files of a release: their paths in its folder, and what is in them.
pub fn files(release: Release) -> impl Iterator<Item = &'static File> {
    let own = match release {
        Release::One => ONE,
        Release::Two => TWO,
    };
    COMMON.iter().chain([&EXAMPLE]).chain(own)
}
