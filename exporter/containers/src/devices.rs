//! Names of block devices by their numbers, from `/sys/dev/block/MAJOR:MINOR`, a link to the device.

use crate::labels::render;
use collect::Root;
use std::collections::HashMap;

/// Names of devices, as labels.
#[derive(Debug)]
pub(crate) struct Devices {
    sys: Root,
    /// `,device="/dev/…"`; `None` where the kernel knows no such device.
    labels: HashMap<(u32, u32), Option<Box<str>>>,
}

/// Devices that are remembered.
const MOST: usize = 4096;

// === impl Devices ===

impl Devices {
    pub(crate) fn new(sys: Root) -> Self {
        Self { sys, labels: HashMap::new() }
    }

    /// Forgets what it knows: numbers are given to other devices.
    pub(crate) fn forget(&mut self) {
        self.labels.clear();
    }

    /// Looks a device up, unless it is known.
    pub(crate) fn learn(&mut self, number: (u32, u32)) {
        if self.labels.contains_key(&number) || self.labels.len() >= MOST {
            return;
        }
        let (major, minor) = number;
        let target = self.sys.link(format!("dev/block/{major}:{minor}"));
        let name = target.as_deref().and_then(|target| target.rsplit('/').next());
        // The kernel writes a `!` where the name in /dev has a slash.
        let name = name.map(|name| format!("/dev/{}", name.replace('!', "/")));
        let label = name.map(|name| format!(",{}", render(&[("device", &name)])).into());
        self.labels.insert(number, label);
    }

    /// The label of a device.
    pub(crate) fn get(&self, number: (u32, u32)) -> Option<&str> {
        self.labels.get(&number)?.as_deref()
    }
}
