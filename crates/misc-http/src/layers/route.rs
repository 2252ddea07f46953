//! The route of a request: what is served, without what varies.

use std::fmt;

#[cfg(feature = "axum")]
use axum::extract::MatchedPath;
use http::Extensions;

/// Names the route of a request for metrics, spans and the access log, such as `/users/{id}`.
///
/// Behind axum's router the [standard layer](crate::layers::standard) knows the route. Elsewhere a service says it: as
/// an extension of the request before it comes to the layer, or of its response. Without one the label is empty, for a
/// path that comes from outside would make a series of each attempt to find something.
///
/// # Examples
/// ```
/// use http::Response;
/// use misc_http::Route;
///
/// let mut response = Response::new("the user");
/// response.extensions_mut().insert(Route("/users/{id}"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route(pub &'static str);

/// A route that somebody has named.
#[derive(Clone)]
pub(crate) enum Named {
    Said(Route),
    #[cfg(feature = "axum")]
    Matched(MatchedPath),
}

impl Named {
    pub(crate) fn find(extensions: &Extensions) -> Option<Self> {
        #[cfg(feature = "axum")]
        if let Some(path) = extensions.get::<MatchedPath>() {
            return Some(Self::Matched(path.clone()));
        }
        extensions.get::<Route>().map(|route| Self::Said(*route))
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Said(Route(route)) => route,
            #[cfg(feature = "axum")]
            Self::Matched(path) => path.as_str(),
        }
    }
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}
