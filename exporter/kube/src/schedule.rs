//! `CronJob` schedules: five fields or a descriptor such as `@daily`, and the next time after one.
//!
//! They are read as the controller reads them (robfig/cron v3), or, where that is asked for, as
//! kube-state-metrics does since 2.19, which took another library: there the day of the month AND
//! that of the week have to match where both are given, ranges may wrap (`22-2`), Sunday is also 7, a
//! step has to be smaller than its range, and an hour that a change of the clocks leaves out is run
//! an hour later instead of on the next day.

mod calendar;

use calendar::{Clock, Zone};

/// When a `CronJob` is to run.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    rule: Rule,
    zone: Zone,
    dialect: Dialect,
}

/// Whose reading of schedules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// The `CronJob` controller's.
    Controller,
    /// That of kube-state-metrics.
    Peer,
}

#[derive(Clone, Debug)]
enum Rule {
    /// A number of seconds after the last time.
    Every(i64),
    Fields(Fields),
    /// Only by hand.
    Never,
}

/// One bit for each number that matches; a star is remembered, because the controller lets one of
/// the two day fields match alone where neither has one.
#[derive(Clone, Debug)]
struct Fields {
    minute: Field,
    hour: Field,
    day: Field,
    month: Field,
    weekday: Field,
}

#[derive(Clone, Copy, Debug, Default)]
struct Field {
    bits: u64,
    star: bool,
}

struct Bounds {
    min: u64,
    max: u64,
    /// Names of the numbers from `min` on.
    names: &'static [&'static str],
}

const MINUTE: Bounds = Bounds { min: 0, max: 59, names: &[] };
const HOUR: Bounds = Bounds { min: 0, max: 23, names: &[] };
const DAY: Bounds = Bounds { min: 1, max: 31, names: &[] };
const MONTH: Bounds = Bounds {
    min: 1,
    max: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
const WEEKDAY: Bounds =
    Bounds { min: 0, max: 6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

/// Years that are looked through for the next time; what does not come in them never does.
const YEARS: i64 = 5;

/// Far more steps than a search of five years takes, for the clocks of odd zones.
const MAX_STEPS: u32 = 20_000;

// === impl Schedule ===

impl Schedule {
    /// Reads a schedule; none where it is no schedule or the time zone is unknown.
    pub(crate) fn parse(text: &str, time_zone: Option<&str>, dialect: Dialect) -> Option<Self> {
        let named = match time_zone {
            Some(name) => Some(Zone::named(name)?),
            None => None,
        };
        let prefix = text.strip_prefix("TZ=").or_else(|| text.strip_prefix("CRON_TZ="));
        let (zone, rule) = match (prefix, named) {
            // kube-state-metrics puts the zone before the schedule, where a second one is no field.
            (Some(_), Some(_)) if dialect == Dialect::Peer => return None,
            // The controller lets the one in the schedule win.
            (Some(rest), _) => {
                let (name, rule) = rest.split_once(' ')?;
                (Zone::named(name)?, rule.trim())
            }
            (None, named) => (named.unwrap_or(Zone::LOCAL), text),
        };
        Some(Self { rule: Rule::parse(rule, dialect)?, zone, dialect })
    }

    /// The first time after `after`, both in seconds of the Unix epoch; none where there is none in
    /// the next years.
    pub(crate) fn next(&self, after: i64) -> Option<i64> {
        let fields = match &self.rule {
            Rule::Every(seconds) => return after.checked_add(*seconds),
            Rule::Never => return None,
            Rule::Fields(fields) => fields,
        };
        let start = after.checked_add(1)?;
        let last_year = self.zone.clock(start).year + YEARS;
        let mut search = Search { zone: &self.zone, at: start, moved: false, steps: 0 };
        // Each field is moved on until it matches; where that carries into a larger one, all begin
        // anew.
        loop {
            if search.clock().year > last_year || search.steps > MAX_STEPS {
                return None;
            }
            if search.months(fields)
                && search.days(fields, self.dialect)
                && search.hours(fields, self.dialect)
                && search.minutes(fields)
            {
                return Some(search.at);
            }
        }
    }
}

/// A time on its way to the next match.
struct Search<'s> {
    zone: &'s Zone,
    at: i64,
    /// Whether the smaller fields are at their first values already.
    moved: bool,
    steps: u32,
}

// === impl Search ===

/// Each returns whether its field matches without a carry.
impl Search<'_> {
    fn clock(&self) -> Clock {
        self.zone.clock(self.at)
    }

    fn first(&mut self, floor: impl Fn(Clock) -> Clock) {
        self.steps += 1;
        if !self.moved {
            self.moved = true;
            self.at = self.zone.at(floor(self.clock()));
        }
    }

    fn months(&mut self, fields: &Fields) -> bool {
        while !fields.month.has(self.clock().month) {
            self.first(Clock::month);
            let clock = self.clock();
            self.at = self.zone.at(Clock { month: clock.month + 1, ..clock });
            if self.clock().month == 1 || self.steps > MAX_STEPS {
                return false;
            }
        }
        true
    }

    fn days(&mut self, fields: &Fields, dialect: Dialect) -> bool {
        while !fields.has_day(self.clock(), dialect) {
            self.first(Clock::midnight);
            let (before, clock) = (self.at, self.clock());
            self.at = self.zone.at(Clock { day: clock.day + 1, ..clock });
            if self.at <= before {
                // A zone that changes sides of the date line leaves out a day; the controller's
                // library never finds its way past it.
                self.at = before + 86_400;
            }
            // A change of the clocks at midnight leaves the day's first hour beside 0.
            let hour = self.clock().hour;
            self.at += if hour > 12 { 24 - hour } else { -hour } * 3600;
            if self.clock().day == 1 || self.steps > MAX_STEPS {
                return false;
            }
        }
        true
    }

    fn hours(&mut self, fields: &Fields, dialect: Dialect) -> bool {
        while !fields.hour.has(self.clock().hour) {
            self.first(Clock::full_hour);
            let before = self.clock().hour;
            self.at += 3600;
            let hour = self.clock().hour;
            if dialect == Dialect::Peer && hour - before == 2 && fields.hour.has(hour - 1) {
                return true;
            }
            if hour == 0 || self.steps > MAX_STEPS {
                return false;
            }
        }
        true
    }

    fn minutes(&mut self, fields: &Fields) -> bool {
        while !fields.minute.has(self.clock().minute) {
            self.steps += 1;
            if !self.moved {
                self.moved = true;
                self.at -= self.at.rem_euclid(60);
            }
            self.at += 60;
            if self.clock().minute == 0 || self.steps > MAX_STEPS {
                return false;
            }
        }
        // Schedules have no seconds: the first one of a minute.
        match self.at.rem_euclid(60) {
            0 => true,
            seconds => {
                self.moved = true;
                self.at += 60 - seconds;
                self.clock().minute != 0 && fields.minute.has(self.clock().minute)
            }
        }
    }
}

