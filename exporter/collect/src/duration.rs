//! Durations as flags have them.

use crate::{Error, Opt, Options, Result};
use std::time::Duration;

/// A duration: whole seconds, or numbers with units, as Go writes them and days besides: `90`, `250ms`,
/// `5m`, `1h30m`, `1.5d`. None where it is none.
pub fn parse_duration(text: &str) -> Option<Duration> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().ok()?));
    }
    let (mut total, mut rest) = (Duration::ZERO, text);
    while !rest.is_empty() {
        let (number, after) = rest.split_at_checked(rest.find(char::is_alphabetic)?)?;
        let end = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(end)?;
        let unit = match unit {
            "d" => 86_400.0,
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        let number: f64 =
            number.starts_with(|c: char| c.is_ascii_digit()).then_some(number)?.parse().ok()?;
        total = total.checked_add(Duration::try_from_secs_f64(number * unit).ok()?)?;
        rest = after;
    }
    Some(total)
}

impl Options {
    /// An option's duration. Fails where it is none.
    pub fn duration(&self, option: &Opt) -> Result<Duration> {
        let text = self.text(option);
        parse_duration(text).ok_or_else(|| Error::Option {
            option: option.name.to_owned(),
            what: format!("expected a duration such as 90s, 5m, 2h or 1d, found {text:?}"),
        })
    }

    /// The same of one that must be longer than nothing.
    pub fn positive_duration(&self, option: &Opt) -> Result<Duration> {
        let duration = self.duration(option)?;
        if duration.is_zero() {
            let what = format!("expected more than no time at all, found {:?}", self.text(option));
            return Err(Error::Option { option: option.name.to_owned(), what });
        }
        Ok(duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, millis) in [
            ("0", 0),
            ("90", 90_000),
            ("90s", 90_000),
            ("5m", 300_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("1.5d", 129_600_000),
            ("1m30.5s", 90_500),
            ("250ms", 250),
            ("2000µs", 2),
            ("1d12h", 129_600_000),
            ("0s", 0),
        ] {
            let found = parse_duration(text).map(|duration| duration.as_millis());
            assert_eq!(found, Some(millis), "{text}");
        }
        for bad in [
            "",
            "s",
            "m",
            "-1s",
            "-5",
            "+5s",
            "5 m",
            "5ä",
            "1e999s",
            "1parsec",
            "1s5",
            "infs",
            "nans",
            "99999999999999999h",
            "99999999999999999999",
            "1.2.3s",
            " 5s",
        ] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_option_says_what_it_expects() {
        const OPT: Opt = Opt::text("time", "5m", "");
        let given = |text: &str| {
            let mut options = Options::default();
            options.set(OPT.name, vec![text.to_owned()]);
            options
        };
        assert_eq!(Options::default().duration(&OPT).unwrap(), Duration::from_mins(5));
        let fault = given("soon").positive_duration(&OPT).unwrap_err().to_string();
        let expected = "--time: expected a duration such as 90s, 5m, 2h or 1d, found \"soon\"";
        assert_eq!(fault, expected);
        assert!(given("0s").duration(&OPT).is_ok());
        let fault = given("0s").positive_duration(&OPT).unwrap_err().to_string();
        assert_eq!(fault, "--time: expected more than no time at all, found \"0s\"");
    }
}
