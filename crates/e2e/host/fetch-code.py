#!/usr/bin/python3
"""fetch-code REPOSITORY COMMIT FOLDER: what stands in for `git clone` and `git checkout` on a builder, whose system has no git. It
fetches the archive of a commit, as GitHub serves it, and keeps the commit that the archive itself names in the file REVISION."""

import io
import pathlib
import sys
import tarfile
import urllib.request

repository, commit, folder = sys.argv[1:]
with urllib.request.urlopen(f"{repository}/archive/{commit}.tar.gz") as answer:
    archive = tarfile.open(fileobj=io.BytesIO(answer.read()))
archive.extractall(folder)
found = archive.pax_headers["comment"]
pathlib.Path(folder, "REVISION").write_text(f"{found}\n")
print(f"{len(archive.getnames())} files of {found} are in {folder}")
