//! [`Request`]: commands that are sent in one go.

use cache_net::RetrySafety;
use redis::{Arg, Cmd, Pipeline};

/// One or several commands that are sent in one go.
#[derive(Clone)]
pub(crate) enum Commands {
    One(Cmd),
    /// The reply is an array with one element per command.
    Many(Pipeline),
}

/// What is sent, and whether it may be sent again.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) commands: Commands,
    pub(crate) safety: RetrySafety,
}

impl Request {
    pub(crate) fn one(cmd: Cmd, safety: RetrySafety) -> Self {
        Self { commands: Commands::One(cmd), safety }
    }

    pub(crate) fn many(cmds: impl IntoIterator<Item = Cmd>, safety: RetrySafety) -> Self {
        let mut pipeline = Pipeline::new();
        for cmd in cmds {
            pipeline.add_command(cmd);
        }
        Self { commands: Commands::Many(pipeline), safety }
    }

    /// The name of the command at `place`, for an error.
    pub(crate) fn name(&self, place: usize) -> String {
        let cmd = match &self.commands {
            Commands::One(cmd) => Some(cmd),
            Commands::Many(pipeline) => pipeline.cmd_iter().nth(place),
        };
        match cmd.and_then(|cmd| cmd.args_iter().next()) {
            Some(Arg::Simple(name)) => String::from_utf8_lossy(name).into_owned(),
            _ => "a command".to_owned(),
        }
    }

    /// How many commands it has.
    pub(crate) fn len(&self) -> usize {
        match &self.commands {
            Commands::One(_) => 1,
            Commands::Many(pipeline) => pipeline.len(),
        }
    }

    /// The bytes on the wire, appended to `out`.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match &self.commands {
            Commands::One(cmd) => cmd.write_packed_command(out),
            Commands::Many(pipeline) => {
                for cmd in pipeline.cmd_iter() {
                    cmd.write_packed_command(out);
                }
            }
        }
    }
}
