//! Clock times of a time zone: what a clock on the wall shows, and when it shows it.
//!
//! Zones are IANA's, as the program was built with them: nothing is read from the machine. A clock
//! time that a change of the clocks leaves out or repeats is taken as Go's `time.Date` takes it,
//! which is what the `CronJob` controller computes with.

use crate::time::{civil, days};
use jiff::{
    Timestamp,
    tz::{TimeZone, TimeZoneDatabase},
};

/// A time zone.
#[derive(Clone, Debug)]
pub(super) struct Zone(TimeZone);

/// What the clock shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    /// 0 is Sunday.
    pub(super) weekday: i64,
    pub(super) second: i64,
}

// === impl Zone ===

impl Zone {
    /// Where nothing else is said: the controller's own zone, which is UTC in every container that
    /// was not told otherwise.
    pub(super) const LOCAL: Self = Self(TimeZone::UTC);

    /// The zone of a name.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "" | "UTC" | "Local" => Some(Self::LOCAL),
            _ => TimeZoneDatabase::bundled().get(name).ok().map(Self),
        }
    }

    /// Seconds east of Greenwich.
    fn offset(&self, at: i64) -> i64 {
        Timestamp::from_second(at).map_or(0, |at| self.0.to_offset(at).seconds().into())
    }

    /// What the clock shows at a time.
    pub(super) fn clock(&self, at: i64) -> Clock {
        let local = at.saturating_add(self.offset(at));
        let (day, of_day) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        let (year, month, date) = civil(day);
        Clock {
            year,
            month,
            day: date,
            hour: of_day / 3600,
            minute: of_day / 60 % 60,
            weekday: (day + 4).rem_euclid(7),
            second: of_day % 60,
        }
    }

    /// When the clock shows that. A month of 13 is the next January, a day of 32 the next month's.
    pub(super) fn at(&self, clock: Clock) -> i64 {
        let month = clock.month - 1;
        let day = days(clock.year + month.div_euclid(12), month.rem_euclid(12) + 1, clock.day);
        let local = day * 86_400 + clock.hour * 3600 + clock.minute * 60 + clock.second;
        match self.offset(local) {
            0 => local,
            offset => local - self.offset(local - offset),
        }
    }
}

// === impl Clock ===

impl Clock {
    /// The first second of the month.
    pub(super) fn month(self) -> Self {
        Self { day: 1, ..self.midnight() }
    }

    /// The first second of the day.
    pub(super) fn midnight(self) -> Self {
        Self { hour: 0, ..self.full_hour() }
    }

    /// The first second of the hour.
    pub(super) fn full_hour(self) -> Self {
        Self { minute: 0, second: 0, ..self }
    }
}
