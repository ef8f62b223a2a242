//! Pages and certificates through the engine's port, looked at on stand-ins with every kind of certificate, and with
//! none; and servers that refuse, cut off and say nothing.

use std::net::TcpListener;
use std::rc::Rc;
use std::time::Duration;

use cutover_aws::operations::cloudfront::GetDistribution;
use cutover_aws::ports::AwsOutside;
use cutover_aws::{Limits, Vantage, cloud};
use cutover_core::names::DnsName;
use cutover_core::observation::Certificate;
use cutover_engine::failure::{Failure, FailureClass};
use cutover_engine::ports::{Outside, Pages};

use crate::stage::furnish;
use crate::stand_ins::{Authority, WebServer};
use crate::support::connect;

const LMS: &str = "lms.mitx.mit.edu";
const STUDIO: &str = "studio.mitx.mit.edu";
const BALANCER: &str = "elb.example.com";

/// A server behind the balancer's name, and the eyes of somebody who trusts the authority.
struct Scene {
    server: WebServer,
    authority: Authority,
    vantage: Vantage,
}

impl Scene {
    fn new() -> Self {
        let (server, authority) = (WebServer::start(), Authority::new("trusted"));
        let vantage = Vantage {
            connect_to: [(DnsName::from(BALANCER), server.address)].into(),
            roots: vec![authority.root.clone()],
            limit: Duration::from_secs(20),
            ..Vantage::default()
        };
        Self { server, authority, vantage }
    }

    fn certified() -> Self {
        let scene = Self::new();
        scene.server.certify(LMS, scene.authority.issue(&[LMS]));
        scene
    }

    async fn outside(&self) -> AwsOutside {
        // Nobody of AWS is asked.
        let connection = Rc::new(connect("http://127.0.0.1:9", Limits::default()).await);
        AwsOutside::new(&connection, &Rc::new(self.vantage.clone()))
    }

    /// The status, and the body: of a page that did not come, why.
    async fn fetch(&self, path: &str) -> (u16, String) {
        let page = self.outside().await.fetch(&LMS.into(), path, Some(&BALANCER.into())).await;
        let page = page.expect("a page, or the reason why there is none");
        (page.status, page.body)
    }

    async fn certificate(&self, host: &str) -> Result<Option<Certificate>, Failure> {
        self.outside().await.certificate(&host.into(), &BALANCER.into()).await
    }

    async fn objection(&self, host: &str) -> Option<String> {
        self.certificate(host).await.expect("a handshake").expect("a certificate").objection
    }
}

#[tokio::test]
async fn a_pinned_page_comes_from_the_pinned_address_under_the_sites_own_name() {
    let scene = Scene::certified();
    scene.server.publish(LMS, "/heartbeat?deep=1", 503, "databäse");
    assert_eq!(scene.fetch("/heartbeat?deep=1").await, (503, "databäse".to_owned()));
    let site = scene.server.site();
    assert_eq!(site.asked, [(LMS.to_owned(), "/heartbeat?deep=1".to_owned())]);
    assert!(site.greeted.contains(LMS) && site.greeted.len() == 1, "{:?}", site.greeted);
}

#[tokio::test]
async fn a_page_that_is_not_pinned_comes_from_the_address_of_its_name() {
    let mut scene = Scene::certified();
    scene.server.publish(LMS, "/", 200, "Powered by Open edX");
    scene.vantage.connect_to = [(DnsName::from(LMS), scene.server.address)].into();
    let page = scene.outside().await.fetch(&LMS.into(), "/", None).await.expect("a page");
    assert_eq!((page.status, page.body.as_str()), (200, "Powered by Open edX"));
}

#[tokio::test]
async fn each_look_is_a_connection_of_its_own() {
    let scene = Scene::certified();
    let outside = scene.outside().await;
    for _ in 0..3 {
        outside.fetch(&LMS.into(), "/", Some(&BALANCER.into())).await.expect("a page");
    }
    assert_eq!(scene.server.site().connections, 3);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let scene = Scene::certified();
    scene.server.publish(LMS, "/", 302, "");
    scene.server.site().head = format!("location: https://{LMS}/login\r\n");
    assert_eq!(scene.fetch("/").await.0, 302);
    assert_eq!(scene.server.site().asked.len(), 1);
}

#[tokio::test]
async fn of_a_long_page_the_beginning_is_read() {
    let scene = Scene::certified();
    scene.server.publish(LMS, "/", 200, &"a".repeat(3 << 20));
    assert_eq!(scene.fetch("/").await.1.len(), 1 << 20);
}

#[tokio::test]
async fn a_page_behind_a_certificate_that_browsers_refuse_is_not_read() {
    let scene = Scene::new();
    scene.server.publish(LMS, "/", 200, "never shown");
    let stranger = Authority::new("stranger");
    let bad = [
        (scene.authority.issue_until(&[LMS], 2020), "expired"),
        (scene.authority.issue(&[STUDIO]), "not valid for name"),
        (stranger.issue(&[LMS]), "UnknownIssuer"),
    ];
    for (certificate, why) in bad {
        scene.server.certify(LMS, certificate);
        let (status, body) = scene.fetch("/").await;
        assert_eq!(status, 0);
        let begins = format!("{BALANCER} shows a certificate for {LMS} that browsers refuse: ");
        assert!(body.starts_with(&begins) && body.contains(why), "{why}: {body}");
    }
    assert!(scene.server.site().asked.is_empty(), "nothing was asked of a server that could not be trusted");
}

