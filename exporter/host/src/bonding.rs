//! Bonds: `/sys/class/net/bonding_masters` names them, `<bond>/bonding/slaves` their parts, and the
//! link monitor says of each part whether it is up.

use collect::{Collector, Error, Faults, Result, Root, Spec};
use exposition::{Family, Writer};

pub(crate) static SPEC: Spec = Spec {
    name: "bonding",
    doc: "Parts of bonds, configured and up.",
    default: true,
    families: &[&FAMILIES],
    opts: &[],
    build: |cx| Ok(Box::new(Bonding { sys: cx.sys.at("class/net") })),
};

static FAMILIES: [Family; 2] = [
    Family::gauge("node_bonding_slaves", "Interfaces that are part of the bond.", &["master"]),
    Family::gauge("node_bonding_active", "Parts of the bond that are up.", &["master"]),
];

struct Bonding {
    sys: Root,
}

impl Collector for Bonding {
    fn collect(&mut self, out: &mut Writer) -> Result<()> {
        let mut faults = Faults::default();
        let masters = self.sys.read("bonding_masters").map_err(Error::or_no_data)?;
        let mut bonds = Vec::new();
        for master in masters.text().as_str().split_ascii_whitespace() {
            let slaves = match self.sys.read(format!("{master}/bonding/slaves")) {
                Ok(slaves) => slaves,
                // It went in the middle.
                Err(error) if error.is_not_found() && !self.sys.is_dir(master) => continue,
                Err(error) => {
                    faults.note(error);
                    continue;
                }
            };
            let (mut all, mut active) = (0u64, 0u64);
            for slave in slaves.text().as_str().split_ascii_whitespace() {
                all += 1;
                active += u64::from(faults.ok(self.is_up(master, slave)) == Some(true));
            }
            bonds.push((master, all, active));
        }
        let [slaves, up] = &FAMILIES;
        out.family(slaves, |s| bonds.iter().for_each(|(bond, all, _)| s.row(&[bond], *all)));
        out.family(up, |s| bonds.iter().for_each(|(bond, _, active)| s.row(&[bond], *active)));
        faults.finish()
    }
}

// === impl Bonding ===

impl Bonding {
    fn is_up(&self, master: &str, slave: &str) -> Result<bool> {
        // The second is the name before Linux 3.13.
        for link in ["lower", "slave"] {
            let file = format!("{master}/{link}_{slave}/bonding_slave/mii_status");
            if let Some(status) = self.sys.attr(file)? {
                return Ok(status == "up");
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use collect::testing::expose;
    use expect_test::expect;

    #[test]
    fn two_bonds() {
        let files = [
            ("sys/class/net/bonding_masters", "bond0 bond1 bond2 gone\n"),
            ("sys/class/net/bond0/bonding/slaves", "eth0 eth1 eth2\n"),
            ("sys/class/net/bond0/lower_eth0/bonding_slave/mii_status", "up\n"),
            ("sys/class/net/bond0/lower_eth1/bonding_slave/mii_status", "down\n"),
            ("sys/class/net/bond0/slave_eth2/bonding_slave/mii_status", "up\n"),
            ("sys/class/net/bond1/bonding/slaves", "\n"),
            ("sys/class/net/bond2/", ""),
        ];
        expect![[r##"
            # HELP node_bonding_active Parts of the bond that are up.
            # TYPE node_bonding_active gauge
            node_bonding_active{master="bond0"} 2
            node_bonding_active{master="bond1"} 0
            # HELP node_bonding_slaves Interfaces that are part of the bond.
            # TYPE node_bonding_slaves gauge
            node_bonding_slaves{master="bond0"} 3
            node_bonding_slaves{master="bond1"} 0
            error: read /sys/class/net/bond2/bonding/slaves: No such file or directory (os error 2)
        "##]]
        .assert_eq(&expose(&super::SPEC, &files));
    }

    #[test]
    fn absent() {
        expect![[r#"
            error: no data: /sys/class/net/bonding_masters does not exist
        "#]]
        .assert_eq(&expose(&super::SPEC, &[]));
    }
}
