//! Machine images: the existing ones, and builds.

use std::time::Duration;

use cutover_core::names::{ImageId, ImageName};
use cutover_core::observation::MachineImage;
use cutover_core::plan::BuildImage;
use cutover_core::time::later;
use cutover_engine::failure::Failure;
use cutover_engine::ports::Answer;

use super::events::Event;
use super::parts::Image;
use super::state::WorldState;

impl WorldState {
    pub(crate) fn machine_images(&self) -> Vec<MachineImage> {
        self.shown_images(self.images.iter().map(Image::describe).collect())
    }

    pub(crate) fn build(&mut self, build: &BuildImage) -> ImageId {
        if let Some(image) = self.images.iter().find(|image| image.name == build.name) {
            return image.id.clone();
        }
        let tag = |key: &str, otherwise: &String| build.tags.get(key).unwrap_or(otherwise).as_str().into();
        let id = self.image_id(&build.name);
        let services = self.deployment.role.services(build.role);
        let expected = services.map_or(Duration::from_secs(600), |services| services.image.expected.duration());
        let due = later(self.now, self.varied(&["image", build.name.as_str()], expected));
        self.writes_image(&id, None);
        self.images.push(Image {
            id: id.clone(),
            name: build.name.clone(),
            role: build.role,
            codename: tag("edx_codename", &self.deployment.release.codename),
            version: tag("release-version", &self.deployment.release.version),
            commit: self.commit_of(&build.repository, &build.branch).into(),
            available: false,
            created: self.now,
            furnished: false,
        });
        self.agenda.schedule(due, Event::ImageBuilt { image: id.clone() });
        id
    }

    pub(crate) fn image_id(&self, name: &ImageName) -> ImageId {
        format!("ami-{}", self.hexadecimal(&["image", name.as_str()], 17)).into()
    }

    pub(crate) fn image_is_built(&mut self, id: &ImageId) {
        if let Some(image) = self.images.iter_mut().find(|image| image.id == *id) {
            image.available = true;
        }
    }

    pub(crate) fn remove_image(&mut self, id: &ImageId) -> Answer<()> {
        let index = self.images.iter().position(|image| image.id == *id);
        let index = index.ok_or_else(|| Failure::permanent(format!("there is no image {id}")))?;
        let image = self.images.remove(index);
        self.writes_image(id, Some(image.describe()));
        Ok(())
    }
}
