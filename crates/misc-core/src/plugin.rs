//! Plugins: values that set up a part of an app.

use crate::app::App;

/// Adds services, observers and settings to an app.
///
/// Health, metrics and logs install themselves this way, as a user's own plugin does. Any function from an app to an
/// app is a plugin.
///
/// # Examples
/// ```
/// use misc_core::{App, Context, spec};
///
/// fn heartbeat(app: App) -> App {
///     app.service("heartbeat", spec(async |ctx: Context| {
///         ctx.ready();
///         ctx.stopping().await;
///         Ok(())
///     }).background())
/// }
/// let app = App::new("shop").with(heartbeat);
/// # drop(app);
/// ```
pub trait Plugin {
    /// Adds what the plugin brings.
    fn install(self, app: App) -> App;
}

#[diagnostic::do_not_recommend]
impl<F: FnOnce(App) -> App> Plugin for F {
    fn install(self, app: App) -> App {
        self(app)
    }
}
