#![doc = include_str!("../README.md")]

mod attributes;
mod config;
mod container;
mod derive;
mod describe;
mod docs;
mod entry;
mod errors;
mod field;
mod generics;
mod keys;
mod kind;
mod literal;
mod owner;
mod place;
mod rename;
mod rpc;
mod serde;
mod service;
mod variant;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as TokenStream2;
use syn::{DeriveInput, parse_macro_input};

use self::{container::Container, derive::Derive};

/// Makes a struct loadable as settings: it stands beside `#[derive(Deserialize)]`.
///
/// It writes three things: [`Describe`](macro@Describe), that is which keys there are, with their documentation from `///`
/// comments; `Config`, that is the prefix, and the name and the version of the package; and `Validate`, that is the rules of
/// the type and of its sections. On an enum it leaves `Config` out: an enum is a part of settings.
///
/// # On a struct or an enum
///
/// | `#[config(..)]` | Means |
/// | --- | --- |
/// | `env_prefix = "APP"` | All variables begin with `APP_`. For the struct that is loaded; those inside need none. |
/// | `validate` | The type has rules: its own `fn validate(&self) -> Result<(), Invalid>` is called once it is read. |
/// | `garde` | The rules of `#[derive(garde::Validate)]` hold. Needs the feature `garde`. |
/// | `defaults` | Beside `#[serde(default)]`: shows the values of the struct's `Default` as defaults. Needs `Serialize`. |
/// | `kind = Kind::Text` | The type looks like this, whatever it holds: for one that reads itself. |
/// | `crate = "path"` | Where misc-config is, when Cargo's manifest does not tell. |
///
/// # On a field
///
/// | `#[config(..)]` | Means |
/// | --- | --- |
/// | `default = 8000` | What it is worth when it is not set: a string, a number, a boolean, a character, or an array of them. What is computed goes to `#[serde(default = "function")]`. |
/// | `env = "PORT"` | The whole name of its variable, prefix included. |
/// | `short = 'p'` | Its short flag. |
/// | `nested` | It is a section, or a list or a map of such: the compiler refuses a type that does not describe itself. |
/// | `secret` | Its value is never shown. |
/// | `bytes` | A number that may have a unit, such as `10MiB`. |
/// | `duration` | A span of time, whatever the type: for one that is read by `#[serde(with = "..")]`. |
/// | `text` | A text, whatever the type. |
/// | `keep_empty` | An empty variable is an empty value, instead of none. |
///
/// Of `nested`, `bytes`, `duration` and `text`, a field has one at most. The field of a newtype, which looks like what it
/// holds, has those and `secret` alone. A type that does not describe itself is taken as it is: anything goes until serde
/// reads it.
///
/// The rules of a type hold for each field of it, also without `nested`, and inside of `Option`, `Box`, `Secret`, lists, sets
/// and maps; not for a field that is read `with` a function, nor for a type parameter of which no field is `nested`.
///
/// # From serde
///
/// Names are those that serde reads: `rename`, `rename_all`, `rename_all_fields` and `alias` hold, with their forms for reading
/// alone. What serde lets out may be left out: `default`, `Option`, `skip`. `flatten` puts the keys of a section beside its
/// neighbours, and their rules hold. `transparent` shows the one field, `from` and `try_from` the type that is read instead.
/// A field that is read `with` a function may be anything, unless a key above says what.
///
/// A `Secret` is never shown, whatever is said of its field, or of what holds it. In a type that does not describe itself, it is
/// known by its name.
///
/// An enum is a choice of names if its variants hold nothing. With `#[serde(tag = "kind")]`, each variant brings its keys,
/// whose rules only a `validate` of the enum itself calls. Anything goes where serde tells variants apart in another way, or
/// lets one of them take the rest, and all of it is secret if one of them has a `Secret`.
///
/// # Limits
///
/// Which keys there are is known when the program is compiled, so a type that holds itself needs `kind = Kind::Any`; an enum of
/// which anything goes does so only if it holds itself by way of another type. A field whose type depends on a type parameter
/// asks the parameter to describe itself, unless the field is a `text`, a `duration` or read by a function.
#[proc_macro_derive(Config, attributes(config))]
pub fn config(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    let write = |container: &Container<'_>| {
        [describe::implement(container), config::implement_validate(container), config::implement(container)]
            .into_iter()
            .collect()
    };
    expand(Derive::Config, &input, write).into()
}

/// Says what a struct or an enum looks like in settings, for a crate that knows `misc-core` alone.
///
/// It takes what [`Config`](macro@Config) takes, under `#[describe(..)]`, without `env_prefix`, `validate` and `garde`. A
/// struct with `#[serde(default)]` shows the values of its `Default`, for which it must be `Serialize`:
///
/// ```
/// use misc_core::schema::{Describe as _, Kind};
/// use misc_macros::Describe;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Describe)]
/// #[serde(default)]
/// struct Config {
///     /// How large a file may grow.
///     #[describe(bytes)]
///     limit: u64,
/// }
///
/// impl Default for Config {
///     fn default() -> Self {
///         Self { limit: 10 << 20 }
///     }
/// }
///
/// let Kind::Struct(schema) = Config::KIND else { panic!("a struct") };
/// let defaults = schema.defaults.expect("those of its `Default`");
/// assert_eq!(serde_json::to_string(&defaults())?, r#"{"limit":10485760}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[proc_macro_derive(Describe, attributes(describe))]
pub fn describe(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(Derive::Describe, &input, describe::implement).into()
}

