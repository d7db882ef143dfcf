//! The fake keeps the contract that the real adapters keep.

use std::fs;
use std::path::Path;

use testkit::memory::MemoryStore;

async fn fresh_memory() -> (MemoryStore, ()) {
    (MemoryStore::new(), ())
}

testkit::store_contract!(fresh_memory);

#[test]
fn every_clause_that_is_written_is_run() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let list = fs::read_to_string(source.join("contract.rs")).unwrap();
    for file in fs::read_dir(source.join("contract")).unwrap() {
        let file = fs::read_to_string(file.unwrap().path()).unwrap();
        for line in file.lines() {
            if let Some(clause) = line.strip_prefix("pub async fn ") {
                let name = clause.split('(').next().unwrap();
                assert!(
                    list.contains(&format!("    {name},\n")),
                    "`{name}` is not in the list"
                );
            }
        }
    }
}
