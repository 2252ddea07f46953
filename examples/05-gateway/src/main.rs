//! A service beside the web: a gateway for devices, which come in by TCP, TLS and UDP, and for an MQTT broker.
//!
//! Run it with `cargo run -p gateway`. You see it start, and a device is a line of text away:
//!
//! ```text
//! $ nc 127.0.0.1 7000
//! kitchen temperature=21.5 humidity=40
//! ok
//! kitchen temperature=warm
//! error: `warm` is not a finite number
//! $ curl 'http://127.0.0.1:9090/livez?verbose'
//! livez check passed
//! ```
//!
//! `/metrics` has what was measured last, with a bound on how many series devices can make, and what became of it:
//!
//! ```text
//! gateway_reading{device="kitchen",kind="temperature"} 21.5
//! gateway_reading{device="kitchen",kind="humidity"} 40
//! gateway_readings_total{transport="tcp",outcome="accepted"} 2
//! gateway_readings_total{transport="tcp",outcome="malformed"} 1
//! ```
//!
//! By UDP it is the same without an answer: `echo shed humidity=80 | nc -u -w0 127.0.0.1 7001`.
//!
//! **TLS** wants a certificate. Make one, which lasts a month, and start it again:
//!
//! ```sh
//! openssl req -x509 -newkey ed25519 -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost \
//!     -keyout tls.key -out tls.crt
//! cargo run -p gateway -- --tls-certificate tls.crt --tls-key tls.key
//! openssl s_client -connect 127.0.0.1:7443 -CAfile tls.crt -quiet
//! ```
//!
//! Make another one while it runs: the next connection has it. `config.yaml` says how devices have to show who they are.
//!
//! **MQTT.** When a broker answers on 127.0.0.1:1883, readings go there, and commands come from there: they are told to a
//! device behind the next `ok`, for many of them sleep in between. Without a broker the gateway says so once, goes on, and
//! looks for it. Up to 1024 readings wait, and then the oldest make room. With the tools of Mosquitto:
//!
//! ```sh
//! mosquitto_sub -v -t 'gateway/readings/#'
//! mosquitto_pub -t gateway/commands/kitchen -m 'interval 60'
//! ```
//!
//! Ctrl-C ends it in order: no device comes in any more, what was answered with `ok` is published, and only then is it gone.

use std::process::ExitCode;

use gateway::Settings;
use misc::{App, config::Config as _};

fn main() -> ExitCode {
    misc::main(async || {
        let settings = Settings::load()?;
        let log = misc::log::init(settings.log.clone())?;
        Ok(App::new("gateway").with(log).with(gateway::plugin(settings)?))
    })
}
