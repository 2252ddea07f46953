//! The service follows its file and its centre.

use rustix::process::Signal;

use crate::program::{Directory, Program};

/// Checks what the service says that it runs with.
#[track_caller]
fn check(service: &Program, host: &str, debug: bool, pool_size: u32) {
    let database = format!(r#"{{"url":"******","pool_size":{pool_size}}}"#);
    let expected = format!(r#"{{"host":"{host}","port":0,"debug":{debug},"database":{database}}}"#);
    assert_eq!(service.get("/").1, expected);
}

fn pool(size: &str) -> String {
    format!("database:\n  url: postgres://user:pass@db:5432/app\n  pool_size: {size}\n")
}

/// A centre with the settings of `shop`, and the service that follows it.
struct Followed {
    files: Directory,
    centre: Program,
    service: Program,
}

impl Followed {
    fn start() -> Self {
        let files = Directory::new();
        files.write("shop.yaml", &pool("20"));
        let centre = Program::centre("127.0.0.1:0", &files, "30s");
        let service = Self::service(&files, &centre.address);
        check(&service, "127.0.0.1", false, 20);
        Self { files, centre, service }
    }

    fn service(files: &Directory, centre: &str) -> Program {
        let (url, copy) = (format!("http://{centre}"), files.path("copy.json"));
        Program::service(["--host=127.0.0.1"], &[("CENTRE_URL", &url), ("CENTRE_COPY", &copy)])
    }
}

#[test]
fn tells_what_it_runs_with_but_for_secrets() {
    let service = Program::service([format!("--config={}/config.yaml", env!("CARGO_MANIFEST_DIR"))], &[]);
    check(&service, "127.0.0.1", true, 20);
    assert_eq!(service.end(), Some(0));
}

#[test]
fn a_file_goes_over_variables_and_both_over_defaults() {
    let files = Directory::new();
    files.write("config.yaml", "host: 127.0.0.1\ndatabase: { pool_size: 30 }\n");
    let variables = [("APP_DEBUG", "true"), ("APP_DATABASE_POOL_SIZE", "40")];
    let service = Program::service([format!("--config={}", files.path("config.yaml"))], &variables);
    check(&service, "127.0.0.1", true, 30);
}

#[test]
fn follows_its_file() {
    let files = Directory::new();
    files.write("config.yaml", &format!("host: 127.0.0.1\n{}", pool("20")));
    let mut service = Program::service([format!("--config={}", files.path("config.yaml"))], &[]);
    check(&service, "127.0.0.1", false, 20);

    files.write("config.yaml", &format!("host: 127.0.0.1\ndebug: true\n{}", pool("30")));
    service.logs("configuration reloaded changed=\"database.pool_size, debug\"");
    check(&service, "127.0.0.1", true, 30);

    files.write("config.yaml", &format!("host: 127.0.0.1\nprot: 1\n{}", pool("many")));
    service.logs("the new configuration is not used, the old one stays: the configuration has 2 errors:");
    check(&service, "127.0.0.1", true, 30);
    assert_eq!(service.end(), Some(0));
}

#[test]
fn reads_everything_again_on_sighup() {
    let files = Directory::new();
    files.write("url", "postgres://user:pass@db:5432/app");
    let variable = ("APP_DATABASE_URL_FILE", &*files.path("url"));
    let mut service = Program::service(["--host=127.0.0.1"], &[variable]);
    files.write("url", "postgres://user:hunter2@db:5432/app");
    service.signal(Signal::HUP);
    let logged = service.logs("configuration reloaded");
    assert!(logged.ends_with("changed=database.url"), "{logged}");
    assert_eq!(service.end(), Some(0));
}

#[test]
fn follows_the_centre() {
    let mut all = Followed::start();
    for size in ["30", "40"] {
        all.files.write("shop.yaml", &pool(size));
        all.service.logs("configuration reloaded");
        check(&all.service, "127.0.0.1", false, size.parse().unwrap());
    }
    assert_eq!((all.service.end(), all.centre.end()), (Some(0), Some(0)));
}

#[test]
fn nonsense_of_the_centre_changes_nothing() {
    let mut all = Followed::start();
    all.files.write("shop.yaml", &pool("many"));
    all.service.logs("the new configuration is not used");
    check(&all.service, "127.0.0.1", false, 20);
    all.files.write("shop.yaml", "- ] {");
    all.centre.logs("a file cannot be served");
    check(&all.service, "127.0.0.1", false, 20);
    all.files.write("shop.yaml", &pool("30"));
    all.service.logs("changed=database.pool_size");
    check(&all.service, "127.0.0.1", false, 30);
}

#[test]
fn starts_from_the_last_good_copy_and_follows_the_centre_when_it_is_back() {
    let Followed { files, centre, service } = Followed::start();
    let address = centre.address.clone();
    drop(centre);
    assert_eq!(service.end(), Some(0));

    let mut service = Followed::service(&files, &address);
    assert!(service.has_logged("a source cannot be asked, so its last good copy in"));
    check(&service, "127.0.0.1", false, 20);
    files.write("shop.yaml", &pool("30"));
    let _centre = Program::centre(&address, &files, "30s");
    service.logs("changed=database.pool_size");
    check(&service, "127.0.0.1", false, 30);
}
