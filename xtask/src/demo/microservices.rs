//! `cargo xtask demo microservices`: the two services as processes, one of which is killed while it is needed.
//!
//! Each step says what it does, shows it, and fails if it is not as the README of the example says.

mod service;

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use self::service::{Service, eventually};
use super::{build, wait};
use crate::{
    failure::{Failure, Result},
    http::{Request, Response},
    process::target_dir,
};

/// What the demo is called, as its example is.
pub(super) const NAME: &str = "microservices";

/// How many orders make traffic.
const TRAFFIC: usize = 50;
/// How long the breaker is open, in seconds: less than in the settings of the example, since somebody waits.
const OPEN: u64 = 2;

pub(super) fn play(is_built: bool, postgres: Option<&str>) -> Result {
    build(&["user-service", "order-service"], is_built)?;
    let dir = target_dir().join("demo").join(format!("{NAME}-{}", std::process::id()));
    fs::create_dir_all(&dir).map_err(|error| Failure::met(dir.display(), error))?;
    let mut shop = Shop::start(&dir, postgres)?;
    let played = shop.play();
    if played.is_err() {
        shop.users.show_log();
        shop.orders.show_log();
    }
    // What is left of a demo that has failed may say why.
    played?;
    fs::remove_dir_all(&dir).map_err(|error| Failure::met(dir.display(), error))
}

/// Both services, and what was seen of them.
struct Shop<'d> {
    dir: &'d Path,
    users: Service,
    orders: Service,
    /// The ids of the orders that were taken.
    taken: Vec<String>,
}

impl<'d> Shop<'d> {
    fn start(dir: &'d Path, postgres: Option<&str>) -> Result<Self> {
        let (database, kind) = match postgres {
            Some(url) => (url.to_owned(), "PostgreSQL"),
            None => (format!("sqlite://{}?mode=rwc", dir.join("orders.db").display()), "a file of SQLite"),
        };
        say(&format!("Both services start; orders and jobs are in {kind}."));
        let users = Service::start(dir, "user-service", "127.0.0.1:0", "")?;
        let settings = format!(
            "queue:\n  url: \"{database}\"\nmails: {mails}\nusers:\n  url: http://{users}/rpc\npolicy:\n  breaker:\n    \
            open_duration: {OPEN}s\n",
            mails = dir.join("mails.log").display(),
            users = users.http,
        );
        let orders = Service::start(dir, "order-service", "127.0.0.1:0", &settings)?;
        Ok(Self { dir, users, orders, taken: Vec::new() })
    }

    fn play(&mut self) -> Result {
        self.an_order_is_taken_and_told_of()?;
        self.nobody_orders_without_an_account()?;
        self.many_orders_at_once()?;
        self.both_show_how_they_are()?;
        self.an_operator_pauses_the_jobs()?;
        self.the_user_service_is_killed()?;
        self.the_breaker_opens()?;
        self.the_user_service_comes_back()?;
        self.each_order_has_one_mail()?;
        self.both_stop()
    }

    fn an_order_is_taken_and_told_of(&mut self) -> Result {
        say(
            "Ada orders tea. The order service asks the user service who she is, and stores the order and the job to tell her \
            of it in one transaction.",
        );
        let order = self.order(1, "tea")?;
        expect(&order, 201, "\"notified\":false")?;
        let id = self.taken.last().cloned().unwrap_or_default();
        say("A worker does the job: it sends a mail, and writes down that it has.");
        self.is_notified(&id)?;
        println!("$ cat mails.log");
        let mails = self.mails()?;
        mails.iter().for_each(|mail| println!("{mail}"));
        check(matches!(&*mails, [mail] if mail.contains("ada@example.org")), "one mail was to be sent to Ada")
    }

    fn nobody_orders_without_an_account(&mut self) -> Result {
        say("Nobody is number 7: the user service has said so, which is an answer and no failure.");
        let order = self.order(7, "tea")?;
        expect(&order, 404, "there is no user 7")
    }

