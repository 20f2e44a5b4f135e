//! ioctls of btrfs that need no privilege: a file system's devices, their use and their errors.
//!
//! The structures of `linux/btrfs.h` are taken as arrays of 64-bit words, in which all their fields
//! but `path` are whole words.

use rustix::{
    fd::AsFd,
    io,
    ioctl::{Opcode, Updater, ioctl, opcode},
};

/// What a file system is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FsInfo {
    /// The greatest device number.
    pub max_id: u64,
    /// How many devices there are.
    pub num_devices: u64,
    /// The file system's UUID.
    pub fsid: [u8; 16],
}

/// A device of a file system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DevInfo {
    /// The device's own UUID.
    pub uuid: [u8; 16],
    /// Bytes given to chunks.
    pub bytes_used: u64,
    /// Bytes in all.
    pub total_bytes: u64,
    /// The device's path, such as `/dev/sda2`; empty for a device that is missing.
    pub path: String,
}

/// Errors of a device since its counters were reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DevStats {
    /// Writes that failed.
    pub write: u64,
    /// Reads that failed.
    pub read: u64,
    /// Flushes that failed.
    pub flush: u64,
    /// Checksums that did not match.
    pub corruption: u64,
    /// Generations that were not the expected ones.
    pub generation: u64,
}

const MAGIC: u8 = 0x94;

type FsInfoWords = [u64; 128];
type DevInfoWords = [u64; 512];
type DevStatsWords = [u64; 129];

const FS_INFO: Opcode = opcode::read::<FsInfoWords>(MAGIC, 31);
const DEV_INFO: Opcode = opcode::read_write::<DevInfoWords>(MAGIC, 30);
const GET_DEV_STATS: Opcode = opcode::read_write::<DevStatsWords>(MAGIC, 52);

/// Where `path` starts in `btrfs_ioctl_dev_info_args`, in words.
const PATH: usize = 384;
/// How many counters [`dev_stats`] asks for.
const STATS: u64 = 5;

/// Describes the file system that `file` lies on. Fails with `ENOTTY` where that is not btrfs.
pub fn fs_info(file: impl AsFd) -> io::Result<FsInfo> {
    let mut words: FsInfoWords = [0; 128];
    // SAFETY: the opcode carries the size of the array, which is that of `btrfs_ioctl_fs_info_args`;
    // the kernel writes at most that much, and every bit pattern is a value.
    unsafe { ioctl(file, Updater::<FS_INFO, FsInfoWords>::new(&mut words)) }?;
    let [max_id, num_devices, low, high, ..] = words;
    Ok(FsInfo { max_id, num_devices, fsid: uuid(low, high) })
}

/// Describes the device `id`. Fails with `ENODEV` where there is none of that number.
pub fn dev_info(file: impl AsFd, id: u64) -> io::Result<DevInfo> {
    let mut words: DevInfoWords = [0; 512];
    words[0] = id;
    // SAFETY: as above, for `btrfs_ioctl_dev_info_args`; a UUID of zeroes asks by number.
    unsafe { ioctl(file, Updater::<DEV_INFO, DevInfoWords>::new(&mut words)) }?;
    let [_, low, high, bytes_used, total_bytes, ..] = words;
    let path = words.iter().skip(PATH).flat_map(|word| word.to_ne_bytes());
    let path: Vec<u8> = path.take_while(|&byte| byte != 0).collect();
    let path = String::from_utf8_lossy(&path).into_owned();
    Ok(DevInfo { uuid: uuid(low, high), bytes_used, total_bytes, path })
}

/// Reads the error counters of the device `id` and leaves them as they are.
pub fn dev_stats(file: impl AsFd, id: u64) -> io::Result<DevStats> {
    let mut words: DevStatsWords = [0; 129];
    (words[0], words[1]) = (id, STATS);
    // SAFETY: as above, for `btrfs_ioctl_get_dev_stats`; flags 0 resets nothing.
    unsafe { ioctl(file, Updater::<GET_DEV_STATS, DevStatsWords>::new(&mut words)) }?;
    let [_, _, _, write, read, flush, corruption, generation, ..] = words;
    Ok(DevStats { write, read, flush, corruption, generation })
}

fn uuid(low: u64, high: u64) -> [u8; 16] {
    let mut uuid = [0; 16];
    let bytes = low.to_ne_bytes().into_iter().chain(high.to_ne_bytes());
    uuid.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    uuid
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{Mode, OFlags};

    #[test]
    fn opcodes_are_those_of_the_header() {
        assert_eq!((FS_INFO, DEV_INFO, GET_DEV_STATS), (0x8400_941f, 0xd000_941e, 0xc408_9434));
    }

    #[test]
    fn other_file_systems_refuse() {
        let null = rustix::fs::open("/dev/null", OFlags::RDONLY, Mode::empty()).unwrap();
        assert!(
            fs_info(&null).is_err() && dev_info(&null, 1).is_err() && dev_stats(&null, 1).is_err()
        );
    }
}
