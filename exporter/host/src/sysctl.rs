//! `/proc/sys`: kernel parameters that were asked for. A number becomes
//! `node_sysctl_<key>`; several numbers get an `index` label, or names of their own. Texts become
//! labels of `node_sysctl_info`.

use collect::{Collector, Context, Error, Faults, Kept, Opt, Result, Spec};
use exposition::{Family, Kind, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "sysctl",
    doc: "Kernel parameters that were asked for.",
    default: false,
    families: &[INFO, PATTERNS],
    opts: &[INCLUDE, INCLUDE_INFO],
    build: |cx| {
        let numbers = cx.options.list(&INCLUDE).iter().map(|given| Numbers::new(cx, given));
        let texts = cx.options.list(&INCLUDE_INFO).iter().map(|given| Texts::new(cx, given));
        Ok(Box::new(Sysctl {
            numbers: numbers.collect::<Result<_>>()?,
            texts: texts.collect::<Result<_>>()?,
        }))
    },
};

const INCLUDE: Opt = Opt::list(
    "collector.sysctl.include",
    "A parameter with numbers, such as vm.swappiness, or fs.file-nr:total,current,max to name several.",
);

const INCLUDE_INFO: Opt = Opt::list(
    "collector.sysctl.include-info",
    "A parameter with text, such as kernel.seccomp.actions_avail.",
);

static INFO: &[Family] = &[Family::gauge(
    "node_sysctl_info",
    "1; a value of a kernel parameter that is text.",
    &["name", "value", "index"],
)];

static PATTERNS: &[Family] =
    &[Family::untyped("node_sysctl_*", "A kernel parameter that is a number.", &["index"])];

struct Sysctl {
    numbers: Vec<Numbers>,
    texts: Vec<Texts>,
}

struct Numbers {
    file: Kept,
    /// One for each value where they have names, otherwise one for all.
    families: Vec<Family>,
    named: bool,
}

struct Texts {
    file: Kept,
    name: String,
}

impl Collector for Sysctl {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        for numbers in &mut self.numbers {
            faults.ok(numbers.collect(out));
        }
        for texts in &mut self.texts {
            faults.ok(texts.collect(out));
        }
        faults.finish()
    }
}

// === impl Numbers ===

impl Numbers {
    fn new(cx: &Context, given: &str) -> Result<Self> {
        let (key, names) = match given.split_once(':') {
            Some((key, names)) => (key, names.split(',').map(str::trim).collect()),
            None => (given, Vec::new()),
        };
        if key.is_empty() || names.contains(&"") {
            return Err(wrong(&INCLUDE, given, "expected KEY or KEY:NAME,NAME"));
        }
        let family = |suffix: &str, help: String| {
            let name = format!("node_sysctl_{key}{suffix}");
            Family::dynamic(Kind::Untyped, &name, help, &["index"])
        };
        let mut families: Vec<_> = (0..)
            .zip(&names)
            .map(|(i, name)| family(&format!("_{name}"), format!("Value {i} of sysctl {key}.")))
            .collect();
        let several = !families.is_empty();
        if !several {
            families.push(family("", format!("Value of sysctl {key}.")));
        }
        Ok(Self { file: file(cx, key), families, named: several })
    }

    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let text = self.file.read()?;
        let line = text.as_str().trim();
        let number = |field: &str| text.parse::<i64>(Some(field), "expected whole numbers", line);
        let numbers = line.split_ascii_whitespace().map(number).collect::<Result<Vec<_>>>()?;
        if self.named {
            if numbers.len() != self.families.len() {
                return Err(text.bad("expected as many numbers as the option has names", line));
            }
            for (family, number) in self.families.iter().zip(numbers) {
                out.family(family, |s| s.sample(&[], number));
            }
            return Ok(());
        }
        for family in &self.families {
            out.family(family, |s| match numbers.as_slice() {
                [number] => s.sample(&[], *number),
                numbers => {
                    for (i, number) in numbers.iter().enumerate() {
                        s.row(&[itoa::Buffer::new().format(i)], *number);
                    }
                }
            });
        }
        Ok(())
    }
}

// === impl Texts ===

impl Texts {
    fn new(cx: &Context, given: &str) -> Result<Self> {
        if given.is_empty() || given.contains(':') {
            return Err(wrong(
                &INCLUDE_INFO,
                given,
                "expected KEY; values that are text have no names",
            ));
        }
        Ok(Self { file: file(cx, given), name: given.to_owned() })
    }

    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let text = self.file.read()?;
        for family in INFO {
            out.family(family, |s| {
                for (i, value) in text.as_str().split_ascii_whitespace().enumerate() {
                    s.row(&[&self.name, value, itoa::Buffer::new().format(i)], 1_u8);
                }
            });
        }
        Ok(())
    }
}

