//! The settings of a shop, for tests: a key of each kind.

use misc_core::schema::{Defaults, Describe, Field, Kind, Schema, Variant};
use serde::Serialize;

const DATABASE: Schema = Schema::new(
    "",
    &[
        Field::new("url", &Kind::Secret(&Kind::Text)).docs("Where it is."),
        Field::new("pool_size", &u32::KIND).docs("How many connections it has.").default("10"),
        Field::new("timeout", &Kind::Duration).default("30s"),
    ],
);

/// A crate's own settings, which only the struct's `Default` knows.
#[derive(Serialize)]
struct Log {
    filter: Option<String>,
    format: &'static str,
    buffer: u64,
    ratio: f64,
}

const LOG: Schema = Schema::new(
    "The settings of the log.",
    &[
        Field::new("filter", &Kind::Optional(&Kind::Text)),
        Field::new("format", &Kind::Enum(&FORMATS)).docs("How a line looks.\n\nThe default suits the output."),
        Field::new("buffer", &Kind::Bytes(&u64::KIND)),
        Field::new("ratio", &Kind::Float),
    ],
)
.defaults(|| Defaults::of(Log { filter: None, format: "auto", buffer: 8 << 20, ratio: 0.5 }));

const FORMATS: [Variant; 2] = [Variant::new("auto", "What suits."), Variant::new("json", "").aliases(&["jsonl"])];

const UPSTREAM: Schema = Schema::new(
    "",
    &[
        Field::new("name", &Kind::Text),
        Field::new("token", &Kind::Optional(&Kind::Secret(&Kind::Text))),
        Field::new("weight", &u8::KIND).default("1"),
    ],
);

const STORE: Kind = Kind::Tagged {
    tag: "kind",
    variants: &[
        Variant::new("memory", "Keeps all in memory."),
        Variant::new("disk", "Keeps all on disk.").fields(&[
            Field::new("path", &Kind::Text).docs("The directory."),
            Field::new("sync", &Kind::Bool).default("true"),
        ]),
    ],
};

/// All of them.
pub(crate) const SHOP: Kind = Kind::Struct(&Schema::new(
    "Sells things.\n\nIt has a long story.",
    &[
        Field::new("host", &Kind::Text).docs("Address to listen on.").default("0.0.0.0"),
        Field::new("port", &u16::KIND).docs("Port to listen on.").default("8000").env("APP_PORT").short('p'),
        Field::new("debug", &Kind::Bool).docs("Whether it tells more.").default("false"),
        Field::new("tags", &Kind::List(&Kind::Text)).default("a,b"),
        Field::new("offset", &Kind::Optional(&i32::KIND)),
        Field::new("cache_dir", &Kind::Text).docs("Where files are cached.").optional(),
        Field::new("database", &Kind::Struct(&DATABASE)).docs("Where orders are kept."),
        Field::new("replica", &Kind::Optional(&Kind::Struct(&DATABASE))),
        Field::new("log", &Kind::Struct(&LOG)).optional(),
        Field::new("upstreams", &Kind::List(&Kind::Struct(&UPSTREAM))).docs("Who delivers.").optional(),
        Field::new("labels", &Kind::Map(&Kind::Text)).optional(),
        Field::new("store", &Kind::Optional(&STORE)).docs("Where baskets are kept."),
    ],
));
