//! Flags, under the names that the peers gave them.

use collect::Opt;

/// Whether the units are served.
pub const MODE: Opt = Opt::text(
    "systemd",
    "auto",
    "Serve systemd's units: auto where its bus answers, on where it must, or off.",
);
/// The system bus.
pub const BUS_ADDRESS: Opt = Opt::text(
    "systemd.bus-address",
    "",
    "The system bus as a D-Bus address; default run/dbus/system_bus_socket below --path.rootfs.",
);
/// The bus of the user whose manager is served.
pub const USER_BUS_ADDRESS: Opt = Opt::text(
    "systemd.user-bus-address",
    "",
    "The bus of a user as a D-Bus address, for --systemd.collector.user; default \
     $DBUS_SESSION_BUS_ADDRESS, then bus below $XDG_RUNTIME_DIR or /run/user/UID.",
);
pub(crate) const USER: Opt = Opt::switch(
    "systemd.collector.user",
    false,
    "Serve the units of the exporter's own user's manager instead of the system's.",
);

pub(crate) const PRIVATE: Opt = Opt::switch(
    "systemd.collector.private",
    false,
    "Ask systemd over run/systemd/private below --path.rootfs instead of the bus, which takes root.",
);
pub(crate) const INCLUDE: Opt = Opt::text(
    "systemd.collector.unit-include",
    ".+",
    "Serve units whose whole name matches, unless excluded.",
);
pub(crate) const EXCLUDE: Opt = Opt::text(
    "systemd.collector.unit-exclude",
    r".+\.(device)",
    "Leave out units whose whole name matches.",
);
pub(crate) const RESTARTS: Opt =
    Opt::switch("systemd.collector.enable-restart-count", true, "Serve restarts of services.");
pub(crate) const IP: Opt = Opt::switch(
    "systemd.collector.enable-ip-accounting",
    false,
    "Serve bytes and packets of services that have IPAccounting; four calls a service a scrape.",
);
pub(crate) const RESOLVED: Opt = Opt::switch(
    "systemd.collector.enable-resolved",
    false,
    "Serve cache and transaction counters of systemd-resolved.",
);
pub(crate) const RESOURCES: Opt = Opt::switch(
    "systemd.collector.enable-resources",
    false,
    "Serve CPU, memory and IO of services from control group files; four files a service a scrape.",
);
pub(crate) const FOLD: Opt = Opt::switch(
    "systemd.collector.fold",
    true,
    "Count sessions, transient units and those of containers instead of serving each.",
);
pub(crate) const MAX_UNITS: Opt = Opt::text(
    "systemd.collector.max-units",
    "4096",
    "Units that are served at most; what is beyond is counted as dropped.",
);

/// `node_exporter`'s switch, which its own collector is enabled with.
pub(crate) const NODE: Opt = Opt::switch("collector.systemd", false, "node_exporter's families.");
pub(crate) const NODE_INCLUDE: Opt = Opt::text(
    "collector.systemd.unit-include",
    ".+",
    "Serve units whose whole name matches, unless excluded.",
)
.aliases(&["collector.systemd.unit-whitelist"]);
pub(crate) const NODE_EXCLUDE: Opt = Opt::text(
    "collector.systemd.unit-exclude",
    r".+\.(automount|device|mount|scope|slice)",
    "Leave out units whose whole name matches.",
)
.aliases(&["collector.systemd.unit-blacklist"]);
pub(crate) const NODE_TASKS: Opt =
    Opt::switch("collector.systemd.enable-task-metrics", false, "Serve tasks of services.");
pub(crate) const NODE_RESTARTS: Opt =
    Opt::switch("collector.systemd.enable-restarts-metrics", false, "Serve restarts of services.");
pub(crate) const NODE_START_TIME: Opt = Opt::switch(
    "collector.systemd.enable-start-time-metrics",
    false,
    "Serve when units became active.",
);
pub(crate) const NODE_PRIVATE: Opt =
    Opt::switch("collector.systemd.private", false, "As --systemd.collector.private.").hidden();
