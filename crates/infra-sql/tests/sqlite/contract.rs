//! SQLite keeps the contract.

use super::fresh_sqlite;

testkit::store_contract!(fresh_sqlite);
