//! What a server's error replies mean to a caller, in one table.

use cache_core::{Error, ErrorKind, server_text};
use redis::{ServerError, Value};

use crate::commands::{Request, Wrong};
use crate::failure::rejected;
use crate::location::Server;

/// What becomes of the connection on which a server refused something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connection {
    /// It is as good as before.
    Good,
    /// It leads to a server that is the wrong one, or cannot do its work: the name may lead to another by now.
    /// Nothing was carried out.
    Elsewhere,
    /// The server closes it after this reply.
    Ends,
}

use Connection::{Elsewhere, Ends, Good};
use ErrorKind::{Rejected, Storage, Unavailable, ValueTooLarge};

/// What one error reply means.
#[derive(Debug)]
struct Meaning {
    code: &'static str,
    /// Words of its text; an empty one is in every text.
    words: &'static str,
    kind: ErrorKind,
    connection: Connection,
    /// Why, and the way out.
    advice: &'static str,
}

const fn row(
    code: &'static str,
    words: &'static str,
    kind: ErrorKind,
    connection: Connection,
    advice: &'static str,
) -> Meaning {
    Meaning { code, words, kind, connection, advice }
}

/// The first row that fits counts. `on_error = "degrade"` hides `Unavailable` and `Storage`: what a wrong setting
/// causes, and time does not mend, is `Rejected`.
static MEANINGS: &[Meaning] = &[
    // Another server may do it: a failover, a start, a disk that is full.
    row(
        "READONLY",
        "",
        Unavailable,
        Elsewhere,
        "it is a read-only replica; unless a failover is under way, name the primary first in the location",
    ),
    row(
        "MASTERDOWN",
        "",
        Unavailable,
        Elsewhere,
        "it is a replica that has lost its primary; try again later",
    ),
    row(
        "NOMASTERLINK",
        "",
        Unavailable,
        Elsewhere,
        "it is a replica that has lost its primary; try again later",
    ),
    row("LOADING", "", Unavailable, Elsewhere, "it is loading its data; try again later"),
    row(
        "CLUSTERDOWN",
        "",
        Unavailable,
        Elsewhere,
        "its cluster is down in part or as a whole; see CLUSTER INFO",
    ),
    row(
        "NOREPLICAS",
        "",
        Unavailable,
        Elsewhere,
        "it has fewer replicas than its min-replicas-to-write demands; try again later",
    ),
    row("UNBLOCKED", "", Unavailable, Elsewhere, "its role has changed; try again"),
    row("MISCONF", "", Storage, Elsewhere, "it cannot save its data to disk; see its log"),
    row(
        "ERR",
        "against a read only",
        Unavailable,
        Elsewhere,
        "it is a read-only replica; unless a failover is under way, name the primary first in the location",
    ),
    // It has too much to do, or no room.
    row("TRYAGAIN", "", Unavailable, Good, "a slot of the cluster is being moved; try again"),
    row("BUSY", "", Unavailable, Good, "it is busy with a script; try again later"),
    row(
        "ERR",
        "max number of clients",
        Unavailable,
        Ends,
        "it has too many clients; raise its maxclients, or lower max_connections here",
    ),
    row(
        "OOM",
        "",
        Storage,
        Good,
        "it is out of memory; raise its maxmemory, or set a maxmemory-policy that evicts",
    ),
    row(
        "WRONGTYPE",
        "",
        Storage,
        Good,
        "the key holds something else than a string; another program wrote it",
    ),
    // It does not let this client in.
    row(
        "NOAUTH",
        "",
        Rejected,
        Elsewhere,
        "it wants a password first; see the user and password in the location",
    ),
    row("WRONGPASS", "", Rejected, Good, "see the user and password in the location"),
    row(
        "DENIED",
        "",
        Rejected,
        Ends,
        "it takes no clients from other machines (its protected-mode); give it a password and put that into \
         the location",
    ),
    row("ERR", "DB index", Rejected, Good, "it does not have that database; see its setting `databases`"),
    row("ERR", "invalid password", Rejected, Good, "see the user and password in the location"),
    row("ERR", "operation not permitted", Rejected, Good, "see the user and password in the location"),
    row("ERR", "AUTH", Rejected, Good, "see the user and password in the location"),
    row(
        "NOPERM",
        " to access ",
        Rejected,
        Good,
        "the user of the location may not access the key; grant it the keys of this cache (ACL SETUSER … ~PREFIX*)",
    ),
    row(
        "NOPERM",
        "",
        Rejected,
        Good,
        "the user of the location may not run this command; grant it (ACL SETUSER … +COMMAND)",
    ),
    row(
        "ERR",
        "executing the script can't access",
        Rejected,
        Good,
        "the user of the location may not access the key; grant it the keys of this cache (ACL SETUSER … ~PREFIX*)",
    ),
    row(
        "ERR",
        "executing the script can't run",
        Rejected,
        Good,
        "the user of the location may not run a command that the script calls; grant it EXISTS, GET, INCRBY, \
         PERSIST, PTTL, DEL and RENAME",
    ),
    // The settings here and the server do not fit.
    row("MOVED", "", Rejected, Good, IS_A_CLUSTER),
    row("ASK", "", Rejected, Good, IS_A_CLUSTER),
    row("CROSSSLOT", "", Rejected, Good, IS_A_CLUSTER),
    row(
        "ERR",
        "SELECT is not allowed in cluster mode",
        Rejected,
        Good,
        "it is a member of a Redis Cluster, which has database 0 only; set `cluster`, and leave the database out of \
         the location",
    ),
    row(
        "ERR",
        "cluster support disabled",
        Rejected,
        Good,
        "it is not a member of a Redis Cluster; leave `cluster` out of the settings",
    ),
    row("ERR", "unknown command", Rejected, Good, UNKNOWN_COMMAND),
    row("ERR", "unknown subcommand", Rejected, Good, UNKNOWN_COMMAND),
    row("ERR", "Unknown subcommand", Rejected, Good, UNKNOWN_COMMAND),
    row("ERR", "Unknown Redis command", Rejected, Good, UNKNOWN_COMMAND),
    row("ERR", "Unknown command", Rejected, Good, UNKNOWN_COMMAND),
    row("ERR", "wrong number of arguments", Rejected, Good, UNKNOWN_COMMAND),
    row("ERR", "syntax error", Rejected, Good, UNKNOWN_COMMAND),
    row(
        "ERR",
        "Protocol error: invalid bulk length",
        ValueTooLarge,
        Ends,
        "the value or the key is longer than its proto-max-bulk-len",
    ),
    row(
        "ERR",
        "Protocol error",
        Rejected,
        Ends,
        "something between it and this client alters commands, or it speaks another protocol",
    ),
];

