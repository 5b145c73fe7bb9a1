//! The calls that ask every server: whether it answers, and its statistics.

use cache_core::{Info, Mode, Presence, Result, server_text};
use cache_net::{Call, RetrySafety};
use futures_util::future::join_all;

use crate::client::Client;
use crate::replies::Reply;
use crate::request::Request;

impl Client {
    /// Asks every server for its version.
    pub(crate) async fn ping(&self, mode: Mode) -> Result<Presence> {
        let said = self.answers(mode, &Request::version()).await;
        said.into_iter().try_fold(Presence::Exists, |there, text| text.map(|_| there))
    }

    /// Returns sums over all servers, and each one's version and memory.
    pub(crate) async fn info(&self, mode: Mode) -> Result<Info> {
        let mut info = Info::default();
        for (place, text) in self.answers(mode, &Request::stats()).await.into_iter().enumerate() {
            let text = text?;
            let stat = |name: &str| text.lines().find_map(|line| stat(line, name));
            let Some(version) = stat("version") else { return Err(self.misfit(place)) };
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
            info.servers.push((self.servers.name(place).name.clone(), said));
        }
        Ok(info)
    }

    /// Returns the time of the clock of the server at `place`, in seconds since the Unix epoch.
    pub(crate) async fn seconds_at(&self, call: Call, place: usize) -> Result<i64> {
        let replies = self.send(call, place, &Request::stats(), RetrySafety::Idempotent).await?;
        let text = self.text(place, replies)?;
        let shown = text.lines().find_map(|line| stat(line, "time")?.parse().ok());
        shown.ok_or_else(|| self.misfit(place))
    }

    /// Returns the text of each server's answer. All servers are asked at once.
    async fn answers(&self, mode: Mode, request: &Request) -> Vec<Result<String>> {
        let call = self.start(mode);
        let asked = (0..self.servers.len()).map(|place| async move {
            self.text(place, self.exchange(call, place, request, RetrySafety::Idempotent).await?)
        });
        join_all(asked).await
    }

    fn text(&self, place: usize, replies: Vec<Reply>) -> Result<String> {
        match replies.into_iter().next() {
            Some(Reply::Text(text)) => Ok(text),
            _ => Err(self.misfit(place)),
        }
    }
}

/// The statistic of this name, where `line` is of it.
fn stat<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.strip_prefix("STAT ")?.strip_prefix(name)?.strip_prefix(' ')
}
