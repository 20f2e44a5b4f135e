//! selinuxfs and `/etc/selinux/config`: whether SELinux is on, and in which mode. Modes are
//! exposed as 1 enforcing, 0 permissive, -1 disabled.

use collect::{Collector, Context, Faults, Result, Root, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "selinux",
    doc: "SELinux: on or off, and its mode.",
    default: true,
    families: &[&FAMILIES],
    opts: &[],
    build: |cx| Ok(Box::new(SeLinux::new(cx))),
};

static FAMILIES: [Family; 3] = [
    Family::gauge("node_selinux_enabled", "Whether the kernel runs SELinux (1 or 0).", &[]),
    Family::gauge(
        "node_selinux_config_mode",
        "Mode by configuration: 1 enforcing, 0 permissive, -1 disabled.",
        &[],
    ),
    Family::gauge(
        "node_selinux_current_mode",
        "Mode now: 1 enforcing, 0 permissive, -1 disabled.",
        &[],
    ),
];

struct SeLinux {
    filesystem: Root,
    rootfs: Root,
}

impl SeLinux {
    fn new(cx: &Context) -> Self {
        Self { filesystem: cx.sys.at("fs/selinux"), rootfs: cx.rootfs.clone() }
    }
}

impl Collector for SeLinux {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let [enabled, config_mode, current_mode] = &FAMILIES;
        // It is on where its file system is, readable to us or not.
        let is_on = self.filesystem.exists("enforce");
        out.family(enabled, |s| s.value(is_on));
        if !is_on {
            return Ok(());
        }
        let mut faults = Faults::default();
        if let Some(current) = faults.ok(self.filesystem.number::<i64>("enforce")).flatten() {
            out.family(current_mode, |s| s.value(current));
        }
        if let Some(config) = faults.ok(self.rootfs.attr("etc/selinux/config")).flatten() {
            out.family(config_mode, |s| s.value(mode(&config)));
        }
        faults.finish()
    }
}

/// The mode that a configuration asks for; what it does not know is disabled, as in libselinux.
fn mode(config: &str) -> i64 {
    let mut modes = config.lines().filter_map(|line| line.trim().strip_prefix("SELINUX="));
    match modes.next_back().map(|mode| mode.trim().to_ascii_lowercase()).as_deref() {
        Some("enforcing") => 1,
        Some("permissive") => 0,
        _ => -1,
    }
}

#[cfg(test)]
mod tests {
    use collect::testing::expose;
    use expect_test::expect;

    #[test]
    fn enforcing_now_permissive_next() {
        expect![[r#"
            # HELP node_selinux_config_mode Mode by configuration: 1 enforcing, 0 permissive, -1 disabled.
            # TYPE node_selinux_config_mode gauge
            node_selinux_config_mode 0
            # HELP node_selinux_current_mode Mode now: 1 enforcing, 0 permissive, -1 disabled.
            # TYPE node_selinux_current_mode gauge
            node_selinux_current_mode 1
            # HELP node_selinux_enabled Whether the kernel runs SELinux (1 or 0).
            # TYPE node_selinux_enabled gauge
            node_selinux_enabled 1
        "#]].assert_eq(&expose(
            &super::SPEC,
            &[
                ("sys/fs/selinux/enforce", "1"),
                (
                    "rootfs/etc/selinux/config",
                    "# SELINUX=disabled\nSELINUX=permissive\nSELINUXTYPE=targeted\n",
                ),
            ],
        ));
    }

    #[test]
    fn torn_and_without_configuration() {
        expect![[r##"
            # HELP node_selinux_enabled Whether the kernel runs SELinux (1 or 0).
            # TYPE node_selinux_enabled gauge
            node_selinux_enabled 1
            error: /sys/fs/selinux/enforce: expected a number: ""
        "##]]
        .assert_eq(&expose(&super::SPEC, &[("sys/fs/selinux/enforce", "")]));
    }

    #[test]
    fn on_though_the_mode_cannot_be_read() {
        expect![[r#"
            # HELP node_selinux_enabled Whether the kernel runs SELinux (1 or 0).
            # TYPE node_selinux_enabled gauge
            node_selinux_enabled 1
        "#]]
        .assert_eq(&expose(&super::SPEC, &[("sys/fs/selinux/enforce/", "")]));
    }

    #[test]
    fn absent() {
        expect![[r#"
            # HELP node_selinux_enabled Whether the kernel runs SELinux (1 or 0).
            # TYPE node_selinux_enabled gauge
            node_selinux_enabled 0
        "#]]
        .assert_eq(&expose(&super::SPEC, &[]));
    }
}
