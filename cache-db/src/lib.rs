//! cache-db
