//! Kubeconfigs, as client-go reads them: `apiVersion: v1`, `kind: Config`.
//!
//! Several files are merged: of clusters, users and contexts with one name the first counts, as does the
//! first `current-context`. Paths are relative to their file. Data wins over files, `tokenFile` over
//! `token`. What would run a program (`exec`, `auth-provider`) is refused: nothing here does.

use crate::{
    access::{Certificate, Identity, Pem, Security, Server, Trust, access, bearer, bytes, token},
    fault::Fault,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue, Uri};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// One file.
#[derive(Default, Deserialize)]
struct File {
    #[serde(rename = "current-context")]
    current: Option<String>,
    clusters: Option<Vec<Named<Cluster>>>,
    users: Option<Vec<Named<User>>>,
    contexts: Option<Vec<Named<Context>>>,
}

/// An entry of a list; its content stands under a key of its own kind.
#[derive(Deserialize)]
struct Named<T> {
    name: String,
    #[serde(alias = "cluster", alias = "user", alias = "context")]
    entry: Option<T>,
}

#[derive(Deserialize)]
struct Context {
    cluster: Option<String>,
    user: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    server: Option<String>,
    certificate_authority: Option<PathBuf>,
    certificate_authority_data: Option<String>,
    #[serde(default)]
    insecure_skip_tls_verify: bool,
    tls_server_name: Option<String>,
    proxy_url: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct User {
    client_certificate: Option<PathBuf>,
    client_certificate_data: Option<String>,
    client_key: Option<PathBuf>,
    client_key_data: Option<String>,
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<PathBuf>,
    username: Option<String>,
    #[serde(rename = "as")]
    acting: Option<String>,
    as_uid: Option<String>,
    as_groups: Option<Vec<String>>,
    as_user_extra: Option<serde::de::IgnoredAny>,
    exec: Option<Exec>,
    auth_provider: Option<Provider>,
}

#[derive(Deserialize)]
struct Exec {
    command: Option<String>,
}

#[derive(Deserialize)]
struct Provider {
    name: Option<String>,
}

/// The files that are there, with their paths.
struct Files(Vec<(PathBuf, File)>);

/// An entry, its name, and the file in which it stands.
struct Found<'a, T> {
    kind: &'static str,
    name: &'a str,
    path: &'a Path,
    entry: &'a T,
}

/// What the files say now.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Identity, Fault> {
    let files = Files::read(paths)?;
    let current = files.0.iter().find_map(|(_, file)| file.current.as_deref());
    let Some(current) = current.filter(|name| !name.is_empty()) else {
        return Err(access(format!("{}: expected a current-context, found none", show(paths))));
    };
    let context = files.find("context", current, |file| &file.contexts)?;
    let name = context.names("cluster", context.entry.cluster.as_deref())?;
    let cluster = files.find("cluster", name, |file| &file.clusters)?;
    let nobody = User::default();
    let user = match context.entry.user.as_deref().unwrap_or_default() {
        "" => Found { kind: "user", name: "", path: context.path, entry: &nobody },
        name => files.find("user", name, |file| &file.users)?,
    };
    let certificate = user.certificate()?;
    Ok(Identity { server: cluster.server(certificate)?, headers: user.headers()? })
}

// === impl Files ===

impl Files {
    /// Of several files some may be missing, as with kubectl; not all.
    fn read(paths: &[PathBuf]) -> Result<Self, Fault> {
        let mut files = Vec::new();
        for path in paths {
            let text = match bytes(path) {
                Err(_) if paths.len() > 1 && !path.exists() => continue,
                text => text?,
            };
            let wrong =
                |what: String| access(format!("{}: expected a kubeconfig: {what}", path.display()));
            let text = String::from_utf8(text).map_err(|error| wrong(error.to_string()))?;
            let options = serde_saphyr::options! { with_snippet: false };
            let file = serde_saphyr::from_str_with_options::<Option<File>>(&text, options)
                .map_err(|error| wrong(error.without_snippet().to_string()))?;
            files.push((path.clone(), file.unwrap_or_default()));
        }
        if files.is_empty() {
            return Err(access(format!("{}: no such files", show(paths))));
        }
        Ok(Self(files))
    }

    fn find<'a, T>(
        &'a self,
        kind: &'static str,
        name: &'a str,
        list: impl Fn(&File) -> &Option<Vec<Named<T>>>,
    ) -> Result<Found<'a, T>, Fault> {
        let all = || {
            self.0.iter().flat_map(|(path, file)| {
                list(file).iter().flatten().map(move |named| (path, named))
            })
        };
        let found = all().find(|(_, named)| named.name == name);
        if let Some((path, Named { entry: Some(entry), .. })) = found {
            return Ok(Found { kind, name, path, entry });
        }
        let known: Vec<&str> = all().map(|(_, named)| &*named.name).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let paths: Vec<PathBuf> = self.0.iter().map(|(path, _)| path.clone()).collect();
        Err(access(format!("{}: expected the {kind} {name:?}, found {known}", show(&paths))))
    }
}

// === impl Found ===

impl<'a, T> Found<'a, T> {
    /// A fault of this entry.
    fn fault(&self, what: &str) -> Fault {
        access(format!("{}: {} {:?}: {what}", self.path.display(), self.kind, self.name))
    }

    fn names(&self, what: &str, name: Option<&'a str>) -> Result<&'a str, Fault> {
        name.filter(|name| !name.is_empty())
            .ok_or_else(|| self.fault(&format!("expected the name of a {what}, found none")))
    }

    /// A path of the entry, as its file means it.
    fn path(&self, path: &Path) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }

