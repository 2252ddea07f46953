//! Sources of one's own, such as a configuration centre.

use std::{fmt, future, pin::Pin};

use misc_core::BoxError;

use crate::layer::Layer;

/// A place of one's own that settings come from: a configuration centre, a key-value store, a vault.
///
/// [`Loader::source`](crate::Loader::source) takes it, bounds each call by a timeout, and puts what it returns
/// between the command line and the files. A value tells where it comes from, as [`Layer::parse`] and [`Layer::set`]
/// have it. [`LastGood`](crate::LastGood) keeps a copy for when the place is away.
///
/// # Examples
/// ```
/// use misc_config::{Layer, Source};
/// use misc_core::BoxError;
///
/// struct Flags;
///
/// impl Source for Flags {
///     async fn load(&self) -> Result<Layer, BoxError> {
///         Ok(Layer::new().set("debug", true, "feature flags"))
///     }
/// }
/// ```
pub trait Source: Send + Sync + 'static {
    /// Asks the place what it has now.
    ///
    /// # Errors
    /// Anything: it is part of the report, or, at a reload, the reason why everything stays as it was.
    fn load(&self) -> impl Future<Output = Result<Layer, BoxError>> + Send;

    /// Waits until the place may have something else than it was loaded with, so that [`Live`](crate::Live) settings
    /// follow it (it never has). One that is always ready is asked again every second.
    ///
    /// # Cancel safety
    /// It must be *strict*: it is dropped and called again.
    fn changed(&self) -> impl Future<Output = ()> + Send {
        future::pending()
    }

    /// Hears that the layer it returned is in use: everything together was valid.
    fn accepted(&self, layer: &Layer) {
        let _: &Layer = layer;
    }
}

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A source whose type is forgotten.
pub(crate) trait DynSource: Send + Sync {
    fn load(&self) -> BoxFuture<'_, Result<Layer, BoxError>>;
    fn changed(&self) -> BoxFuture<'_, ()>;
    fn accepted(&self, layer: &Layer);
}

impl<S: Source> DynSource for S {
    fn load(&self) -> BoxFuture<'_, Result<Layer, BoxError>> {
        Box::pin(Source::load(self))
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        Box::pin(Source::changed(self))
    }

    fn accepted(&self, layer: &Layer) {
        Source::accepted(self, layer);
    }
}

impl fmt::Debug for dyn DynSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}
