//! The MQTT broker: readings go there, and commands come from there.

mod backoff;
mod session;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use misc::{
    BoxError, Context, Service,
    health::{Check, check_with},
    metrics::{Counter, Error, Gauge, Registry},
};
use rumqttc::{AsyncClient, ClientError, MqttOptions, QoS};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use tracing::warn;

use self::session::Session;
use crate::{commands::Commands, frame::Reading, outbox::Outbox, settings};

/// How often the broker is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long before its stop bound the service gives up on what is not published, so that it ends in time itself.
const MARGIN: Duration = Duration::from_millis(500);

/// Publishes readings and takes commands while the broker answers, and looks for it in the background while it does not.
///
/// Readings are on `<client id>/readings/<device>/<kind>` and are sent again, as often as it takes, until the broker has them.
/// Commands are taken from `<client id>/commands/<device>`.
#[derive(Debug)]
pub(crate) struct Broker {
    options: MqttOptions,
    outbox: Arc<Outbox>,
    link: watch::Sender<Link>,
    /// How many readings have left the outbox, and how many of these the broker has.
    taken: AtomicU64,
    acked: watch::Sender<u64>,
    metrics: Metrics,
    commands: Arc<Commands>,
}

/// Whether the broker is connected; if not, why.
type Link = Result<(), String>;

#[derive(Debug)]
struct Metrics {
    connected: Gauge,
    published: Counter,
    commands: Counter,
    refused: Counter,
}

impl Broker {
    /// Creates the service, and the queue that it publishes from.
    pub(crate) fn new(
        settings: &settings::Broker,
        metrics: &Registry,
        commands: &Arc<Commands>,
    ) -> Result<(Self, Arc<Outbox>), Error> {
        let mut options = MqttOptions::new(&settings.client_id, &settings.host, settings.port.get());
        options.set_keep_alive(KEEP_ALIVE);
        let help = "Readings that the broker has, or that had to make room for later ones.";
        let readings = metrics.labels(["outcome"]).counter("broker_readings_total", help)?;
        let outbox = Arc::new(Outbox::new(settings.queue, readings.with(["dropped"])));
        let waiting = Arc::clone(&outbox);
        metrics.collect(move |out| {
            out.gauge("broker_queue_length", "Readings that wait for the broker.", &[], waiting.len() as f64);
        });
        let taken = metrics.labels(["outcome"]).counter("commands_total", "Commands from the broker.")?;
        let metrics = Metrics {
            connected: metrics.gauge("broker_connected", "Whether the broker is connected: 1, or 0.")?,
            published: readings.with(["published"]),
            commands: taken.with(["accepted"]),
            refused: taken.with(["refused"]),
        };
        let this = Self {
            options,
            outbox: Arc::clone(&outbox),
            link: watch::Sender::new(Err("it was not asked yet".to_owned())),
            taken: AtomicU64::new(0),
            acked: watch::Sender::new(0),
            metrics,
            commands: Arc::clone(commands),
        };
        Ok((this, outbox))
    }

    /// Returns a check of whether the broker is connected.
    pub(crate) fn check(&self) -> Check {
        check_with(self.link.subscribe(), async |link: watch::Receiver<Link>| link.borrow().clone())
    }

    /// Publishes what is in the outbox, to the last reading when the service shall stop, and takes leave.
    async fn publish(&self, ctx: &Context, client: &AsyncClient) -> Result<(), ClientError> {
        while let Some(reading) = ctx.until_stopping(self.outbox.next()).await {
            self.send(client, reading).await?;
        }
        while let Some(reading) = self.outbox.pop() {
            self.send(client, reading).await?;
        }
        // Cannot fail: the sender is here.
        drop(self.acked.subscribe().wait_for(|acked| *acked == self.taken.load(Relaxed)).await);
        client.disconnect().await
    }

    /// Waits, while there is no connection, until there is one.
    async fn send(&self, client: &AsyncClient, reading: Reading) -> Result<(), ClientError> {
        let Reading { device, kind, value } = reading;
        let topic = format!("{}/readings/{device}/{kind}", self.options.client_id());
        self.taken.fetch_add(1, Relaxed);
        client.publish(topic, QoS::AtLeastOnce, false, value.to_string()).await
    }

    /// Waits until the service shall stop and nothing can be done for what is not published.
    async fn in_vain(&self, ctx: &Context) {
        ctx.stopping().await;
        let bound = ctx.stop_deadline().map_or_else(Instant::now, |bound| bound - MARGIN);
        drop(timeout_at(bound, self.link.subscribe().wait_for(Result::is_err)).await);
    }

    fn unpublished(&self) -> u64 {
        self.outbox.len() as u64 + self.taken.load(Relaxed) - *self.acked.borrow()
    }
}

impl Service for Broker {
    async fn run(self, ctx: Context) -> Result<(), BoxError> {
        // Nobody waits for the broker, nor for room in the client: what waits does so in the outbox.
        let (client, events) = AsyncClient::new(self.options.clone(), 0);
        ctx.ready();
        let session = Session::new(&self, events);
        let keep = async {
            session.keep().await;
            Ok(())
        };
        let work = async { tokio::try_join!(self.publish(&ctx, &client), keep) };
        tokio::select! {
            biased;
            done = work => drop(done?),
            () = self.in_vain(&ctx) => {}
        }
        let readings = self.unpublished();
        if readings > 0 {
            warn!(readings, "readings were not published, for the broker does not answer");
        }
        Ok(())
    }
}
