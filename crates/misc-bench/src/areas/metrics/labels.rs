//! The labels of what is recorded and exposed: a method, a route and a status.

use std::borrow::Cow;

use prometheus_client::encoding::EncodeLabelSet;

/// What the labels are called.
pub(crate) const NAMES: [&str; 3] = ["method", "route", "status"];

const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];
const STATUSES: [&str; 5] = ["200", "201", "404", "429", "500"];
const ROUTES: [&str; 5] = ["/", "/users", "/users/{id}", "/users/{id}/orders", "/users/{id}/orders/{order}"];

/// How many series there are with the routes that are known.
pub(crate) const FEW: usize = METHODS.len() * STATUSES.len() * ROUTES.len();

/// The labels of one series, as prometheus-client has them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Labels {
    pub(crate) method: &'static str,
    pub(crate) route: Cow<'static, str>,
    pub(crate) status: &'static str,
}

impl Labels {
    /// One of the few; again the first after the last.
    pub(crate) fn few(number: usize) -> Self {
        let route = ROUTES[number / (METHODS.len() * STATUSES.len()) % ROUTES.len()];
        Self::with_route(number, route.into())
    }

    /// One of as many as one likes.
    pub(crate) fn many(number: usize) -> Self {
        Self::with_route(number, format!("/items-{}/{{id}}", number / (METHODS.len() * STATUSES.len())).into())
    }

    pub(crate) fn values(&self) -> [&str; 3] {
        [self.method, &self.route, self.status]
    }

    /// As the `metrics` facade has them.
    pub(crate) fn to_key(&self, name: &'static str) -> metrics::Key {
        let pair = |(name, value): (&'static str, &str)| metrics::Label::new(name, value.to_owned());
        metrics::Key::from_parts(name, NAMES.into_iter().zip(self.values()).map(pair).collect::<Vec<_>>())
    }

    fn with_route(number: usize, route: Cow<'static, str>) -> Self {
        let (method, status) = (METHODS[number % METHODS.len()], STATUSES[number / METHODS.len() % STATUSES.len()]);
        Self { method, route, status }
    }
}
