//! A site: authorities, certificates, a web configuration, and the built program that serves by it.

use crate::http::Server;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, SanType,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Users, hashes and passwords: bcrypt's widely known test vectors, with cost 5.
pub(super) const ALICE: (&str, &str, &str) =
    ("alice", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U");
pub(super) const BOB: (&str, &str, &str) =
    ("bob", "$2y$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", "U*U*U");

/// A folder with a web configuration and what it names.
pub(super) struct Site {
    dir: tempfile::TempDir,
    /// Vouches for the server and for clients.
    pub(super) authority: Authority,
}

pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) certificate: String,
    pub(super) key: String,
}

// === impl Authority ===

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a server at these names and addresses.
    pub(super) fn server(&self, names: &[&str]) -> Identity {
        self.signed(names, ExtendedKeyUsagePurpose::ServerAuth, |_| {})
    }

    /// A certificate for a client with these names and addresses.
    pub(super) fn client(&self, names: &[&str]) -> Identity {
        self.signed(names, ExtendedKeyUsagePurpose::ClientAuth, |_| {})
    }

    /// A certificate for a client with a name of a mailbox and one of a resource.
    pub(super) fn client_with(&self, mailbox: &str, resource: &str) -> Identity {
        self.signed(&[], ExtendedKeyUsagePurpose::ClientAuth, |params| {
            let names = &mut params.subject_alt_names;
            names.push(SanType::Rfc822Name(mailbox.try_into().unwrap()));
            names.push(SanType::URI(resource.try_into().unwrap()));
        })
    }

    /// A certificate for a client that held for one day.
    pub(super) fn late_client(&self) -> Identity {
        self.signed(&["late"], ExtendedKeyUsagePurpose::ClientAuth, |params| {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2020, 1, 2);
        })
    }

    fn signed(
        &self,
        names: &[&str],
        usage: ExtendedKeyUsagePurpose,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.extended_key_usages = vec![usage];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().pem();
        Identity { certificate, key: key.serialize_pem() }
    }
}

// === impl Identity ===

impl Identity {
    /// A client's own certificate, which says of itself that it may vouch for others, as `openssl req
    /// -x509` makes it.
    pub(super) fn own() -> Self {
        let mut params = CertificateParams::new(vec!["own".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { certificate, key: key.serialize_pem() }
    }
}

// === impl Site ===

impl Site {
    /// A folder with `server.crt`, `server.key` and `ca.crt`.
    pub(super) fn new() -> Self {
        let site = Self {
            dir: tempfile::tempdir().unwrap(),
            authority: Authority::new("the site's authority"),
        };
        site.write("ca.crt", &site.authority.pem());
        site.certify(&site.authority.server(&["localhost", "127.0.0.1"]));
        site
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Replaces a file as a whole.
    pub(super) fn write(&self, name: &str, text: &str) {
        let new = self.path(&format!("{name}.new"));
        fs::write(&new, text).unwrap();
        fs::rename(new, self.path(name)).unwrap();
    }

    /// Gives the server a certificate.
    pub(super) fn certify(&self, identity: &Identity) {
        self.write("server.crt", &identity.certificate);
        self.write("server.key", &identity.key);
    }

    /// Writes the web configuration.
    pub(super) fn configure(&self, text: &str) {
        self.write("web.yml", text);
    }

    /// Starts the program with a web configuration.
    pub(super) fn serve(&self, text: &str) -> Server {
        self.serve_with(text, &[])
    }

    /// Starts the program with a web configuration and further flags.
    pub(super) fn serve_with(&self, text: &str, more: &[&str]) -> Server {
        self.configure(text);
        let file = flag(&self.path("web.yml"));
        let args = ["--collector.disable-defaults", "--collector.loadavg", file.as_str()];
        Server::start(&[&args, more].concat())
    }
}

/// The flag that names a web configuration.
pub(super) fn flag(path: &Path) -> String {
    format!("--web.config.file={}", path.display())
}

/// `basic_auth_users` of these.
pub(super) fn users(of: &[(&str, &str, &str)]) -> String {
    let mut text = "basic_auth_users:\n".to_owned();
    for (user, hash, _) in of {
        text.extend(["  ", user, ": ", hash, "\n"]);
    }
    text
}

/// A `tls_server_config` with the site's certificate and further lines.
pub(super) fn tls(more: &[&str]) -> String {
    let mut text =
        "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n".to_owned();
    for line in more {
        text.extend(["  ", line, "\n"]);
    }
    text
}
