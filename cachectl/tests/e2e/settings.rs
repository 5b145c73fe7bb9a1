//! Where the settings come from, and what is wrong with them.

use crate::session::Session;

const GOOD: &str = r#"
[caches.default]
backend = "file"
location = "DIR/files"
key_prefix = "app"
timeout = "5m"

[caches.sessions]
url = "sqlite://DIR/sessions.db?table=sessions"
key_prefix = "s"
version = 3

[caches.pages]
backend = "sqlite"
location = "DIR/sessions.db"
options = { table = "pages" }
"#;

#[test]
fn a_file_with_aliases() {
    let mut session = Session::new();
    let file = session.file("cache.toml", GOOD);
    session.before(&["--settings", &file.display().to_string()]);
    for arguments in [
        &["make-key", "k"][..],
        &["--cache", "sessions", "make-key", "k"],
        &["set", "k", "1"],
        &["--cache", "sessions", "set", "k", "2"],
        &["get", "k"],
        &["get", "k", "--cache", "sessions"],
        &["get", "k", "--cache", "pages"],
        &["get", "k", "--cache", "absent"],
        &["check", "--cache", "absent"],
        &["createcachetable", "--dry-run", "--cache", "pages"],
        &["createcachetable"],
        &["createcachetable", "--json", "--cache", "sessions"],
        &["createcachetable", "--cache", "default"],
        &["info"],
        &["info", "--json"],
        &["purge-expired"],
        &["check"],
        &["check", "--json"],
        &["clear"],
        &["get", "k"],
    ] {
        session.call(arguments);
    }
    session.compare("aliases");
}

#[test]
fn the_environment() {
    let mut session = Session::new();
    session.call(&["ping"]);
    session.title("CACHE_URL and CACHE_PAGES_URL are set");
    session.variable("CACHE_URL", &format!("file://{}/files", session.dir().display()));
    session.variable("CACHE_PAGES_URL", &format!("sqlite://{}/pages.db", session.dir().display()));
    session.call(&["set", "k", "1"]);
    session.call(&["get", "k"]);
    session.call(&["get", "k", "--cache", "pages"]);
    session.call(&["check"]);
    session.call(&["get", "k", "--url", "locmem://"]);
    session.compare("environment");
}

#[test]
fn memory_and_nothing_at_all() {
    let mut session = Session::new();
    for url in ["locmem://?max_entries=unlimited", "dummy://"] {
        session.before(&["--url", url]);
        session.title(url);
        session.call(&["ping"]);
        session.call(&["set", "k", "1"]);
        session.call(&["add", "k", "1"]);
        session.call(&["get", "k"]);
        session.call(&["purge-expired"]);
        session.call(&["info"]);
        session.call(&["check"]);
    }
    session.compare("memory");
}

#[test]
fn bad_settings() {
    let mut session = Session::new();
    let good = session.file("good.toml", GOOD).display().to_string();
    std::fs::create_dir(session.dir().join("directory.toml")).unwrap();
    for (name, text) in [
        ("syntax.toml", "[caches.default]\nbackend = \"locmem\"\nkey_prefix = app\n"),
        ("syntax.json", "{\"default\": {\"BACKEND\": \"locmem\",}}"),
        ("empty.toml", ""),
        ("typo.toml", "[caches.default]\nbackend = \"locmem\"\nkey_prefx = \"app\"\n"),
        (
            "several.toml",
            "[caches.default]\nbackend = \"redsi\"\n[caches.b]\nurl = \"memcached://\"\n[caches.c]\n",
        ),
        (
            "limit.toml",
            "[caches.default]\nbackend = \"file\"\nlocation = \"DIR/f\"\noptions = { max_entries = 0 }\n",
        ),
        ("settings.yaml", "default: {}\n"),
    ] {
        let file = session.file(name, text).display().to_string();
        session.call(&["--settings", &file, "check"]);
    }
    session.call(&["--settings", "absent.toml", "check"]);
    session.call(&["--settings", "directory.toml", "get", "k"]);
    session.call(&["--settings", &good, "--url", "locmem://", "get", "k"]);
    for url in [
        "locmem",
        "redis//localhost",
        "reddis://localhost",
        "redis://localhost?timeot=5",
        "redis://user:hunter2@localhost:notaport/0",
        "memcached://",
        "sqlite://",
        "locmem://?max_entries=-1",
        "locmem://?timeout=soon",
        "locmem://?key_prefix=p:1",
        "dummy://?table=t",
    ] {
        let (said, errors, _) = session.run(&["--url", url, "get", "k"], "");
        assert!(!said.contains("hunter2") && !errors.contains("hunter2"), "{said}{errors}");
        session.call(&["--url", url, "get", "k"]);
    }
    session.compare("bad_settings");
}

#[test]
fn stores_that_cannot_be_used() {
    let mut session = Session::new();
    std::fs::write(session.dir().join("a-file"), "no directory and no database").unwrap();
    let dir = session.dir().display().to_string();
    for url in [
        "redis://127.0.0.1:1".to_owned(),
        "memcached://127.0.0.1:1".to_owned(),
        format!("file://{dir}/a-file"),
        format!("sqlite://{dir}/a-file"),
        format!("sqlite://{dir}/a-file/cache.db"),
    ] {
        session.before(&["--url", &url]);
        session.title(&url);
        session.call(&["ping"]);
        session.call(&["set", "k", "1"]);
        session.call(&["check", "--json"]);
    }
    session.before(&["--url", "memcached://127.0.0.1:1"]);
    session.title("a key that memcached does not take is refused before it is asked");
    session.call(&["get", "a key"]);
    session.compare("out_of_reach");
}
