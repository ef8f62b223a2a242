//! Packer.

use async_trait::async_trait;

use cutover_core::deployment::Packer;
use cutover_core::packing::{PackerBuild, PackerMachine, PackerMade, PackerRest};
use cutover_core::plan::BuildImage;
use cutover_engine::gate::Permit;
use cutover_engine::ports::{Answer, Packers};

use crate::EmbeddedCloud;
use crate::world::WorldState;

/// How Packer ends when it was interrupted.
const INTERRUPTED: i32 = 1;

#[async_trait(?Send)]
impl Packers for EmbeddedCloud {
    fn machine(&self) -> PackerMachine {
        WorldState::packer_machine()
    }

    async fn check_template(&self, _image: &BuildImage, packer: &Packer) -> Answer<String> {
        let said = format!("{} is taken as it is by the simulated Packer", packer.template);
        self.look("check_template", |_| Ok(said)).await
    }

    async fn packed(&self, token: &str) -> Answer<PackerBuild> {
        self.look("packed", |world| Ok(world.packed(token))).await
    }

    async fn start_packer(&self, permit: &Permit, image: &BuildImage, packer: &Packer, token: &str) -> Answer<()> {
        let (image, packer, token) = (image.clone(), packer.clone(), token.to_owned());
        let start = move |world: &mut WorldState| {
            world.start_packer(&image, &packer, &token);
            Ok(())
        };
        self.change("start_packer", permit, start).await
    }

    async fn interrupt_packer(&self, permit: &Permit, token: &str) -> Answer<()> {
        let token = token.to_owned();
        let interrupt = move |world: &mut WorldState| {
            world.packer_ends(&token, INTERRUPTED);
            Ok(())
        };
        self.change("interrupt_packer", permit, interrupt).await
    }

    async fn kill_packer(&self, permit: &Permit, token: &str) -> Answer<()> {
        let token = token.to_owned();
        let kill = move |world: &mut WorldState| {
            world.kill_packer(&token);
            Ok(())
        };
        self.change("kill_packer", permit, kill).await
    }

    async fn packer_rests(&self, token: &str, _made: &PackerMade) -> Answer<Vec<PackerRest>> {
        self.look("packer_rests", |world| Ok(world.packer_rests(token))).await
    }

    async fn remove_packer_rest(&self, permit: &Permit, token: &str, rest: &PackerRest) -> Answer<()> {
        let (token, rest) = (token.to_owned(), rest.clone());
        self.change("remove_packer_rest", permit, move |world| world.remove_packer_rest(&token, &rest)).await
    }
}
