//! The stores that both sides share.

mod db;
mod django_redis_json;
mod django_redis_pickle;
mod file;
mod memcached;
mod memcached_three;
mod redis;
