//! Calls sent to every server: `ping`, `info`, `clear`.

use cache_core::{Info, Mode, Presence, Result, server_text};
use cache_net::RetrySafety;
use futures_util::future::join_all;

use crate::client::Client;
use crate::replies::statistic;
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
            let stat = |name: &str| statistic(&text, name);
            let Some(version) = stat("version") else { return Err(self.protocol_error(place)) };
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

    /// Empties every server; all of them are asked, even if one fails.
    pub(crate) async fn clear(&self, mode: Mode) -> Result<()> {
        let call = self.start(mode);
        let request = Request::flush_all();
        let flushed = (0..self.servers.len())
            .map(|place| self.exchange(call, place, &request, RetrySafety::Idempotent));
        join_all(flushed).await.into_iter().try_for_each(|flushed| Ok(flushed.map(drop)?))
    }

    /// Returns the text of each server's answer. All servers are asked at once.
    async fn answers(&self, mode: Mode, request: &Request) -> Vec<Result<String>> {
        let call = self.start(mode);
        let asked = (0..self.servers.len()).map(|place| async move {
            self.text(place, self.exchange(call, place, request, RetrySafety::Idempotent).await?)
        });
        join_all(asked).await
    }
}