    fn many_orders_at_once(&mut self) -> Result {
        say(&format!("{TRAFFIC} orders more, four at a time."));
        let host = self.orders.http.clone();
        let answers = std::thread::scope(|scope| {
            let clients = (0..4).map(|client| {
                let host = &*host;
                scope.spawn(move || {
                    (client..TRAFFIC).step_by(4).map(|_| service::ask(&order_of(host, 2, "books"))).collect()
                })
            });
            let clients: Vec<_> = clients.collect();
            clients.into_iter().flat_map(|client| client.join().unwrap_or_else(|_| Vec::new())).collect::<Vec<_>>()
        });
        for answer in answers {
            let answer = answer?;
            expect(&answer, 201, "")?;
            self.taken.extend(id_of(&answer));
        }
        println!("{} orders were taken.", self.taken.len());
        check(self.taken.len() == TRAFFIC + 1, "each of them was to be taken")
    }

    fn both_show_how_they_are(&mut self) -> Result {
        say("Both are well, and show what they have done.");
        self.users.shows("readyz check passed")?;
        self.orders.shows("[+]users ok")?;
        let calls = self.users.metric("rpc_server_call_duration_seconds_count")?;
        check(calls > TRAFFIC as f64, "the user service was to count a call for each order")?;
        let taken = self.orders.metric("order_service_orders_total")?;
        check(taken == (TRAFFIC + 1) as f64, "the order service was to count each order")?;
        let closed = self.orders.metric("circuit_breaker_state{name=\"users\",state=\"closed\"}")?;
        check(closed == 1.0, "the breaker was to be closed")
    }

    fn an_operator_pauses_the_jobs(&mut self) -> Result {
        say("Mail is down for maintenance: an operator pauses the jobs, with the program of the order service.");
        self.all_are_notified()?;
        self.orders.operate(self.dir, &["queue", "pause", "order.created"])?;
        let order = self.order(2, "cake")?;
        expect(&order, 201, "\"notified\":false")?;
        let id = self.taken.last().cloned().unwrap_or_default();
        let queues = self.orders.operate(self.dir, &["queue", "queues"])?;
        let waits = ["order.created", "0", "1", "0", "0", "0"];
        let row = queues.lines().nth(1).unwrap_or_default().split_whitespace();
        check(row.take(waits.len()).eq(waits), "one job was to wait")?;
        say("It is resumed, and the customer is told.");
        self.orders.operate(self.dir, &["queue", "resume", "order.created"])?;
        self.is_notified(&id)
    }

    fn the_user_service_is_killed(&mut self) -> Result {
        say("The user service is killed, without a chance to say anything.");
        self.users.kill()?;
        say(
            "Who orders is told to come back. After five failures in a row the breaker opens, and nothing is called any more.",
        );
        for _ in 0..2 {
            let order = self.order(1, "tea")?;
            expect(&order, 503, "the user service is not to be had")?;
            check(order.field("retry-after").is_some(), "it was to say when to ask again")?;
        }
        Ok(())
    }

    fn the_breaker_opens(&mut self) -> Result {
        let open = self.orders.metric("circuit_breaker_state{name=\"users\",state=\"open\"}")?;
        check(open == 1.0, "the breaker was to be open")?;
        let rejected = "circuit_breaker_calls_total{name=\"users\",outcome=\"rejected\"}";
        let before = self.orders.metric(rejected)?;
        let order = self.order(1, "tea")?;
        expect(&order, 503, "")?;
        let after = order.field("retry-after").and_then(|after| after.parse().ok());
        check(after.is_some_and(|after: u64| (1..=OPEN).contains(&after)), "it was to be open for no longer than set")?;
        check(self.orders.metric(rejected)? > before, "the call was to be rejected without being made")?;
        say("Health says so. It is a warning: the order service can still tell of orders, so it takes requests.");
        self.orders.shows("[!]users warning")?;
        let id = self.taken.first().cloned().unwrap_or_default();
        expect(&self.orders.ask(&Request::get(&self.orders.http, &format!("/orders/{id}")))?, 200, "\"item\":\"tea\"")
    }

