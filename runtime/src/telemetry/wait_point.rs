//! The names of what a task can wait for.

/// A kind of wait: what is waited on, and by which operation. Declared as constants by the leaf
/// futures: `static LOCK: WaitPoint = WaitPoint::new("mutex", "lock");`
#[derive(Debug, PartialEq, Eq)]
pub struct WaitPoint {
    kind: &'static str,
    operation: &'static str,
}

impl WaitPoint {
    /// A kind of wait, named by the resource's kind and the operation on it.
    pub const fn new(kind: &'static str, operation: &'static str) -> WaitPoint {
        WaitPoint { kind, operation }
    }

    /// The kind of resource: `mutex`, `sleep`, `tcp`…
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The operation: `lock`, `recv`, `accept`…
    pub fn operation(&self) -> &'static str {
        self.operation
    }
}
