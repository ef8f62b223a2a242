//! Where instances are reached: how often EC2 is asked for it.

use cutover_aws::cloud;
use cutover_engine::failure::FailureClass;
use futures_util::future::join_all;

use super::answers::{connection, instance, listed, refused};
use super::calls::{calls, deployment};

/// A listing of running instances with addresses.
fn addressed(ids: &[&str]) -> (u16, String) {
    let address = "<instanceType>r5.large</instanceType><privateIpAddress>10.0.0.7</privateIpAddress>";
    let one = |id: &&str| instance(id, "running").replace("<instanceType>r5.large</instanceType>", address);
    (200, listed(&ids.iter().map(one).collect::<String>()))
}

#[tokio::test]
async fn all_who_ask_at_the_same_time_share_a_listing() {
    let aws = connection(&[("DescribeInstances", &[addressed(&["i-1", "i-2"])])]).await;
    let inventory = cloud::inventory(&aws, &deployment());
    let ids = ["i-1", "i-2"].repeat(20).into_iter().map(Into::into).collect::<Vec<_>>();
    for location in join_all(ids.iter().map(|id| inventory.location(id))).await {
        assert_eq!(location.expect("it is listed").private.as_deref(), Some("10.0.0.7"));
    }
    assert_eq!(calls(&aws, "DescribeInstances"), 1);
}

#[tokio::test]
async fn an_instance_that_is_not_known_is_looked_for_in_a_new_listing_once_for_all_who_wait() {
    let old = || addressed(&["i-1"]);
    let listings = [old(), old(), addressed(&["i-1", "i-new"])];
    let aws = connection(&[("DescribeInstances", &listings)]).await;
    let inventory = cloud::inventory(&aws, &deployment());
    let ask = async || {
        let all = [&"i-1".into(), &"i-new".into(), &"i-new".into()];
        join_all(all.map(|id| inventory.location(id))).await.into_iter().map(|answer| answer.map_err(|why| why.class))
    };
    let found: Vec<bool> = ask().await.map(|answer| answer != Err(FailureClass::NotApplied)).collect();
    // The first listing had begun when the new instance was asked for.
    assert_eq!((found, calls(&aws, "DescribeInstances")), (vec![true, false, false], 2));
    assert_eq!(ask().await.filter(Result::is_ok).count(), 3);
    assert_eq!(calls(&aws, "DescribeInstances"), 3);
}

#[tokio::test]
async fn a_listing_that_fails_tells_all_who_wait_why() {
    let denied = || (403, refused("UnauthorizedOperation"));
    let denied = [denied(), denied(), addressed(&["i-1"])];
    let aws = connection(&[("DescribeInstances", &denied)]).await;
    let inventory = cloud::inventory(&aws, &deployment());
    let id = "i-1".into();
    for answer in join_all([&id; 9].map(|id| inventory.location(id))).await {
        assert!(answer.expect_err("nobody may ask").to_string().contains("UnauthorizedOperation"));
    }
    assert_eq!(calls(&aws, "DescribeInstances"), 2, "the first had begun when the others asked");
    inventory.location(&id).await.expect("the next one asks again");
}
