//! Machine images, from which next hosts are launched.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::Span;

/// How the machine image of a role is named and built.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// The pattern of image names; `{deployment}`, `{codename}` and `{n}` (a running number) are filled in.
    pub name: String,
    /// The image to start from.
    pub base: String,
    /// The repository of the code that the image contains.
    pub repository: String,
    /// The branch of the code that the image contains, such as `mitx/koa`.
    pub branch: String,
    /// How long a build usually takes.
    pub expected: Span,
    /// How long a build may take.
    pub limit: Span,
}
