//! Whatever the writers do, the indexes say what the primary map says.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn name(text: &str) -> Arc<str> {
    text.into()
}

#[test]
fn ways_to_a_unit() {
    let mut units = Units::default();
    let (service, socket) = (name("docker.service"), name("docker.socket"));
    let group = Some(name("/system.slice/docker.service"));
    let running = Unit {
        state: ActiveState::from_name("active"),
        group,
        main_pid: Some(7),
        control_pid: Some(7),
        ..Unit::default()
    };
    units.apply(&service, running.clone());
    let triggers = vec![Arc::clone(&service)];
    units.apply(&socket, Unit { triggers, ..Unit::default() });
    for (group, unit) in [
        ("/system.slice/docker.service", Some(&service)),
        ("/system.slice/docker.service/", Some(&service)),
        ("/system.slice/docker.service/a/b", Some(&service)),
        ("/system.slice/docker.service2", None),
        ("/system.slice", None),
        ("/", None),
        ("", None),
    ] {
        assert_eq!(units.of_group(group), unit, "{group}");
    }
    assert_eq!(units.of_pid(7).collect::<Vec<_>>(), [&service]);
    assert_eq!(units.with_role(Role::Runtime).collect::<Vec<_>>(), [&service, &socket]);
    assert_eq!(units.triggering("docker.service").collect::<Vec<_>>(), [&socket]);
    // It stops.
    units.apply(&service, Unit { group: None, main_pid: None, control_pid: None, ..running });
    assert_eq!(
        (units.of_pid(7).count(), units.of_group("/system.slice/docker.service")),
        (0, None)
    );
    units.delete("docker.socket");
    assert_eq!(units.triggering("docker.service").count(), 0);
    assert_eq!(units.with_role(Role::Runtime).collect::<Vec<_>>(), [&service]);
    units.reset([]);
    assert!(units.is_empty() && units.with_role(Role::Runtime).next().is_none());
}

#[test]
fn states_have_systemds_names() {
    for (state, name) in ActiveState::NAMES {
        assert_eq!(ActiveState::from_name(name), state);
    }
    assert_eq!(ActiveState::from_name("new"), ActiveState::Other);
}

/// A writer's step.
#[derive(Clone, Debug)]
enum Step {
    Apply(Arc<str>, Unit),
    Delete(Arc<str>),
    Reset(Vec<(Arc<str>, Unit)>),
}

const NAMES: [&str; 5] =
    ["kubelet.service", "docker.service", "docker.socket", "a.service", "a.socket"];

fn names() -> impl Strategy<Value = Arc<str>> {
    prop::sample::select(&NAMES[..]).prop_map(name)
}

/// Few groups and numbers, so that units share them, nest them and take them from each other.
fn unit() -> impl Strategy<Value = Unit> {
    let group = prop::option::of(prop::sample::select(&["/a", "/a/b", "/a/b/c", "/d"][..]));
    let pid = || prop::option::of(1u32..4);
    let triggers = prop::collection::vec(names(), 0..3);
    (group, pid(), pid(), triggers).prop_map(|(group, main_pid, control_pid, triggers)| Unit {
        group: group.map(name),
        main_pid,
        control_pid,
        triggers,
        ..Unit::default()
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (names(), unit()).prop_map(|(name, unit)| Step::Apply(name, unit)),
        3 => names().prop_map(Step::Delete),
        1 => prop::collection::vec((names(), unit()), 0..5).prop_map(Step::Reset),
    ]
}

proptest! {
    #[test]
    fn indexes_are_in_step(steps in prop::collection::vec(step(), 0..40)) {
        let mut units = Units::default();
        let mut known: BTreeMap<Arc<str>, Unit> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Apply(name, unit) => {
                    units.apply(&name, unit.clone());
                    known.insert(name, unit);
                }
                Step::Delete(name) => {
                    units.delete(&name);
                    known.remove(&name);
                }
                Step::Reset(all) => {
                    units.reset(all.clone());
                    known = all.into_iter().collect();
                }
            }
            prop_assert_eq!(&units.all, &known);
            let having = |has: &dyn Fn(&str, &Unit) -> bool| {
                let having = known.iter().filter(|(name, unit)| has(name, unit));
                having.map(|(name, _)| name).collect::<BTreeSet<_>>()
            };
            for pid in 0..5 {
                let want = having(&|_, u| u.main_pid == Some(pid) || u.control_pid == Some(pid));
                prop_assert_eq!(units.of_pid(pid).collect::<BTreeSet<_>>(), want);
            }
            for name in NAMES {
                let want = having(&|_, u| u.triggers.iter().any(|t| **t == *name));
                prop_assert_eq!(units.triggering(name).collect::<BTreeSet<_>>(), want);
            }
            for role in [Role::Kubelet, Role::Runtime, Role::Bus, Role::Init] {
                let want = having(&|name, _| Role::of(name) == Some(role));
                prop_assert_eq!(units.with_role(role).collect::<BTreeSet<_>>(), want);
            }
            // The nearest group above, by looking at every unit.
            for group in ["/a", "/a/b", "/a/b/c", "/a/b/c/d", "/ab", "/d/e", "/"] {
                let above = |own: &str| {
                    group.strip_prefix(own).is_some_and(|r| r.is_empty() || r.starts_with('/'))
                };
                let holders = known.iter().filter_map(|(name, unit)| {
                    let own = unit.group.as_deref().filter(|own| above(own))?;
                    Some((own.len(), std::cmp::Reverse(name)))
                });
                let want = holders.max().map(|(_, std::cmp::Reverse(name))| name);
                prop_assert_eq!(units.of_group(group), want);
            }
            // Nothing is left over.
            let rebuilt = {
                let mut rebuilt = Units::default();
                rebuilt.reset(known.clone());
                rebuilt
            };
            prop_assert_eq!(&units.groups, &rebuilt.groups);
            prop_assert_eq!(&units.pids, &rebuilt.pids);
            prop_assert_eq!(&units.roles, &rebuilt.roles);
            prop_assert_eq!(&units.triggers, &rebuilt.triggers);
        }
    }
}
