//! A cached read, and the write that invalidates it.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use crate::failure::Failure;
use crate::{App, Article};

/// How long an article may stay in the cache. A write removes it at once, so this only bounds what is lost to a
/// writer that does not know of the cache.
const LIFETIME: Duration = Duration::from_secs(300);

fn key(id: u64) -> String {
    format!("article:{id}")
}

/// `GET /articles/{id}`: from the cache, and on a miss from the database.
///
/// However many requests miss one article at once, the database is asked once. An article that does not exist is
/// cached too, as `None`: otherwise each request for it would reach the database.
pub(crate) async fn show(State(app): State<App>, Path(id): Path<u64>) -> Result<Json<Article>, Failure> {
    let article: Option<Article> =
        app.cache.aget_or_set(&key(id), LIFETIME, || app.database.article(id)).await?;
    article.map(Json).ok_or(Failure::NotFound)
}

/// `PUT /articles/{id}`: first the database, then the cache. In the other order a request in between would put the
/// old article back.
///
/// The removal also overtakes a `show` that has read the old article and is about to store it.
pub(crate) async fn save(
    State(app): State<App>,
    Path(id): Path<u64>,
    Json(article): Json<Article>,
) -> Result<StatusCode, Failure> {
    app.database.save(id, article).await;
    app.cache.adelete(&key(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
