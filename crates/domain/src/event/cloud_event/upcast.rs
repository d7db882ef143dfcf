//! Brings data that an earlier release wrote up to today's version, a version at a time.

use serde_json::Value;

use crate::event::EventKind;

/// Turns a kind's data of one version into that of the next.
pub(super) struct Upcaster {
    /// The kind.
    pub(super) kind: EventKind,
    /// The version that it reads.
    pub(super) from: u32,
    /// What becomes of the data. What it does not understand it leaves as it is: decoding then says
    /// where and what is wrong.
    pub(super) bring_up: fn(Value) -> Value,
}

/// One for each version of each kind that is not today's. Every kind is at its first version, so
/// there is none yet.
pub(super) const UPCASTERS: &[Upcaster] = &[];

/// Brings data of a version up to the one behind the last upcaster.
pub(super) fn bring_up(
    upcasters: &[Upcaster],
    kind: EventKind,
    version: u32,
    data: Value,
) -> Value {
    let mut version = version;
    let mut data = data;
    while let Some(upcaster) = upcasters
        .iter()
        .find(|upcaster| (upcaster.kind, upcaster.from) == (kind, version))
    {
        data = (upcaster.bring_up)(data);
        version += 1;
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_old_version_has_an_upcaster() {
        for kind in EventKind::ALL {
            for from in 1..kind.version() {
                let mut all = UPCASTERS.iter();
                let found = all.any(|upcaster| (upcaster.kind, upcaster.from) == (*kind, from));
                assert!(found, "nothing brings {kind} of version {from} up");
            }
        }
        let is_old = |upcaster: &Upcaster| upcaster.from < upcaster.kind.version();
        assert!(UPCASTERS.iter().all(is_old), "an upcaster reads today's");
    }
}
