//! What tests of several modules need.

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