#[tokio::test]
async fn a_page_without_a_server_says_so() {
    let mut scene = Scene::certified();
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    scene.vantage.connect_to.insert(BALANCER.into(), closed);
    let (status, body) = scene.fetch("/").await;
    assert!(status == 0 && body.contains("refused"), "{status} {body}");
    scene.vantage.connect_to.clear();
    scene.vantage.limit = Duration::from_secs(2);
    let nowhere = DnsName::from("nobody.invalid");
    let page = scene.outside().await.fetch(&LMS.into(), "/", Some(&nowhere)).await.expect("no failure");
    assert!(page.status == 0 && page.body.contains("resolve"), "{page:?}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_waited_for_as_long_as_the_limit() {
    let mut scene = Scene::certified();
    scene.server.site().silent = true;
    scene.vantage.limit = Duration::from_millis(300);
    let (status, body) = scene.fetch("/").await;
    assert!(status == 0 && body.contains("no answer within 300ms"), "{status} {body}");
    let failure = scene.certificate(LMS).await.expect_err("nothing was shown");
    assert_eq!(failure.class, FailureClass::NotApplied);
    assert!(failure.message.contains("no answer within 300ms"), "{failure}");
}

#[tokio::test]
async fn a_good_certificate_has_its_date_and_no_objection() {
    let scene = Scene::certified();
    let certificate = scene.certificate(LMS).await.expect("a handshake").expect("a certificate");
    assert_eq!(certificate.expires, "2099-01-01T00:00:00Z".parse().expect("a date"));
    assert_eq!(certificate.objection, None);
    assert!(scene.server.site().asked.is_empty(), "a handshake asks for no page");
}

#[tokio::test]
async fn a_certificate_with_a_wildcard_covers_the_host() {
    let scene = Scene::new();
    scene.server.site().fallback = Some(scene.authority.issue(&["*.mitx.mit.edu"]));
    assert_eq!(scene.objection(LMS).await, None);
    assert!(scene.objection("lms.staging.mitx.mit.edu").await.is_some(), "one label only");
}

#[tokio::test]
async fn an_expired_certificate_is_read_and_objected_to() {
    let scene = Scene::new();
    scene.server.certify(LMS, scene.authority.issue_until(&[LMS], 2020));
    let certificate = scene.certificate(LMS).await.expect("a handshake").expect("a certificate");
    assert_eq!(certificate.expires, "2020-01-01T00:00:00Z".parse().expect("a date"));
    assert_eq!(certificate.objection.as_deref(), Some("it expired on 2020-01-01"));
}

#[tokio::test]
async fn a_certificate_for_other_names_is_objected_to_with_those_names() {
    let scene = Scene::new();
    scene.server.site().fallback = Some(scene.authority.issue(&[STUDIO, "*.cloudfront.net"]));
    let expected = format!("it is for {STUDIO}, *.cloudfront.net, and not for {LMS}");
    assert_eq!(scene.objection(LMS).await, Some(expected));
}

#[tokio::test]
async fn a_certificate_of_an_unknown_issuer_is_objected_to() {
    let scene = Scene::new();
    scene.server.certify(LMS, Authority::new("stranger").issue(&[LMS]));
    let objection = scene.objection(LMS).await.expect("nobody trusts it");
    assert!(objection.contains("not trusted"), "{objection}");
}

#[tokio::test]
async fn a_server_without_a_certificate_for_the_name_presents_none() {
    let scene = Scene::certified();
    assert_eq!(scene.certificate(STUDIO).await, Ok(None));
}

#[tokio::test]
async fn nobody_at_a_known_address_is_a_failure_and_not_a_missing_certificate() {
    let mut scene = Scene::new();
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    scene.vantage.connect_to.insert(BALANCER.into(), closed);
    let failure = scene.certificate(LMS).await.expect_err("nobody is there");
    assert_eq!(failure.class, FailureClass::NotApplied);
    for part in [BALANCER, LMS, &closed.to_string()] {
        assert!(failure.message.contains(part), "{failure}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_a_failure() {
    let mut scene = Scene::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    scene.vantage.connect_to.insert(BALANCER.into(), listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let failure = scene.certificate(LMS).await.expect_err("that is not TLS");
    assert_eq!(failure.class, FailureClass::NotApplied);
}

#[tokio::test]
async fn a_distribution_is_certified_for_sites_whose_handshake_succeeds() {
    let furnished = furnish(&cutover_contract::deployment()).await;
    let hosts: Vec<DnsName> = furnished.deployment.sites.iter().map(|site| site.host.clone()).collect();
    let id = furnished.deployment.maintenance_page.distribution.clone();
    let shown = furnished.connection.call(&GetDistribution { id: id.clone() }).await.expect("GetDistribution");
    let Scene { server, authority, mut vantage } = Scene::new();
    vantage.connect_to.insert(shown.distribution.domain_name.as_str().into(), server.address);
    // Of three sites, one is covered, one has CloudFront's own certificate, and one is cut off.
    assert!(hosts.len() >= 3, "{hosts:?}");
    server.certify(hosts[0].as_str(), authority.issue(&[hosts[0].as_str()]));
    server.certify(hosts[1].as_str(), authority.issue(&["*.cloudfront.net"]));
    let pages = cloud::pages(&furnished.connection, &furnished.deployment, &Rc::new(vantage));
    let distribution = pages.distribution(&id).await.expect("a handshake for each").expect("a distribution");
    assert!(hosts.iter().all(|host| distribution.aliases.contains(host)), "{:?}", distribution.aliases);
    assert_eq!(distribution.certified, hosts[..1]);
}