fn file(cx: &Context, key: &str) -> Kept {
    // No way out of /proc/sys: an empty part or `..` cannot come from dots.
    cx.proc.keep(format!("sys/{}", key.replace('.', "/")))
}

fn wrong(option: &Opt, given: &str, what: &str) -> Error {
    Error::Option { option: option.name.to_owned(), what: format!("{given:?}: {what}") }
}

#[cfg(test)]
mod tests {
    use super::SPEC;
    use collect::testing::expose_with;
    use expect_test::expect;

    const INCLUDE: &str = "collector.sysctl.include";
    const INCLUDE_INFO: &str = "collector.sysctl.include-info";
    const FILES: [(&str, &str); 3] = [
        ("proc/sys/kernel/threads-max", "7801\n"),
        ("proc/sys/fs/file-nr", "1024\t0\t1631329\n"),
        ("proc/sys/kernel/seccomp/actions_avail", "kill_process trap\n"),
    ];

    #[test]
    fn numbers_and_texts() {
        let options = [
            (INCLUDE, "kernel.threads-max"),
            (INCLUDE, "fs.file-nr"),
            (INCLUDE, "fs.file-nr:total,current,max"),
            (INCLUDE_INFO, "kernel.seccomp.actions_avail"),
        ];
        expect![[r##"
            # HELP node_sysctl_fs_file_nr Value of sysctl fs.file-nr.
            # TYPE node_sysctl_fs_file_nr untyped
            node_sysctl_fs_file_nr{index="0"} 1024
            node_sysctl_fs_file_nr{index="1"} 0
            node_sysctl_fs_file_nr{index="2"} 1631329
            # HELP node_sysctl_fs_file_nr_current Value 1 of sysctl fs.file-nr.
            # TYPE node_sysctl_fs_file_nr_current untyped
            node_sysctl_fs_file_nr_current 0
            # HELP node_sysctl_fs_file_nr_max Value 2 of sysctl fs.file-nr.
            # TYPE node_sysctl_fs_file_nr_max untyped
            node_sysctl_fs_file_nr_max 1631329
            # HELP node_sysctl_fs_file_nr_total Value 0 of sysctl fs.file-nr.
            # TYPE node_sysctl_fs_file_nr_total untyped
            node_sysctl_fs_file_nr_total 1024
            # HELP node_sysctl_info 1; a value of a kernel parameter that is text.
            # TYPE node_sysctl_info gauge
            node_sysctl_info{name="kernel.seccomp.actions_avail",value="kill_process",index="0"} 1
            node_sysctl_info{name="kernel.seccomp.actions_avail",value="trap",index="1"} 1
            # HELP node_sysctl_kernel_threads_max Value of sysctl kernel.threads-max.
            # TYPE node_sysctl_kernel_threads_max untyped
            node_sysctl_kernel_threads_max 7801
        "##]]
        .assert_eq(&expose_with(&SPEC, &FILES, &options));
    }

    #[test]
    fn what_does_not_fit() {
        let options = [
            (INCLUDE, "kernel.seccomp.actions_avail"),
            (INCLUDE, "fs.file-nr:total"),
            (INCLUDE, "vm.swappiness"),
            (INCLUDE, "kernel.threads-max:all"),
        ];
        expect![[r##"
            # HELP node_sysctl_kernel_threads_max_all Value 0 of sysctl kernel.threads-max.
            # TYPE node_sysctl_kernel_threads_max_all untyped
            node_sysctl_kernel_threads_max_all 7801
            error: /proc/sys/kernel/seccomp/actions_avail: expected whole numbers: "kill_process trap" (and 2 more)
        "##]].assert_eq(&expose_with(&SPEC, &FILES, &options));
    }

    #[test]
    fn wrong_options() {
        expect![[r#"
            error: --collector.sysctl.include: "fs.file-nr:a,,b": expected KEY or KEY:NAME,NAME
        "#]]
        .assert_eq(&expose_with(&SPEC, &FILES, &[(INCLUDE, "fs.file-nr:a,,b")]));
        expect![[r#"
            error: --collector.sysctl.include-info: "kernel.x:a": expected KEY; values that are text have no names
        "#]].assert_eq(&expose_with(&SPEC, &FILES, &[(INCLUDE_INFO, "kernel.x:a")]));
        expect![[""]].assert_eq(&expose_with(&SPEC, &FILES, &[]));
    }
}
