//! The view from outside, while the current hosts serve the sites.

use cutover_core::deployment::Site;
use cutover_core::names::DnsName;
use cutover_core::plan::what_is_wrong;

use crate::broken::{Broken, Kept, that};
use crate::stage::Stage;

fn domain<'a>(stage: &'a Stage, site: &Site) -> Result<&'a DnsName, Broken> {
    let balancer = stage.deployment.balancer(&site.balancer);
    balancer.map(|balancer| &balancer.domain).ok_or_else(|| Broken(format!("{} has no balancer", site.name)))
}

/// Makes the checks of `site`, at `pinned` or through public DNS.
async fn answers(stage: &Stage, site: &Site, pinned: Option<&DnsName>) -> Kept {
    for check in &site.checks {
        let page = stage.world.outside.fetch(&site.host, &check.path, pinned).await?;
        let wrong = what_is_wrong(&check.of_current_release(&stage.deployment.release), page.status, &page.body);
        that(wrong.is_none(), || format!("https://{}: {wrong:?}", site.host))?;
    }
    Ok(())
}

pub(crate) async fn every_balancer_presents_a_certificate_that_holds(stage: &Stage) -> Kept {
    for site in &stage.deployment.sites {
        let found = stage.world.outside.certificate(&site.host, domain(stage, site)?).await?;
        let holds = found.as_ref().is_some_and(|found| found.expires > stage.clock.now() && found.objection.is_none());
        that(holds, || format!("{} is presented {found:?}", site.host))?;
    }
    Ok(())
}

pub(crate) async fn sites_answer_through_their_balancers(stage: &Stage) -> Kept {
    for site in &stage.deployment.sites {
        answers(stage, site, Some(domain(stage, site)?)).await?;
    }
    Ok(())
}

pub(crate) async fn sites_answer_visitors(stage: &Stage) -> Kept {
    for site in &stage.deployment.sites {
        answers(stage, site, None).await?;
    }
    Ok(())
}
