//! Web security of the built program, as exporter-toolkit has it: TLS, client certificates, passwords,
//! headers, limits, files that are read again, systemd's sockets, and clients that mean no good.
#![expect(clippy::unwrap_used, reason = "a test ends where its set-up fails")]
#![expect(clippy::disallowed_methods, reason = "tests write certificates and configurations")]

mod accounts;
mod client;
mod files;
mod passwords;
mod patience;
mod prometheus;
mod reload;
mod site;
mod sockets;
mod tls;
