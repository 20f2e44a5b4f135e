//! Why an object could not be read, or a setting not be taken.

use std::borrow::Cow;

/// Why an object could not be read, or a setting not be taken. The message names the object and the
/// field, or the setting, what was expected and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An object is not what its kind says. It costs this object, never another.
    #[error("{kind} {object}: {field}: {what}")]
    Object {
        /// The kind, such as `Pod`.
        kind: Cow<'static, str>,
        /// `namespace/name`, as far as they can be read.
        object: String,
        /// The path of the field, such as `spec.containers[0].name`.
        field: String,
        /// What was expected.
        what: String,
    },
    /// A setting's value is wrong; start-up ends with it.
    #[error("--{option}: {what}")]
    Setting {
        /// The flag's name without dashes.
        option: &'static str,
        /// What is wrong and what would be right.
        what: String,
    },
}
