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
        "locmem://?max_entries=1e3",
        "locmem://?max_entries=300.5",
        "locmem://?max_entries=99999999999999999999",
        "redis://a:1,redis://b:2",
        "redis://:hun,ter2@h",
        "postgres://user:hunter2@h/db",
        "'locmem://'",
        "file://user:hunter2@h/var/cache",
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

const MIXED: &str = r#"
[caches.default]
url = "file://DIR/files"

[caches.custom]
backend = "shop.caches.PagesCache"
location = "redis://:hunter2@host"

[caches.option]
backend = "locmem"
options = { max_entrys = 5 }

[caches.down]
url = "redis://127.0.0.1:1"

[caches.table]
url = "sqlite://DIR/cache.db"
"#;

#[test]
fn a_bad_alias_hinders_no_other() {
    let mut session = Session::new();
    let file = session.file("mixed.toml", MIXED);
    session.before(&["--settings", &file.display().to_string()]);
    for arguments in [
        &["set", "k", "1"][..],
        &["get", "k"],
        &["--cache", "table", "set", "k", "2"],
        &["--cache", "table", "get", "k"],
        &["info"],
        &["check"],
        &["check", "--json"],
        &["--cache", "default", "check"],
        &["--cache", "custom", "check"],
        &["--cache", "custom", "get", "k"],
        &["--cache", "option", "set", "k", "1"],
        &["--cache", "absent", "check"],
        &["createcachetable"],
        &["createcachetable", "--json"],
        &["createcachetable", "--dry-run", "--cache", "custom"],
        &["clear"],
    ] {
        session.call(arguments);
    }
    session.compare("mixed");
}

#[test]
fn a_variable_that_means_something_else_hinders_no_cache() {
    let mut session = Session::new();
    session.variable("CACHE_URL", &format!("file://{}/files", session.dir().display()));
    session.variable("CACHE_CDN_URL", "https://cdn.example.com/");
    session.variable("CACHE_EMPTY_URL", "");
    session.variable("CACHE_QUOTED_URL", "\"redis://:hunter2@h:6379/1\"");
    session.variable("CACHE_PG_URL", "postgres://app:hunter2@h/db");
    for arguments in [
        &["set", "k", "1"][..],
        &["get", "k"],
        &["check"],
        &["--cache", "quoted", "get", "k"],
        &["--cache", "pg", "get", "k"],
    ] {
        session.call(arguments);
    }
    session.compare("mixed_environment");
}

/// A line for each cache, however many are bad, and whatever is wrong with them.
#[test]
fn check_prints_a_line_for_each_cache() {
    let kinds =
        ["url = \"locmem://x\"", "backend = \"none\"", "url = \"redis://127.0.0.1:1\"", "timeout = 5"];
    for which in 0..1 << kinds.len() {
        let session = Session::new();
        let mut text = String::new();
        for (n, kind) in kinds.iter().enumerate() {
            let good = if which >> n & 1 == 1 { kind } else { kinds[0] };
            text += &format!("[caches.c{n}]\n{good}\n");
        }
        let file = session.file("kinds.toml", &text).display().to_string();
        let (said, errors, _) = session.run(&["--settings", &file, "check"], "");
        let aliases: Vec<String> = (0..kinds.len()).map(|n| format!("cache \"c{n}\"")).collect();
        assert_eq!(said.lines().count(), kinds.len(), "{text}: {said}{errors}");
        for (line, alias) in said.lines().zip(aliases) {
            assert!(line.starts_with(&alias), "{line}");
        }
    }
}

#[test]
fn settings_files_as_editors_save_them() {
    let mut session = Session::new();
    let text =
        "[caches.default]\nurl = \"file://DIR/files\"\n".replace("DIR", &session.dir().display().to_string());
    let json = "{\"default\": {\"url\": \"locmem://\"}}";
    let utf_16 = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let write = |name: &str, bytes: Vec<u8>| {
        std::fs::write(session.dir().join(name), bytes).unwrap();
        session.dir().join(name).display().to_string()
    };
    let good = [
        write("mark.toml", format!("\u{feff}{text}").into()),
        write("mark.json", format!("\u{feff}{json}").into()),
        write("crlf.toml", text.replace('\n', "\r\n").into()),
    ];
    let bad = [
        write("utf16.toml", utf_16(&format!("\u{feff}{text}"))),
        write("utf16.json", utf_16(&format!("\u{feff}{json}"))),
        write("latin1.toml", b"[caches.default]\nurl = \"locmem://caf\xe9\"\n".to_vec()),
    ];
    for file in good.iter().chain(&bad) {
        session.call(&["--settings", file, "make-key", "k"]);
    }
    session.compare("encodings");
}
