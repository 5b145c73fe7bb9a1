//! cache-locmem
