//! Directories that are followed.