    /// What stands in the file itself, or in the file that it names.
    fn pem(
        &self,
        key: &str,
        data: Option<&String>,
        file: Option<&PathBuf>,
    ) -> Result<Option<Pem>, Fault> {
        if let Some(data) = data.filter(|data| !data.is_empty()) {
            let wrong = || self.fault(&format!("{key}-data: expected base64"));
            let text = base64(data).ok_or_else(wrong)?;
            let from =
                format!("{}: {} {:?}: {key}-data", self.path.display(), self.kind, self.name);
            return Ok(Some(Pem { text, from }));
        }
        let Some(path) = file.filter(|path| !path.as_os_str().is_empty()) else {
            return Ok(None);
        };
        let path = self.path(path);
        Ok(Some(Pem::read(&path)?))
    }
}

impl Found<'_, Cluster> {
    fn server(&self, certificate: Option<Certificate>) -> Result<Server, Fault> {
        let url = self.entry.server.as_deref().unwrap_or_default();
        let wrong =
            || self.fault(&format!("server: expected https://HOST[:PORT][/PATH], found {url:?}"));
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return Err(wrong());
        };
        let port = match (scheme, uri.port_u16()) {
            ("https" | "http", Some(port)) => port,
            ("https", None) => 443,
            ("http", None) => 80,
            _ => return Err(wrong()),
        };
        if self.entry.proxy_url.as_deref().is_some_and(|url| !url.is_empty()) {
            return Err(
                self.fault("proxy-url is not supported: give a server that is reached directly")
            );
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let security =
            if scheme == "https" { Some(self.security(&host, certificate)?) } else { None };
        let prefix = uri.path().trim_end_matches('/').to_owned();
        Ok(Server { host, port, prefix, security })
    }

    fn security(&self, host: &str, certificate: Option<Certificate>) -> Result<Security, Fault> {
        let Cluster { certificate_authority: file, certificate_authority_data: data, .. } =
            self.entry;
        let authority = self.pem("certificate-authority", data.as_ref(), file.as_ref())?;
        let trust = match (authority, self.entry.insecure_skip_tls_verify) {
            (Some(_), true) => {
                let what = "insecure-skip-tls-verify and certificate-authority exclude each other";
                return Err(self.fault(what));
            }
            (Some(authority), false) => Trust::These(authority),
            (None, true) => Trust::Anybody,
            (None, false) => Trust::Machine,
        };
        let name = self.entry.tls_server_name.as_deref().filter(|name| !name.is_empty());
        Ok(Security { name: name.unwrap_or(host).to_owned(), trust, certificate })
    }
}

impl Found<'_, User> {
    fn certificate(&self) -> Result<Option<Certificate>, Fault> {
        let user = self.entry;
        let way_out = "give a token, a tokenFile or a client-certificate, such as those of a \
                       ServiceAccount (kubectl create token)";
        if let Some(exec) = &user.exec {
            let command = exec.command.as_deref().unwrap_or_default();
            let what = format!("exec of {command:?}: no program is ever run from here; {way_out}");
            return Err(self.fault(&what));
        }
        if let Some(provider) = &user.auth_provider {
            let name = provider.name.as_deref().unwrap_or_default();
            let what = format!("auth-provider {name:?} is not supported; {way_out}");
            return Err(self.fault(&what));
        }
        if user.username.as_deref().is_some_and(|name| !name.is_empty()) {
            let what = format!("username: Kubernetes takes no passwords since 1.19; {way_out}");
            return Err(self.fault(&what));
        }
        let chain = self.pem(
            "client-certificate",
            user.client_certificate_data.as_ref(),
            user.client_certificate.as_ref(),
        )?;
        let key =
            self.pem("client-key", user.client_key_data.as_ref(), user.client_key.as_ref())?;
        match (chain, key) {
            (Some(chain), Some(key)) => Ok(Some(Certificate { chain, key })),
            (None, None) => Ok(None),
            _ => Err(self.fault("expected both client-certificate and client-key, found one")),
        }
    }

    fn headers(&self) -> Result<Vec<(HeaderName, HeaderValue)>, Fault> {
        let user = self.entry;
        let mut headers = Vec::new();
        let file = user.token_file.as_ref().filter(|path| !path.as_os_str().is_empty());
        if let Some(file) = file {
            headers.push(bearer(&self.path(file))?);
        } else if let Some(text) = user.token.as_ref().filter(|text| !text.is_empty()) {
            let from = format!("{}: user {:?}: token", self.path.display(), self.name);
            headers.push(token(text.as_bytes(), &from)?);
        }
        if user.as_user_extra.is_some() {
            return Err(self.fault("as-user-extra is not supported: leave it out"));
        }
        let groups = user.as_groups.iter().flatten().map(|group| ("impersonate-group", group));
        let acting = user.acting.iter().map(|name| ("impersonate-user", name));
        let acting =
            acting.chain(user.as_uid.iter().map(|uid| ("impersonate-uid", uid))).chain(groups);
        for (name, value) in acting.filter(|(_, value)| !value.is_empty()) {
            let value = HeaderValue::from_str(value)
                .map_err(|_| self.fault(&format!("{name}: expected a name, found {value:?}")))?;
            headers.push((HeaderName::from_static(name), value));
        }
        Ok(headers)
    }
}

fn show(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    paths.join(":")
}

/// Bytes from base64, which may be broken into lines.
fn base64(text: &str) -> Option<Vec<u8>> {
    let bytes: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(bytes).ok()
}

#[cfg(test)]
mod tests;
