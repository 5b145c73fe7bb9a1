//! What a server's error replies mean to a caller, in one table.

use cache_core::ErrorKind;
use cache_net::Verdict;
use redis::{ServerError, Value};

use ErrorKind::{Rejected, Storage, Unavailable, ValueTooLarge};

/// The connection is as good as before.
pub(crate) const GOOD: Verdict = Verdict::Keep;

/// The server is the wrong one, or cannot do its work.
pub(crate) const ELSEWHERE: Verdict = Verdict::Refused { wholly: true };

/// The server closes the connection.
pub(crate) const ENDS: Verdict = Verdict::Ends;

/// What error replies of one kind mean.
#[derive(Debug)]
pub(crate) struct Meaning {
    /// Their codes, and words of their messages; an empty string matches every message.
    replies: &'static [(&'static str, &'static str)],
    pub(crate) kind: ErrorKind,
    verdict: Verdict,
    /// The reason and the remedy.
    pub(crate) advice: &'static str,
}

type Replies = &'static [(&'static str, &'static str)];

const fn row(replies: Replies, kind: ErrorKind, verdict: Verdict, advice: &'static str) -> Meaning {
    Meaning { replies, kind, verdict, advice }
}

/// The first row that fits counts. `on_error = "fallback"` hides `Unavailable` and `Storage`; so an error that a
/// wrong setting causes, and that time does not mend, is `Rejected`.
static MEANINGS: &[Meaning] = &[
    // Another server may do it: a failover, a start, a disk that is full.
    row(&[("READONLY", ""), ("ERR", "against a read only")], Unavailable, ELSEWHERE, REPLICA),
    row(&[("MASTERDOWN", ""), ("NOMASTERLINK", "")], Unavailable, ELSEWHERE, LOST_PRIMARY),
    row(&[("LOADING", "")], Unavailable, ELSEWHERE, "it is loading its data; try again later"),
    row(&[("CLUSTERDOWN", "")], Unavailable, ELSEWHERE, CLUSTER_DOWN),
    row(&[("NOREPLICAS", "")], Unavailable, ELSEWHERE, FEW_REPLICAS),
    row(&[("UNBLOCKED", "")], Unavailable, ELSEWHERE, "its role has changed; try again"),
    row(&[("MISCONF", "")], Storage, ELSEWHERE, "it cannot save its data to disk; see its log"),
    // It has too much to do, or no room.
    row(&[("TRYAGAIN", "")], Unavailable, GOOD, "a slot of the cluster is being moved; try again"),
    row(&[("BUSY", "")], Unavailable, GOOD, "it is busy with a script; try again later"),
    row(&[("ERR", "max number of clients")], Unavailable, ENDS, CROWDED),
    row(&[("OOM", "")], Storage, GOOD, OUT_OF_MEMORY),
    row(&[("WRONGTYPE", "")], Storage, GOOD, NOT_A_STRING),
    // It does not let this client in.
    row(&[("NOAUTH", "")], Rejected, ELSEWHERE, NO_PASSWORD),
    row(&[("WRONGPASS", ""), ("ERR", "invalid password")], Rejected, GOOD, LOG_IN),
    row(&[("ERR", "operation not permitted"), ("ERR", "AUTH")], Rejected, GOOD, LOG_IN),
    row(&[("DENIED", "")], Rejected, ENDS, PROTECTED),
    row(&[("ERR", "DB index")], Rejected, GOOD, NO_SUCH_DATABASE),
    row(&[("NOPERM", " to access "), ("ERR", "executing the script can't access")], Rejected, GOOD, KEYS),
    row(&[("NOPERM", "")], Rejected, GOOD, COMMANDS),
    row(&[("ERR", "executing the script can't run")], Rejected, GOOD, COMMANDS_OF_SCRIPTS),
    // The settings here and the server do not fit.
    row(&[("MOVED", ""), ("ASK", ""), ("CROSSSLOT", "")], Rejected, GOOD, IS_A_CLUSTER),
    row(&[("ERR", "SELECT is not allowed in cluster mode")], Rejected, GOOD, NO_DATABASES),
    row(&[("ERR", "cluster support disabled")], Rejected, GOOD, NOT_A_CLUSTER),
    row(UNKNOWN, Rejected, GOOD, UNKNOWN_COMMAND),
    row(&[("ERR", "Protocol error: invalid bulk length")], ValueTooLarge, ENDS, TOO_LONG),
    row(&[("ERR", "Protocol error")], Rejected, ENDS, ALTERED),
];

const UNKNOWN: Replies = &[
    ("ERR", "unknown command"),
    ("ERR", "unknown subcommand"),
    ("ERR", "Unknown subcommand"),
    ("ERR", "Unknown Redis command"),
    ("ERR", "Unknown command"),
    ("ERR", "wrong number of arguments"),
    ("ERR", "syntax error"),
];

const REPLICA: &str =
    "it is a read-only replica; unless a failover is under way, name the primary first in the location";
