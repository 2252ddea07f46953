//! Which files are read as which format.

use std::path::Path;

use misc_config::Format;

#[test]
fn extensions_name_formats() {
    let cases = [
        ("config.yaml", Some(Format::Yaml)),
        ("a/b.YML", Some(Format::Yaml)),
        ("config.prod.Json", Some(Format::Json)),
        ("config.toml", Some(Format::Toml)),
        ("config", None),
        (".yaml", None),
        ("config.yaml.bak", None),
    ];
    for (path, format) in cases {
        assert_eq!(Format::of(Path::new(path)), format, "{path}");
    }
}
