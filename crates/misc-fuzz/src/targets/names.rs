//! Any text as a name is refused, or comes unharmed through the status, JSON and DOT.

use misc_core::{App, Context, Status};

use super::graph::on_a_paused_clock;

pub(super) fn run(bytes: &[u8]) {
    let Ok(name) = str::from_utf8(bytes) else {
        return;
    };
    let idle = async |ctx: Context| {
        ctx.ready();
        ctx.stopping().await;
        Ok(())
    };
    let app = App::new(name).service("first", idle).service(name, idle).without_signals();
    let handle = app.handle();
    let seen = on_a_paused_clock(app.run_until(async move { (handle.list(), handle.status()) }));
    if name.is_empty() || name.contains('/') || name == "first" {
        let report = seen.expect_err("the name is refused").to_string();
        assert!(report.contains("cannot start; nothing was started"), "{report}");
        return;
    }
    let (list, status) = seen.expect("it runs").expect("it was up");
    assert_eq!(list, ["first", name]);
    shows(&status, name);
}

fn shows(status: &Status, name: &str) {
    assert_eq!((&*status.name, &*status.children[1].name), (name, name));
    let json = serde_json::to_value(status).expect("a status serialises");
    assert_eq!((&json["name"], &json["children"][1]["path"]), (&name.into(), &name.into()));
    let dot = quoted(&status.to_dot());
    let label = |name: &str| format!("{name}\nready");
    // The graph, each service with its label, and what the second starts after.
    assert_eq!(dot, [name, "first", &label("first"), name, &label(name), name, "first"]);
}

/// The strings of a text in DOT, as Graphviz reads them.
fn quoted(dot: &str) -> Vec<String> {
    let (mut strings, mut letters) = (Vec::new(), dot.chars());
    while letters.any(|letter| letter == '"') {
        strings.push(unquoted(&mut letters));
    }
    strings
}

/// Reads up to the quote that ends the string.
fn unquoted(letters: &mut impl Iterator<Item = char>) -> String {
    let mut text = String::new();
    loop {
        match letters.next().expect("the string has an end") {
            '"' => return text,
            '\\' => text.push(match letters.next().expect("something is escaped") {
                'n' => '\n',
                letter => letter,
            }),
            letter => text.push(letter),
        }
    }
}