const LOST_PRIMARY: &str = "it is a replica that has lost its primary; try again later";
const CLUSTER_DOWN: &str = "its cluster is down in part or as a whole; see CLUSTER INFO";
const FEW_REPLICAS: &str = "it has fewer replicas than its min-replicas-to-write demands; try again later";
const CROWDED: &str = "it has too many clients; raise its maxclients, or lower max_connections here";
const OUT_OF_MEMORY: &str = "it is out of memory; raise its maxmemory, or set a maxmemory-policy that evicts";
const NOT_A_STRING: &str = "the key does not hold a string; another program wrote it";
const NO_PASSWORD: &str = "it wants a password first; see the user and password in the location";
const LOG_IN: &str = "see the user and password in the location";
const PROTECTED: &str = "it takes no clients from other machines (its protected-mode); give it a password and put that \
                         into the location";
const NO_SUCH_DATABASE: &str = "it does not have that database; see its setting `databases`";
const KEYS: &str = "the user of the location may not access the key; grant it the keys of this cache (ACL SETUSER … \
                    ~PREFIX*)";
const COMMANDS: &str = "the user of the location may not run this command; grant it (ACL SETUSER … +COMMAND)";
const COMMANDS_OF_SCRIPTS: &str = "the user of the location may not run a command that the script calls; grant it \
                                   EXISTS, GET, INCRBY, PERSIST, PTTL, DEL and RENAME";
const IS_A_CLUSTER: &str = "it is a member of a Redis Cluster, and the keys are spread over several servers; set \
                            `cluster` (RedisCacheBuilder::cluster, or the option cluster = true)";
const NO_DATABASES: &str = "it is a member of a Redis Cluster, which has database 0 only; set `cluster`, and leave the \
                            database out of the location";
const NOT_A_CLUSTER: &str = "it is not a member of a Redis Cluster; leave `cluster` out of the settings";
const UNKNOWN_COMMAND: &str = "it does not know the command in this form; Redis 4.0 or newer is needed, and commands \
                               that its rename-command hides cannot be used";
const TOO_LONG: &str = "the value or the key is longer than its proto-max-bulk-len";
const ALTERED: &str = "something between it and this client alters commands, or it speaks another protocol";

/// Returns the code of `e`. Servers before 7 wrap an error within a script: `ERR Error running script (call
/// to f_…): @user_script:1: @user_script: 1: -READONLY You can't …`.
pub(crate) fn code(e: &ServerError) -> &str {
    let wrapped = |text: &str| {
        let words = text.split(' ').map(|word| word.trim_start_matches('-'));
        let mut codes = words.filter_map(|word| codes().find(|code| *code == word));
        codes.find(|code| *code != "ERR")
    };
    let scripts = e.details().filter(|text| e.code() == "ERR" && text.starts_with("Error running script"));
    scripts.and_then(wrapped).unwrap_or_else(|| e.code())
}

fn codes() -> impl Iterator<Item = &'static str> {
    MEANINGS.iter().flat_map(|row| row.replies).map(|(code, _)| *code)
}

pub(crate) fn meaning(e: &ServerError) -> Option<&'static Meaning> {
    let (code, text) = (code(e), e.details().unwrap_or_default());
    let fits = |(known, words): &(&str, &str)| *known == code && text.contains(words);
    MEANINGS.iter().find(|row| row.replies.iter().any(fits))
}

/// Returns what `reply` says about its connection; for the replies to several commands see [`verdict_of_many`].
pub(crate) fn verdict(reply: &Value) -> Verdict {
    match reply {
        Value::ServerError(e) => meaning(e).map_or(GOOD, |meaning| meaning.verdict),
        _ => GOOD,
    }
}

/// Returns what the replies to several commands say about their connection: the first verdict that is not good.
/// The other commands may have been carried out.
pub(crate) fn verdict_of_many(replies: &[Value]) -> Verdict {
    match replies.iter().map(verdict).find(|&one| one != GOOD) {
        Some(Verdict::Refused { .. }) => Verdict::Refused { wholly: false },
        other => other.unwrap_or(GOOD),
    }
}

/// Whether a server closed the connection with this reply, so that the replies to later commands do not come.
pub(crate) fn is_last(e: &ServerError) -> bool {
    meaning(e).is_some_and(|meaning| meaning.verdict == ENDS)
}

/// Whether it says that the server is not, or no longer, the right one.
pub(crate) fn is_elsewhere(reply: &Value) -> bool {
    let said = match reply {
        Value::Array(replies) => verdict_of_many(replies),
        reply => verdict(reply),
    };
    matches!(said, Verdict::Refused { .. })
}

/// Whether a trial may ignore this error: the cache's real keys are others, and an unknown script is sent whole. In a
/// cluster, also that another member has the key.
pub(crate) fn is_no_matter(e: &ServerError, in_cluster: bool) -> bool {
    match code(e) {
        "NOSCRIPT" => true,
        "NOPERM" => e.details().is_some_and(|text| text.contains(" to access ")),
        "MOVED" | "ASK" | "CROSSSLOT" | "TRYAGAIN" => in_cluster,
        _ => false,
    }
}
