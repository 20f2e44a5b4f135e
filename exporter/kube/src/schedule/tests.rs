//! Schedules against what the controller's library computes, in Go, for the same ones.

use super::*;
use crate::time::{Time, civil};
use proptest::prelude::*;

/// The next time as text; `-` where there is none, `!` where the schedule is none.
fn next(schedule: &str, zone: Option<&str>, after: &str, dialect: Dialect) -> String {
    let Some(schedule) = Schedule::parse(schedule, zone, dialect) else { return "!".into() };
    let Some(at) = schedule.next(Time::parse(after).expect(after).0) else { return "-".into() };
    let (year, month, day) = civil(at.div_euclid(86_400));
    let of_day = at.rem_euclid(86_400);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// `schedule | zone | after | the controller's next | that of kube-state-metrics`
const NEXT: &str = include_str!("next.txt");

#[test]
fn next_times() {
    let mut count = 0;
    for line in NEXT.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let [schedule, zone, after, controller, peer] =
            line.split('|').map(str::trim).collect::<Vec<_>>()[..]
        else {
            panic!("{line}")
        };
        let zone = (zone != "-").then_some(zone);
        let schedule = schedule.trim_matches('"');
        let own = [Dialect::Controller, Dialect::Peer].map(|d| next(schedule, zone, after, d));
        assert_eq!(own, [controller, peer], "{line}");
        count += 1;
    }
    assert!(count > 50, "{count}");
}

#[test]
fn a_day_that_a_zone_leaves_out() {
    let after =
        |fields| next(fields, Some("Pacific/Apia"), "2011-12-29T12:00:00Z", Dialect::Controller);
    assert_eq!(after("0 0 1 * *"), "2011-12-31T10:00:00Z");
    assert_eq!(after("0 0 30 * *"), "2012-01-29T10:00:00Z");
}

#[test]
fn durations() {
    for (text, seconds) in [
        ("1h30m", Some(5400)),
        ("1.5h", Some(5400)),
        ("90s", Some(90)),
        ("1500ms", Some(1)),
        (".5m", Some(30)),
        ("0", Some(0)),
        ("-5m", Some(-300)),
        ("1\u{b5}s", Some(0)),
        ("3000000h", None),
        ("1", None),
        ("h", None),
        (".h", None),
        ("1h ", None),
        ("1.2.3s", None),
        ("", None),
    ] {
        assert_eq!(duration(text).map(|ns| ns / 1_000_000_000), seconds, "{text}");
    }
}

proptest! {
    #[test]
    fn any_text(text in "[-0-9*/, ?@a-zA-Z=:]{0,24}", after in -62_135_596_800i64..253_402_300_800) {
        for dialect in [Dialect::Controller, Dialect::Peer] {
            if let Some(schedule) = Schedule::parse(&text, None, dialect) {
                let next = schedule.next(after);
                prop_assert!(next.is_none_or(|next| next > after));
            }
        }
    }

    #[test]
    fn fields_match_at_the_next_time(
        fields in "([0-9]|\\*|\\*/[2-9]|1-5) ([0-9]|\\*|\\*/[2-9]) (\\*|[1-9]) (\\*|[1-9]) (\\*|[0-6])",
        zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
        after in 1_700_000_000i64..1_900_000_000,
    ) {
        let schedule = Schedule::parse(&fields, Some(zone), Dialect::Controller).expect("a schedule");
        let Rule::Fields(rule) = &schedule.rule else { panic!() };
        let next = schedule.next(after).expect("some day");
        let clock = schedule.zone.clock(next);
        prop_assert!(next > after);
        prop_assert!(rule.minute.has(clock.minute) && rule.hour.has(clock.hour));
        prop_assert!(rule.month.has(clock.month) && rule.has_day(clock, Dialect::Controller));
    }
}
