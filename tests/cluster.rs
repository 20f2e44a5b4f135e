//! A bare cluster takes nodes and pods by the number: what later tests of the cluster role stand on.

mod connection;
mod custom;
mod faults;
mod network;
mod parity;
mod relay;
mod three;

use crate::{
    ground::cluster::Cluster,
    support::{
        child::{self, Child, wait},
        skip,
    },
};
use std::{
    net::{TcpListener, TcpStream},
    path::Path,
    time::Duration,
};

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
    // The pods may be on fewer of them.
    wait("50 ready nodes", Duration::from_mins(5), || {
        let nodes = cluster.kubectl(&["get", "nodes", "--no-headers"], "");
        (nodes.lines().filter(|line| line.contains(" Ready ")).count() == 50).then_some(())
    });
}

/// Starts kube-state-metrics on free ports; it takes no port 0. Its address is a loopback address of this process alone,
/// so that nobody else is given the ports meanwhile.
fn kube_state_metrics(path: &Path, flags: &[&str]) -> (Child, String) {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let host = format!("127.{}.{middle}.{low}", high | 0x80);
    let free = || {
        let listener = TcpListener::bind((host.as_str(), 0)).expect("a free port");
        listener.local_addr().expect("an address").port().to_string()
    };
    let (port, own) = (free(), free());
    let (port_flag, own_flag) = (format!("--port={port}"), format!("--telemetry-port={own}"));
    let (host_flag, own_host_flag) = (format!("--host={host}"), format!("--telemetry-host={host}"));
    let own = [host_flag.as_str(), &own_host_flag, &port_flag, &own_flag];
    let child = Child::start(path, &[flags, &own].concat());
    let address = format!("{host}:{port}");
    wait("the peer to listen", child::READY, || TcpStream::connect(&address).ok());
    (child, address)
}