// === impl Rule ===

impl Rule {
    fn parse(text: &str, dialect: Dialect) -> Option<Self> {
        if let Some(descriptor) = text.strip_prefix('@') {
            return Self::descriptor(descriptor, dialect);
        }
        let mut fields = text.split_whitespace();
        let mut field = |bounds: &Bounds| Field::parse(fields.next()?, bounds, dialect);
        let minute = field(&MINUTE)?;
        let (hour, day, month) = (field(&HOUR)?, field(&DAY)?, field(&MONTH)?);
        let weekday = match dialect {
            Dialect::Controller => field(&WEEKDAY)?,
            Dialect::Peer => field(&Bounds { max: 7, ..WEEKDAY })?.sunday(),
        };
        if fields.next().is_some() {
            return None;
        }
        let all = [minute, hour, day, month, weekday];
        // A field of nothing but commas matches nothing.
        let never = all.iter().any(|field| field.bits == 0);
        let fields = Fields { minute, hour, day, month, weekday };
        Some(if never { Self::Never } else { Self::Fields(fields) })
    }

    fn descriptor(text: &str, dialect: Dialect) -> Option<Self> {
        let fields = match text {
            "yearly" | "annually" => "0 0 1 1 *",
            "monthly" => "0 0 1 * *",
            "weekly" => "0 0 * * 0",
            "daily" | "midnight" => "0 0 * * *",
            "hourly" => "0 * * * *",
            "triggered" | "manual" | "none" if dialect == Dialect::Peer => {
                return Some(Self::Never);
            }
            _ => {
                let seconds = duration(text.strip_prefix("every ")?)? / 1_000_000_000;
                let short = seconds < 1;
                return match dialect {
                    Dialect::Peer if short => None,
                    _ => Some(Self::Every(seconds.max(1))),
                };
            }
        };
        Self::parse(fields, dialect)
    }
}

