//! `/proc/PID/net/dev`: bytes and packets of each interface, since it was made. Loopback and the host's
//! ends of containers' links (`lo*`, `veth*`, `docker*`, `nerdctl*`) are left out, as cAdvisor does.

use exposition::render_labels;

/// An interface's counters, as the table has them: received, then sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interface {
    /// `,interface="…"`
    pub(crate) label: Box<str>,
    /// Bytes, packets, errors, dropped; received, then sent.
    pub(crate) counters: [u64; 8],
}

const LEFT_OUT: [&str; 4] = ["lo", "veth", "docker", "nerdctl"];

/// Interfaces of one namespace that are served.
const MOST: usize = 256;

/// Appends the interfaces of the table; torn lines are left out.
pub(crate) fn read(text: &str, interfaces: &mut Vec<Interface>) {
    for line in text.lines() {
        let Some((name, numbers)) = line.rsplit_once(':') else { continue };
        let name = name.trim();
        if LEFT_OUT.iter().any(|prefix| name.starts_with(prefix)) || interfaces.len() >= MOST {
            continue;
        }
        let mut numbers = numbers.split_ascii_whitespace().map(|number| number.parse().ok());
        let mut counters = [0; 8];
        // Each half has four more columns.
        let columns = [0, 1, 2, 3, 8, 9, 10, 11];
        let mut at = 0;
        let whole = columns.iter().zip(&mut counters).all(|(column, counter)| {
            let number = numbers.nth(column - at).flatten();
            at = column + 1;
            number.map(|number| *counter = number).is_some()
        });
        if whole {
            let label = format!(",{}", render_labels(&[("interface", name)])).into();
            interfaces.push(Interface { label, counters });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        let text = "Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
  eth0:     136       2    3    4    5     6          7         8      594       9   10   11   12    13      14         15
vethab:       1       1    0    0    0     0          0         0        1       1    0    0    0     0       0          0
  torn: 1 2 3
";
        let mut interfaces = Vec::new();
        read(text, &mut interfaces);
        let counters = [136, 2, 3, 4, 594, 9, 10, 11];
        assert_eq!(interfaces, [Interface { label: ",interface=\"eth0\"".into(), counters }]);
    }
}
