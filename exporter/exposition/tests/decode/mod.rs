//! A small decoder of delimited `io.prometheus.client.MetricFamily` messages.

/// Name, labels and value, as the text format would have them.
pub(crate) type Sample = (String, Vec<(String, String)>, f64);

enum Field<'a> {
    Number(u64),
    Double(f64),
    Bytes(&'a [u8]),
}

/// Every sample of a body.
pub(crate) fn samples(mut body: &[u8]) -> Vec<Sample> {
    let mut out = Vec::new();
    while !body.is_empty() {
        let length = usize::try_from(varint(&mut body)).unwrap();
        let (message, rest) = body.split_at(length);
        body = rest;
        family(message, &mut out);
    }
    out
}

fn family(message: &[u8], out: &mut Vec<Sample>) {
    let fields = fields(message);
    let name = text(&fields, 1);
    let kind = match fields.iter().find(|(number, _)| *number == 3) {
        Some((_, Field::Number(kind))) => *kind,
        _ => panic!("a family without a type"),
    };
    for metric in all(&fields, 4) {
        let metric = self::fields(metric);
        let labels: Vec<(String, String)> = all(&metric, 1)
            .map(self::fields)
            .map(|pair| (text(&pair, 1), text(&pair, 2)))
            .collect();
        let value = |field| {
            let inner = self::fields(all(&metric, field).next().expect("a value of the type"));
            double(&inner, 1)
        };
        match kind {
            0 => out.push((name.clone(), labels, value(3))),
            1 => out.push((name.clone(), labels, value(2))),
            3 => out.push((name.clone(), labels, value(5))),
            _ => {
                let (field, suffix, label) =
                    if kind == 4 { (7, "_bucket", "le") } else { (4, "", "quantile") };
                let inner = self::fields(all(&metric, field).next().expect("a value of the type"));
                for step in all(&inner, 3) {
                    let step = self::fields(step);
                    let (bound, value) = if kind == 4 {
                        (double(&step, 2), number(&step, 1))
                    } else {
                        (double(&step, 1), double(&step, 2))
                    };
                    let mut labels = labels.clone();
                    labels.push((label.to_owned(), bound.to_string()));
                    out.push((format!("{name}{suffix}"), labels, value));
                }
                out.push((format!("{name}_sum"), labels.clone(), double(&inner, 2)));
                out.push((format!("{name}_count"), labels, number(&inner, 1)));
            }
        }
    }
}

fn fields(mut message: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut out = Vec::new();
    while !message.is_empty() {
        let tag = varint(&mut message);
        let field = match tag & 7 {
            0 => Field::Number(varint(&mut message)),
            1 => {
                let (bytes, rest) = message.split_at(8);
                message = rest;
                Field::Double(f64::from_le_bytes(bytes.try_into().unwrap()))
            }
            2 => {
                let length = usize::try_from(varint(&mut message)).unwrap();
                let (bytes, rest) = message.split_at(length);
                message = rest;
                Field::Bytes(bytes)
            }
            wire => panic!("wire type {wire}"),
        };
        out.push((tag >> 3, field));
    }
    out
}

fn all<'a>(fields: &'a [(u64, Field<'a>)], wanted: u64) -> impl Iterator<Item = &'a [u8]> {
    fields.iter().filter_map(move |(number, field)| match field {
        Field::Bytes(bytes) if *number == wanted => Some(*bytes),
        _ => None,
    })
}

fn text(fields: &[(u64, Field<'_>)], wanted: u64) -> String {
    String::from_utf8(all(fields, wanted).next().expect("a text").to_vec()).unwrap()
}

fn double(fields: &[(u64, Field<'_>)], wanted: u64) -> f64 {
    let mut found = fields.iter().filter_map(|(number, field)| match field {
        Field::Double(value) if *number == wanted => Some(*value),
        _ => None,
    });
    found.next().expect("a double")
}

#[expect(clippy::cast_precision_loss, reason = "the tests' counts are small")]
fn number(fields: &[(u64, Field<'_>)], wanted: u64) -> f64 {
    let mut found = fields.iter().filter_map(|(number, field)| match field {
        Field::Number(value) if *number == wanted => Some(*value),
        _ => None,
    });
    found.next().expect("a number") as f64
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut out = 0;
    for shift in (0..).step_by(7) {
        let (&byte, rest) = bytes.split_first().expect("a whole varint");
        *bytes = rest;
        out |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    out
}
