//! The gateway and a real broker.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use gateway::Settings;
use misc::{
    App,
    config::Config as _,
    test::{FaultProxy, Faults, Logs, TestApp},
};
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS};
use tokio::time::timeout;

use crate::support::{Device, NO_BROKER, app, ask, check_metric, metric, start, until, until_metric};

const PUBLISHED: &str = r#"gateway_broker_readings_total{outcome="published"}"#;

/// A broker, and a name that no other test has.
struct Broker {
    host: String,
    port: String,
    gateway: String,
}

impl Broker {
    /// Finds a broker on this machine; without one the test is skipped.
    #[track_caller]
    fn find() -> Option<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let address = misc::test::server("MISC_MQTT", "127.0.0.1:1883")?;
        let (host, port) = address.rsplit_once(':').expect("`MISC_MQTT` is `host:port`");
        let gateway = format!("gateway-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Some(Self { host: host.to_owned(), port: port.to_owned(), gateway })
    }

    async fn gateway(&self) -> TestApp {
        TestApp::start(self.app_at(&self.host, &self.port)).await
    }

    /// Returns a gateway that reaches the broker through a proxy.
    fn app_through(&self, faults: &Faults) -> App {
        self.app_at("127.0.0.1", &faults.address().port().to_string())
    }

    fn app_at(&self, host: &str, port: &str) -> App {
        app(&[
            ("GATEWAY_BROKER_HOST", host),
            ("GATEWAY_BROKER_PORT", port),
            ("GATEWAY_BROKER_CLIENT_ID", &self.gateway),
        ])
    }

    /// Runs a proxy before the broker.
    async fn network(&self) -> (TestApp, Faults) {
        let (proxy, faults) = FaultProxy::new(format!("{}:{}", self.host, self.port));
        (TestApp::service(proxy).await, faults)
    }

    /// Connects somebody who hears all that the gateway publishes.
    async fn listener(&self) -> Listener {
        let port = self.port.parse().expect("a port");
        let options = MqttOptions::new(format!("{}-listener", self.gateway), &self.host, port);
        let (client, events) = AsyncClient::new(options, 10);
        let mut listener = Listener { client, events };
        let readings = format!("{}/readings/#", self.gateway);
        listener.client.subscribe(readings, QoS::AtLeastOnce).await.expect("room for a request");
        listener.until(|packet| matches!(packet, Packet::SubAck(_)).then_some(())).await;
        listener
    }
}

struct Listener {
    client: AsyncClient,
    events: EventLoop,
}

impl Listener {
    /// Returns the next message: the end of its topic, and its text.
    async fn hears(&mut self) -> String {
        let message = |packet| if let Packet::Publish(message) = packet { Some(message) } else { None };
        let message = self.until(message).await;
        let topic = message.topic.split_once("/readings/").expect("a topic").1;
        format!("{topic} {}", String::from_utf8_lossy(&message.payload))
    }

    /// Sends a command, and returns once the broker has it.
    async fn commands(&mut self, topic: String, command: &str) {
        self.client.publish(topic, QoS::AtLeastOnce, false, command).await.expect("room for a request");
        self.until(|packet| matches!(packet, Packet::PubAck(_)).then_some(())).await;
    }

    async fn until<T>(&mut self, mut wanted: impl FnMut(Packet) -> Option<T>) -> T {
        let found = async {
            loop {
                if let Event::Incoming(packet) = self.events.poll().await.expect("a connection")
                    && let Some(found) = wanted(packet)
                {
                    return found;
                }
            }
        };
        timeout(Duration::from_secs(10), found).await.expect("the broker answers")
    }
}

