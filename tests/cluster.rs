//! A bare cluster takes nodes and pods by the number: what later tests of the cluster role stand on.

mod connection;
mod custom;
mod faults;
mod parity;
mod relay;
mod three;

use crate::{
    ground::cluster::Cluster,
    support::{child::wait, skip},
};
use std::time::Duration;

#[test]
fn nodes_that_kwok_plays() {
    let cluster = match Cluster::start() {
        Ok(cluster) => cluster,
        Err(reason) => return skip("cluster::nodes_that_kwok_plays", &reason),
    };
    cluster.nodes("played", 50);
    let replicas = ["create", "deployment", "many", "--image=none", "--replicas=100"];
    cluster.kubectl(&replicas, "");
    let ready = "jsonpath={.status.readyReplicas}";
    wait("100 ready pods", Duration::from_mins(5), || {
        let ready = cluster.kubectl(&["get", "deployment", "many", "-o", ready], "");
        (ready == "100").then_some(())
    });
    let nodes = cluster.kubectl(&["get", "nodes", "--no-headers"], "");
    assert_eq!(nodes.lines().filter(|line| line.contains(" Ready ")).count(), 50, "{nodes}");
}
