//! [`Resp`]: the protocol of one server, as the network layer needs it.

use std::fmt;

use cache_core::{Error, Result};
use cache_net::{Incoming, Protocol, RetrySafety, Verdict};
use redis::{Cmd, Value, cmd};

use crate::error::error;
use crate::location::Server;
use crate::replies::{Answer, ProtocolError};
use crate::reply::{self, Wrong};
use crate::request::Request;

/// The role that a server must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Any role.
    Any,
    /// A primary. A server that has become a replica is left.
    Primary,
    /// A member of a cluster that may answer reads even if it is a replica.
    #[cfg(feature = "cluster")]
    ClusterReplica,
}

/// RESP2, with one server.
#[derive(Clone, Debug)]
pub(crate) struct Resp {
    pub(crate) server: Server,
    pub(crate) role: Role,
}

impl fmt::Display for Resp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.server.fmt(f)
    }
}

impl Resp {
    /// Returns the first commands of a new connection: the log-in, the database, and what the role needs.
    fn first_commands(&self) -> Vec<Cmd> {
        let Server { user, password, database, .. } = &self.server;
        let mut cmds = Vec::new();
        if user.is_some() || password.is_some() {
            let mut auth = cmd("AUTH");
            if let Some(user) = user {
                auth.arg(user);
            }
            auth.arg(password.as_ref().map_or("", |password| &password.0));
            cmds.push(auth);
        }
        if *database != 0 {
            let mut select = cmd("SELECT");
            select.arg(*database);
            cmds.push(select);
        }
        match self.role {
            Role::Any => {}
            Role::Primary => cmds.push(cmd("ROLE")),
            #[cfg(feature = "cluster")]
            Role::ClusterReplica => cmds.push(cmd("READONLY")),
        }
        cmds
    }

    fn check_role(&self, reply: Value) -> Result<()> {
        match reply {
            Value::Array(said) if said.first() == Some(&Value::BulkString(b"master".to_vec())) => Ok(()),
            _ => Err(Error::unavailable(format!(
                "{self} has stopped being a primary; a failover is under way"
            ))),
        }
    }
}

impl Protocol for Resp {
    type Request = Request;
    type Answer = Answer;
    type Malformed = ProtocolError;

    fn write(request: &Request, out: &mut Vec<u8>) {
        request.write(out);
    }

    fn answer_to(request: &Request) -> Answer {
        Answer::to(&request.commands)
    }

    fn read(incoming: &mut Incoming, answer: &mut Answer) -> Result<bool, ProtocolError> {
        answer.read(incoming)
    }

    fn verdict(answer: &Answer) -> Verdict {
        answer.verdict()
    }

    fn handshake(&self) -> Option<Request> {
        let cmds = self.first_commands();
        (!cmds.is_empty()).then(|| Request::many(cmds, RetrySafety::Idempotent))
    }

    fn check_handshake(&self, request: &Request, answer: Answer) -> Result<()> {
        let refused = |place| move |wrong: Wrong| error(wrong, &self.server, request, place);
        let replies = reply::elements(answer.into_value(), request.len()).map_err(refused(0))?;
        for (place, said) in replies.into_iter().enumerate() {
            if request.name(place) == "ROLE" && !matches!(said, Value::ServerError(_)) {
                self.check_role(said)?;
            } else {
                reply::okay(said).map_err(refused(place))?;
            }
        }
        Ok(())
    }

    fn malformed(&self, _: &Request, why: ProtocolError) -> Error {
        Error::rejected(match why {
            ProtocolError::Tls => {
                format!("{self} speaks TLS; write rediss:// in place of redis:// in the location")
            }
            ProtocolError::Other => {
                format!("{self} does not speak the Redis protocol; see that the address is a Redis server's")
            }
        })
    }

    fn why_closed(&self) -> &'static str {
        if self.server.tls {
            "it may be going down, or have met a limit of its own (client-query-buffer-limit for a long request, \
             client-output-buffer-limit for a long reply); its log says which"
        } else {
            "it may be going down, speak TLS only (then write rediss://), or have met a limit of its own \
             (client-query-buffer-limit for a long request, client-output-buffer-limit for a long reply); its log says \
             which"
        }
    }

    fn without_tls(&self) -> &'static str {
        "write redis:// in place of rediss://"
    }
}
