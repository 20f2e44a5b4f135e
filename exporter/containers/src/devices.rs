//! Names of block devices by their numbers, from `/sys/dev/block/MAJOR:MINOR`, a link to the device.

use collect::Root;
use exposition::render_labels;
use std::{collections::HashMap, sync::Arc};

/// Names of devices, as labels.
#[derive(Clone, Debug)]
pub(crate) struct Devices {
    sys: Root,
    /// `None` where the kernel knows no such device.
    labels: Arc<HashMap<(u32, u32), Option<Device>>>,
}

/// A device's labels.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    /// `,device="/dev/…"`
    pub(crate) name: Box<str>,
    /// `,major="…",minor="…"`
    pub(crate) number: Box<str>,
}

/// Devices that are remembered.
const MOST: usize = 4096;

// === impl Devices ===

impl Devices {
    pub(crate) fn new(sys: Root) -> Self {
        Self { sys, labels: Arc::default() }
    }

    /// Forgets what it knows: numbers are given to other devices.
    pub(crate) fn forget(&mut self) {
        self.labels = Arc::default();
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
        let device = name.map(|name| Device {
            name: format!(",{}", render_labels(&[("device", &name)])).into(),
            number: format!(",major=\"{major}\",minor=\"{minor}\"").into(),
        });
        Arc::make_mut(&mut self.labels).insert(number, device);
    }

    /// The labels of a device.
    pub(crate) fn get(&self, number: (u32, u32)) -> Option<&Device> {
        self.labels.get(&number)?.as_ref()
    }
}
