//! Advances the world in time: processes events in their order, and what follows from each.

use jiff::Timestamp;

use super::events::Event;
use super::state::WorldState;

impl WorldState {
    /// Processes all events up to `moment`. A moment in the past changes nothing.
    pub(crate) fn advance(&mut self, moment: Timestamp) {
        self.count();
        while let Some(next) = self.agenda.next_until(moment) {
            self.now = self.now.max(next.at);
            self.happen(next.event);
            self.settle();
        }
        self.now = self.now.max(moment);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::ServerLearns { server, change } => self.server_learns(server, &change),
            Event::ChangeInSync { change } => self.change_is_in_sync(&change),
            Event::ResolverRefreshes { resolver, name } => self.resolver_refreshes(resolver, &name),
            Event::ConnectionsClose { resolver, name } => self.connections_close(resolver, &name),
            Event::InstanceMoves { instance } => self.instance_moves(&instance),
            Event::ProgramMoves { instance, program } => self.program_moves(&instance, &program),
            Event::MemberMoves { balancer, instance } => self.member_moves(&balancer, &instance),
            Event::ImageBuilt { image } => self.image_is_built(&image),
            Event::PackerEnds { token, status } => self.packer_ends(&token, status),
            Event::SnapshotTaken { database, snapshot } => self.snapshot_is_taken(&database, &snapshot),
            Event::JobMoves { instance, job } => self.job_moves(&instance, &job),
            Event::InvalidationCompletes { invalidation } => self.invalidation_completes(&invalidation),
        }
    }

    /// Runs after every event and every call: updates visitors and queues, and checks the invariants.
    pub(crate) fn settle(&mut self) {
        self.count();
        let (mut renamed, behind) = self.tally.take_changed();
        if std::mem::take(&mut self.traffic_changed) {
            renamed.extend(0..self.deployment.sites.len());
            self.note_windows();
        }
        let services = std::mem::take(&mut self.tally.services_changed);
        let schemas = std::mem::take(&mut self.schemas_changed);
        let traffic = !renamed.is_empty() || !behind.is_empty();
        if traffic {
            self.note_visitors(&renamed, &behind);
            renamed.union(&behind).for_each(|site| self.watch_site(*site));
        }
        if services || schemas {
            self.watch_services();
        }
        if traffic || services {
            self.note_queues();
        }
    }
}
