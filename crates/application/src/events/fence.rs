//! Whether whoever acts on an event may still do so.

/// What is asked directly before each commit. A queue gives a job to somebody else once it has not
/// heard of whoever has it for a while; what that one does from then on must have no effect.
pub trait Fence: Send + Sync {
    /// Whether it can be proven at this moment that the work is still one's own. MUST answer at
    /// once, without asking anybody, and MUST say no where that is not known.
    fn holds(&self) -> bool;
}

/// For work that nobody else can get.
#[derive(Debug, Clone, Copy)]
pub struct Unfenced;

impl Fence for Unfenced {
    fn holds(&self) -> bool {
        true
    }
}
