//! A pod's claims: `spec.volumes[].persistentVolumeClaim`, those that the pod itself is a template for
//! (`ephemeral`, whose claim is called POD-VOLUME), and `volumeMounts` of every kind of container. Raw
//! block devices (`volumeDevices`) are no file systems.

use model::{Claim, ClaimMount, Claims};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor},
};
use std::{borrow::Cow, fmt, sync::Arc};

/// Whether there is a claim among volumes, without keeping any of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Any {
    pub(super) claimed: bool,
}

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    spec: Spec<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    #[serde(borrow, default)]
    volumes: Option<Vec<Volume<'a>>>,
    #[serde(borrow, default)]
    containers: Option<Vec<Container<'a>>>,
    #[serde(borrow, default)]
    init_containers: Option<Vec<Container<'a>>>,
    #[serde(borrow, default)]
    ephemeral_containers: Option<Vec<Container<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Volume<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    persistent_volume_claim: Option<ClaimSource<'a>>,
    #[serde(default)]
    ephemeral: Option<IgnoredAny>,
    // What no driver mounts.
    #[serde(default)]
    config_map: Option<IgnoredAny>,
    #[serde(rename = "downwardAPI", default)]
    downward_api: Option<IgnoredAny>,
    #[serde(default)]
    empty_dir: Option<IgnoredAny>,
    #[serde(default)]
    git_repo: Option<IgnoredAny>,
    #[serde(default)]
    host_path: Option<IgnoredAny>,
    #[serde(default)]
    image: Option<IgnoredAny>,
    #[serde(default)]
    projected: Option<IgnoredAny>,
    #[serde(default)]
    secret: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClaimSource<'a> {
    #[serde(borrow)]
    claim_name: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Container<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    volume_mounts: Option<Vec<Mount<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mount<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(rename = "mountPath", borrow)]
    path: Cow<'a, str>,
    #[serde(borrow, default)]
    sub_path: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    sub_path_expr: Option<Cow<'a, str>>,
}

/// A volume of which only this is of interest.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    #[serde(default)]
    persistent_volume_claim: Option<IgnoredAny>,
    #[serde(default)]
    ephemeral: Option<IgnoredAny>,
}

/// Reads the claims of the pod of this name.
pub(super) fn read(json: &[u8], pod: &str) -> serde_json::Result<Option<Arc<Claims>>> {
    let Object { spec } = serde_json::from_slice(json)?;
    let mut claims = Claims::default();
    for volume in spec.volumes.iter().flatten() {
        let Some(name) = volume.claim(pod) else {
            if volume.is_mounted() {
                claims.inline.push((&*volume.name).into());
            }
            continue;
        };
        let containers = [&spec.containers, &spec.init_containers, &spec.ephemeral_containers];
        let containers = containers.into_iter().flatten().flatten();
        let mounts = containers.flat_map(|container| container.mounts(&volume.name));
        // A pod may have a claim under two names.
        if let Some(known) = claims.all.iter_mut().find(|known| *known.name == *name) {
            known.mounts.extend(mounts);
        } else {
            let mounts = mounts.collect();
            claims.all.push(Claim { name: (&*name).into(), mounts });
        }
    }
    Ok((!claims.all.is_empty()).then(|| Arc::new(claims)))
}

// === impl Volume ===

impl Volume<'_> {
    /// The name of its claim, where it has one.
    fn claim(&self, pod: &str) -> Option<Cow<'_, str>> {
        match &self.persistent_volume_claim {
            Some(source) => Some(Cow::Borrowed(&*source.claim_name)),
            None => self.ephemeral.map(|_| Cow::Owned(format!("{pod}-{}", self.name))),
        }
    }

    /// Whether a driver mounts it.
    fn is_mounted(&self) -> bool {
        let plain = [
            self.config_map,
            self.downward_api,
            self.empty_dir,
            self.git_repo,
            self.host_path,
            self.image,
            self.projected,
            self.secret,
        ];
        plain.iter().all(Option::is_none)
    }
}