const IS_A_CLUSTER: &str = "it is a member of a Redis Cluster, and the keys are spread over several servers; set \
                            `cluster` (RedisOptions::cluster, or the option cluster = true)";

const UNKNOWN_COMMAND: &str = "it does not know the command in this form; Redis 4.0 or newer is needed, and commands \
                               that its rename-command hides cannot be used";

/// The code of `e`. Servers before 7 wrap what a script met:
/// `ERR Error running script (call to f_…): @user_script:1: @user_script: 1: -READONLY You can't …`.
fn code(e: &ServerError) -> &str {
    let wrapped = |text: &str| {
        let words = text.split(' ').map(|word| word.trim_start_matches('-'));
        let mut codes =
            words.filter_map(|word| MEANINGS.iter().map(|row| row.code).find(|code| *code == word));
        codes.find(|code| *code != "ERR")
    };
    let scripts = e.details().filter(|text| e.code() == "ERR" && text.starts_with("Error running script"));
    scripts.and_then(wrapped).unwrap_or_else(|| e.code())
}

fn meaning(e: &ServerError) -> Option<&'static Meaning> {
    let (code, text) = (code(e), e.details().unwrap_or_default());
    MEANINGS.iter().find(|row| row.code == code && text.contains(row.words))
}

/// What becomes of the connection after `reply`, which is an array where several commands were sent.
pub(crate) fn connection_after(reply: &Value) -> Connection {
    let of = |e: &ServerError| meaning(e).map_or(Good, |meaning| meaning.connection);
    match reply {
        Value::ServerError(e) => of(e),
        Value::Array(replies) => {
            let errors = replies.iter().filter_map(|reply| match reply {
                Value::ServerError(e) => Some(of(e)),
                _ => None,
            });
            errors.fold(Good, |worst, one| if worst == Good { one } else { worst })
        }
        _ => Good,
    }
}

/// Whether a server closed the connection with this reply, so that those to the commands behind it do not come.
pub(crate) fn is_last(e: &ServerError) -> bool {
    meaning(e).is_some_and(|meaning| meaning.connection == Ends)
}

/// Whether it says that the server was the wrong one, or is no longer.
pub(crate) fn is_elsewhere(reply: &Value) -> bool {
    connection_after(reply) == Elsewhere
}

/// Whether a call that is only a trial need not mind: the keys of the cache are others, and a script is sent whole once
/// it is not known. Of a cluster, also that another member has the key.
pub(crate) fn is_no_matter(e: &ServerError, in_cluster: bool) -> bool {
    match code(e) {
        "NOSCRIPT" => true,
        "NOPERM" => e.details().is_some_and(|text| text.contains(" to access ")),
        "MOVED" | "ASK" | "CROSSSLOT" | "TRYAGAIN" => in_cluster,
        _ => false,
    }
}

