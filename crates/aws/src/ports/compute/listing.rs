//! Instances as EC2 lists them, for every port that asks for some.

use cutover_core::names::InstanceId;
use cutover_engine::ports::Answer;

use crate::connection::Connection;
use crate::error::Error;
use crate::operations::ec2;

/// Instances in a page, the most that EC2 gives.
const PAGE: i64 = 1000;

/// The instances that match the filters.
pub(in crate::ports) async fn listed(connection: &Connection, filters: Vec<ec2::Filter>) -> Answer<Vec<ec2::Instance>> {
    let request = ec2::DescribeInstances { filters, max_results: Some(PAGE), ..Default::default() };
    let pages = connection.pages(request).await?;
    Ok(pages.into_iter().flat_map(|page| page.reservations).flat_map(|one| one.instances).collect())
}

/// The instance of that id, whatever its tags.
pub(in crate::ports) async fn found(connection: &Connection, id: &InstanceId) -> Result<Option<ec2::Instance>, Error> {
    let request = ec2::DescribeInstances { instance_ids: vec![id.to_string()], ..Default::default() };
    let listed = connection.call(&request).await?;
    Ok(listed.reservations.into_iter().flat_map(|one| one.instances).next())
}
