//! [`Failure`]: why a request gets no answer, as a status code.

use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use polycache::ErrorKind;

pub(crate) enum Failure {
    NotFound,
    NoSession,
    TooManyRequests(Duration),
    Cache(polycache::Error),
}

impl From<polycache::Error> for Failure {
    fn from(e: polycache::Error) -> Self {
        Self::Cache(e)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "there is no such article\n").into_response(),
            Self::NoSession => (StatusCode::UNAUTHORIZED, "log in first\n").into_response(),
            Self::TooManyRequests(window) => {
                let later = [(RETRY_AFTER, window.as_secs().to_string())];
                (StatusCode::TOO_MANY_REQUESTS, later, "too many requests\n").into_response()
            }
            Self::Cache(e) => {
                eprintln!("axum-service: {e}");
                let status = match e.kind() {
                    ErrorKind::Unavailable | ErrorKind::OutcomeUnknown => StatusCode::SERVICE_UNAVAILABLE,
                    _ => StatusCode::INTERNAL_SERVER_ERROR,
                };
                (status, "try again later\n").into_response()
            }
        }
    }
}
