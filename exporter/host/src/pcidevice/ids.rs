//! `pci.ids`: names of vendors, devices, subsystems and classes by number.
//!
//! Sections are indented by tabs: vendor, device, subsystem; or `C` class, subclass, interface.

use std::collections::HashMap;

/// The numbers by which a device is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// Class, subclass and interface, a byte each.
    pub(super) class: u32,
    pub(super) vendor: u32,
    pub(super) device: u32,
    pub(super) subsystem_vendor: u32,
    pub(super) subsystem_device: u32,
}

/// A device's names; a number where the file has no name.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) class: String,
    pub(super) vendor: String,
    pub(super) device: String,
    pub(super) subsystem_vendor: String,
    pub(super) subsystem_device: String,
}

/// A path in the file: whether it is a class, then the numbers, outermost first.
type Entry = (bool, [u32; 4]);

/// Outside every section.
const NONE: u32 = u32::MAX;

/// The names of `keys` by the file's `text`.
pub(super) fn lookup(text: &str, keys: Vec<Key>) -> HashMap<Key, Names> {
    let entries = parse(text);
    let find = |class: bool, path: [u32; 4]| entries.get(&(class, path)).copied();
    let vendor = |id| find(false, [id, NONE, NONE, NONE]);
    let number = |id: u32| format!("{id:04x}");
    let named = |key: Key| {
        let subsystem = [key.vendor, key.device, key.subsystem_vendor, key.subsystem_device];
        let (class, subclass, interface) =
            (key.class >> 16, key.class >> 8 & 0xff, key.class & 0xff);
        let class = find(true, [class, subclass, interface, NONE])
            .or_else(|| find(true, [class, subclass, NONE, NONE]))
            .or_else(|| find(true, [class, NONE, NONE, NONE]));
        Names {
            class: class
                .map_or_else(|| format!("Unknown class ({:06x})", key.class), str::to_owned),
            vendor: vendor(key.vendor).map_or_else(|| number(key.vendor), str::to_owned),
            device: find(false, [key.vendor, key.device, NONE, NONE])
                .map_or_else(|| number(key.device), str::to_owned),
            subsystem_vendor: vendor(key.subsystem_vendor)
                .map_or_else(|| number(key.subsystem_vendor), str::to_owned),
            subsystem_device: find(false, subsystem)
                .map_or_else(|| number(key.subsystem_device), str::to_owned),
        }
    };
    keys.into_iter().map(|key| (key, named(key))).collect()
}

/// Every entry; lines that are none are passed over.
fn parse(text: &str) -> HashMap<Entry, &str> {
    let mut entries = HashMap::new();
    let mut class = false;
    let mut path = [NONE; 4];
    for line in text.lines() {
        let body = line.trim_start_matches('\t');
        if body.is_empty() || body.starts_with('#') {
            continue;
        }
        let depth = line.len() - body.len();
        if depth == 0 {
            class = body.starts_with("C ");
        }
        let body = if depth == 0 && class { body.trim_start_matches("C ") } else { body };
        let Some((id, rest)) = number(body) else {
            if depth == 0 {
                path = [NONE; 4];
            }
            continue;
        };
        let [first, second, ..] = path;
        let (next, name) = match (depth, class) {
            (0, _) => ([id, NONE, NONE, NONE], rest),
            (1, _) => ([first, id, NONE, NONE], rest),
            (2, true) => ([first, second, id, NONE], rest),
            (2, false) => match number(rest) {
                Some((device, rest)) => ([first, second, id, device], rest),
                None => continue,
            },
            _ => continue,
        };
        if first == NONE && depth > 0 {
            continue;
        }
        path = next;
        entries.insert((class, path), name);
    }
    entries
}

/// A hexadecimal number and what follows it, without the white space between.
fn number(text: &str) -> Option<(u32, &str)> {
    let (id, rest) = text.split_once(char::is_whitespace)?;
    Some((u32::from_str_radix(id, 16).ok()?, rest.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    const IDS: &str = "\
# comment
\tabcd  nobody's device
1043  ASUSTeK
10de  NVIDIA Corporation
\t1234  GeForce [x]
\t\t1043 8888  Card
\t\t1043 torn
\t\t\t1043 8888  deeper
\tzzzz  torn
\t\t1043 0001  still the card's
zz torn
\t5678  nobody's either
C 0c  Serial bus controller
\t03  USB controller
\t\t30  XHCI
";

    fn names(class: u32, vendor: u32, device: u32, subsystem_device: u32) -> String {
        let key = Key { class, vendor, device, subsystem_vendor: 0x1043, subsystem_device };
        let names = lookup(IDS, vec![key]).remove(&key).unwrap();
        let Names { class, vendor, device, subsystem_vendor, subsystem_device } = names;
        [class, vendor, device, subsystem_vendor, subsystem_device].join(" | ")
    }

    #[test]
    fn known_and_unknown() {
        let known = names(0x0c_0330, 0x10de, 0x1234, 0x8888);
        expect!["XHCI | NVIDIA Corporation | GeForce [x] | ASUSTeK | Card"].assert_eq(&known);
        let unknown = names(0x0d_0000, 0xbeef, 0x5678, 0x1);
        expect!["Unknown class (0d0000) | beef | 5678 | ASUSTeK | 0001"].assert_eq(&unknown);
        let partly = names(0x0c_03fe, 0x10de, 0x5678, 0x1);
        expect!["USB controller | NVIDIA Corporation | 5678 | ASUSTeK | 0001"].assert_eq(&partly);
        assert!(names(0x0c_ff00, 0, 0, 0).starts_with("Serial bus controller | 0000 | 0000"));
    }
}
