//! Bad days: connections that are refused or cut before, within and after the answer, answers that never come, servers
//! that fail or have had enough. Each ends in its class of failure after one attempt, and the engine's policy does the
//! rest. The server is a few lines of this file: nothing here needs Python.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cutover_aws::operations::{ec2, route53};
use cutover_aws::{Connection, Error, Limits};
use cutover_engine::failure::{Failure, FailureClass};
use cutover_engine::retry;

use crate::support::{Hasty, Renewing, connect, connect_as, write};

const TERMINATED: &str = "<TerminateInstancesResponse><instancesSet><item><instanceId>i-1</instanceId></item>\
                          </instancesSet></TerminateInstancesResponse>";
const LISTED: &str = "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>";

/// What the server does with one request.
#[derive(Clone)]
enum Act {
    /// Closes without a word, once the request is read.
    Hang,
    /// Says nothing for longer than anybody waits.
    Silence,
    /// Answers, and closes after so many bytes, or after all of them.
    Say(u16, String, Option<usize>),
}

fn say(status: u16, body: &str) -> Act {
    Act::Say(status, body.to_owned(), None)
}

fn refusal(status: u16, code: &str) -> Act {
    say(
        status,
        &format!("<Response><Errors><Error><Code>{code}</Code></Error></Errors><RequestID>r-1</RequestID></Response>"),
    )
}

fn on_the_wire(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

/// A server that does one act after the other, the last one for ever, and counts requests.
fn server(acts: Vec<Act>) -> (String, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let served = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&served);
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for mut stream in listener.incoming().flatten() {
            // Requests of these tests come in one piece.
            let _ = stream.read(&mut [0; 65536]);
            let index = count.fetch_add(1, Ordering::SeqCst) as usize;
            match acts[index.min(acts.len() - 1)].clone() {
                Act::Hang => {}
                Act::Silence => silent.push(stream),
                Act::Say(status, body, cut) => {
                    let whole = on_the_wire(status, &body);
                    let _ = stream.write_all(&whole.as_bytes()[..cut.unwrap_or(whole.len())]);
                }
            }
        }
    });
    (endpoint, served)
}

async fn terminate(aws: &Connection) -> Result<(), Error> {
    write(aws, &ec2::TerminateInstances { instance_ids: vec!["i-1".to_owned()] }).await.map(|_| ())
}

async fn list(aws: &Connection) -> Result<(), Error> {
    aws.call(&ec2::DescribeInstances::default()).await.map(|_| ())
}

/// Silence alone is waited out. All else may take as long as a busy machine needs.
fn patience(acts: &[Act]) -> Limits {
    let silent = acts.iter().any(|act| matches!(act, Act::Silence));
    let limits = Limits::default();
    if silent { Limits { attempt: Duration::from_millis(300), ..limits } } else { limits }
}

/// Requests that arrived, and how the call ended.
async fn write_to(acts: Vec<Act>) -> (u32, Result<(), Error>) {
    let patience = patience(&acts);
    let (endpoint, served) = server(acts);
    let aws = connect(&endpoint, patience).await;
    let end = terminate(&aws).await;
    (served.load(Ordering::SeqCst), end)
}

async fn read_from(acts: Vec<Act>) -> (u32, Result<(), Error>) {
    let patience = patience(&acts);
    let (endpoint, served) = server(acts);
    let aws = connect(&endpoint, patience).await;
    let end = list(&aws).await;
    (served.load(Ordering::SeqCst), end)
}

