//! The slow store behind the cache: in place of a real database, a map that takes its time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An article, as the database has it, the cache keeps it and the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Article {
    pub title: String,
    pub text: String,
}

/// Articles by their number.
#[derive(Debug)]
pub struct Database {
    articles: Mutex<HashMap<u64, Article>>,
    query_time: Duration,
}

impl Database {
    /// An empty database whose queries each take `query_time`.
    pub fn new(query_time: Duration) -> Self {
        Self { articles: Mutex::default(), query_time }
    }

    /// The article, or `None` where there is none.
    pub async fn article(&self, id: u64) -> Option<Article> {
        tokio::time::sleep(self.query_time).await;
        self.articles.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Stores the article, over an older one.
    pub async fn save(&self, id: u64, article: Article) {
        tokio::time::sleep(self.query_time).await;
        self.articles.lock().unwrap_or_else(PoisonError::into_inner).insert(id, article);
    }
}
