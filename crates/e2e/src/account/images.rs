//! Images of instances: what the instance has on its disk is kept, and its snapshots have tags, which moto gives them only later.

use super::http::{Request, Response};
use super::xml;
use crate::effects::Effects;

/// The version of EC2's operations.
const VERSION: &str = "Version=2016-11-15";

/// Makes an image of an instance, with tags of the image and of its snapshots.
pub(super) fn create(request: &Request, moto: &str, effects: &dyn Effects) -> Option<Response> {
    let name = request.field("Name").unwrap_or_default();
    if exists(&name, moto)? {
        return Some(Response::refusal(400, "InvalidAMIName.Duplicate", &format!("AMI name {name} is already in use")));
    }
    let (tags, others) = snapshot_tags(request);
    let answer = Request::form("ec2", &others).forward(moto)?;
    let Some(image) = xml::first(&answer.text(), "imageId") else { return Some(answer) };
    if let Err(why) = effects.make_image(&request.field("InstanceId").unwrap_or_default(), &image) {
        let pairs = ["Action=DeregisterImage".to_owned(), VERSION.to_owned(), format!("ImageId={image}")];
        Request::form("ec2", &pairs).forward(moto)?;
        return Some(Response::refusal(400, "IncorrectInstanceState", &why));
    }
    let listed = describe(&format!("ImageId.1={image}"), moto)?;
    let snapshots = xml::all(&listed, "snapshotId").into_iter().zip(1..);
    let snapshots = snapshots.map(|(snapshot, nth)| format!("ResourceId.{nth}={snapshot}"));
    let action = ["Action=CreateTags", VERSION].map(str::to_owned).into_iter();
    let tagged = Request::form("ec2", &action.chain(snapshots).chain(tags).collect::<Vec<_>>()).forward(moto)?;
    Some(if tagged.status() == 200 { answer } else { tagged })
}

/// Whether the account has an image of that name, which moto does not ask.
fn exists(name: &str, moto: &str) -> Option<bool> {
    let listed = describe("Owner.1=self", moto)?;
    Some(xml::all(&listed, "name").iter().any(|one| one == name))
}

fn describe(which: &str, moto: &str) -> Option<String> {
    let pairs = ["Action=DescribeImages", VERSION, which].map(str::to_owned);
    Some(Request::form("ec2", &pairs).forward(moto)?.text())
}

/// The tags of snapshots that a request wants, as they stand in a request for tags, and the rest of the request, which moto takes.
fn snapshot_tags(request: &Request) -> (Vec<String>, Vec<String>) {
    let of_snapshots = (1..)
        .map(|nth| format!("TagSpecification.{nth}."))
        .map_while(|prefix| Some((request.field(&format!("{prefix}ResourceType"))?, prefix)))
        .find(|(kind, _)| kind == "snapshot");
    let Some((_, prefix)) = of_snapshots else { return (Vec::new(), request.pairs()) };
    let (own, others): (Vec<_>, Vec<_>) = request.pairs().into_iter().partition(|pair| pair.starts_with(&prefix));
    let tag = |pair: String| Some(pair.strip_prefix(&prefix)?.to_owned()).filter(|pair| pair.starts_with("Tag."));
    (own.into_iter().filter_map(tag).collect(), others)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_snapshots_are_told_apart_from_all_others() {
        let pair = |nth: u8, field: &str, value: &str| format!("TagSpecification.{nth}.{field}={value}");
        let image = [pair(1, "ResourceType", "image"), pair(1, "Tag.1.Key", "role"), pair(1, "Tag.1.Value", "a%20b")];
        let snapshot =
            [pair(2, "ResourceType", "snapshot"), pair(2, "Tag.1.Key", "c"), pair(2, "Tag.1.Value", "d%20e")];
        let request = Request::form("ec2", &[&image[..], &snapshot].concat());
        assert_eq!(
            snapshot_tags(&request),
            (["Tag.1.Key=c", "Tag.1.Value=d%20e"].map(str::to_owned).to_vec(), image.to_vec())
        );
        let without = Request::form("ec2", &image);
        assert_eq!(snapshot_tags(&without), (Vec::new(), image.to_vec()));
    }
}
