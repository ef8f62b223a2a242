//! Removing images. The snapshots of an image's disks cost money, and cannot be found once the image is gone.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use async_trait::async_trait;
use jiff::Timestamp;

use cutover_core::deployment::Role;
use cutover_core::journal::Fact;
use cutover_core::names::{DiskId, ImageId};
use cutover_core::observation::MachineImage;
use cutover_core::plan::{Action, BuildImage, Step};
use cutover_engine::failure::Failure;
use cutover_engine::gate::Permit;
use cutover_engine::phase::Ending;
use cutover_engine::ports::{Answer, Images, World};

use super::stage::{Stage, learned, step};

/// The images of an account, with their disks.
pub(crate) struct Shelf {
    images: RefCell<BTreeMap<ImageId, Vec<DiskId>>>,
    pub(crate) calls: RefCell<Vec<String>>,
}

impl Shelf {
    pub(crate) fn of(stage: &mut Stage, images: &[(&str, &[&str])]) -> Rc<Self> {
        let disks = |disks: &[&str]| disks.iter().map(|disk| DiskId::from(*disk)).collect();
        let images = images.iter().map(|(image, of)| (ImageId::from(*image), disks(of))).collect();
        let shelf = Rc::new(Self { images: RefCell::new(images), calls: RefCell::default() });
        stage.world = World { images: Rc::clone(&shelf) as _, ..stage.world.clone() };
        shelf
    }
}

#[async_trait(?Send)]
impl Images for Shelf {
    async fn images(&self) -> Answer<Vec<MachineImage>> {
        let image = |id: &ImageId| MachineImage {
            id: id.clone(),
            name: id.as_str().into(),
            role: Role::Edxapp,
            codename: "juniper".into(),
            version: "3".into(),
            commit: None,
            available: true,
            failed: None,
            created: Timestamp::UNIX_EPOCH,
        };
        Ok(self.images.borrow().keys().map(image).collect())
    }

    async fn build(&self, _: &Permit, build: &BuildImage) -> Answer<ImageId> {
        Err(Failure::permanent(format!("nobody builds {} here", build.name)))
    }

    async fn disks(&self, image: &ImageId) -> Answer<Vec<DiskId>> {
        Ok(self.images.borrow().get(image).cloned().unwrap_or_default())
    }

    async fn remove(&self, _: &Permit, image: &ImageId) -> Answer<()> {
        self.calls.borrow_mut().push(format!("remove {image}"));
        self.images.borrow_mut().remove(image);
        Ok(())
    }

    async fn remove_disk(&self, _: &Permit, disk: &DiskId) -> Answer<()> {
        self.calls.borrow_mut().push(format!("remove {disk}"));
        Ok(())
    }
}

fn remove() -> Step {
    step("remove", Action::RemoveImage { image: "ami-1".into(), name: "edx-old".into() })
}

fn disks(image: &str, disks: &[&str]) -> Fact {
    Fact::ImageDisks { image: image.into(), disks: disks.iter().map(|disk| DiskId::from(*disk)).collect() }
}

fn disks_removed() -> Fact {
    Fact::DisksRemoved { image: "ami-1".into() }
}

#[test]
fn the_disks_of_an_image_are_recorded_before_it_is_removed_and_removed_after_it() {
    let mut stage = Stage::new();
    let shelf = Shelf::of(&mut stage, &[("ami-1", &["snap-1", "snap-2"]), ("ami-2", &["snap-3"])]);
    assert_eq!(stage.conduct(vec![remove()]), Ending::Finished);
    assert_eq!(*shelf.calls.borrow(), ["remove ami-1", "remove snap-1", "remove snap-2"]);
    assert_eq!(stage.facts_of("remove"), [disks("ami-1", &["snap-1", "snap-2"]), disks_removed()]);
}

#[test]
fn an_image_without_disks_leaves_no_trace_of_any() {
    let mut stage = Stage::new();
    let shelf = Shelf::of(&mut stage, &[("ami-1", &[]), ("ami-2", &[])]);
    assert_eq!(stage.conduct(vec![remove()]), Ending::Finished);
    assert_eq!(*shelf.calls.borrow(), ["remove ami-1"]);
    assert_eq!(stage.facts_of("remove"), [disks_removed()]);
}

#[test]
fn an_image_that_is_gone_already_is_not_removed() {
    let mut stage = Stage::new();
    let shelf = Shelf::of(&mut stage, &[("ami-2", &[])]);
    assert_eq!(stage.conduct(vec![remove()]), Ending::Finished);
    assert!(shelf.calls.borrow().is_empty());
}

#[test]
fn disks_that_a_conductor_left_when_it_ended_are_removed_by_the_next_one() {
    let mut stage = Stage::new();
    let shelf = Shelf::of(&mut stage, &[("ami-2", &["snap-3"])]);
    let facts = [disks("ami-1", &["snap-1"]), disks("ami-2", &["snap-3"])];
    stage.was_begun(vec![remove()], facts.map(|fact| learned("remove", fact)).into());
    assert_eq!(stage.resume(), Ending::Finished);
    assert_eq!(*shelf.calls.borrow(), ["remove ami-1", "remove snap-1"], "and no disks of another image");
}

#[test]
fn disks_that_were_removed_are_not_removed_again() {
    let mut stage = Stage::new();
    let shelf = Shelf::of(&mut stage, &[("ami-2", &[])]);
    let facts = [disks("ami-1", &["snap-1"]), disks_removed()];
    stage.was_begun(vec![remove()], facts.map(|fact| learned("remove", fact)).into());
    assert_eq!(stage.resume(), Ending::Finished);
    assert!(shelf.calls.borrow().is_empty());
}
