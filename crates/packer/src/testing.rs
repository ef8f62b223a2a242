//! What tests of several modules need.

use std::path::Path;

use crate::program::{Environment, Program};
use crate::variables::Wanted;

/// An image to build.
pub(crate) fn wanted() -> Wanted {
    let text = str::to_owned;
    Wanted {
        token: text("koa-v4.prepare.edxapp.image"),
        image_name: text("edxapp_residential_koa_base_release_4"),
        base_image: text("ami-0123456789abcdef0"),
        region: text("us-east-1"),
        release: text("koa"),
        version: text("open-release/koa.3"),
        repository: text("https://github.com/mitodl/edx-platform"),
        branch: text("mitx/koa"),
        commit: text("0123456789abcdef0123456789abcdef01234567"),
        tags: [(text("release-version"), text("open-release/koa.3"))].into(),
        others: [].into(),
    }
}

/// A program that takes itself for Packer of this version, and otherwise runs this script.
#[expect(clippy::disallowed_methods, reason = "the stand-in gets the PATH of the tests")]
pub(crate) fn stand_in(folder: &Path, version: &str, script: &str) -> Program {
    use std::os::unix::fs::PermissionsExt;
    let file = folder.join("packer");
    let script = format!("#!/bin/sh\nif [ \"$1\" = version ]; then echo '1,,version,{version}'; exit; fi\n{script}\n");
    std::fs::write(&file, script).expect("written");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let path = std::env::var_os("PATH").expect("a PATH");
    Program::find(&file, Environment::default().with("PATH", path).with("LC_ALL", "C.UTF-8")).expect("a program")
}
