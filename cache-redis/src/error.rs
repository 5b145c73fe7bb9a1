//! The errors of replies that do not fit their commands.

use cache_core::{Error, server_text};

use crate::location::Server;
use crate::meanings::{code, meaning};
use crate::reply::Wrong;
use crate::request::Request;

/// Returns the caller's error for `wrong`, the answer to the command at `place` in `request`.
pub(crate) fn error(wrong: Wrong, server: &Server, request: &Request, place: usize) -> Error {
    let command = request.name(place);
    match wrong {
        Wrong::Server(e) => match meaning(&e) {
            Some(row) => {
                let code = code(&e);
                let code = if code == "ERR" { String::new() } else { format!(" ({code})") };
                Error::new(row.kind, format!("{server} refused {command}{code}: {}", row.advice))
            }
            None => Error::storage(format!(
                "{server} refused {command}: {} {}",
                server_text(code(&e)),
                server_text(e.details().unwrap_or_default())
            )),
        },
        Wrong::Shape => Error::rejected(format!(
            "{server} gave a reply to {command} that does not belong to it; see that nothing between it and this \
             client alters commands"
        )),
    }
}

#[cfg(test)]
mod tests {
    use ErrorKind::{Rejected, Storage, Unavailable, ValueTooLarge};
    use cache_core::ErrorKind;
    use cache_net::{RetrySafety, Verdict};
    use redis::{ServerError, Value};

    use super::*;
    use crate::commands;
    use crate::location::Servers;
    use crate::meanings::{ELSEWHERE, ENDS, GOOD, verdict, verdict_of_many};

    fn parse(reply: &str) -> ServerError {
        match redis::parse_redis_value(reply.as_bytes()).unwrap() {
            Value::ServerError(e) => e,
            other => panic!("{other:?}"),
        }
    }

    fn told(reply: &str) -> Error {
        let server = Servers::new("redis://app:hunter2@h").parse().unwrap().0.remove(0);
        let request = Request::one(commands::clear(), RetrySafety::Idempotent);
        error(Wrong::Server(parse(reply)), &server, &request, 0)
    }

    /// As the sources of Redis 4 to 8 and of Valkey write them.
    const REPLIES: &[(&str, ErrorKind, Verdict)] = &[
        ("READONLY You can't write against a read only replica.", Unavailable, ELSEWHERE),
        ("READONLY You can't write against a read only slave.", Unavailable, ELSEWHERE),
        (
            "READONLY You can't write against a read only replica. script: 5b9, on @user_script:1.",
            Unavailable,
            ELSEWHERE,
        ),
        (
            "ERR Error running script (call to f_5b9): @user_script:1: @user_script: 1: -READONLY You can't write \
             against a read only replica.",
            Unavailable,
            ELSEWHERE,
        ),
        ("ERR You can't write against a read only replica.", Unavailable, ELSEWHERE),
        (
            "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            Unavailable,
            ELSEWHERE,
        ),
        ("NOMASTERLINK Can't SYNC while not connected with my master", Unavailable, ELSEWHERE),
        ("LOADING Redis is loading the dataset in memory", Unavailable, ELSEWHERE),
        ("LOADING Valkey is loading the dataset in memory", Unavailable, ELSEWHERE),
        ("CLUSTERDOWN The cluster is down", Unavailable, ELSEWHERE),
        ("CLUSTERDOWN Hash slot not served", Unavailable, ELSEWHERE),
        ("NOREPLICAS Not enough good replicas to write.", Unavailable, ELSEWHERE),
        ("UNBLOCKED force unblock from blocking operation, instance state changed", Unavailable, ELSEWHERE),
        (
            "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to",
            Storage,
            ELSEWHERE,
        ),
        ("MISCONF Errors writing to the AOF file: No space left on device", Storage, ELSEWHERE),
        ("TRYAGAIN Multiple keys request during rehashing of slot", Unavailable, GOOD),
        ("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN", Unavailable, GOOD),
        ("ERR max number of clients reached", Unavailable, ENDS),
        ("ERR max number of clients + cluster connections reached", Unavailable, ENDS),
        ("OOM command not allowed when used memory > 'maxmemory'.", Storage, GOOD),
        ("NOAUTH Authentication required.", Rejected, ELSEWHERE),
        ("WRONGPASS invalid username-password pair or user is disabled.", Rejected, GOOD),
        ("DENIED Redis is running in protected mode because protected mode is enabled", Rejected, ENDS),
        ("ERR invalid password", Rejected, GOOD),
        ("ERR Client sent AUTH, but no password is set", Rejected, GOOD),
        ("ERR AUTH <password> called without any password configured for the default user.", Rejected, GOOD),
        ("ERR DB index is out of range", Rejected, GOOD),
        ("NOPERM this user has no permissions to run the 'flushdb' command", Rejected, GOOD),
        ("NOPERM User app has no permissions to run the 'flushdb' command", Rejected, GOOD),
        ("NOPERM No permissions to access a key", Rejected, GOOD),
        ("NOPERM this user has no permissions to access one of the keys used as arguments", Rejected, GOOD),
        (
            "ERR The user executing the script can't run this command or subcommand script: c5, on",
            Rejected,
            GOOD,
        ),
        ("ERR The user executing the script can't access at least one of the keys mentioned", Rejected, GOOD),
        ("MOVED 3999 127.0.0.1:6381", Rejected, GOOD),
        ("ASK 3999 127.0.0.1:6381", Rejected, GOOD),
        ("CROSSSLOT Keys in request don't hash to the same slot", Rejected, GOOD),
        ("ERR SELECT is not allowed in cluster mode", Rejected, GOOD),
        ("ERR This instance has cluster support disabled", Rejected, GOOD),
        ("ERR unknown command 'GTE', with args beginning with: 'a' ", Rejected, GOOD),
        ("ERR unknown command `GTE`, with args beginning with: `a`, ", Rejected, GOOD),
        ("ERR wrong number of arguments for 'flushdb' command", Rejected, GOOD),
        ("ERR syntax error", Rejected, GOOD),
        ("ERR Protocol error: invalid bulk length", ValueTooLarge, ENDS),
        ("ERR Protocol error: invalid multibulk length", Rejected, ENDS),
        ("ERR Protocol error: unbalanced quotes in request", Rejected, ENDS),
        ("SOMETHING new", Storage, GOOD),
        ("ERR", Storage, GOOD),
    ];

