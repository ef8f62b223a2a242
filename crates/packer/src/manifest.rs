//! The file of Packer's `manifest` post-processor: what builds have made, as it tells programs.
//!
//! It says the same as the output, and is a second witness if the end of the output was lost.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::output::Image;

/// How much of it is read, in bytes. Packer adds to it at every build.
const LARGEST: u64 = 16 << 20;

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    builds: Vec<Build>,
    #[serde(default)]
    last_run_uuid: String,
}

#[derive(Deserialize)]
struct Build {
    #[serde(default)]
    artifact_id: String,
    #[serde(default)]
    packer_run_uuid: String,
}

/// The images of the last run in it. None if there is no such file, or it is not complete.
///
/// # Errors
/// When there is a file that cannot be read.
pub fn images(file: &Path) -> Result<BTreeSet<Image>> {
    let opened = match fs::File::open(file) {
        Ok(opened) => opened,
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(source) => return Err(Error::File { path: file.to_owned(), done: "read", source }),
    };
    let mut text = Vec::new();
    opened.take(LARGEST).read_to_end(&mut text).map_err(Error::file(file, "read"))?;
    Ok(read(&text))
}

fn read(text: &[u8]) -> BTreeSet<Image> {
    let Ok(manifest) = serde_json::from_slice::<Manifest>(text) else { return BTreeSet::new() };
    let last = manifest.builds.iter().filter(|build| build.packer_run_uuid == manifest.last_run_uuid);
    last.flat_map(|build| Image::of_artifact(&build.artifact_id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_images_of_the_last_run_are_read() {
        // Recorded: Packer 1.6.6, shortened.
        let text = br#"{"builds": [
            {"name": "edxapp", "builder_type": "amazon-ebs", "build_time": 1796068601, "files": null,
             "artifact_id": "us-east-1:ami-17347d2c3ebb05280", "packer_run_uuid": "9dcdf4bb-de44-e38c-954e-d0aa8fbd5c29", "custom_data": null},
            {"name": "edxapp", "builder_type": "amazon-ebs", "build_time": 1796068632, "files": null,
             "artifact_id": "us-east-1:ami-0558e6bc944ce955b", "packer_run_uuid": "84b9ee8e-f5b7-5a54-5f56-a0c7da36b9c0", "custom_data": null}
            ], "last_run_uuid": "84b9ee8e-f5b7-5a54-5f56-a0c7da36b9c0"}"#;
        let images = read(text);
        assert_eq!(images.iter().map(|image| image.id.as_str()).collect::<Vec<_>>(), ["ami-0558e6bc944ce955b"]);
        assert!(read(&text[..200]).is_empty(), "half a file says nothing");
    }
}
