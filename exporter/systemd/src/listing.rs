//! The answer to `ListUnits`, `a(ssssssouso)`, read where it lies: name, description, load state,
//! active state, sub state, followed unit, path, job, its type, its path.
//!
//! A scrape reads a thousand rows and looks at five of the ten fields. Read through serde they cost
//! a millisecond, most of it for checking two thousand object paths that nobody uses.

use crate::bus::Lost;
use zbus::Message;

/// A row's fields, as far as they are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    pub(crate) name: &'a str,
    pub(crate) load: &'a str,
    pub(crate) active: &'a str,
    /// The number of the unit's job; 0 where it has none.
    pub(crate) job: u32,
    pub(crate) job_type: &'a str,
}

/// The rows; the last is an error where the answer is torn.
pub(crate) struct Rows<'a> {
    body: &'a [u8],
    at: usize,
    end: usize,
    number: fn([u8; 4]) -> u32,
}

/// Numbers stand at multiples of their size, rows at multiples of this.
const ROW: usize = 8;

// === impl Rows ===

impl<'a> Rows<'a> {
    /// The rows of a message's body, which must have the signature that systemd gives.
    pub(crate) fn new(message: &Message, body: &'a [u8]) -> Result<Self, Lost> {
        let signature = message.header().signature().to_string();
        if signature != "a(ssssssouso)" {
            return Err(Lost::Other(format!("ListUnits: expected a(ssssssouso), got {signature}")));
        }
        let little = message.primary_header().endian_sig() == zbus::message::EndianSig::Little;
        Self::of(body, if little { u32::from_le_bytes } else { u32::from_be_bytes })
            .ok_or_else(torn)
    }

    fn of(body: &'a [u8], number: fn([u8; 4]) -> u32) -> Option<Self> {
        let mut rows = Self { body, at: 0, end: body.len(), number };
        let length = usize::try_from(rows.number()?).ok()?;
        rows.at = rows.at.next_multiple_of(ROW);
        rows.end = rows.at.checked_add(length).filter(|end| *end <= body.len())?;
        Some(rows)
    }

    fn row(&mut self) -> Option<Row<'a>> {
        self.at = self.at.next_multiple_of(ROW);
        let name = self.text()?;
        self.bytes()?;
        let (load, active) = (self.text()?, self.text()?);
        for _ in ["sub state", "followed unit", "path"] {
            self.bytes()?;
        }
        let (job, job_type) = (self.number()?, self.text()?);
        self.bytes()?;
        Some(Row { name, load, active, job, job_type })
    }

    fn number(&mut self) -> Option<u32> {
        let start = self.at.next_multiple_of(4);
        let bytes = self.body.get(start..start.checked_add(4)?)?;
        self.at = start + 4;
        Some((self.number)(bytes.try_into().ok()?))
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// A text's bytes, without the zero behind it.
    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let end = self.at.checked_add(length)?;
        let bytes = self.body.get(self.at..end)?;
        self.at = end.checked_add(1).filter(|next| *next <= self.end)?;
        Some(bytes)
    }
}

impl<'a> Iterator for Rows<'a> {
    type Item = Result<Row<'a>, Lost>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let row = self.row();
        if row.is_none() {
            self.at = self.end;
        }
        Some(row.ok_or_else(torn))
    }
}

fn torn() -> Lost {
    Lost::Other("ListUnits: the answer is torn".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use zbus::ObjectPath;

    fn reply() -> Message {
        let path = ObjectPath::try_from("/a/b").unwrap();
        let row = |name, job, kind| {
            (name, "ä", "loaded", "active", "running", "", path.clone(), job, kind, path.clone())
        };
        let call = Message::method_call("/", "ListUnits").build(&()).unwrap();
        let rows = vec![row("a.service", 0u32, ""), row("bc.timer", 7, "start")];
        Message::method_return(&call.header()).build(&rows).unwrap()
    }

    #[test]
    fn rows_are_what_was_sent_and_torn_ones_end_the_list() {
        let message = reply();
        let body = message.body();
        let rows: Result<Vec<_>, _> = Rows::new(&message, body.data().bytes()).unwrap().collect();
        let row =
            |name, job, job_type| Row { name, load: "loaded", active: "active", job, job_type };
        assert_eq!(rows.unwrap(), [row("a.service", 0, ""), row("bc.timer", 7, "start")]);
        let bytes = body.data().bytes();
        for end in 0..bytes.len() {
            let torn = bytes.get(..end).unwrap();
            assert!(Rows::of(torn, u32::from_le_bytes).is_none(), "{end}");
        }
        // A text that claims to be longer than the answer.
        for at in (8..bytes.len()).step_by(4) {
            let mut torn = bytes.to_vec();
            torn.get_mut(at..at + 4).into_iter().for_each(|b| b.fill(0xff));
            let rows = Rows::of(&torn, u32::from_le_bytes).unwrap();
            assert!(rows.count() <= 2);
        }
    }
}
