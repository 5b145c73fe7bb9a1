//! What an operator asks every server: whether it is there, and what it says of itself.

use cache_core::{Error, Info, Result, server_text};
use futures_util::future::join_all;

use crate::connection::Connection;
use crate::deadline::Deadline;
use crate::errors;
use crate::node::{Care, Node};
use crate::replies::Reply;
use crate::store::MemcachedCache;
use crate::wire::Request;

impl MemcachedCache {
    /// Every server says its version.
    pub(crate) async fn do_ping<C: Connection>(&self) -> Result<()> {
        for (node, lines) in self.each::<C>(&Request::plain("version\r\n")).await {
            match lines?.as_slice() {
                [line] if line.starts_with("VERSION ") => {}
                _ => return Err(errors::of_misfit(&node.name)),
            }
        }
        Ok(())
    }

    /// The sums over all servers, and each one's version and memory.
    pub(crate) async fn do_info<C: Connection>(&self) -> Result<Info> {
        let mut info = Info::default();
        for (node, lines) in self.each::<C>(&Request::plain_until("stats\r\n", "END")).await {
            let lines = lines?;
            let lines = lines.iter().flat_map(|text| text.lines());
            let stats: Vec<(&str, &str)> =
                lines.filter_map(|line| line.strip_prefix("STAT ")?.split_once(' ')).collect();
            let stat = |name: &str| stats.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
            let Some(version) = stat("version") else {
                return Err(errors::of_misfit(&node.name));
            };
            for (sum, name) in [
                (&mut info.entries, "curr_items"),
                (&mut info.bytes, "bytes"),
                (&mut info.hits, "get_hits"),
                (&mut info.misses, "get_misses"),
                (&mut info.evictions, "evictions"),
            ] {
                let number = stat(name).and_then(|text| text.parse::<u64>().ok());
                *sum = number.map(|number| sum.unwrap_or_default().saturating_add(number)).or(*sum);
            }
            let memory = stat("limit_maxbytes").unwrap_or("unknown");
            let said = format!("memcached {}, at most {} bytes", server_text(version), server_text(memory));
            info.servers.push((node.name.clone(), said));
        }
        Ok(info)
    }

    /// What the clock of the server at `place` shows, in seconds since the Unix epoch.
    pub(crate) async fn seconds_at<C: Connection>(&self, place: usize, deadline: Deadline) -> Result<i64> {
        let request = Request::plain_until("stats\r\n", "END");
        let lines = self.call::<C>(place, &request, Care::Idempotent, deadline, None).await?;
        let shown = lines.iter().find_map(|reply| match reply {
            Reply::Line(text) => text.lines().find_map(|line| line.strip_prefix("STAT time ")?.parse().ok()),
            _ => None,
        });
        shown.ok_or_else(|| self.misfit(place))
    }

    /// The lines that each server answers with, all of them asked at once.
    async fn each<C: Connection>(&self, request: &Request) -> Vec<(&Node, Result<Vec<String>>)> {
        let deadline = self.deadline();
        let asked = self.ring.nodes.iter().map(|node| async move {
            let replies = node.call::<C>(request, Care::Idempotent, deadline).await;
            let lines = replies
                .map_err(|fault| errors::of_fault(&node.name, fault, request, Care::Idempotent, None))
                .and_then(|replies| replies.into_iter().map(|reply| line(reply, node)).collect());
            (node, lines)
        });
        join_all(asked).await
    }
}

fn line(reply: Reply, node: &Node) -> Result<String, Error> {
    match reply {
        Reply::Line(line) => Ok(line),
        _ => Err(errors::of_misfit(&node.name)),
    }
}
