//! `/etc/os-release` or `/usr/lib/os-release`: which distribution the host runs, and until when it
//! is supported. Read again only when it was modified; a date → seconds since 1970, midnight UTC.

use collect::{Collector, Context, Error, Result, Root, Spec};
use exposition::{Family, Writer};
use jiff::{civil::Date, tz::Offset};
use std::collections::HashMap;

pub(crate) static SPEC: Spec = Spec {
    name: "os",
    doc: "The distribution and its version.",
    default: true,
    families: &[&FAMILIES],
    opts: &[],
    build: |cx| Ok(Box::new(Os::new(cx))),
};

static FAMILIES: [Family; 3] = [
    Family::gauge(
        "node_os_info",
        "What os-release tells of the distribution, in labels; always 1.",
        &[
            "build_id",
            "id",
            "id_like",
            "image_id",
            "image_version",
            "name",
            "pretty_name",
            "variant",
            "variant_id",
            "version",
            "version_codename",
            "version_id",
        ],
    ),
    Family::gauge(
        "node_os_version",
        "The version's first two parts as a number.",
        &["id", "id_like", "name"],
    ),
    Family::gauge(
        "node_os_support_end_timestamp_seconds",
        "When support ends, seconds since 1970.",
        &[],
    ),
];

/// Where it may be, in the order in which os-release(5) prefers.
const FILES: [&str; 2] = ["etc/os-release", "usr/lib/os-release"];

struct Os {
    rootfs: Root,
    fields: HashMap<String, String>,
    /// The file and its modification time when `fields` was read.
    read: Option<(&'static str, f64)>,
}

impl Os {
    fn new(cx: &Context) -> Self {
        Self { rootfs: cx.rootfs.clone(), fields: HashMap::new(), read: None }
    }

    fn refresh(&mut self) -> Result<()> {
        for file in FILES {
            let Ok(modified) = self.rootfs.modified(file) else { continue };
            if self.read == Some((file, modified)) {
                return Ok(());
            }
            let text = self.rootfs.read(file)?;
            self.fields = text.text().lines().filter_map(field).collect();
            self.read = Some((file, modified));
            return Ok(());
        }
        self.read = None;
        Err(Error::no_data("the host has no os-release"))
    }

    fn field(&self, label: &str) -> &str {
        self.fields.get(&label.to_ascii_uppercase()).map_or("", String::as_str)
    }
}

/// `KEY=value` in the shell's syntax, as far as os-release(5) allows it.
fn field(line: &str) -> Option<(String, String)> {
    let line = line.trim_start();
    if line.starts_with('#') {
        return None;
    }
    let (key, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
    Some((key.trim().to_owned(), unquote(value.trim())))
}

fn unquote(value: &str) -> String {
    if let Some(quoted) = value.strip_prefix('\'') {
        return quoted.split('\'').next().unwrap_or_default().to_owned();
    }
    let (mut chars, quoted) = match value.strip_prefix('"') {
        Some(rest) => (rest.chars(), true),
        None => (value.chars(), false),
    };
    let mut text = String::new();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.extend(chars.next()),
            '"' if quoted => break,
            '#' if !quoted && text.ends_with(' ') => break,
            _ => text.push(c),
        }
    }
    if !quoted {
        text.truncate(text.trim_end().len());
    }
    text
}

/// `20.04.2` → 20.04; `None` where no number leads.
fn version(id: &str) -> Option<f64> {
    let end = id.find(|c: char| !c.is_ascii_digit()).unwrap_or(id.len());
    let (major, rest) = id.split_at_checked(end)?;
    let minor = rest.strip_prefix('.').unwrap_or_default();
    let minor = minor.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    let number: f64 = format!("{major}.{minor}").parse().ok()?;
    (!major.is_empty() && number > 0.0).then_some(number)
}

/// Midnight UTC at the start of a day such as `2030-01-02`, in seconds since 1970.
fn midnight(day: &str) -> Option<i64> {
    let day: Date = day.parse().ok()?;
    let midnight = Offset::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok()?;
    Some(midnight.as_second())
}

impl Collector for Os {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        self.refresh()?;
        let [info, version_family, support_end] = &FAMILIES;
        let labels: Vec<&str> = info.labels.iter().map(|label| self.field(label)).collect();
        out.family(info, |s| s.row(&labels, 1u64));
        if let Some(version) = version(self.field("version_id")) {
            let labels = [self.field("id"), self.field("id_like"), self.field("name")];
            out.family(version_family, |s| s.row(&labels, version));
        }
        match self.field("support_end") {
            "" => Ok(()),
            day => match midnight(day) {
                Some(second) => {
                    out.family(support_end, |s| s.value(second));
                    Ok(())
                }
                None => Err(Error::Parse {
                    path: self.rootfs.path(self.read.map_or("", |(file, _)| file)),
                    what: "expected a date for SUPPORT_END",
                    line: day.to_owned(),
                }),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use collect::testing::expose;
    use expect_test::expect;

    #[test]
    fn etc_before_usr_lib() {
        expect![[r##"
            # HELP node_os_info What os-release tells of the distribution, in labels; always 1.
            # TYPE node_os_info gauge
            node_os_info{build_id="",id="fed",id_like="rhel centos",image_id="",image_version="",name="Fed\"ora",pretty_name="",variant="",variant_id="",version="38.1 (x)",version_codename="",version_id="38.1.9"} 1
            # HELP node_os_support_end_timestamp_seconds When support ends, seconds since 1970.
            # TYPE node_os_support_end_timestamp_seconds gauge
            node_os_support_end_timestamp_seconds 1893542400
            # HELP node_os_version The version's first two parts as a number.
            # TYPE node_os_version gauge
            node_os_version{id="fed",id_like="rhel centos",name="Fed\"ora"} 38.1
        "##]].assert_eq(&expose(
            &super::SPEC,
            &[
                (
                    "rootfs/etc/os-release",
                    "# mine\nNAME=\"Fed\\\"ora\"\nVERSION='38.1 (x)'\nID=fed # short\n\
                     VERSION_ID=38.1.9\nexport ID_LIKE = \"rhel centos\"\nSUPPORT_END=2030-01-02\n",
                ),
                ("rootfs/usr/lib/os-release", "ID=other\n"),
            ],
        ));
    }

    #[test]
    fn rolling_and_torn() {
        expect![[r##"
            # HELP node_os_info What os-release tells of the distribution, in labels; always 1.
            # TYPE node_os_info gauge
            node_os_info{build_id="",id="",id_like="",image_id="",image_version="",name="Arch",pretty_name="",variant="",variant_id="",version="",version_codename="",version_id="rolling"} 1
            error: /rootfs/usr/lib/os-release: expected a date for SUPPORT_END: "2030-13-02"
        "##]].assert_eq(&expose(
            &super::SPEC,
            &[(
                "rootfs/usr/lib/os-release",
                "NAME=\"Arch\\\nVERSION_ID=rolling\nID\n=x\nSUPPORT_END=2030-13-02\n",
            )],
        ));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: the host has no os-release
        "#]]
        .assert_eq(&expose(&super::SPEC, &[]));
    }
}
