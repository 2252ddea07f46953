//! What the gateway consists of.

use std::{future::ready, sync::Arc};

use misc::{
    Address, App, BoxError, Plugin, Service,
    health::Health,
    http::{self, ops},
    metrics::Registry,
    net::{
        codec::LinesCodec,
        tcp::{self, Peer},
        tls::Tls,
        udp::{self, Datagram},
    },
};

use crate::{broker::Broker, commands::Commands, frame, intake::Intake, settings::Settings};

/// Returns all of the gateway but its log: what `main` runs, tests run, too.
///
/// # Errors
/// The certificates cannot be used, or a metric cannot be registered.
pub fn plugin(settings: Settings) -> Result<impl Plugin, BoxError> {
    let metrics = Registry::new("gateway").series_limit(settings.series).expire_after(settings.forget_after);
    let commands = Arc::new(Commands::default());
    let (broker, outbox) = Broker::new(&settings.broker, &metrics, &commands)?;
    let health = Health::new().check("broker", broker.check().informative());
    let ops = http::Server::new(settings.ops, ops().metrics(metrics.endpoint()).health(health.endpoint()));

    let intake = |transport| Intake::new(transport, &metrics, &outbox, &commands);
    let udp = datagrams(settings.udp, intake("udp")?);
    let tcp = lines(settings.tcp.clone(), intake("tcp")?, None);
    let secured = match settings.tls {
        None => None,
        Some(secured) => {
            let mut config = settings.tcp;
            config.listen = secured.listen;
            let tls = Tls::new(secured.files)?;
            let devices = lines(config, intake("tls")?, Some(&tls));
            Some((tls, devices))
        }
    };

    Ok(move |app: App| {
        // Stopped in reverse: who takes readings before who publishes them, and last who tells how all of it is.
        let app = app.with(metrics).with(health).service("ops", ops).service("broker", broker);
        let app = app.service("udp", udp).service("tcp", tcp);
        match secured {
            None => app,
            Some((tls, devices)) => app.with(tls).service("tcp-tls", devices),
        }
    })
}

/// Serves devices that speak in lines; a line that is too long, or no text, ends their connection.
fn lines(config: tcp::Config, intake: Intake, tls: Option<&Tls>) -> impl Service + use<> {
    let codec = LinesCodec::new_with_max_length(frame::MAX_LENGTH);
    let answer = move |line: String, _: Peer| ready(Ok(Some(intake.answer(&line))));
    let server = tcp::Server::framed(config, codec, answer);
    match tls {
        Some(tls) => server.tls(tls),
        None => server,
    }
}

/// Serves devices that send a frame in a datagram, and wait for nothing.
fn datagrams(listen: Address, intake: Intake) -> impl Service {
    udp::Server::new(listen, move |datagram: Datagram| {
        // What is malformed was counted, and there is nobody to tell.
        drop(intake.take(&String::from_utf8_lossy(&datagram)));
        ready(Ok(()))
    })
}
