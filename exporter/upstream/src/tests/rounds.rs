//! Upstreams over several scrapes: kept connections, upstreams that hang and come back, stops.

use super::{Rig, brief};
use crate::scripted::{Reply, Server, Then};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::{self, Instant};

fn up(text: &str, name: &str) -> bool {
    let line = |up| format!("hybrid_upstream_up{{upstream=\"{name}\"}} {up}\n");
    assert!(text.contains(&line(0)) != text.contains(&line(1)), "{text}");
    text.contains(&line(1))
}

#[tokio::test]
async fn one_that_hangs_does_not_cost_the_others() {
    let good = Server::plain(|_| Reply::text("a 1\n")).await;
    let drip = Server::plain(|_| {
        Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nb 1\n", Then::Hang)
    })
    .await;
    let dead = Server::plain(|_| Reply::hang()).await;
    let mut rig = Rig::upstreams(&[
        &format!("name=dead\nurl=http://{}\ntimeout=200ms", dead.address),
        &format!("name=drip\nurl=http://{}\ntimeout=200ms", drip.address),
        &format!("name=good\nurl=http://{}", good.address),
    ]);
    let text = rig.scrape().await;
    assert_eq!([up(&text, "dead"), up(&text, "drip"), up(&text, "good")], [false, false, true]);
    assert!(text.contains("\na 1\n") && !text.contains("\nb 1\n"), "{text}");
    assert!(text.contains("reason=\"timeout\"} 1\n"), "{text}");
}

/// Nothing but timers moves here, so that time is the test's.
#[tokio::test(start_paused = true)]
async fn scrapes_wait_three_times_and_then_no_more() {
    let dead = Server::plain(|_| Reply::hang()).await;
    let mut rig = Rig::upstreams(&[&format!("dead=http://{}", dead.address)]);
    let mut waited = Vec::new();
    for _ in 0..6 {
        let begun = Instant::now();
        assert!(!up(&rig.scrape().await, "dead"));
        waited.push(begun.elapsed().as_millis());
    }
    assert!(waited[..3].iter().all(|ms| (1_500..1_700).contains(ms)), "{waited:?}");
    assert!(waited[3..].iter().all(|ms| *ms < 100), "{waited:?}");
}

#[tokio::test]
async fn one_that_hung_is_asked_once_at_a_time_and_comes_back() {
    let well = Arc::new(AtomicBool::new(false));
    let (is_well, asked) = (Arc::clone(&well), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&asked);
    let server = Server::plain(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        if is_well.load(Ordering::Relaxed) {
            Reply::text("a 1\n")
        } else {
            Reply::raw("", Then::Until(Arc::clone(&is_well)))
        }
    })
    .await;
    let endpoint = format!("name=app\nurl=http://{}\ntimeout=300ms", server.address);
    let mut rig = Rig::upstreams(&[&endpoint]);
    for _ in 0..3 {
        assert!(!up(&rig.scrape().await, "app"));
    }
    // The trial begins with the fourth scrape, and the others find it under way.
    for _ in 0..20 {
        assert!(!up(&rig.scrape().await, "app"));
    }
    let asked = asked.load(Ordering::Relaxed);
    assert!(asked <= 4, "{asked}");
    well.store(true, Ordering::Relaxed);
    let back = async {
        while !up(&rig.scrape().await, "app") {
            time::sleep(Duration::from_millis(20)).await;
        }
    };
    time::timeout(Duration::from_mins(2), back).await.unwrap();
    assert!(rig.serve().contains("\na 1\n"));
}

#[tokio::test]
async fn a_connection_is_kept_and_made_anew() {
    let server = Server::plain(|head| {
        let mut reply = Reply::text("a 1\n");
        if head.contains("/closes") {
            reply.then = Then::Close;
        }
        reply
    })
    .await;
    // The upstream closes after each answer without saying so.
    let mut rig = Rig::upstreams(&[&format!("app=http://{}/closes", server.address)]);
    for _ in 0..5 {
        let text = rig.scrape().await;
        assert!(up(&text, "app"), "{text}");
    }
    assert_eq!(server.asked().len(), 5);
    let head = server.asked().remove(0);
    assert!(head.starts_with("GET /closes HTTP/1.1\r\n") && !head.contains("encoding"), "{head}");
}

#[tokio::test]
async fn nobody_is_asked_without_a_scrape_and_old_numbers_are_absent() {
    time::pause();
    let server = Server::plain(|_| Reply::text("a 1\n")).await;
    let mut rig = Rig::upstreams(&[&format!("app=http://{}", server.address)]);
    assert!(brief(&rig.serve()).contains("error: no data"));
    assert_eq!(server.asked().len(), 0);
    time::resume();
    assert!(up(&rig.scrape().await, "app"));
    time::pause();
    time::advance(Duration::from_secs(6)).await;
    let text = rig.serve();
    assert!(!up(&text, "app") && !text.contains("\na 1\n"), "{text}");
    assert!(text.contains("error: app: no answer yet"), "{text}");
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_an_answer() {
    let dead = Server::plain(|_| Reply::hang()).await;
    let mut rig = Rig::upstreams(&[&format!("app=http://{}", dead.address)]);
    let answer = rig.bell.ring();
    while dead.asked().is_empty() {
        time::sleep(Duration::from_millis(1)).await;
    }
    time::pause();
    let begun = Instant::now();
    rig.bell.stop();
    answer.await;
    (&mut rig.task).await.unwrap();
    assert!(begun.elapsed() < Duration::from_millis(100));
}
