//! Chains of waits in a delta: those that have not changed are sent as their place in the list before.
//!
//! Each place is named once. `merge(previous, sent, known)` is `now` if `(sent, known) = leave_out(now, previous)`.

use crate::v1;

/// The chains that a client with `previous` lacks, and for each of `now` its place: 0 if it is the
/// next that is sent, else its number in `previous`, from one on.
pub(super) fn leave_out(
    now: &[v1::WaitChain],
    previous: &[v1::WaitChain],
) -> (Vec<v1::WaitChain>, Vec<u32>) {
    let mut sent = Vec::new();
    let mut known = Vec::with_capacity(now.len());
    let mut previous: Vec<_> = previous.iter().map(Some).collect();
    for chain in now {
        let place = previous.iter().position(|before| *before == Some(chain));
        if let Some(place) = place {
            previous[place] = None;
        }
        let number = place.and_then(|place| u32::try_from(place + 1).ok());
        if number.is_none() {
            sent.push(chain.clone());
        }
        known.push(number.unwrap_or(0));
    }
    (sent, known)
}

/// All chains again. What the client never had is left out, and so is a chain that is named once more:
/// nobody can have one copied without end.
pub(super) fn merge(
    previous: Vec<v1::WaitChain>,
    sent: Vec<v1::WaitChain>,
    known: &[u32],
) -> Vec<v1::WaitChain> {
    let mut previous: Vec<_> = previous.into_iter().map(Some).collect();
    let mut sent = sent.into_iter();
    let chain = |number: &u32| match number.checked_sub(1) {
        None => sent.next(),
        Some(place) => previous.get_mut(place as usize)?.take(),
    };
    known.iter().filter_map(chain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chains(waiters: &[u64]) -> Vec<v1::WaitChain> {
        let chain = |&waiters| v1::WaitChain {
            waiters,
            ..Default::default()
        };
        waiters.iter().map(chain).collect()
    }

    #[test]
    fn chains_that_have_not_changed_are_not_sent_and_keep_their_new_place() {
        let (before, now) = (chains(&[1, 2, 3]), chains(&[3, 4, 1]));
        let (sent, known) = leave_out(&now, &before);
        assert_eq!((&sent, &known), (&chains(&[4]), &vec![3, 0, 1]));
        assert_eq!(merge(before, sent, &known), now);
    }

    #[test]
    fn equal_chains_arrive_as_often_as_there_are() {
        let (before, now) = (chains(&[1]), chains(&[1, 1]));
        let (sent, known) = leave_out(&now, &before);
        assert_eq!((&sent, &known), (&chains(&[1]), &vec![1, 0]));
        assert_eq!(merge(before, sent, &known), now);
    }

    #[test]
    fn a_number_without_a_chain_or_for_the_second_time_is_left_out() {
        assert_eq!(
            merge(chains(&[1]), chains(&[2]), &[9, 1, 0, 1, 0]),
            chains(&[1, 2])
        );
    }
}