// === impl Fields ===

impl Fields {
    fn has_day(&self, clock: Clock, dialect: Dialect) -> bool {
        let (day, weekday) = (self.day.has(clock.day), self.weekday.has(clock.weekday));
        match dialect {
            Dialect::Controller if !self.day.star && !self.weekday.star => day || weekday,
            _ => day && weekday,
        }
    }
}

// === impl Field ===

impl Field {
    fn parse(text: &str, bounds: &Bounds, dialect: Dialect) -> Option<Self> {
        let mut field = Self::default();
        for range in text.split(',').filter(|range| !range.is_empty()) {
            let Self { bits, star } = Self::range(range, bounds, dialect)?;
            field = Self { bits: field.bits | bits, star: field.star || star };
        }
        Some(field)
    }

    /// `*`, `5`, `1-5`, each with `/2` perhaps; `5/2` goes up to the largest number.
    fn range(text: &str, bounds: &Bounds, dialect: Dialect) -> Option<Self> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(number(step)?)),
            None => (text, None),
        };
        let (low, high) = match range.split_once('-') {
            Some((low, high)) => (low, Some(high)),
            None => (range, None),
        };
        let any = low == "*" || low == "?";
        let (start, end) = match (any, high) {
            (true, _) => (bounds.min, bounds.max),
            (false, Some(high)) => (bounds.number(low)?, bounds.number(high)?),
            (false, None) if step.is_some() => (bounds.number(low)?, bounds.max),
            (false, None) => (bounds.number(low)?, bounds.number(low)?),
        };
        let step = step.unwrap_or(1);
        let wraps = start > end;
        if start < bounds.min || end > bounds.max || start > bounds.max || step == 0 {
            return None;
        }
        let numbers = bounds.max - bounds.min + 1;
        let end = if wraps { end + numbers } else { end };
        let size = if wraps { end - start + 1 } else { end + 1 - start };
        match dialect {
            Dialect::Controller if wraps => return None,
            Dialect::Peer if step > 1 && step >= size => return None,
            _ => {}
        }
        let mut bits = 0;
        let mut next = Some(start);
        while let Some(n) = next.filter(|n| *n <= end) {
            bits |= 1u64 << if n > bounds.max { n - numbers } else { n };
            next = n.checked_add(step);
        }
        Some(Self { bits, star: any && step == 1 })
    }

    /// The weekdays with 7 as another 0.
    fn sunday(self) -> Self {
        Self { bits: (self.bits | self.bits >> 7 & 1) & !(1 << 7), ..self }
    }

    fn has(self, number: i64) -> bool {
        u32::try_from(number).is_ok_and(|n| self.bits.checked_shr(n).unwrap_or(0) & 1 == 1)
    }
}

// === impl Bounds ===

impl Bounds {
    fn number(&self, text: &str) -> Option<u64> {
        let named = (self.min..).zip(self.names).find(|(_, name)| name.eq_ignore_ascii_case(text));
        named.map(|(n, _)| n).or_else(|| number(text))
    }
}

/// A number as Go reads one, with a sign before it perhaps.
fn number(text: &str) -> Option<u64> {
    text.parse::<i64>().ok().and_then(|n| u64::try_from(n).ok())
}

/// A duration as Go writes one, such as `1h30m`, in nanoseconds.
fn duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total: i128 = 0;
    while total == 0 || !rest.is_empty() {
        let behind = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let number = rest.strip_suffix(behind)?;
        let unit_end = behind.find(|c: char| c.is_ascii_digit() || c == '.');
        let (unit, next) = behind.split_at_checked(unit_end.unwrap_or(behind.len()))?;
        let unit: i128 = match unit {
            "ns" => 1,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
            return None;
        }
        let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let digits: String = fraction.chars().take(15).collect();
        let scale = 10i128.pow(u32::try_from(digits.len()).ok()?);
        let part: i64 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
        total += i128::from(whole) * unit + i128::from(part) * unit / scale;
        rest = next;
        if rest.is_empty() {
            break;
        }
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

#[cfg(test)]
mod tests;
