//! `/proc/1/mountinfo`: the mounts of the host, for collectors that ask the file systems themselves.
//!
//! Mount points are as the first process sees them; with `hidepid` only our own table,
//! `/proc/self/mountinfo`, can be read.

use collect::{Kept, Result, Root, Text};
use std::borrow::Cow;

/// The table of mounts.
#[derive(Debug)]
pub struct Mounts {
    host: Kept,
    own: Kept,
}

/// A line: `36 35 98:0 /root /mnt rw,noatime shared:1 … - ext4 /dev/sda1 rw`. Any number of optional
/// fields stands before the dash.
#[derive(Debug)]
pub struct Line<'a> {
    /// What is mounted.
    pub device: &'a str,
    /// The type of the file system.
    pub fstype: &'a str,
    /// Which directory of the file system is mounted, as the kernel escapes it: the same in every
    /// process's table.
    pub root: &'a str,
    /// As the kernel escapes it; see [`Line::point`].
    mount_point: &'a str,
    /// The device's number, first half.
    pub major: &'a str,
    /// The device's number, second half.
    pub minor: &'a str,
    /// Whether the mount or the file system takes no writes.
    pub readonly: bool,
}

// === impl Mounts ===

impl Mounts {
    /// The table of the host whose `/proc` this is.
    pub fn new(proc: &Root) -> Self {
        Self { host: proc.keep("1/mountinfo"), own: proc.keep("self/mountinfo") }
    }

    /// The table as it is now.
    pub fn read(&mut self) -> Result<Text<'_>> {
        match self.host.read() {
            Ok(file) => Ok(file),
            Err(error) => self.own.read().map_err(|_| error),
        }
    }
}

// === impl Line ===

impl<'a> Line<'a> {
    /// Takes a line of the table apart.
    pub fn parse(file: &Text<'_>, line: &'a str) -> Result<Self> {
        let parse = || {
            let mut fields = line.split(' ');
            let (major, minor) = fields.nth(2)?.split_once(':')?;
            let root = fields.next()?;
            let mount_point = fields.next()?;
            let options = fields.next()?;
            let fstype = fields.by_ref().skip_while(|field| *field != "-").nth(1)?;
            let device = fields.next()?;
            let super_options = fields.next().unwrap_or_default();
            let has_ro = |options: &str| options.split(',').any(|option| option == "ro");
            let readonly = has_ro(options) || has_ro(super_options);
            Some(Self { device, fstype, root, mount_point, major, minor, readonly })
        };
        parse().ok_or_else(|| file.bad("expected a mount, as proc(5) describes mountinfo", line))
    }

    /// The mount point as the host sees it: without escapes and without the path of `rootfs`.
    pub fn point(&self, rootfs: &Root) -> Cow<'a, str> {
        match unescape(self.mount_point) {
            Cow::Borrowed(point) => Cow::Borrowed(below(point, rootfs)),
            Cow::Owned(point) => Cow::Owned(below(&point, rootfs).to_owned()),
        }
    }

    /// Whether another machine or a user's program answers for the file system, so that it may hang.
    pub fn is_remote(&self) -> bool {
        let families =
            ["nfs", "cifs", "smb", "fuse", "ceph", "9p", "afs", "lustre", "beegfs", "virtiofs"];
        families.iter().any(|family| self.fstype.starts_with(family))
            || ["glusterfs", "orangefs", "pvfs2", "coda", "ncpfs", "gfs2", "ocfs2", "autofs"]
                .contains(&self.fstype)
    }
}

/// The mount point without the path of `rootfs`.
fn below<'a>(mount_point: &'a str, rootfs: &Root) -> &'a str {
    let Some(rootfs) = rootfs.as_path().to_str().map(|path| path.trim_end_matches('/')) else {
        return mount_point;
    };
    match mount_point.strip_prefix(rootfs) {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => mount_point,
    }
}

/// Undoes the kernel's octal escapes of space, tab, newline, backslash and hash.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let mut escape =
            ["040", "011", "012", "134", "043"].iter().zip([' ', '\t', '\n', '\\', '#']);
        let found = escape.find_map(|(code, c)| Some((after.strip_prefix(code)?, c)));
        rest = if let Some((after, c)) = found {
            out.push(c);
            after
        } else {
            out.push('\\');
            after
        };
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_lose_the_root() {
        let below = |mount_point, rootfs| super::below(mount_point, &Root::new(rootfs));
        assert_eq!(below("/host/var", "/host"), "/var");
        assert_eq!(below("/host", "/host/"), "/");
        assert_eq!(below("/hostel", "/host"), "/hostel");
        assert_eq!(below("/var", "/"), "/var");
        assert_eq!(below("/", "/"), "/");
    }
}
