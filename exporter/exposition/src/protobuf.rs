//! `io.prometheus.client.MetricFamily` messages, transcoded from canonical lines.
//!
//! The few fields that we need are written by hand: a tag, then a varint, eight bytes or a length
//! and bytes. Field numbers are those of `metrics.proto` in `prometheus/client_model`.

use crate::{Kind, encode::Part, line::Line, shape};
use std::borrow::Cow;

type Labels<'a> = [(Cow<'a, str>, Cow<'a, str>)];

/// Appends one family behind its length.
pub(crate) fn family(out: &mut Vec<u8>, part: &Part<'_>) {
    let mut message = Vec::with_capacity(part.lines.len() + part.help.len() + 64);
    text(&mut message, 1, &part.name);
    if !part.help.is_empty() {
        text(&mut message, 2, part.help);
    }
    let kind = match part.kind {
        Kind::Counter => 0,
        Kind::Gauge => 1,
        Kind::Summary => 2,
        Kind::Untyped => 3,
        Kind::Histogram => 4,
    };
    tag(&mut message, 3, 0);
    varint(&mut message, kind);
    let mut metric = Vec::new();
    match part.kind {
        Kind::Histogram | Kind::Summary => {
            // A family that is not whole was untyped before it came here.
            for group in shape::groups(&part.name, part.kind, &part.lines).unwrap_or_default() {
                metric.clear();
                labels(&mut metric, &group.labels);
                let field = if part.kind == Kind::Histogram { 7 } else { 4 };
                bytes(&mut metric, field, &steps(&group, part.kind));
                bytes(&mut message, 4, &metric);
            }
        }
        kind => {
            for line in String::from_utf8_lossy(&part.lines).lines() {
                let Ok(line) = Line::parse(line) else { continue };
                metric.clear();
                labels(&mut metric, &line.labels);
                let field = match kind {
                    Kind::Gauge => 2,
                    Kind::Counter => 3,
                    _ => 5,
                };
                let mut value = Vec::with_capacity(9);
                double(&mut value, 1, line.value);
                bytes(&mut metric, field, &value);
                if let Some(ms) = line.timestamp.and_then(|text| text.parse::<i64>().ok()) {
                    tag(&mut metric, 6, 0);
                    varint(&mut metric, ms.cast_unsigned());
                }
                bytes(&mut message, 4, &metric);
            }
        }
    }
    varint(out, message.len() as u64);
    out.extend_from_slice(&message);
}

fn labels(out: &mut Vec<u8>, labels: &Labels<'_>) {
    for (name, value) in labels {
        let mut pair = Vec::with_capacity(name.len() + value.len() + 8);
        text(&mut pair, 1, name);
        text(&mut pair, 2, value);
        bytes(out, 1, &pair);
    }
}

/// The `Histogram` or `Summary` message of a group.
fn steps(group: &shape::Group<'_>, kind: Kind) -> Vec<u8> {
    let mut out = Vec::new();
    tag(&mut out, 1, 0);
    varint(&mut out, count(group.count));
    double(&mut out, 2, group.sum);
    for &(bound, value) in &group.steps {
        let mut step = Vec::with_capacity(20);
        if kind == Kind::Histogram {
            tag(&mut step, 1, 0);
            varint(&mut step, count(value));
            double(&mut step, 2, bound);
        } else {
            double(&mut step, 1, bound);
            double(&mut step, 2, value);
        }
        bytes(&mut out, 3, &step);
    }
    out
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole family's counts are integers from 0 on; `as` saturates"
)]
fn count(number: f64) -> u64 {
    number as u64
}

fn tag(out: &mut Vec<u8>, field: u8, wire: u8) {
    out.push(field << 3 | wire);
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(0x80 | (number & 0x7f) as u8);
        number >>= 7;
    }
    out.push((number & 0x7f) as u8);
}

fn double(out: &mut Vec<u8>, field: u8, number: f64) {
    tag(out, field, 1);
    out.extend_from_slice(&number.to_le_bytes());
}

fn bytes(out: &mut Vec<u8>, field: u8, content: &[u8]) {
    tag(out, field, 2);
    varint(out, content.len() as u64);
    out.extend_from_slice(content);
}

fn text(out: &mut Vec<u8>, field: u8, content: &str) {
    bytes(out, field, content.as_bytes());
}
