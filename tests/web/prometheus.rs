//! A real Prometheus that scrapes through TLS, with a certificate and a password, over HTTP/2 and without.

use super::site::{ALICE, Site, tls, users};
use crate::{ground::prometheus::Prometheus, support::skip};
use std::time::Duration;

#[test]
fn it_scrapes_as_it_is_configured() {
    let site = Site::new();
    let policy = "client_auth_type: RequireAndVerifyClientCert";
    let names = "client_allowed_sans: [prometheus.example.org]";
    let text = tls(&[policy, "client_ca_file: ca.crt", names, "min_version: TLS13"]);
    let server = site.serve(&(text + &users(&[ALICE])));
    let client = site.authority.client(&["prometheus.example.org"]);
    site.write("client.crt", &client.certificate);
    site.write("client.key", &client.key);
    let file = |name: &str| site.path(name).display().to_string();
    let certificate =
        format!(", cert_file: '{}', key_file: '{}'", file("client.crt"), file("client.key"));
    let mut config =
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n".to_owned();
    for (job, certificate, password, http2) in [
        ("http2", certificate.as_str(), ALICE.2, "true"),
        ("http1", &certificate, ALICE.2, "false"),
        ("wrong", &certificate, "wrong", "true"),
        ("bare", "", ALICE.2, "true"),
    ] {
        let job = format!(
            "- {{job_name: {job}, scheme: https, enable_http2: {http2}, tls_config: {{ca_file: '{}', \
             server_name: localhost{certificate}}}, basic_auth: {{username: {}, password: '{password}'}}, \
             scrape_timeout: 1s, static_configs: [{{targets: ['{}']}}]}}\n",
            file("ca.crt"),
            ALICE.0,
            server.address,
        );
        config.push_str(&job);
    }
    let prometheus = match Prometheus::start(&config, None) {
        Ok(prometheus) => prometheus,
        Err(reason) => return skip("web::prometheus::it_scrapes_as_it_is_configured", &reason),
    };
    let bound = Duration::from_mins(4);
    let some = |samples: &[String]| (!samples.is_empty()).then_some(());
    for job in ["http2", "http1"] {
        prometheus.until(&format!("up{{job='{job}'}} == 1"), bound, some);
        prometheus.until(&format!("node_load1{{job='{job}'}}"), bound, some);
    }
    for job in ["wrong", "bare"] {
        prometheus.until(&format!("count_over_time(up{{job='{job}'}}[5m]) >= 3"), bound, some);
        let ever = format!("max_over_time(up{{job='{job}'}}[5m]) > 0");
        assert_eq!(prometheus.query(&ever), Vec::<String>::new());
    }
}