/// Makes a type a service that runs the tasks in an impl block: it stands at the block, `#[task]` at methods in it.
///
/// Tasks are async methods that take `&self`, which all of them share: what changes goes into a `Mutex` or an atomic. All
/// other items of the block stay as they are, and a task that is called in it, `self.poll().await`, is the method that it
/// is. What the attributes do is what the builders of misc-scheduler do (`Task`, `every`, `on_demand`, `resource`): see
/// those for what each means.
///
/// The type is a `Service`: `App::service("orders", Orders { .. })`. For whoever needs a handle,
/// `Orders { .. }.with_tasks()` returns one, and the service to register. The handle, an `OrdersTasks`, has a method for
/// each task that runs on demand, which takes its arguments and gives a `Running` of its result, and it derefs to `Tasks`,
/// to look at all tasks and steer them. It is cheap to clone, so it fits into the state of an HTTP router.
///
/// # What a task says
///
/// One of these is its trigger; without one, it runs on demand, with the arguments of the method. A task with a trigger
/// takes nothing, or a `Run`, and returns `()`, `Next`, or a `Result` of one of them.
///
/// | `#[task(..)]` | Runs | Goes with |
/// | --- | --- | --- |
/// | `every = "5s"` or `interval = "5s"` | so often | `fixed_delay`, `immediately`, `initial_delay = "1s"`, `aligned`, `start_time = "09:00"` and its `tz` |
/// | `daily = "09:00"` | at a time of day | `tz = "Europe/Berlin"`, `every_days = 2`, `starting = "2027-01-31"` |
/// | `cron = "0 9 * * MON-FRI"` | by a cron expression | `tz` |
/// | `at = "2027-01-01T09:00:00Z"` | once, then | |
/// | `once` | once at the start, before the service is ready | `background` |
/// | `after = poll`, `after = [poll, sweep]` | after tasks of this block | `on = "success"`, `"failure"`, `"always"` |
/// | `manual` | when `Tasks::run_now` says so | |
/// | `trigger = any_of([..])` | by any trigger | |
///
/// | `#[task(..)]` | Means |
/// | --- | --- |
/// | `name = ".."` | its name; that of the method if there is none |
/// | `overlap` | `"skip"`, `"queue_one"`, `"queue_all"`, `"cancel_running"`, `"allow(3)"` |
/// | `concurrency = 3` | how many run at once |
/// | `timeout = "2s"` | how long an attempt may take |
/// | `retry = 3` | how many times it is run again, or a `Retry` |
/// | `on_stop` | `"drain"`, `"drain_for(10s)"`, `"cancel"` |
/// | `on_failure` | `"log"`, `"fail_service"`, `"fail_service(3)"` (in a row), `"stop_app"` |
/// | `stuck_after = "1m"` | when a run counts as stuck |
/// | `misfire`, `grace = "1h"` | with a trigger: `"skip"`, `"once"`, `"all"`, and how old it may be |
/// | `jitter = "10s"`, `until = ".."`, `limit = 3` | with a trigger |
/// | `local`, `rerun_after = "1h"` | with a trigger, and a ledger |
///
/// Instead of any literal there may be an expression of what the builder takes, also of what the service has:
/// `every = self.interval`, `overlap = Overlap::Allow(3)`. It is evaluated when the service is registered, and at each start.
///
/// # What it opens
///
/// `#[context(close = Pool::close)]` stands at an async method that opens something: a pool, a client, whatever is `Clone`.
/// It is opened once, when the service starts, before all tasks; it is closed when all tasks have ended, also when the start
/// fails or the service panics. Several are opened in the order in which they are written, so that one may use those before
/// it, and closed in reverse. Without `close`, closing is dropping. In the tasks and in `run`, `self.pool().await?` is what
/// is open; its error, `NotOpen`, converts into `BoxError`. Everywhere else, it is that error at once.
///
/// # What runs beside
///
/// With an `async fn run(&self, ctx: Context) -> Result<(), BoxError>` in the block, the service does more than its tasks.
/// It begins when the `once` tasks have succeeded, and the service is ready when it says `ctx.ready()`. When the service
/// shall stop, first `run` ends, then the tasks do, then contexts are closed. What ends the service is a stop, a task that
/// returns `Next::StopService`, and a failure: that of `run`, or of a task that says so. A `run` that returns `Ok` ends
/// nothing else.
///
/// # On the block
///
/// | `#[service(..)]` | Means |
/// | --- | --- |
/// | `scheduler = Scheduler::new().ledger(..)` | the scheduler that the tasks are added to; it may be made from `self` |
/// | `tasks = Name` | what the type of the handle is called |
/// | `crate = "path"` | where misc-scheduler is, when Cargo's manifest does not tell |
///
/// # When something is wrong
///
/// Unknown keys and words, spans of time and times of day that are none, `after` without a task, circles, and methods of
/// another shape are errors of the compiler, all of them at once, where they stand. Expressions, cron, dates, zones and what
/// policies make no sense together are looked at when the service is registered: the app tells it before it starts anything.
#[proc_macro_attribute]
pub fn service(arguments: TokenStream, item: TokenStream) -> TokenStream {
    service::expand(arguments.into(), &item.into()).into()
}

