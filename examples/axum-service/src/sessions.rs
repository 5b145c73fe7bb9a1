//! Sessions in the cache: each ends when nobody has used it for half an hour.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{AppendHeaders, IntoResponse};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::App;
use crate::failure::Failure;

const IDLE: Duration = Duration::from_secs(30 * 60);
const NAME: &str = "session";

/// What the service remembers of someone who has logged in.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Session {
    user: String,
}

/// What a log-in sends. A real one has a password, which this example leaves to an identity provider.
#[derive(Deserialize)]
pub(crate) struct LogIn {
    user: String,
}

fn key(id: Uuid) -> String {
    format!("session:{id}")
}

/// `POST /login`: begins a session, and gives its id as a cookie.
pub(crate) async fn log_in(
    State(app): State<App>,
    Json(LogIn { user }): Json<LogIn>,
) -> Result<impl IntoResponse, Failure> {
    let session = Session { user };
    // 122 random bits of the system's generator: nobody guesses an id. `add` never takes over another's session.
    let id = loop {
        let id = Uuid::new_v4();
        if app.cache.aadd(&key(id), &session, IDLE).await? {
            break id;
        }
    };
    Ok((StatusCode::NO_CONTENT, set_cookie(&id.to_string(), IDLE)))
}

/// `GET /me`: the session of the cookie, which this use keeps alive for another half an hour.
pub(crate) async fn me(State(app): State<App>, headers: HeaderMap) -> Result<impl IntoResponse, Failure> {
    let id = id_of(&headers).ok_or(Failure::NoSession)?;
    let session: Session = app.cache.aget(&key(id)).await?.ok_or(Failure::NoSession)?;
    // False where it ended this very moment: then it stays ended.
    if !app.cache.atouch(&key(id), IDLE).await? {
        return Err(Failure::NoSession);
    }
    Ok((set_cookie(&id.to_string(), IDLE), Json(session)))
}

/// `POST /logout`: ends the session on the server. A copy of the cookie is worth nothing afterwards.
pub(crate) async fn log_out(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Failure> {
    if let Some(id) = id_of(&headers) {
        app.cache.adelete(&key(id)).await?;
    }
    Ok((StatusCode::NO_CONTENT, set_cookie("", Duration::ZERO)))
}

fn set_cookie(value: &str, lifetime: Duration) -> AppendHeaders<[(HeaderName, String); 1]> {
    let seconds = lifetime.as_secs();
    // Behind HTTPS it gets `Secure` too.
    let cookie = format!("{NAME}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax");
    AppendHeaders([(SET_COOKIE, cookie)])
}

/// The id in the request's cookie; `None` where there is none, or another text than an id.
fn id_of(headers: &HeaderMap) -> Option<Uuid> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let mut pairs =
        cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == NAME)?.1.parse().ok()
}
