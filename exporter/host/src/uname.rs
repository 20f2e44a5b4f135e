//! uname(2): the kernel's name for itself and for the host. No file, no unit.

use collect::{Collector, Result, Spec};
use exposition::{Family, Writer};
use std::ffi::CStr;

pub(crate) static SPEC: Spec = Spec {
    name: "uname",
    doc: "The kernel's name, release, version and machine.",
    default: true,
    families: &[std::slice::from_ref(&INFO)],
    opts: &[],
    build: |_| Ok(Box::new(Uname)),
};

static INFO: Family = Family::gauge(
    "node_uname_info",
    "What uname(2) tells of kernel and host, in labels; always 1.",
    &["sysname", "release", "version", "machine", "nodename", "domainname"],
);

struct Uname;

impl Collector for Uname {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let uname = rustix::system::uname();
        let text = CStr::to_string_lossy;
        out.family(&INFO, |s| {
            s.row(
                &[
                    &text(uname.sysname()),
                    &text(uname.release()),
                    &text(uname.version()),
                    &text(uname.machine()),
                    &text(uname.nodename()),
                    &text(uname.domainname()),
                ],
                1u64,
            );
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    /// The values are the machine's own; the shape is not.
    #[test]
    fn one_line_with_every_label() {
        let text = collect::testing::expose(&super::SPEC, &[]);
        let line = text.lines().last().unwrap();
        assert!(line.starts_with("node_uname_info{sysname=\"Linux\",release=\""), "{text}");
        assert!(line.contains("\",nodename=\"") && line.ends_with("\"} 1"), "{text}");
    }
}