    #[test]
    fn each_reply_has_its_kind() {
        for (reply, kind, said) in REPLIES {
            let line = format!("-{reply}\r\n");
            assert_eq!(told(&line).kind(), *kind, "{reply}");
            assert_eq!(verdict(&Value::ServerError(parse(&line))), *said, "{reply}");
            let batch = [Value::Okay, Value::ServerError(parse(&line)), Value::Okay];
            let of_batch = if *said == ELSEWHERE { Verdict::Refused { wholly: false } } else { *said };
            assert_eq!(verdict_of_many(&batch), of_batch, "{reply}");
        }
    }

    #[test]
    fn each_text_names_the_server_the_command_and_a_way_out() {
        for (reply, ..) in REPLIES {
            let text = told(&format!("-{reply}\r\n")).to_string();
            assert!(text.starts_with("redis://h:6379/0 refused FLUSHDB"), "{text}");
        }
        for (reply, word) in [
            ("MOVED 3999 127.0.0.1:6381", "`cluster`"),
            ("CROSSSLOT Keys in request don't hash to the same slot", "`cluster`"),
            ("ERR This instance has cluster support disabled", "`cluster`"),
            ("NOPERM No permissions to access a key", "~PREFIX"),
            ("NOPERM User app has no permissions to run the 'flushdb' command", "+COMMAND"),
            ("ERR unknown command 'GTE', with args beginning with: 'a' ", "rename-command"),
        ] {
            let text = told(&format!("-{reply}\r\n")).to_string();
            assert!(text.contains(word), "{text}");
        }
    }

    #[test]
    fn what_a_server_was_sent_is_never_shown() {
        for reply in [
            "ERR unknown command 'GTE', with args beginning with: 'hunter2' ",
            "ERR some 'hunter2' that is \"hunter2\" new",
            "NEW thing `hunter2`",
            "OTHER it's 'a 'hunter2' b'",
        ] {
            let e = told(&format!("-{reply}\r\n"));
            assert!(!format!("{e} {e:?} {e:#?}").contains("hunter2"), "{e}");
        }
        let told = told("-STRANGE don't know \u{1b}]0;title\u{7} \u{9b}2J \u{202e}x\r\n").to_string();
        assert!(told.contains("don't know"), "{told}");
        assert!(told.chars().all(|c| c.is_ascii() && !c.is_ascii_control()), "{told:?}");
    }

    #[test]
    fn a_refusal_in_a_batch_names_its_command() {
        let request = Request::many([redis::cmd("GET"), redis::cmd("DEL")], RetrySafety::Idempotent);
        let server = Servers::new("redis://h").parse().unwrap().0.remove(0);
        let e = error(Wrong::Server(parse("-OOM no\r\n")), &server, &request, 1);
        assert!(e.to_string().contains("refused DEL (OOM)"), "{e}");
    }
}
