//! Images: what machines had on their disks when they were powered off.

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use super::keeper::INSTALL;
use crate::program::succeed;

/// The files of a machine, beside those of the system that all machines share, which the default is. Machines that boot from it never
/// change it.
#[derive(Clone, Default)]
pub struct Image {
    /// The layers of machines of which each has booted from those after it.
    layers: Vec<Arc<TempDir>>,
}

impl Image {
    /// The same with what a machine has written that has booted from this.
    pub(super) fn with(&self, layer: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // What was removed is marked in the layer with devices and attributes, which a copy of an archive has, too.
        succeed("cp", &["--archive", "--no-target-directory", &text(layer), &text(folder.path())], INSTALL);
        Self { layers: [&[Arc::new(folder)], &self.layers[..]].concat() }
    }

    /// Its folders and the system at `root`, the uppermost first, as a mount of an overlay wants them.
    pub(super) fn over(&self, root: &Path) -> String {
        let layers = self.layers.iter().map(|layer| text(layer.path()));
        layers.chain([text(root)]).collect::<Vec<_>>().join(":")
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("a path in UTF-8").to_owned()
}
