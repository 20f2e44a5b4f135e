//! Times of the API: RFC 3339, to the second (`metav1.Time`) or finer (`metav1.MicroTime`); as read
//! and as exposed, seconds of the Unix epoch, what is finer cut off.

use exposition::Value;
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};
use std::fmt;

/// Seconds of the Unix epoch; the default is Go's zero time, 1 January of the year 1, which is what
/// an absent time counts as where a family does not ask for its presence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(pub(crate) i64);

/// Seconds from year 1 to 1970.
const ZERO: i64 = -62_135_596_800;

// === impl Time ===

impl Time {
    /// The time where there is one.
    pub(crate) fn known(self) -> Option<Self> {
        (self.0 != ZERO).then_some(self)
    }

    /// Reads RFC 3339.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (date, rest) = text.split_at_checked(10)?;
        let (clock, zone) = rest.strip_prefix(['T', 't'])?.split_at_checked(8)?;
        let (year, month, day) = three(date.as_bytes(), b'-')?;
        let (hour, minute, second) = three(clock.as_bytes(), b':')?;
        let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        let last = match month {
            2 => 28 + i64::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        if !(1..=last).contains(&day) || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let zone = match zone.strip_prefix('.') {
            None => zone,
            Some(fraction) => {
                let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
                if zone.len() == fraction.len() {
                    return None;
                }
                zone
            }
        };
        Some(Self(
            days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset(zone)?,
        ))
    }
}

/// Three numbers of two digits, or four in the first one of a date.
fn three(text: &[u8], mark: u8) -> Option<(i64, i64, i64)> {
    let mut parts = text.split(|&b| b == mark);
    let mut number = || {
        let digits = parts.next()?;
        let all = (2..=4).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
        all.then(|| digits.iter().fold(0, |n, digit| n * 10 + i64::from(digit - b'0')))
    };
    let three = (number()?, number()?, number()?);
    parts.next().is_none().then_some(three)
}

/// Days from 1970-01-01 to a day of the Gregorian calendar; years begin in March here, so that the
/// leap day comes last.
pub(crate) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - 719_468
}

/// Year, month and day of a number of days since 1970-01-01.
pub(crate) fn civil(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}

/// Seconds east of Greenwich.
fn offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, clock) = match zone.split_at_checked(1)? {
        ("+", clock) => (1, clock),
        ("-", clock) => (-1, clock),
        _ => return None,
    };
    let (hours, minutes) = clock.split_once(':')?;
    let number = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse::<i64>().ok()).flatten()
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

impl Default for Time {
    fn default() -> Self {
        Self(ZERO)
    }
}

impl Value for Time {
    fn write(self, out: &mut Vec<u8>) {
        self.0.write(out);
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Times;
        impl Visitor<'_> for Times {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time as RFC 3339 has it")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Time, E> {
                Time::parse(text)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }

            fn visit_unit<E: Error>(self) -> Result<Time, E> {
                Ok(Time::default())
            }
        }
        deserializer.deserialize_any(Times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_back() {
        for day in (-800_000..3_000_000).step_by(17) {
            let (year, month, date) = civil(day);
            assert_eq!(days(year, month, date), day);
            assert!((1..=12).contains(&month) && (1..=31).contains(&date));
        }
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(20_512), (2026, 2, 28));
    }

    #[test]
    fn rfc_3339() {
        let parse = |text| Time::parse(text).map(|time| time.0);
        assert_eq!(parse("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse("0001-01-01T00:00:00Z"), Some(ZERO));
        assert_eq!(parse("2024-02-29T23:59:59Z"), Some(1_709_251_199));
        assert_eq!(parse("2026-11-21T13:28:55+01:30"), Some(1_795_262_335));
        assert_eq!(parse("2026-11-21T13:28:55.999999Z"), Some(1_795_267_735));
        assert_eq!(parse("9999-12-31T23:59:59Z"), Some(253_402_300_799));
        for wrong in [
            "",
            "2026-11-21",
            "2026-11-21T13:28:55",
            "2026-11-21 13:28:55Z",
            "2023-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+1:00",
            "2026-1-001T00:00:00Z",
            "2026-01-01T00:00:00ZZ",
            "äääää-01T00:00:00Z",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
