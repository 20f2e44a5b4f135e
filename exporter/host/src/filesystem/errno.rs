//! What `device_error` says of a failed statfs(2): the words that Go has for the error number,
//! which dashboards match on. glibc and musl word some of them otherwise.

use rustix::io::Errno;
use std::borrow::Cow;

/// The words for `errno`; `errno N` for a number that no file system is known to give.
pub(super) fn words(errno: Errno) -> Cow<'static, str> {
    Cow::Borrowed(match errno {
        Errno::PERM => "operation not permitted",
        Errno::NOENT => "no such file or directory",
        Errno::INTR => "interrupted system call",
        Errno::IO => "input/output error",
        Errno::NXIO => "no such device or address",
        Errno::AGAIN => "resource temporarily unavailable",
        Errno::NOMEM => "cannot allocate memory",
        Errno::ACCESS => "permission denied",
        Errno::NODEV => "no such device",
        Errno::NOTDIR => "not a directory",
        Errno::INVAL => "invalid argument",
        Errno::NAMETOOLONG => "file name too long",
        Errno::NOSYS => "function not implemented",
        Errno::LOOP => "too many levels of symbolic links",
        Errno::REMOTE => "object is remote",
        Errno::NOLINK => "link has been severed",
        Errno::COMM => "communication error on send",
        Errno::PROTO => "protocol error",
        Errno::OVERFLOW => "value too large for defined data type",
        Errno::OPNOTSUPP => "operation not supported",
        Errno::NETDOWN => "network is down",
        Errno::NETUNREACH => "network is unreachable",
        Errno::NETRESET => "network dropped connection on reset",
        Errno::CONNABORTED => "software caused connection abort",
        Errno::CONNRESET => "connection reset by peer",
        Errno::NOTCONN => "transport endpoint is not connected",
        Errno::SHUTDOWN => "cannot send after transport endpoint shutdown",
        Errno::TIMEDOUT => "connection timed out",
        Errno::CONNREFUSED => "connection refused",
        Errno::HOSTDOWN => "host is down",
        Errno::HOSTUNREACH => "no route to host",
        Errno::STALE => "stale NFS file handle",
        Errno::REMOTEIO => "remote I/O error",
        Errno::UCLEAN => "structure needs cleaning",
        Errno::NOKEY => "required key not available",
        Errno::KEYEXPIRED => "key has expired",
        Errno::KEYREVOKED => "key has been revoked",
        other => return Cow::Owned(format!("errno {}", other.raw_os_error())),
    })
}
