//! Django's layout: the table, the rows and the writes of its `DatabaseCache`
//! (django/core/cache/backends/db.py).
//!
//! The database may be the application's own. Nothing in it is changed but the rows of the cache's
//! table, and no companion stands beside that.

pub(crate) mod ballast;
mod cull;
mod ops;
mod rows;
mod schema;

pub(crate) use ops::Ops;
pub(crate) use schema::Table;