/// The error for a caller, of `wrong` in answer to the command at `place` in `request`.
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
        Wrong::Shape => rejected(format!(
            "{server} gave a reply to {command} that does not belong to it; see that nothing between it and this \
             client alters commands"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::{self, Twice};
    use crate::location::Servers;

    fn parse(reply: &str) -> ServerError {
        match redis::parse_redis_value(reply.as_bytes()).unwrap() {
            Value::ServerError(e) => e,
            other => panic!("{other:?}"),
        }
    }

    fn told(reply: &str) -> Error {
        let server = Servers::from("redis://app:hunter2@h").parse().unwrap().remove(0);
        let request = Request::one(commands::clear(), Twice::Harmless);
        error(Wrong::Server(parse(reply)), &server, &request, 0)
    }

    /// As the sources of Redis 4 to 8 and of Valkey write them.
    const REPLIES: &[(&str, ErrorKind, Connection)] = &[
        ("READONLY You can't write against a read only replica.", Unavailable, Elsewhere),
        ("READONLY You can't write against a read only slave.", Unavailable, Elsewhere),
        (
            "READONLY You can't write against a read only replica. script: 5b9, on @user_script:1.",
            Unavailable,
            Elsewhere,
        ),
        (
            "ERR Error running script (call to f_5b9): @user_script:1: @user_script: 1: -READONLY You can't write \
             against a read only replica.",
            Unavailable,
            Elsewhere,
        ),
        ("ERR You can't write against a read only replica.", Unavailable, Elsewhere),
        (
            "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            Unavailable,
            Elsewhere,
        ),
        ("NOMASTERLINK Can't SYNC while not connected with my master", Unavailable, Elsewhere),
        ("LOADING Redis is loading the dataset in memory", Unavailable, Elsewhere),
        ("LOADING Valkey is loading the dataset in memory", Unavailable, Elsewhere),
        ("CLUSTERDOWN The cluster is down", Unavailable, Elsewhere),
        ("CLUSTERDOWN Hash slot not served", Unavailable, Elsewhere),
        ("NOREPLICAS Not enough good replicas to write.", Unavailable, Elsewhere),
        ("UNBLOCKED force unblock from blocking operation, instance state changed", Unavailable, Elsewhere),
        (
            "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to",
            Storage,
            Elsewhere,
        ),
        ("MISCONF Errors writing to the AOF file: No space left on device", Storage, Elsewhere),
        ("TRYAGAIN Multiple keys request during rehashing of slot", Unavailable, Good),
        ("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN", Unavailable, Good),
        ("ERR max number of clients reached", Unavailable, Ends),
        ("ERR max number of clients + cluster connections reached", Unavailable, Ends),
        ("OOM command not allowed when used memory > 'maxmemory'.", Storage, Good),
        ("NOAUTH Authentication required.", Rejected, Elsewhere),
        ("WRONGPASS invalid username-password pair or user is disabled.", Rejected, Good),
        ("DENIED Redis is running in protected mode because protected mode is enabled", Rejected, Ends),
        ("ERR invalid password", Rejected, Good),
        ("ERR Client sent AUTH, but no password is set", Rejected, Good),
        ("ERR AUTH <password> called without any password configured for the default user.", Rejected, Good),
        ("ERR DB index is out of range", Rejected, Good),
        ("NOPERM this user has no permissions to run the 'flushdb' command", Rejected, Good),
        ("NOPERM User app has no permissions to run the 'flushdb' command", Rejected, Good),
        ("NOPERM No permissions to access a key", Rejected, Good),
        ("NOPERM this user has no permissions to access one of the keys used as arguments", Rejected, Good),
        (
            "ERR The user executing the script can't run this command or subcommand script: c5, on",
            Rejected,
            Good,
        ),
        ("ERR The user executing the script can't access at least one of the keys mentioned", Rejected, Good),
        ("MOVED 3999 127.0.0.1:6381", Rejected, Good),
        ("ASK 3999 127.0.0.1:6381", Rejected, Good),
        ("CROSSSLOT Keys in request don't hash to the same slot", Rejected, Good),
        ("ERR SELECT is not allowed in cluster mode", Rejected, Good),
        ("ERR This instance has cluster support disabled", Rejected, Good),
        ("ERR unknown command 'GTE', with args beginning with: 'a' ", Rejected, Good),
        ("ERR unknown command `GTE`, with args beginning with: `a`, ", Rejected, Good),
        ("ERR wrong number of arguments for 'flushdb' command", Rejected, Good),
        ("ERR syntax error", Rejected, Good),
        ("ERR Protocol error: invalid bulk length", ValueTooLarge, Ends),
        ("ERR Protocol error: invalid multibulk length", Rejected, Ends),
        ("ERR Protocol error: unbalanced quotes in request", Rejected, Ends),
        ("SOMETHING new", Storage, Good),
        ("ERR", Storage, Good),
    ];

    #[test]
    fn each_reply_has_its_kind() {
        for (reply, kind, connection) in REPLIES {
            let line = format!("-{reply}\r\n");
            assert_eq!(told(&line).kind(), *kind, "{reply}");
            assert_eq!(connection_after(&Value::ServerError(parse(&line))), *connection, "{reply}");
            let batch = Value::Array(vec![Value::Okay, Value::ServerError(parse(&line)), Value::Okay]);
            assert_eq!(connection_after(&batch), *connection, "{reply}");
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
        let request = Request::many([redis::cmd("GET"), redis::cmd("DEL")], Twice::Harmless);
        let server = Servers::from("redis://h").parse().unwrap().remove(0);
        let e = error(Wrong::Server(parse("-OOM no\r\n")), &server, &request, 1);
        assert!(e.to_string().contains("refused DEL (OOM)"), "{e}");
    }
}