// === impl Container ===

impl Container<'_> {
    /// Where it has the volume of this name.
    fn mounts(&self, volume: &str) -> impl Iterator<Item = ClaimMount> {
        let name: Arc<str> = (&*self.name).into();
        let mounts = self.volume_mounts.iter().flatten();
        mounts.filter(move |mount| *mount.name == *volume).map(move |mount| ClaimMount {
            container: Arc::clone(&name),
            path: (&*mount.path).into(),
            whole: mount.is_whole(),
        })
    }
}

// === impl Mount ===

impl Mount<'_> {
    fn is_whole(&self) -> bool {
        let paths = [&self.sub_path, &self.sub_path_expr];
        paths.into_iter().flatten().all(|path| path.is_empty())
    }
}

// === impl Any ===

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self::default())
    }
}

impl<'de> Visitor<'de> for Any {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("volumes")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut volumes: A) -> Result<Self, A::Error> {
        while let Some(kind) = volumes.next_element::<Kind>()? {
            self.claimed |= kind.persistent_volume_claim.is_some() || kind.ephemeral.is_some();
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Table as _;
    use expect_test::expect;
    use model::Pods;
    use std::fmt::Write as _;

    fn claims(spec: &str) -> String {
        let json = format!(
            r#"{{"metadata":{{"uid":"u","namespace":"shop","name":"web-0"}},"spec":{spec}}}"#
        );
        let (_, pod) = Pods::read(json.as_bytes()).unwrap();
        let Some(claims) = pod.claims else { return "none\n".to_owned() };
        let mut out = String::new();
        for claim in &claims.all {
            out.push_str(&claim.name);
            for mount in &claim.mounts {
                let below = if mount.whole { "" } else { " below" };
                write!(out, "; {} {}{below}", mount.container, mount.path).unwrap();
            }
            out.push('\n');
        }
        out.extend(claims.inline.iter().map(|name| format!("inline {name}\n")));
        out
    }

    #[test]
    fn claims_and_where_they_are() {
        let spec = r#"{"volumes":[
            {"name":"data","persistentVolumeClaim":{"claimName":"data-web-0"}},
            {"name":"again","persistentVolumeClaim":{"claimName":"data-web-0","readOnly":true}},
            {"name":"scratch","ephemeral":{"volumeClaimTemplate":{"spec":{}}}},
            {"name":"raw","persistentVolumeClaim":{"claimName":"raw"}},
            {"name":"secrets","csi":{"driver":"secrets-store.csi.k8s.io"}},
            {"name":"tmp","emptyDir":{}},
            {"name":"token","projected":{"sources":[]}}],
          "containers":[{"name":"app","volumeMounts":[
            {"name":"data","mountPath":"/data","subPath":"db"},
            {"name":"tmp","mountPath":"/tmp"},
            {"name":"scratch","mountPath":"/scratch","subPath":""}],
            "volumeDevices":[{"name":"raw","devicePath":"/dev/raw"}]},
            {"name":"bare","volumeMounts":null}],
          "initContainers":[{"name":"first","volumeMounts":[
            {"name":"again","mountPath":"/all"},
            {"name":"scratch","mountPath":"/s","subPathExpr":"$(NAME)"}]}],
          "ephemeralContainers":[{"name":"look","volumeMounts":[{"name":"data","mountPath":"/d"}]}]}"#;
        expect![[r#"
            data-web-0; app /data below; look /d; first /all
            web-0-scratch; app /scratch; first /s below
            raw
            inline secrets
        "#]]
        .assert_eq(&claims(spec));
    }

    #[test]
    fn a_pod_without_claims_keeps_nothing() {
        for spec in [
            "{}",
            r#"{"volumes":null}"#,
            r#"{"volumes":[]}"#,
            r#"{"volumes":[{"name":"a","emptyDir":{}},{"name":"b","nfs":{"server":"s","path":"/"}}]}"#,
        ] {
            assert_eq!(claims(spec), "none\n", "{spec}");
        }
    }
}
