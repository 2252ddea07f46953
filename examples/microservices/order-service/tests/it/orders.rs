//! Orders, from the request to the mail.

use std::{
    fs, io,
    net::TcpListener,
    sync::atomic::{AtomicU32, Ordering},
};

use contract::UsersClient;
use misc::resilience::Policy;
use order_service::{Mail, MailFile, Mailer};

use crate::{
    place::{Place, on_each_database},
    support::{find, id_of, order, start, until_notified, users},
};

/// Sends a mail and has no time to say so, twice.
struct Dying {
    mails: MailFile,
    lives: AtomicU32,
}

impl Mailer for Dying {
    async fn send(&self, mail: &Mail) -> io::Result<()> {
        self.mails.send(mail).await?;
        match self.lives.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |lives| lives.checked_sub(1)) {
            Ok(_) => Err(io::Error::other("it is over, and the mail is out")),
            Err(_) => Ok(()),
        }
    }
}

async fn an_order_is_stored_and_told_of(place: &Place) {
    let mails = place.file("mails.log");
    let app = start(place, users(), Policy::new("users"), MailFile::new(&mails)).await;
    let (status, answer) = order(&app, 1, "tea").await;
    assert_eq!(status, 201, "{answer}");
    let id = id_of(&answer);
    assert!(answer.ends_with(&format!(r#"{{"id":"{id}","user_id":1,"item":"tea","notified":false}}"#)), "{answer}");
    until_notified(&app, id).await;
    let mails = fs::read_to_string(mails).expect("mails");
    let text = format!("Your order {id} was created: tea.");
    assert_eq!(mails, format!("{{\"id\":\"order-{id}\",\"to\":\"ada@example.org\",\"text\":\"{text}\"}}\n"));
    app.stop().await.assert_ok();
}

async fn an_order_without_its_job_is_not_stored(place: &Place) {
    let app = start(place, users(), Policy::new("users"), MailFile::new(place.file("mails.log"))).await;
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON misc_queue_jobs BEGIN SELECT RAISE(ABORT, 'no'); END";
    place.run(refuse, "ALTER TABLE misc_queue_jobs ADD CHECK (false) NOT VALID").await;
    let (status, answer) = order(&app, 1, "tea").await;
    assert_eq!(status, 500, "{answer}");
    assert_eq!(place.count("orders").await, 0);
    app.stop().await.assert_ok();
}

async fn a_job_without_its_order_is_not_stored(place: &Place) {
    let app = start(place, users(), Policy::new("users"), MailFile::new(place.file("mails.log"))).await;
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON orders BEGIN SELECT RAISE(ABORT, 'no'); END";
    place.run(refuse, "ALTER TABLE orders ADD CHECK (false) NOT VALID").await;
    let (status, answer) = order(&app, 1, "tea").await;
    assert_eq!(status, 500, "{answer}");
    assert_eq!(place.count("misc_queue_jobs").await, 0);
    app.stop().await.assert_ok();
}

async fn an_order_is_there_after_a_restart(place: &Place) {
    let app = start(place, users(), Policy::new("users"), MailFile::new(place.file("mails.log"))).await;
    let (_, answer) = order(&app, 1, "tea").await;
    app.stop().await.assert_ok();
    let app = start(place, users(), Policy::new("users"), MailFile::new(place.file("mails.log"))).await;
    until_notified(&app, id_of(&answer)).await;
    app.stop().await.assert_ok();
    assert_eq!(fs::read_to_string(place.file("mails.log")).expect("mails").lines().count(), 1);
}

async fn what_is_done_again_is_told_once(place: &Place) {
    let mails = place.file("mails.log");
    let mailer = Dying { mails: MailFile::new(&mails), lives: AtomicU32::new(2) };
    let app = start(place, users(), Policy::new("users"), mailer).await;
    let (_, answer) = order(&app, 1, "tea").await;
    until_notified(&app, id_of(&answer)).await;
    app.stop().await.assert_ok();
    assert_eq!(fs::read_to_string(mails).expect("mails").lines().count(), 1, "three attempts, one mail");
}

async fn who_has_no_account_orders_nothing(place: &Place) {
    let app = start(place, users(), Policy::new("users"), MailFile::new(place.file("mails.log"))).await;
    let (status, answer) = order(&app, 7, "tea").await;
    assert!(status == 404 && answer.contains("there is no user 7"), "{answer}");
    let (status, answer) = find(&app, "0123").await;
    assert!(status == 404 && answer.contains("there is no order 0123"), "{answer}");
    app.stop().await.assert_ok();
    assert!(!place.file("mails.log").exists(), "nobody was told of anything");
}

on_each_database!(
    an_order_is_stored_and_told_of,
    an_order_without_its_job_is_not_stored,
    a_job_without_its_order_is_not_stored,
    an_order_is_there_after_a_restart,
    what_is_done_again_is_told_once,
    who_has_no_account_orders_nothing,
);

#[tokio::test]
async fn without_the_user_service_nothing_is_ordered() {
    let place = Place::sqlite();
    // Nobody listens there any more.
    let gone = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("an address");
    let policy = Policy::new("users");
    let users = UsersClient::builder(format!("http://{gone}/rpc")).layer(policy.clone()).build().expect("a URL");
    let app = start(&place, users, policy, MailFile::new(place.file("mails.log"))).await;
    let (status, answer) = order(&app, 1, "tea").await;
    assert_eq!(status, 503, "{answer}");
    assert!(
        answer.contains("\r\nretry-after: 1\r\n") && answer.contains("the user service is not to be had"),
        "{answer}"
    );
    app.stop().await.assert_ok();
}