#[tokio::test]
async fn readings_are_published() {
    let Some(broker) = Broker::find() else { return };
    let (app, mut listener) = (broker.gateway().await, broker.listener().await);
    let mut device = Device::connect(&app).await;
    device.says("kitchen temperature=21.5 humidity=40").await;
    assert_eq!(listener.hears().await, "kitchen/temperature 21.5");
    assert_eq!(listener.hears().await, "kitchen/humidity 40");
    until_metric(&app, PUBLISHED, 2.0).await;
    check_metric(&app, "gateway_broker_connected", 1.0).await;
    assert!(ask(&app, "/readyz?verbose").await.contains("[+]broker ok"));
    drop(device);
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn commands_reach_a_device_with_its_next_answer() {
    let Some(broker) = Broker::find() else { return };
    let (app, mut listener) = (broker.gateway().await, broker.listener().await);
    until_metric(&app, "gateway_broker_connected", 1.0).await;
    let mut device = Device::connect(&app).await;
    assert_eq!(device.says("kitchen temperature=21.5").await, "ok");
    // Published readings were sent after the subscription, so the gateway gets commands from here on.
    until_metric(&app, PUBLISHED, 1.0).await;
    for command in ["interval 60", "interval 10", "two\nlines"] {
        listener.commands(format!("{}/commands/kitchen", broker.gateway), command).await;
    }
    until_metric(&app, r#"gateway_commands_total{outcome="refused"}"#, 1.0).await;
    check_metric(&app, r#"gateway_commands_total{outcome="accepted"}"#, 2.0).await;
    assert_eq!(device.says("cellar temperature=10").await, "ok", "it is not for this one");
    assert_eq!(device.says("kitchen temperature=22").await, "ok interval 10", "the latest counts");
    assert_eq!(device.says("kitchen temperature=22").await, "ok");
    drop(device);
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn everything_accepted_before_a_stop_is_published() {
    let Some(broker) = Broker::find() else { return };
    let logs = Logs::capture();
    let (app, mut listener) = (broker.gateway().await, broker.listener().await);
    until_metric(&app, "gateway_broker_connected", 1.0).await;
    let mut device = Device::connect(&app).await;
    let lines: Vec<_> = (0..500).map(|value| format!("kitchen temperature={value}")).collect();
    device.sends(&lines.join("\n")).await;
    for _ in lines {
        assert_eq!(device.hears().await, "ok");
    }
    drop(device);
    app.stop().await.assert_clean().await;
    logs.assert_not_logged("not published");
    for value in 0..500 {
        assert_eq!(listener.hears().await, format!("kitchen/temperature {value}"));
    }
}

#[tokio::test]
async fn goes_on_without_a_broker_and_says_so_once() {
    let logs = Logs::capture();
    let app = start(&[NO_BROKER]).await;
    logs.until("the MQTT broker does not answer; going on without it, and trying again").await;
    for _ in 0..3 {
        logs.until("DEBUG gateway::broker::session: the MQTT broker does not answer").await;
    }
    let told = logs.lines().iter().filter(|line| line.message().contains("going on without it")).count();
    assert_eq!(told, 1);
    let readiness = ask(&app, "/readyz?verbose").await;
    assert!(readiness.starts_with("HTTP/1.1 200") && readiness.contains("broker"), "{readiness}");
    assert_eq!(Device::connect(&app).await.says("kitchen temperature=21.5").await, "ok");
    check_metric(&app, "gateway_broker_connected", 0.0).await;
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn readings_wait_for_a_broker_that_comes_back() {
    let Some(broker) = Broker::find() else { return };
    let (network, faults) = broker.network().await;
    let app = TestApp::start(broker.app_through(&faults)).await;
    let mut listener = broker.listener().await;
    let mut device = Device::connect(&app).await;
    device.says("kitchen temperature=1").await;
    assert_eq!(listener.hears().await, "kitchen/temperature 1");
    // Else it may be sent once more: the broker has it before the gateway knows.
    until_metric(&app, PUBLISHED, 1.0).await;

    faults.refuse().await;
    faults.cut();
    until_metric(&app, "gateway_broker_connected", 0.0).await;
    device.says("kitchen temperature=2").await;
    device.says("kitchen temperature=3").await;
    faults.heal().await;
    assert_eq!(listener.hears().await, "kitchen/temperature 2");
    assert_eq!(listener.hears().await, "kitchen/temperature 3");
    until_metric(&app, PUBLISHED, 3.0).await;
    drop(device);
    app.stop().await.assert_clean().await;
    network.stop().await.assert_ok();
}

#[tokio::test]
async fn readings_that_were_lost_on_their_way_are_sent_again() {
    let Some(broker) = Broker::find() else { return };
    let (network, faults) = broker.network().await;
    let app = TestApp::start(broker.app_through(&faults)).await;
    let mut listener = broker.listener().await;
    until_metric(&app, "gateway_broker_connected", 1.0).await;

    faults.delay(Duration::from_secs(600));
    let mut device = Device::connect(&app).await;
    for value in 1..=3 {
        device.says(&format!("kitchen temperature={value}")).await;
    }
    until("they are on their way", async || metric(&app, "gateway_broker_queue_length").await == Some(0.0)).await;
    faults.cut();
    faults.heal().await;
    for value in 1..=3 {
        assert_eq!(listener.hears().await, format!("kitchen/temperature {value}"));
    }
    until_metric(&app, PUBLISHED, 3.0).await;
    drop(device);
    app.stop().await.assert_clean().await;
    network.stop().await.assert_ok();
}

#[tokio::test]
async fn a_broker_that_is_silent_does_not_hold_up_the_stop() {
    let Some(broker) = Broker::find() else { return };
    let logs = Logs::capture();
    let (network, faults) = broker.network().await;
    let app = TestApp::start(broker.app_through(&faults).stop_within(Duration::from_secs(3))).await;
    until_metric(&app, "gateway_broker_connected", 1.0).await;
    faults.delay(Duration::from_secs(600));
    Device::connect(&app).await.says("kitchen temperature=1").await;
    // Not all tasks are the gateway's: the network has one that holds back what is on its way.
    app.stop().await.assert_ok();
    logs.assert_logged("readings were not published, for the broker does not answer readings=1");
    drop(network);
}

#[test]
fn a_client_id_that_is_no_level_of_a_topic_is_refused() {
    let loader = Settings::loader().env_from([("GATEWAY_BROKER_CLIENT_ID", "gateway/#")]);
    let error = loader.load().unwrap_err().to_string();
    assert!(error.contains("broker.client_id: `gateway/#` is not a name"), "{error}");
}