/// Requests that arrived, and how a reading ended that is made again as the engine makes it.
async fn read_on(acts: Vec<Act>) -> (u32, Result<(), Failure>) {
    let patience = patience(&acts);
    let (endpoint, served) = server(acts);
    let aws = connect(&endpoint, patience).await;
    let end = retry::read(&Hasty, async || Ok(list(&aws).await?)).await;
    (served.load(Ordering::SeqCst), end)
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_in_doubt_and_made_once() {
    for act in [Act::Hang, Act::Silence, say(500, ""), say(200, "<html>"), say(200, "")] {
        let (served, end) = write_to(vec![act, say(200, TERMINATED)]).await;
        let error = end.expect_err("no answer came");
        assert_eq!((served, error.class), (1, FailureClass::InDoubt), "{error}");
    }
}

#[tokio::test]
async fn a_write_cut_off_at_any_byte_of_the_answer_is_in_doubt_and_made_once() {
    let cuts = 0..on_the_wire(200, TERMINATED).len();
    let mut acts: Vec<Act> = cuts.clone().map(|bytes| Act::Say(200, TERMINATED.to_owned(), Some(bytes))).collect();
    acts.push(say(200, TERMINATED));
    let (endpoint, served) = server(acts);
    let aws = connect(&endpoint, Limits::default()).await;
    for bytes in cuts {
        let error = terminate(&aws).await.expect_err("the answer is not whole");
        assert_eq!(error.class, FailureClass::InDoubt, "cut after {bytes} bytes: {error}");
        assert_eq!(served.load(Ordering::SeqCst) as usize, bytes + 1, "cut after {bytes} bytes");
    }
    terminate(&aws).await.expect("the last answer is whole");
}

#[tokio::test]
async fn a_read_that_gets_no_answer_is_made_once_and_again_by_the_engine() {
    for act in [Act::Hang, Act::Silence, say(503, ""), Act::Say(200, LISTED.to_owned(), Some(70))] {
        let (served, end) = read_from(vec![act, say(200, LISTED)]).await;
        let error = end.expect_err("no whole answer came");
        assert_eq!((served, error.class), (1, FailureClass::NotApplied), "{error}");
    }
    let acts = vec![say(503, ""), Act::Say(200, LISTED.to_owned(), Some(70)), say(200, LISTED)];
    let (served, end) = read_on(acts).await;
    end.expect("the third answer is whole");
    assert_eq!(served, 3);
}

#[tokio::test]
async fn what_is_not_an_answer_never_passes_for_an_empty_listing() {
    for body in ["", "<html/>", "<html><body>Sign in to the network</body></html>", "<DescribeImagesResponse/>", "{}"] {
        let (_, end) = read_from(vec![say(200, body)]).await;
        end.expect_err(body);
    }
}

#[tokio::test]
async fn a_read_of_a_server_that_stays_silent_ends() {
    let (served, end) = read_on(vec![Act::Silence]).await;
    let failure = end.expect_err("nothing ever comes");
    assert_eq!((served, failure.class), (retry::LOOK.attempts, FailureClass::NotApplied), "{failure}");
}

#[tokio::test]
async fn a_throttled_write_is_made_once_and_says_so() {
    let (served, end) = write_to(vec![refusal(503, "RequestLimitExceeded"), say(200, TERMINATED)]).await;
    let error = end.expect_err("it was not its turn");
    assert_eq!((served, error.class), (1, FailureClass::Throttled));
    assert_eq!(error.to_string(), "ec2 TerminateInstances was refused: RequestLimitExceeded (request r-1)");
    assert!(retry::refused(&error.into(), 1, "a step").is_some(), "the engine makes it again");
}

#[tokio::test]
async fn expired_credentials_are_renewed_for_the_next_attempt_which_the_engine_makes() {
    for code in ["ExpiredToken", "RequestExpired"] {
        let (endpoint, served) = server(vec![refusal(400, code), say(200, TERMINATED)]);
        let whoever = Renewing::default();
        let aws = connect_as(&endpoint, Limits::default(), whoever.provider()).await;
        let error = terminate(&aws).await.expect_err("they have expired");
        assert_eq!((served.load(Ordering::SeqCst), error.class), (1, FailureClass::NotApplied), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("aws sso login")), "{error}");
        assert!(retry::refused(&error.into(), 1, "a step").is_some(), "the engine makes it again");
        terminate(&aws).await.expect("the new ones hold");
        assert_eq!(whoever.asked(), 2);
    }
}

#[tokio::test]
async fn pages_that_come_round_again_are_not_followed_for_ever() {
    let page = "<DescribeInstancesResponse><reservationSet/><nextToken>t</nextToken></DescribeInstancesResponse>";
    let (endpoint, served) = server(vec![say(200, page)]);
    let aws = connect(&endpoint, Limits::default()).await;
    aws.pages(ec2::DescribeInstances::default()).await.expect_err("the same page comes again");
    assert_eq!(served.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn route_53_is_asked_no_more_than_five_times_a_second() {
    let body = "<GetChangeResponse><ChangeInfo><Id>/change/C1</Id><Status>INSYNC</Status><SubmittedAt>2026-01-01T00:00:00Z</SubmittedAt>\
                </ChangeInfo></GetChangeResponse>";
    let (endpoint, _) = server(vec![say(200, body)]);
    let aws = connect(&endpoint, Limits::default()).await;
    let began = std::time::Instant::now();
    for _ in 0..4 {
        aws.call(&route53::GetChange { id: "/change/C1".to_owned() }).await.expect("an answer");
    }
    assert!(began.elapsed() >= Duration::from_millis(600), "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_cannot_be_sent_is_known_not_to_be_applied() {
    // Nothing listens on the port of a listener that is gone.
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let aws = connect(&format!("http://127.0.0.1:{port}"), Limits::default()).await;
    let error = terminate(&aws).await.expect_err("nobody is there");
    assert_eq!(error.class, FailureClass::NotApplied, "{error}");
    assert_eq!(aws.calls().into_values().sum::<u64>(), 1);
}