    fn the_user_service_comes_back(&mut self) -> Result {
        say("The user service is started again, where it was.");
        self.users = Service::start(self.dir, "user-service", &self.users.http, "")?;
        println!("$ sleep {OPEN}");
        wait(Duration::from_secs(OPEN));
        say("One call is let through; it is answered, and the breaker closes.");
        // A fifth of the time that it is open is random.
        let order = eventually("an order is taken again", || {
            let order = self.order(1, "coffee")?;
            Ok((order.status == 201).then_some(order))
        })?;
        expect(&order, 201, "coffee")?;
        let closed = self.orders.metric("circuit_breaker_state{name=\"users\",state=\"closed\"}")?;
        check(closed == 1.0, "the breaker was to be closed")?;
        self.orders.shows("[+]users ok")
    }

    fn each_order_has_one_mail(&mut self) -> Result {
        say("Each order that was taken has one mail, and no other has any.");
        self.all_are_notified()?;
        let mails = self.mails()?;
        let told: BTreeSet<_> = mails.iter().filter_map(|mail| between(mail, "\"id\":\"order-", "\"")).collect();
        let taken: BTreeSet<_> = self.taken.iter().map(String::as_str).collect();
        println!("{} orders, {} mails.", taken.len(), mails.len());
        check(told == taken && mails.len() == taken.len(), "there was to be one mail for each order")
    }

    fn both_stop(&mut self) -> Result {
        say("Both are asked to stop, and end in order.");
        self.orders.stop()?;
        self.users.stop()?;
        say("That was all of it, as it should be.");
        Ok(())
    }

    /// Orders, and remembers the order if it was taken.
    fn order(&mut self, user: i64, item: &str) -> Result<Response> {
        let answer = self.orders.ask(&order_of(&self.orders.http, user, item))?;
        self.taken.extend(id_of(&answer).filter(|_| answer.status == 201));
        Ok(answer)
    }

    /// Waits until an order says that its customer was told of it, and shows it.
    fn is_notified(&self, id: &str) -> Result {
        self.is_notified_quietly(id)?;
        expect(&self.orders.ask(&Request::get(&self.orders.http, &format!("/orders/{id}")))?, 200, "\"notified\":true")
    }

    fn all_are_notified(&self) -> Result {
        self.taken.iter().try_for_each(|id| self.is_notified_quietly(id))
    }

    fn is_notified_quietly(&self, id: &str) -> Result {
        let request = Request::get(&self.orders.http, &format!("/orders/{id}"));
        eventually("the customer is told of the order", || {
            let order = service::ask(&request)?;
            expect(&order, 200, "")?;
            Ok(order.body.contains("\"notified\":true").then_some(()))
        })
    }

    fn mails(&self) -> Result<Vec<String>> {
        let path = self.dir.join("mails.log");
        let text = fs::read_to_string(&path).map_err(|error| Failure::met(path.display(), error))?;
        Ok(text.lines().map(str::to_owned).collect())
    }
}

fn order_of(host: &str, user: i64, item: &str) -> Request {
    Request::post_json(host, "/orders", &format!(r#"{{"user":{user},"item":"{item}"}}"#))
}

fn id_of(answer: &Response) -> Option<String> {
    between(&answer.body, "\"id\":\"", "\"").map(str::to_owned)
}

/// What is between two texts.
fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0)
}

/// Says what comes.
fn say(text: &str) {
    println!("\n== {text}");
}

fn check(is_so: bool, what: &str) -> Result {
    if is_so { Ok(()) } else { Err(Failure::check(what)) }
}

fn expect(answer: &Response, status: u16, part: &str) -> Result {
    let Response { status: found, body, .. } = answer;
    check(
        *found == status && body.contains(part),
        &format!("the answer was to be {status} with `{part}`, and is {found} with `{body}`"),
    )
}
