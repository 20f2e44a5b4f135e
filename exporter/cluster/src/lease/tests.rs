//! Candidates over one played API server, on paused time.

pub(crate) mod played;

use super::{LEAD, LEAD_MARGIN, LEAD_RENEWAL, Lead, SPREAD, STAND_BY, Standing};
use expect_test::expect;
use played::{Candidate, Kind, Quartz, Server, Trouble};
use proptest::prelude::*;
use std::time::Duration;
use tokio::time::{self, Instant};

const SECOND: Duration = Duration::from_secs(1);
/// As often as the candidates are looked at: often against a window's length.
const LOOK: Duration = Duration::from_millis(100);

/// Waits until `done`, while never two serve; how long that took.
async fn until(
    candidates: &[Candidate],
    bound: Duration,
    mut done: impl FnMut(&[Candidate]) -> bool,
) -> Duration {
    let begun = Instant::now();
    while !done(candidates) {
        assert!(begun.elapsed() < bound, "not within {bound:?}: {:?}", standings(candidates));
        time::sleep(LOOK).await;
        never_two(candidates).unwrap();
    }
    begun.elapsed()
}

fn standings(candidates: &[Candidate]) -> Vec<(Standing, bool)> {
    candidates.iter().map(|one| (one.lead.standing(), one.lead.serves())).collect()
}

/// That what each is to serve from now on touches nobody else's.
fn never_two(candidates: &[Candidate]) -> Result<(), String> {
    candidates.iter().try_for_each(Candidate::ends_in_time)?;
    let windows = candidates.iter().enumerate();
    let mut windows: Vec<_> =
        windows.filter_map(|(index, one)| one.window().map(|window| (window, index))).collect();
    windows.sort_unstable();
    for pair in windows.windows(2) {
        let &[((from, until), one), ((next, end), other)] = pair else { unreachable!() };
        if next < until && from < until && next < end {
            let both = until.min(end) - next;
            return Err(format!("{one} and {other} serve at the same time, for {both:?}"));
        }
    }
    Ok(())
}

fn server(candidates: &[Candidate]) -> Option<usize> {
    candidates.iter().position(|one| one.lead.serves())
}

/// Candidates of which one serves and another stands by.
async fn settled(server: &Server, count: usize) -> Vec<Candidate> {
    let candidates: Vec<_> =
        (0..count).map(|number| Candidate::plain(server, &format!("c{number}"))).collect();
    until(&candidates, 60 * SECOND, |all| {
        self::server(all).is_some()
            && (count == 1 || all.iter().any(|one| one.lead.standing() == Standing::StandBy))
    })
    .await;
    candidates
}

fn trouble(from: u32, until: u32, kind: Kind) -> Vec<Trouble> {
    vec![Trouble { from: from * SECOND, until: until * SECOND, kind }]
}

