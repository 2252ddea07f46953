//! The connection to the broker, made again whenever it is lost.

use std::{collections::VecDeque, time::Duration};

use rumqttc::{
    ConnectionError, Event, EventLoop, Outgoing, Packet, Publish, QoS, Request, Subscribe, SubscribeReasonCode,
};
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};

use super::{Broker, backoff::Backoff};

/// How long a connection has to last to count as one that works.
const STABLE: Duration = Duration::from_secs(10);

/// Keeps the connection, and attends to what comes over it.
pub(super) struct Session<'a> {
    broker: &'a Broker,
    events: EventLoop,
    /// What was sent and not acknowledged before the connection was lost.
    unacked: VecDeque<Request>,
    connected: Option<Instant>,
    backoff: Backoff,
    /// Whether the log has it that the broker is away.
    is_told: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(broker: &'a Broker, events: EventLoop) -> Self {
        let (unacked, backoff) = (VecDeque::new(), Backoff::new());
        Self { broker, events, unacked, connected: None, backoff, is_told: false }
    }

    /// Keeps the connection until the client has taken leave.
    pub(super) async fn keep(mut self) {
        loop {
            match self.events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => self.up(),
                Ok(Event::Incoming(Packet::Publish(message))) => self.command(&message),
                Ok(Event::Incoming(Packet::PubAck(_))) => {
                    self.broker.metrics.published.inc();
                    self.broker.acked.send_modify(|acked| *acked += 1);
                }
                Ok(Event::Incoming(Packet::SubAck(ack)))
                    if ack.return_codes.contains(&SubscribeReasonCode::Failure) =>
                {
                    warn!("the MQTT broker refuses to send commands: let this client subscribe to them");
                }
                Ok(Event::Outgoing(Outgoing::Disconnect)) => return,
                Ok(_) => {}
                Err(error) => {
                    self.down(&error);
                    sleep(self.backoff.delay()).await;
                }
            }
        }
    }

    fn up(&mut self) {
        info!("the MQTT broker is connected");
        self.connected = Some(Instant::now());
        self.is_told = false;
        // The broker keeps no session, which it may lose anyway: all that is not acknowledged is sent again.
        let commands = Subscribe::new(format!("{}/commands/+", self.client_id()), QoS::AtLeastOnce);
        self.events.pending.push_back(commands.into());
        self.events.pending.append(&mut self.unacked);
        self.broker.metrics.connected.set(1.0);
        self.broker.link.send_modify(|link| *link = Ok(()));
    }

    fn down(&mut self, error: &ConnectionError) {
        if self.is_told {
            debug!(%error, "the MQTT broker does not answer");
        } else {
            warn!(%error, "the MQTT broker does not answer; going on without it, and trying again");
        }
        self.is_told = true;
        if self.connected.take().is_some_and(|since| since.elapsed() >= STABLE) {
            self.backoff = Backoff::new();
        }
        self.unacked.extend(self.events.pending.drain(..).filter(|request| matches!(request, Request::Publish(_))));
        self.broker.metrics.connected.set(0.0);
        self.broker.link.send_modify(|link| *link = Err(error.to_string()));
    }

    fn command(&self, message: &Publish) {
        let prefix = format!("{}/commands/", self.client_id());
        let device = message.topic.strip_prefix(&prefix).unwrap_or_default();
        match self.broker.commands.put(device, &message.payload) {
            Ok(()) => self.broker.metrics.commands.inc(),
            Err(refused) => {
                warn!(topic = message.topic, %refused, "a command is refused");
                self.broker.metrics.refused.inc();
            }
        }
    }

    fn client_id(&self) -> String {
        self.events.mqtt_options.client_id()
    }
}
