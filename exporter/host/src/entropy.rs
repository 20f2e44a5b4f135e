//! `/proc/sys/kernel/random/{entropy_avail,poolsize}`: the kernel's random number pool, in bits.

use collect::{Collector, Error, Faults, Kept, Result, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "entropy",
    doc: "The kernel's random number pool.",
    default: true,
    families: &[&FAMILIES],
    opts: &[],
    build: |cx| {
        Ok(Box::new(Entropy([
            cx.proc.keep("sys/kernel/random/entropy_avail"),
            cx.proc.keep("sys/kernel/random/poolsize"),
        ])))
    },
};

static FAMILIES: [Family; 2] = [
    Family::gauge("node_entropy_available_bits", "Entropy in the pool.", &[]),
    Family::gauge("node_entropy_pool_size_bits", "Entropy that the pool can hold.", &[]),
];

struct Entropy([Kept; 2]);

impl Collector for Entropy {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        for (file, family) in self.0.iter_mut().zip(&FAMILIES) {
            let text = file.read().map_err(Error::or_no_data)?;
            let field = text.as_str().trim();
            if let Some(bits) = faults.ok(text.parse::<u64>(Some(field), "expected bits", field)) {
                out.family(family, |s| s.value(bits));
            }
        }
        faults.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::SPEC;
    use collect::testing::expose;
    use expect_test::expect;

    #[test]
    fn both() {
        let files = [
            ("proc/sys/kernel/random/entropy_avail", "1337\n"),
            ("proc/sys/kernel/random/poolsize", "4096\n"),
        ];
        expect![[r#"
            # HELP node_entropy_available_bits Entropy in the pool.
            # TYPE node_entropy_available_bits gauge
            node_entropy_available_bits 1337
            # HELP node_entropy_pool_size_bits Entropy that the pool can hold.
            # TYPE node_entropy_pool_size_bits gauge
            node_entropy_pool_size_bits 4096
        "#]]
        .assert_eq(&expose(&SPEC, &files));
    }

    #[test]
    fn torn() {
        let files = [
            ("proc/sys/kernel/random/entropy_avail", "\n"),
            ("proc/sys/kernel/random/poolsize", "4096\n"),
        ];
        expect![[r##"
            # HELP node_entropy_pool_size_bits Entropy that the pool can hold.
            # TYPE node_entropy_pool_size_bits gauge
            node_entropy_pool_size_bits 4096
            error: /proc/sys/kernel/random/entropy_avail: expected bits: ""
        "##]]
        .assert_eq(&expose(&SPEC, &files));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /proc/sys/kernel/random/entropy_avail does not exist
        "#]]
        .assert_eq(&expose(&SPEC, &[]));
    }
}
