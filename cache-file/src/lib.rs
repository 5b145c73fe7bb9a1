//! cache-file
