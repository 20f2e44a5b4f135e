//! `/proc/sys/fs/file-nr`: open files of the whole system (allocated, unused, which is 0 since
//! Linux 2.6, and the maximum).

use collect::{Collector, Kept, Result, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "filefd",
    doc: "Open files of the whole system.",
    default: true,
    families: &[&FAMILIES],
    opts: &[],
    build: |cx| Ok(Box::new(Filefd { file: cx.proc.keep("sys/fs/file-nr") })),
};

static FAMILIES: [Family; 2] = [
    Family::gauge("node_filefd_allocated", "Open files.", &[]),
    Family::gauge("node_filefd_maximum", "Files that can be open.", &[]),
];

struct Filefd {
    file: Kept,
}

impl Collector for Filefd {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let text = self.file.read()?;
        let line = text.as_str().trim();
        let mut fields = line.split_ascii_whitespace().step_by(2);
        for family in &FAMILIES {
            let number: u64 = text.parse(fields.next(), "expected three numbers", line)?;
            out.family(family, |s| s.value(number));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::SPEC;
    use collect::testing::expose;
    use expect_test::expect;

    #[test]
    fn whole() {
        let text = expose(&SPEC, &[("proc/sys/fs/file-nr", "1024\t0\t9223372036854775807\n")]);
        expect![[r#"
            # HELP node_filefd_allocated Open files.
            # TYPE node_filefd_allocated gauge
            node_filefd_allocated 1024
            # HELP node_filefd_maximum Files that can be open.
            # TYPE node_filefd_maximum gauge
            node_filefd_maximum 9223372036854775807
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn torn() {
        expect![[r##"
            # HELP node_filefd_allocated Open files.
            # TYPE node_filefd_allocated gauge
            node_filefd_allocated 1024
            error: /proc/sys/fs/file-nr: expected three numbers: "1024\t0"
        "##]]
        .assert_eq(&expose(&SPEC, &[("proc/sys/fs/file-nr", "1024\t0\n")]));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: read /proc/sys/fs/file-nr: No such file or directory (os error 2)
        "#]]
        .assert_eq(&expose(&SPEC, &[]));
    }
}
