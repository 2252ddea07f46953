//! Settings as files have them.

use misc_core::schema::{Describe, Kind};
use misc_net::{tcp, udp};
use serde::{Serialize, de::DeserializeOwned};

/// Asserts that settings are read and written alike, and describe each of their keys.
fn check<C: Describe + Serialize + DeserializeOwned>(json: &str, keys: &[&str]) -> C {
    let config: C = serde_json::from_str(json).expect("settings");
    let written = serde_json::to_value(&config).expect("settings");
    for (key, value) in serde_json::from_str::<serde_json::Map<_, _>>(json).expect("settings") {
        assert_eq!(written[&key], value, "{key}");
    }
    let Kind::Struct(schema) = C::KIND else { panic!("settings are a struct") };
    let described: Vec<_> = schema.fields.iter().map(|field| field.name).collect();
    assert_eq!(described, keys);
    assert!(schema.fields.iter().all(|field| !field.docs.is_empty()));
    config
}

/// Asserts that settings are refused.
fn check_refused<C: DeserializeOwned>(json: &str, why: &str) {
    let error = serde_json::from_str::<C>(json).err().expect("they are refused").to_string();
    assert!(error.contains(why), "{error}");
}

#[test]
fn those_of_servers() {
    let json = r#"{ "listen": "0.0.0.0:7000", "connections": 5, "connections_per_peer": 2, "idle_timeout": null,
        "handshake_timeout": "1s" }"#;
    let keys = ["listen", "connections", "connections_per_peer", "idle_timeout", "handshake_timeout"];
    let config: tcp::Config = check(json, &keys);
    assert_eq!(config.idle_timeout, None);
    check::<tcp::Config>(r#"{ "listen": "unix:/run/shop.sock", "idle_timeout": "5m" }"#, &keys);
    check_refused::<tcp::Config>(r#"{ "connections": 0 }"#, "nonzero");
    check_refused::<tcp::Config>(r#"{ "port": 1 }"#, "unknown field `port`");
    check_refused::<tcp::Config>(r#"{ "handshake_timeout": "0s" }"#, "above 0");
}

#[test]
fn those_of_servers_of_datagrams() {
    let json = r#"{ "listen": "0.0.0.0:7000", "in_flight": 5, "overflow": "wait", "max_datagram": 512,
        "receive_buffer": 1048576 }"#;
    check::<udp::Config>(json, &["listen", "in_flight", "overflow", "max_datagram", "receive_buffer"]);
    check_refused::<udp::Config>(r#"{ "overflow": "grow" }"#, "unknown variant");
}

#[test]
fn those_of_clients() {
    let json = r#"{ "address": "shop.example.org:7000", "connect_timeout": "1s", "max_attempts": 5,
        "idle_timeout": "1m", "keepalive": null }"#;
    let keys = ["address", "connect_timeout", "max_attempts", "idle_timeout", "keepalive"];
    check::<tcp::ClientConfig>(json, &keys);
}

#[cfg(feature = "tls")]
#[test]
fn those_of_tls() {
    use misc_net::tls::{ClientAuth, ClientConfig, Config, Version};

    let json = r#"{ "certificate": "a.crt", "key": "a.key", "client_ca": "ca.crt", "client_auth": "required",
        "min_version": "1.3", "alpn": ["h2"], "handshake_timeout": "1s" }"#;
    let keys = ["certificate", "key", "client_ca", "client_auth", "min_version", "alpn", "handshake_timeout"];
    let config: Config = check(json, &keys);
    assert_eq!((config.client_auth, config.min_version), (ClientAuth::Required, Version::Tls13));
    let config: Config = check(r#"{ "certificate": "a.crt", "key": "a.key" }"#, &keys);
    assert_eq!((config.client_auth, config.min_version), (ClientAuth::None, Version::Tls12));
    check_refused::<Config>(r#"{ "certificate": "a.crt" }"#, "missing field `key`");
    let keys = ["ca", "certificate", "key", "server_name", "min_version", "alpn"];
    check::<ClientConfig>(r#"{ "ca": "ca.crt", "server_name": "shop.example.org" }"#, &keys);
}
