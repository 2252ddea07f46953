//! The registry as a plugin of an app.

use misc_core::{App, Meter, Plugin};

use crate::registry::Registry;

/// Makes the registry the app's meter, and adds the metrics of the process unless
/// [`without_process_metrics`](Registry::without_process_metrics) was said.
///
/// # Examples
/// ```
/// use misc_core::{App, Context};
/// use misc_metrics::Registry;
///
/// let app = App::new("shop").with(Registry::new("shop")).service("import", async |ctx: Context| {
///     let rows = ctx.meter().counter("rows_imported_total", "Rows imported.");
///     ctx.ready();
///     rows.increment(3);
///     Ok(())
/// });
/// # drop(app);
/// ```
impl Plugin for Registry {
    fn install(self, app: App) -> App {
        if self.wants_process_metrics() {
            self.process_metrics();
        }
        app.meter(Meter::new(self))
    }
}