/// Makes a trait a contract: a server for whoever implements it, a client, a mock, and a description.
///
/// Its methods are `async fn`s that take `&self` and return anything that serde writes and reads, or a `Result` with an error
/// that is a `Fault`. One that is not a `Result` fails only if the call does.
///
/// # What it writes
///
/// Of a trait `Users`:
///
/// | | Is |
/// | --- | --- |
/// | `Users` | the trait, `Send + Sync + 'static`, to be implemented by `async fn`s; the compiler refuses one whose future is not `Send`. A method with a body may be left out. |
/// | `Users::into_rpc(self)` | the `Methods` of a `Server`: all calls share the value |
/// | `UsersClient` | a client with the same methods; each returns `Result<.., misc_rpc::Error<UserError>>` |
/// | `UsersClient::builder(url)`, `over(service)`, `From<Client>` | ways to make one |
/// | `AsRef<Client>` | what it calls with, of which a client of another trait can be made |
/// | `UsersClient::CONTRACT` | names, docs, parameters, results: a `Contract` |
/// | `UsersMock` | an implementation for tests: `UsersMock::new().get_user(\|id\| Ok(..))` |
/// | `mock.client()` | a client whose calls the mock answers, in this process |
/// | `mock.get_user_calls()` | how many times it was called, also by way of its clones |
///
/// The client and the mock are as visible as the trait, the docs of its methods are those of the client, too. The closures of
/// a mock take what the methods take. It may be told anew at any time, by way of one of its clones. One that shall wait before
/// it answers is better written out: the trait is as easily implemented by a test. A trait with supertraits of its own asks
/// them of the mock: write `impl Named for UsersMock` beside it.
///
/// # On the trait
///
/// | `#[rpc(..)]` | Means |
/// | --- | --- |
/// | `namespace = "users"` | names on the wire begin with `users.` |
/// | `client = Name` | what the client is called |
/// | `mock = Name` | what the mock is called |
/// | `crate = "path"` | where misc-rpc is, when Cargo's manifest does not tell |
///
/// # On a method
///
/// | `#[rpc(..)]` | Means |
/// | --- | --- |
/// | `idempotent` | doing it twice is doing it once, so that a layer may call it again |
/// | `name = "find"` | its name on the wire; that of the method if there is none |
/// | `notification` | the client does not wait for an answer, and there is none: it returns nothing |
///
/// `#[deprecated]` and `#[cfg(..)]` hold for all that is written of a method.
///
/// # On an argument
///
/// An argument is a parameter of its name (`r#type` is `type`). It may be lent: of a `&str`, `&[T]`, `&Path`, `&T`, or an
/// `Option` of one of them, the client sends what it borrows, and the server owns what it reads (a `String`, a `Vec<T>`, a
/// `PathBuf`, a `T`) and lends that. Parameters are sent by name, and taken by name or by position; one that is not known is
/// refused. An `Option` may be left out, by position at the end.
///
/// | | Means |
/// | --- | --- |
/// | `/// ..` | what the parameter is for, in the description |
/// | `#[serde(rename = "userId")]` | its name on the wire |
/// | `#[serde(default)]` | it may be left out |
/// | `#[serde(with = "..")]` and others | how it is written and read; see those of a field |
///
/// # What it looks like
///
/// With the feature `schema` of misc-rpc, types that implement `schemars::JsonSchema` are described by that, all others are
/// anything. Types need not implement it.
///
/// # What cannot be said
///
/// Each of these is an error of the compiler where it stands, all of them at once: parameters and lifetimes of the trait or of
/// a method, `impl Trait`, `Self`, results that borrow, `&mut`, patterns, a `Result` whose error type is not written out, whatever
/// is in a trait besides methods, a name that two have, one that begins with `rpc.`, and one that the client or the mock has for
/// itself.
///
/// # By hand
///
/// It writes what a person would: a `const` of type `Procedure` for each method, `Methods::method_with` for the server,
/// `Client::method` and `ClientMethod::call` for the client. Both ways may be mixed, as a server takes `Methods::merge`.
#[proc_macro_attribute]
pub fn rpc(arguments: TokenStream, item: TokenStream) -> TokenStream {
    rpc::expand(arguments.into(), &item.into()).into()
}

/// Writes the code of a derive; what is wrong is all that the compiler tells then, as nothing else is missing.
fn expand(derive: Derive, input: &DeriveInput, write: impl Fn(&Container<'_>) -> TokenStream2) -> TokenStream2 {
    Container::read(derive, input).as_ref().map_or_else(
        |error| {
            let placeholder = Container::placeholder(derive, input);
            error.to_compile_error().into_iter().chain(placeholder.as_ref().map(&write).unwrap_or_default()).collect()
        },
        &write,
    )
}
