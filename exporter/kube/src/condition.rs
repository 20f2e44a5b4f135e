//! Conditions of an object: three samples each, of which the one is 1 whose status holds.

use crate::{
    rendered::Rows,
    time::Time,
    wire::{Text, narrow},
};

narrow! {
    /// What a controller says of an object.
    struct Condition<'a> {
        pub(crate) r#type: Text<'a>,
        pub(crate) status: Text<'a>,
        pub(crate) reason: Text<'a>,
        pub(crate) last_transition_time: Time,
    }
}

/// The statuses, as the API has them and as they are exposed.
const STATUSES: [(&str, &str); 3] = [("True", "true"), ("False", "false"), ("Unknown", "unknown")];

// === impl Condition ===

impl Condition<'_> {
    pub(crate) fn is(&self, r#type: &str, status: &str) -> bool {
        *self.r#type == *r#type && *self.status == *status
    }

    /// The three samples; the status is the last label, behind those of `labels`. A status that is
    /// none of the three gives three zeros.
    pub(crate) fn write<const N: usize>(&self, labels: [&str; N], rows: &mut Rows<'_>) {
        for (status, exposed) in STATUSES {
            rows.row_and(&labels, exposed, *self.status == *status);
        }
    }
}
