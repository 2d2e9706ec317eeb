//! The barrier under loom: nobody goes early, nobody is left behind, one leads.

use loom::sync::Arc;
use loom::thread;

use super::Barrier;
use crate::sync::test_util::models::{Tracked, block_on};

#[test]
fn loom_two_rounds_of_two_have_a_leader_each() {
    loom::model(|| {
        let shared = Arc::new((Barrier::new(2), Tracked::new(0)));
        let other = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.1.add(1);
                let leads = [block_on(shared.0.wait()), block_on(shared.0.wait())];
                leads.map(|result| result.is_leader())
            })
        };
        let first = block_on(shared.0.wait()).is_leader();
        assert_eq!(shared.1.get(), 1, "what the other did before it came");
        let second = block_on(shared.0.wait()).is_leader();
        assert_eq!(other.join().unwrap(), [!first, !second]);
    });
}
