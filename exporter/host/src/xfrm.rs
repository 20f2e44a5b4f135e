//! `/proc/net/xfrm_stat`: packets that `IPsec` could not process, by reason. Row `XfrmInNoStates` is
//! exposed as `node_xfrm_in_no_states_packets_total`; every row appears by itself.

use crate::rows::Rows;
use collect::{Collector, Error, Faults, Kept, Result, Spec};
use exposition::{Family, Kind, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "xfrm",
    doc: "Packets that IPsec could not process.",
    default: false,
    families: &[PATTERNS],
    opts: &[],
    build: |cx| Ok(Box::new(Xfrm { file: cx.proc.keep("net/xfrm_stat"), rows: Rows::new() })),
};

static PATTERNS: &[Family] = &[Family::counter(
    "node_xfrm_*_packets_total",
    "Packets that IPsec could not process for one reason.",
    &[],
)];

struct Xfrm {
    file: Kept,
    rows: Rows<Option<Family>>,
}

impl Collector for Xfrm {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let text = self.file.read().map_err(Error::or_no_data)?;
        let mut faults = Faults::default();
        self.rows.rewind();
        for line in text.lines() {
            let mut fields = line.split_ascii_whitespace();
            let Some(name) = fields.next() else { continue };
            let family = self.rows.get(name, || family(name));
            match (family, fields.next().and_then(|field| field.parse::<u64>().ok())) {
                (Some(Some(family)), Some(count)) => out.family(family, |s| s.value(count)),
                _ => faults.note(text.bad("expected a row Xfrm… and a number", line)),
            }
        }
        faults.finish()
    }
}

fn family(row: &str) -> Option<Family> {
    let camel = row.strip_prefix("Xfrm").filter(|rest| !rest.is_empty())?;
    let mut name = String::from("node_xfrm");
    for c in camel.chars() {
        if c.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name.push_str("_packets_total");
    let help = format!("Packets that IPsec could not process: {row}.");
    name.starts_with("node_xfrm_").then(|| Family::dynamic(Kind::Counter, &name, help, &[]))
}

#[cfg(test)]
mod tests {
    use super::SPEC;
    use collect::testing::expose;
    use expect_test::expect;

    #[test]
    fn rows() {
        let text = "XfrmInError             \t1\nXfrmOutStateDirError    \t4\n";
        expect![[r#"
            # HELP node_xfrm_in_error_packets_total Packets that IPsec could not process: XfrmInError.
            # TYPE node_xfrm_in_error_packets_total counter
            node_xfrm_in_error_packets_total 1
            # HELP node_xfrm_out_state_dir_error_packets_total Packets that IPsec could not process: XfrmOutStateDirError.
            # TYPE node_xfrm_out_state_dir_error_packets_total counter
            node_xfrm_out_state_dir_error_packets_total 4
        "#]].assert_eq(&expose(&SPEC, &[("proc/net/xfrm_stat", text)]));
    }

    #[test]
    fn torn() {
        let text = "XfrmInError\nFoo 5\nXfrm 5\nXfrmé 5\nXfrmInHdrError 2";
        expect![[r##"
            # HELP node_xfrm_in_hdr_error_packets_total Packets that IPsec could not process: XfrmInHdrError.
            # TYPE node_xfrm_in_hdr_error_packets_total counter
            node_xfrm_in_hdr_error_packets_total 2
            error: /proc/net/xfrm_stat: expected a row Xfrm… and a number: "XfrmInError" (and 3 more)
        "##]].assert_eq(&expose(&SPEC, &[("proc/net/xfrm_stat", text)]));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /proc/net/xfrm_stat does not exist
        "#]]
        .assert_eq(&expose(&SPEC, &[]));
    }
}
