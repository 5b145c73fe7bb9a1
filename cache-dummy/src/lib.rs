//! cache-dummy
