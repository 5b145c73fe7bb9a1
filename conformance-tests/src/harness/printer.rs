//! [`Printer`]: prints results as libtest does.

use std::fs::File;
use std::io::{self, Write};
use std::time::Duration;

use super::{Arguments, Conclusion, Ended, Format};

pub(super) struct Printer {
    out: Box<dyn Write>,
    format: Format,
}

impl Printer {
    #[allow(clippy::expect_used, reason = "a test program that cannot report fails")]
    pub(super) fn new(arguments: &Arguments) -> Self {
        let out: Box<dyn Write> = match &arguments.logfile {
            Some(path) => Box::new(File::create(path).expect("the file that --logfile names")),
            None => Box::new(io::stdout()),
        };
        Self { out, format: arguments.format }
    }

    #[allow(clippy::expect_used, reason = "a test program that cannot report fails")]
    fn print(&mut self, text: &str) {
        self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()).expect("the output of the tests");
    }

    fn print_event(&mut self, event: &serde_json::Value) {
        self.print(&format!("{event}\n"));
    }

    pub(super) fn list<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        for name in names {
            self.print(&format!("{name}: test\n"));
        }
    }

    pub(super) fn begin(&mut self, tests: usize) {
        match self.format {
            Format::Json => self.print_event(
                &serde_json::json!({ "type": "suite", "event": "started", "test_count": tests }),
            ),
            _ => self.print(&format!("\nrunning {tests} test{}\n", if tests == 1 { "" } else { "s" })),
        }
    }

    pub(super) fn ended(&mut self, name: &str, how: &Ended) {
        let (mark, word, json) = match how {
            Ended::Passed => (".", "ok".to_owned(), "ok"),
            Ended::Ignored(reason) => ("i", format!("ignored ({reason})"), "ignored"),
            Ended::Failed(_) => ("F", "FAILED".to_owned(), "failed"),
        };
        match self.format {
            Format::Pretty => self.print(&format!("test {name} ... {word}\n")),
            Format::Terse => self.print(mark),
            Format::Json => {
                self.print_event(&serde_json::json!({ "type": "test", "event": "started", "name": name }));
                let mut event = serde_json::json!({ "type": "test", "name": name, "event": json });
                if let Ended::Failed(text) = how {
                    event["stdout"] = format!("Error: {text}\n").into();
                }
                self.print_event(&event);
            }
        }
    }

    pub(super) fn conclude(&mut self, failures: &[(String, String)], came: Conclusion, took: Duration) {
        let Conclusion { passed, failed, ignored, filtered_out } = came;
        let seconds = took.as_secs_f64();
        if self.format == Format::Json {
            let event = if failed > 0 { "failed" } else { "ok" };
            return self.print_event(&serde_json::json!({
                "type": "suite", "event": event, "passed": passed, "failed": failed, "ignored": ignored,
                "measured": 0, "filtered_out": filtered_out, "exec_time": seconds,
            }));
        }
        if failed > 0 {
            self.print("\nfailures:\n\n");
            for (name, text) in failures {
                self.print(&format!("---- {name} ----\n{text}\n\n"));
            }
            self.print("\nfailures:\n");
            for (name, _) in failures {
                self.print(&format!("    {name}\n"));
            }
        }
        let result = if failed > 0 { "FAILED" } else { "ok" };
        self.print(&format!(
            "\ntest result: {result}. {passed} passed; {failed} failed; {ignored} ignored; 0 measured; \
             {filtered_out} filtered out; finished in {seconds:.2}s\n\n"
        ));
    }
}
