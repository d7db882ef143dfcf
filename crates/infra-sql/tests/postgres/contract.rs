//! Postgres keeps the contract.

use super::fresh_postgres;

testkit::store_contract!(fresh_postgres);