#[tokio::test(start_paused = true)]
async fn the_first_of_a_cluster_creates_the_leases_and_waits_for_whoever_may_have_had_them() {
    let server = Server::default();
    let one = [Candidate::plain(&server, "c0")];
    let took = until(&one, 30 * SECOND, |all| all[0].lead.serves()).await;
    // A deleted Lease's holder has ended by then.
    assert!((LEAD..LEAD + SPREAD + SECOND).contains(&took), "{took:?}");
    let lease = server.lease("lead").unwrap();
    let mut spec = lease["spec"].clone();
    for time in ["acquireTime", "renewTime"] {
        let text = spec[time].as_str().unwrap();
        assert!(text.parse::<jiff::Timestamp>().is_ok() && text.len() == 27, "{time} {text}");
        spec[time] = "TIME".into();
    }
    expect![[r#"{"acquireTime":"TIME","holderIdentity":"c0","leaseDurationSeconds":12,"leaseTransitions":0,"renewTime":"TIME"}"#]].assert_eq(&spec.to_string());
    assert_eq!(one[0].lead.holder().as_deref(), Some("c0"));
    // It leads, and stands by no more.
    assert_eq!(server.lease("lead-standby").unwrap()["spec"]["holderIdentity"], "");
    // A holder writes once in the time between two renewals, and nothing else.
    server.asked();
    time::sleep(60 * LEAD_RENEWAL).await;
    assert_eq!(server.asked(), [("PATCH 200".to_owned(), 60)].into());
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_killed_is_followed_by_the_stand_by() {
    let server = Server::default();
    let mut candidates = settled(&server, 3).await;
    for transitions in 1..3 {
        let leader = self::server(&candidates).unwrap();
        candidates.remove(leader).kill().await;
        let took = until(&candidates, 20 * SECOND, |all| self::server(all).is_some()).await;
        assert!((8 * SECOND..LEAD + SECOND).contains(&took), "{took:?}");
        let spec = &server.lease("lead").unwrap()["spec"];
        assert_eq!(spec["leaseTransitions"], transitions);
        let leader = self::server(&candidates).unwrap();
        assert_eq!(candidates[leader].lead.transitions(), Some(transitions));
        if candidates.len() > 1 {
            until(&candidates, 5 * SECOND, |all| {
                all.iter().any(|one| one.lead.standing() == Standing::StandBy)
            })
            .await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_ends_hands_over_at_once() {
    let server = Server::default();
    let mut candidates = settled(&server, 3).await;
    let leader = self::server(&candidates).unwrap();
    // What it knows of its Lease is not the last of it.
    server.label("lead", "new");
    let begun = Instant::now();
    candidates[leader].stop().await;
    assert!(begun.elapsed() < SECOND);
    assert!(!candidates[leader].lead.serves());
    let took = until(&candidates, SECOND, |all| self::server(all).is_some()).await;
    assert!(took < SECOND / 4, "{took:?}");
    // The one that held it has given it back for good.
    time::sleep(STAND_BY).await;
    assert_ne!(server.lease("lead").unwrap()["spec"]["holderIdentity"], format!("c{leader}"));
}

#[tokio::test(start_paused = true)]
async fn the_last_to_end_leaves_both_leases_free() {
    let server = Server::default();
    let mut candidates = settled(&server, 2).await;
    for one in &mut candidates {
        one.stop().await;
    }
    for name in ["lead", "lead-standby"] {
        assert_eq!(server.lease(name).unwrap()["spec"]["holderIdentity"], "", "{name}");
    }
    // The next one takes both at once: they are there, and free.
    let next = [Candidate::plain(&server, "next")];
    let took = until(&next, 20 * SECOND, |all| all[0].lead.serves()).await;
    assert!(took < SPREAD + SECOND, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_cut_off_or_stopped_ends_before_the_next_begins() {
    for kind in [Kind::Stopped, Kind::Silence, Kind::Refused, Kind::Late(20 * SECOND)] {
        let server = Server::default();
        let troubled = trouble(30, 100, kind);
        let first = Candidate::start(&server, "first", Quartz::plain(), troubled);
        let mut candidates = vec![first];
        until(&candidates, 20 * SECOND, |all| all[0].lead.serves()).await;
        candidates.push(Candidate::plain(&server, "second"));
        time::sleep_until(candidates[0].clock.born + 29 * SECOND).await;
        until(&candidates, 20 * SECOND, |all| !all[0].lead.serves()).await;
        let gap = until(&candidates, 20 * SECOND, |all| all[1].lead.serves()).await;
        // The gap is the margin, and the time between renewals where one was lost.
        assert!(gap <= LEAD_MARGIN + 2 * LEAD_RENEWAL, "{kind:?}: {gap:?}");
        // It finds that out, and stands by.
        let back = |all: &[Candidate]| all[0].lead.standing() == Standing::StandBy;
        let took = until(&candidates, 120 * SECOND, back).await;
        assert!(candidates[1].lead.serves(), "{kind:?}: after {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_who_may_not_watch_learns_from_refusals() {
    let server = Server::default();
    let leader = Candidate::plain(&server, "first");
    until(&[], 20 * SECOND, |_| leader.lead.serves()).await;
    let deaf = trouble(0, 1_000, Kind::Deaf);
    let deaf = [Candidate::start(&server, "deaf", Quartz::plain(), deaf)];
    until(&deaf, 60 * SECOND, |all| all[0].lead.standing() == Standing::StandBy).await;
    server.asked();
    time::sleep(10 * LEAD).await;
    let refused = server.asked().get("PATCH 409").copied().unwrap_or(0);
    assert!((8..=11).contains(&refused), "{refused}");
    leader.kill().await;
    let took = until(&deaf, 60 * SECOND, |all| all[0].lead.serves()).await;
    assert!(took < 2 * LEAD, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_or_a_label_costs_nothing() {
    let server = Server::default();
    let lost = trouble(30, 32, Kind::Lost);
    let one = [Candidate::start(&server, "c0", Quartz::plain(), lost)];
    until(&one, 20 * SECOND, |all| all[0].lead.serves()).await;
    for second in 0..30 {
        server.label("lead", &format!("{second}"));
        until(&one, 5 * SECOND, |all| {
            assert!(all[0].lead.serves(), "{second}");
            all[0].clock.born.elapsed() > (15 + second) * SECOND
        })
        .await;
    }
    let lease = server.lease("lead").unwrap();
    assert_eq!(lease["spec"]["leaseTransitions"], 0);
    assert_eq!(lease["metadata"]["labels"]["label"], "29");
    let asked = server.asked();
    assert!(asked.contains_key("PATCH 409"), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_deleted_lease_is_created_anew_without_a_second_leader() {
    let server = Server::default();
    let candidates = settled(&server, 3).await;
    server.delete("lead");
    server.delete("lead-standby");
    until(&candidates, SECOND, |all| self::server(all).is_none()).await;
    until(&candidates, 20 * SECOND, |all| self::server(all).is_some()).await;
}

#[tokio::test(start_paused = true)]
async fn who_created_a_lease_and_ends_leaves_the_wait_to_the_next() {
    let server = Server::default();
    let mut candidates = settled(&server, 3).await;
    let old = self::server(&candidates).unwrap();
    let until_then = candidates[old].window().unwrap().1;
    server.delete("lead");
    // The holder sees that in a moment; one that was cut off would serve on until its window ends.
    let leads = |all: &[Candidate]| all.iter().position(|one| one.window().is_some());
    until(&candidates, SECOND, |all| leads(all).is_some_and(|now| now != old)).await;
    let creator = leads(&candidates).unwrap();
    candidates[creator].stop().await;
    until(&candidates, 60 * SECOND, |all| self::server(all).is_some()).await;
    assert!(Instant::now() >= until_then);
}

#[tokio::test(start_paused = true)]
async fn one_who_may_not_says_so_and_begins_when_it_may() {
    let server = Server::default();
    server.forbid(true);
    let one = [Candidate::plain(&server, "c0")];
    time::sleep(10 * SECOND).await;
    expect!["forbidden: HTTP 403; who contends for the cluster part needs get, list, watch, create and patch of leases in the namespace ns; --cluster=never contends for nothing"].assert_eq(&one[0].lead.trouble());
    server.forbid(false);
    until(&one, 30 * SECOND, |all| all[0].lead.serves()).await;
    assert_eq!(one[0].lead.trouble(), "");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_candidates_are_quiet() {
    let server = Server::default();
    let mut candidates = settled(&server, 1_000).await;
    time::sleep(STAND_BY).await;
    server.asked();
    time::sleep(150 * SECOND).await;
    // 50 renewals of the lead, 15 of the stand-by.
    let asked = server.asked();
    assert_eq!(asked.get("PATCH 200"), Some(&65), "{asked:?}");
    assert_eq!(asked.keys().filter(|verb| *verb != "WATCH").count(), 1, "{asked:?}");
    // The stand-by that is free is not asked for by all.
    let leader = self::server(&candidates).unwrap();
    candidates.remove(leader).kill().await;
    time::sleep(LEAD + 2 * SPREAD).await;
    let asked = server.asked();
    let refused = asked.get("PATCH 409").copied().unwrap_or(0);
    assert!(refused < 50, "{asked:?}");
    assert!(self::server(&candidates).is_some());
}

#[test]
fn nobody_leads_unless_told() {
    let lead = Lead::default();
    assert!(!lead.serves() && lead.standing() == Standing::Aside && lead.trouble().is_empty());
}

/// What goes wrong in a candidate's life: when, how long, and how.
fn troubles() -> impl Strategy<Value = Vec<Trouble>> {
    let kind = prop_oneof![
        Just(Kind::Stopped),
        Just(Kind::Silence),
        Just(Kind::Lost),
        Just(Kind::Refused),
        (0u64..20_000).prop_map(|late| Kind::Late(Duration::from_millis(late))),
        (0u64..4_000).prop_map(|slow| Kind::Slow(Duration::from_millis(slow))),
    ];
    let one = (0u64..300_000, 0u64..60_000, kind).prop_map(|(from, length, kind)| Trouble {
        from: Duration::from_millis(from),
        until: Duration::from_millis(from + length),
        kind,
    });
    prop::collection::vec(one, 0..6)
}

/// What happens to the whole: a candidate is killed or ended and started again, or a Lease is deleted.
#[derive(Clone, Debug)]
enum Turn {
    Kill(usize),
    End(usize),
    Delete(bool),
    Label,
}

fn turns() -> impl Strategy<Value = Vec<(u64, Turn)>> {
    let turn = prop_oneof![
        (0usize..3).prop_map(Turn::Kill),
        (0usize..3).prop_map(Turn::End),
        any::<bool>().prop_map(Turn::Delete),
        Just(Turn::Label),
    ];
    prop::collection::vec((1u64..60_000, turn), 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn never_two_serve_and_in_the_end_one_does(
        lives in prop::collection::vec((0.95f64..1.05, troubles()), 3),
        turns in turns(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let outcome: Result<(), String> = runtime.block_on(async {
            let (server, born) = (Server::default(), Instant::now());
            let start = |index: usize, number: usize| {
                let (rate, troubles) = lives[index].clone();
                let clock = Quartz { born, rate };
                Candidate::start(&server, &format!("c{index}-{number}"), clock, troubles)
            };
            let mut candidates: Vec<_> = (0..3).map(|index| start(index, 0)).collect();
            for (number, (after, turn)) in turns.iter().enumerate() {
                for _ in 0..after / 100 {
                    time::sleep(LOOK).await;
                    never_two(&candidates)?;
                }
                match *turn {
                    Turn::Kill(index) => {
                        let new = start(index, number + 1);
                        std::mem::replace(&mut candidates[index], new).kill().await;
                    }
                    Turn::End(index) => {
                        let new = start(index, number + 1);
                        std::mem::replace(&mut candidates[index], new).stop().await;
                    }
                    Turn::Delete(lead) => {
                        // Whoever serves may do so until its window ends, so that it must be the only one.
                        server.delete(if lead { "lead" } else { "lead-standby" });
                    }
                    Turn::Label => server.label("lead", &number.to_string()),
                }
                never_two(&candidates)?;
            }
            // When all trouble is over, one serves before long, and goes on.
            while born.elapsed() < 370 * SECOND {
                time::sleep(LOOK).await;
                never_two(&candidates)?;
            }
            for _ in 0..(90 * SECOND).as_millis() / LOOK.as_millis() {
                time::sleep(LOOK).await;
                never_two(&candidates)?;
            }
            match self::server(&candidates) {
                Some(_) => Ok(()),
                None => Err(format!("nobody serves: {:?}", standings(&candidates))),
            }
        });
        prop_assert_eq!(outcome, Ok(()));
    }
}
